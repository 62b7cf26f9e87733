//! What a guest's store holds: its share of the run, its budgets, its memory limit and its inert WASI.

use std::sync::Arc;

use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};

use crate::call::Caller;
use crate::limits::Limits;
use crate::log::LogBudget;
use crate::memory::MemoryLimit;
use crate::stdio::Kept;

/// Live WASI resources (pollables, streams, ...) of one guest.
const WASI_RESOURCES: usize = 256;

/// What WASI's random interface gives in one call.
const RANDOM_BYTES: u64 = 64 << 10;

/// The data of one store. A store serves one call of one export and is then dropped.
#[expect(unreachable_pub, reason = "the generated traits are public, and name it")]
pub struct Session {
    pub(crate) caller: Caller,
    pub(crate) limits: Arc<Limits>,
    pub(crate) memory: MemoryLimit,
    pub(crate) log: LogBudget,
    pub(crate) findings: u32,
    pub(crate) stderr: Kept,
    wasi: WasiCtx,
    resources: ResourceTable,
}

impl Session {
    pub(crate) fn new(caller: Caller, limits: Arc<Limits>) -> Self {
        let stderr = Kept::default();
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(WASI_RESOURCES);
        Self {
            memory: MemoryLimit::new(limits.memory_bytes),
            log: LogBudget::new(limits.log_lines),
            findings: 0,
            wasi: inert(&stderr),
            resources,
            stderr,
            caller,
            limits,
        }
    }
}

impl WasiView for Session {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.resources }
    }
}

/// WASI that links and does nothing: no arguments, environment, files, sockets or names. Only `sonde:*` gives capability.
fn inert(stderr: &Kept) -> WasiCtx {
    WasiCtx::builder()
        .stdout(std::io::empty())
        .stderr(stderr.clone())
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .allow_blocking_current_thread(false)
        .max_random_size(RANDOM_BYTES)
        .build()
}
