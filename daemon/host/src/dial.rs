//! The interface `dial`.

mod http;
mod series;
mod tcp;
mod tls;
mod tls_hello;
mod udp;

use std::net::SocketAddr;

use sonde_core::observation::{Endpoint, Reason};
use wasmtime::component::Accessor;

use crate::bindings::Imports;
use crate::bindings::sonde::check::dial as wit;
use crate::run::Run;
use crate::session::Session;

impl wit::Host for Session {}

impl wit::HostWithStore<Session> for Imports {
    async fn tcp(accessor: &Accessor<Session, Self>, request: wit::TcpRequest) -> wit::TcpDial {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        tcp::dial(&caller, &request).await
    }

    async fn tcp_repeat(accessor: &Accessor<Session, Self>, request: wit::TcpSeriesRequest) -> wit::TcpSeries {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        series::dial(&caller, &request).await
    }

    async fn tls(accessor: &Accessor<Session, Self>, request: wit::TlsRequest) -> wit::TlsDial {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        tls::dial(&caller, &request).await
    }

    async fn tls_hello(accessor: &Accessor<Session, Self>, request: wit::TlsHelloRequest) -> wit::TlsHelloDial {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        tls_hello::dial(&caller, &request).await
    }

    async fn http(accessor: &Accessor<Session, Self>, request: wit::HttpRequest) -> wit::HttpExchange {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        http::dial(&caller, &request).await
    }

    async fn udp(accessor: &Accessor<Session, Self>, request: wit::UdpRequest) -> wit::UdpDial {
        let caller = accessor.with(|mut store| store.get().caller.clone());
        udp::dial(&caller, request).await
    }
}

/// The longest DNS name (RFC 1035 section 3.1), and more than an address takes.
const SERVER_NAME_BYTES: usize = 255;

/// Asks the grants on the address about to be dialled.
pub(crate) fn admit(run: &Run, remote: Endpoint) -> Result<(), Reason> {
    let remote = SocketAddr::new(remote.address, remote.port);
    run.with_grants(|grants| grants.dial(remote)).map_err(|denial| Reason::Denied(denial.to_string()))
}

/// As `dev_valid_name` of the kernel wants it: neither empty nor longer than 15 bytes, no slash, colon or white space.
fn device(name: &str) -> Result<String, String> {
    let valid = (1..=15).contains(&name.len())
        && !matches!(name, "." | "..")
        && !name.chars().any(|letter| letter == '/' || letter == ':' || letter.is_whitespace() || letter.is_control());
    if valid {
        return Ok(name.to_owned());
    }
    let shown = crate::text::tidy(name, 32);
    Err(format!("{shown:?} is no name of a device; it has 1 to 15 bytes, without slash, colon or white space"))
}
