//! Why a guest did not end by its own word.

use sonde_core::manifest::Stop;
use wasmtime::{Error, Trap};
use wasmtime_wasi::I32Exit;

use crate::memory::MemoryExceeded;
use crate::session::Session;
use crate::text::tidy;

/// The words of the limits on what passes between guest and host: bytes of a call, handles of the store, WASI's resources.
/// wasmtime keeps the types of these errors to itself.
const PASSED_TOO_MUCH: [&str; 3] =
    ["fuel allocated for hostcalls", "store handle limit exceeded", "resource table has no free keys"];

/// Names the end of a guest that ended in `error`.
pub(crate) fn of(error: &Error, session: &Session) -> Stop {
    if error.is::<MemoryExceeded>() {
        return Stop::Memory;
    }
    if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
        return Stop::CpuBudget;
    }
    let root = error.root_cause().to_string();
    if PASSED_TOO_MUCH.iter().any(|words| root.contains(words)) {
        return Stop::DataLimit;
    }
    let trap = match error.downcast_ref::<I32Exit>() {
        Some(exit) => format!("it exited with status {}", exit.0),
        None => root,
    };
    let said = session.stderr.text();
    Stop::Trap(tidy(&if said.is_empty() { trap } else { format!("{trap}: {said}") }, session.limits.text_bytes))
}
