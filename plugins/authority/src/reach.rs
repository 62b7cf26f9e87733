//! Whether the name leads to a server that answers: then it matters little who says so.

use std::net::IpAddr;
use std::time::Duration;

use sonde_sdk::connection::Verification;
use sonde_sdk::dial::{self, TcpRequest, TlsRequest};
use sonde_sdk::dns::qtype;
use sonde_sdk::prelude::*;
use sonde_sdk::timer::Allowance;
use sonde_sdk::types::Endpoint;

/// The type of record that led to the addresses.
pub(crate) fn family(addresses: &[String]) -> u16 {
    let addresses: Vec<IpAddr> = addresses.iter().filter_map(|address| address.parse().ok()).collect();
    if !addresses.is_empty() && addresses.iter().all(IpAddr::is_ipv6) { qtype::AAAA } else { qtype::A }
}

/// One of the addresses takes a connection, and over TLS shows a certificate that is not of another name.
pub(crate) async fn answers(target: &Target, name: &str, allowance: Allowance) -> bool {
    let answering = target.answering();
    let endpoints = target.endpoints().filter(|endpoint| answering.contains(&endpoint.address)).take(MOST);
    if !matches!(target.kind, TargetKind::Tls | TargetKind::Https | TargetKind::Grpcs) {
        return any(endpoints.map(|endpoint| connects(endpoint, allowance))).await;
    }
    any(endpoints.map(|endpoint| async move {
        let timeout_us = wait::microseconds(PATIENCE.min(allowance.left()));
        let dialled = dial::tls(TlsRequest { timeout_us, ..TlsRequest::to(endpoint, name) }).await;
        let of_another = dialled.session.is_some_and(|session| session.has_problem(Verification::NameMismatch));
        // Whatever else is wrong, with STARTTLS perhaps, is no matter of the name.
        dialled.handshake.is_some() && !of_another
    }))
    .await
}

/// A server takes connections at this port of one of the addresses.
pub(crate) async fn takes(port: Option<u16>, addresses: &[String], allowance: Allowance) -> bool {
    let Some(port) = port else { return false };
    any(addresses.iter().take(MOST).map(|address| connects(Endpoint::new(address, port), allowance))).await
}

async fn connects(endpoint: Endpoint, allowance: Allowance) -> bool {
    let timeout_us = wait::microseconds(PATIENCE.min(allowance.left()));
    dial::tcp(TcpRequest { timeout_us, ..TcpRequest::to(endpoint) }).await.outcome.is_ok()
}

async fn any<F: Future<Output = bool>>(calls: impl Iterator<Item = F>) -> bool {
    wait::all(calls).await.contains(&true)
}

/// Addresses that are dialled.
const MOST: usize = 4;

/// What is slower is looked into.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_tell_which_records_led_to_them() {
        for (addresses, expected) in
            [(&[][..], qtype::A), (&["192.0.2.1", "2001:db8::1"], qtype::A), (&["2001:db8::1"], qtype::AAAA)]
        {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            assert_eq!(family(&addresses), expected, "{addresses:?}");
        }
    }
}
