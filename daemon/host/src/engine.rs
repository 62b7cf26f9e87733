//! The wasm engine of a host, and the thread that moves its epoch.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use sonde_aot::Allocation;
use wasmtime::Engine;

use crate::limits::Limits;

/// Between two looks at a computing guest.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Guests alive at once where the allocation does not bound them; each may take its full memory.
const GUESTS_ON_DEMAND: u32 = 128;

/// The engine, and how many guests it can hold at once. Pools are used where this process' address space has room for them.
pub(crate) fn new(limits: &Limits) -> Result<(Engine, u32), wasmtime::Error> {
    let suited = Allocation::suited_to(limits.memory_bytes, getrlimit(Resource::As).current);
    let target = Some(sonde_builtins::TARGET);
    let (engine, allocation) = match sonde_aot::engine(target, &suited) {
        Ok(engine) => (engine, suited),
        Err(error) => {
            // A limit that getrlimit does not show (a container's, the kernel's overcommit policy).
            tracing::debug!(error = format!("{error:#}"), "no room for instance pools; allocating on demand");
            (sonde_aot::engine(target, &Allocation::OnDemand)?, Allocation::OnDemand)
        }
    };
    Ok((engine, allocation.guests().unwrap_or(GUESTS_ON_DEMAND)))
}

/// Moves an engine's epoch until it is dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: Engine) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("sonde-epoch".to_owned()).spawn(move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the epoch thread panicked");
        }
    }
}
