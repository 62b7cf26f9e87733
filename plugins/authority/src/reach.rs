//! Whether the name leads to a server that answers: then it matters little who says so.

use std::net::IpAddr;
use std::time::Duration;

use sonde_sdk::dial::{self, TcpRequest, TlsRequest};
use sonde_sdk::dns::qtype;
use sonde_sdk::prelude::*;

/// The type of record that led to the addresses.
pub(crate) fn family(addresses: &[String]) -> u16 {
    let addresses: Vec<IpAddr> = addresses.iter().filter_map(|address| address.parse().ok()).collect();
    if !addresses.is_empty() && addresses.iter().all(IpAddr::is_ipv6) { qtype::AAAA } else { qtype::A }
}

/// One of the addresses takes a connection, and over TLS shows a certificate of the name that is trusted.
pub(crate) async fn answers(target: &Target, name: &str, budget: Budget) -> bool {
    let answering = target.answering();
    let endpoint = target.endpoints().find(|endpoint| answering.contains(&endpoint.address));
    let Some(endpoint) = endpoint else { return false };
    let patience = wait::microseconds(PATIENCE.min(budget.probe_timeout()));
    if matches!(target.kind, TargetKind::Tls | TargetKind::Https | TargetKind::Grpcs) {
        let dialled = dial::tls(TlsRequest { timeout_us: patience, ..TlsRequest::to(endpoint, name) }).await;
        dialled.outcome.is_ok() && dialled.session.is_some_and(|session| session.problems.is_empty())
    } else {
        dial::tcp(TcpRequest { timeout_us: patience, ..TcpRequest::to(endpoint) }).await.outcome.is_ok()
    }
}

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
