//! The interface `path`.

mod echo;
mod path_mtu;
mod trace;

use wasmtime::component::Accessor;

use crate::bindings::Imports;
use crate::bindings::sonde::check::path as wit;
use crate::session::Session;

impl wit::Host for Session {}

impl wit::HostWithStore<Session> for Imports {
    async fn trace(accessor: &Accessor<Session, Self>, request: wit::TraceRequest) -> wit::TraceResult {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        trace::perform(&caller, &request).await
    }

    async fn path_mtu(accessor: &Accessor<Session, Self>, request: wit::PathMtuRequest) -> wit::PathMtuResult {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        path_mtu::perform(&caller, &request).await
    }

    async fn echo(accessor: &Accessor<Session, Self>, request: wit::EchoRequest) -> wit::EchoResult {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        echo::perform(&caller, &request).await
    }
}
