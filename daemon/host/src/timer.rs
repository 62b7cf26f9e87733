//! The interface `timer`.

use std::time::Duration;

use wasmtime::component::Accessor;

use crate::bindings::Imports;
use crate::bindings::sonde::check::timer as wit;
use crate::session::Session;
use crate::types::micros;

impl wit::Host for Session {
    fn now(&mut self) -> u64 {
        self.caller.run().map_or(0, |run| micros(run.clock.now()))
    }
}

impl wit::HostWithStore<Session> for Imports {
    async fn sleep(accessor: &Accessor<Session, Self>, duration_us: u64) {
        let remaining = accessor.with(|mut store| store.get().caller.remaining());
        // The guest ends with the run, so nothing is slept beyond it.
        tokio::time::sleep(Duration::from_micros(duration_us).min(remaining)).await;
    }
}
