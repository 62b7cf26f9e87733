//! This host itself has no socket to give: no port, no source address, no descriptor.

use sonde_sdk::dial::TcpDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::{Failure, Measure, Reason};

use super::Case;
use crate::observe::{Control, Path};

/// From so many sockets towards one endpoint on, running out of ports is believable: whoever narrows the range leaves a few.
const SOCKETS: u64 = 4;

/// Judges such an error.
pub(super) fn judge<'a>(path: &'a Path, dial: &TcpDial, failure: &Failure) -> Case<'a> {
    match failure.reason {
        Reason::AddressNotAvailable => no_port(path, dial),
        Reason::ProcessFileLimit => Case::unclear(path, "sonde itself has used up its file descriptors".to_owned())
            .next("raise the file descriptor limit of sonde"),
        _ => Case::unclear(path, "this machine has used up its file handles".to_owned()).with(
            supports("host.fd_system_limit")
                .strong()
                .because("opening a socket fails with ENFILE")
                .citing([dial.evidence]),
        ),
    }
}

/// EADDRNOTAVAIL without a source address of our choosing.
fn no_port<'a>(path: &'a Path, dial: &TcpDial) -> Case<'a> {
    let sockets = path.census.as_ref().and_then(|c| c.outcome.as_ref().ok().map(|_| (c.evidence, c.total)));
    let elsewhere: Vec<&Control> = path
        .controls
        .iter()
        .filter(|c| {
            c.dial.outcome.as_ref().err().is_none_or(|f| f.reason != Reason::AddressNotAvailable && !f.is_our_own())
        })
        .collect();
    let ports: Vec<String> = elsewhere.iter().map(|c| c.port.to_string()).collect();
    // A source that is missing is missing for every port.
    let has_source = refutes("host.source_addr_missing")
        .proof()
        .because(format!("another port of the same address gets a local port and source ({})", ports.join(", ")))
        .citing(elsewhere.iter().map(|c| c.dial.evidence));
    let unclear =
        Case::unclear(path, format!("this host has no local address and port to reach {} from", path.endpoint));
    let empty = supports("host.ephemeral_ports_connect")
        .because("the error is that of an empty port range")
        .citing([dial.evidence]);
    match sockets {
        Some((census, total)) if total >= SOCKETS && !elsewhere.is_empty() => {
            let sentence =
                format!("all local ports towards {} are in use: {total} sockets have this peer", path.endpoint);
            Case::proven(path, "host.ephemeral_ports_connect", sentence.clone())
                .with(
                    supports("host.ephemeral_ports_connect")
                        .proof()
                        .because(&sentence)
                        .citing([dial.evidence, census])
                        .measuring(Measure::new("sockets", count(total), "1")),
                )
                .with(has_source)
                .next("see `sysctl net.ipv4.ip_local_port_range`, and who holds these connections")
        }
        _ if !elsewhere.is_empty() => unclear
            .with(empty.strong())
            .with(has_source)
            .next("see `sysctl net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports`"),
        Some((census, total)) => unclear
            .with(
                supports("host.source_addr_missing")
                    .strong()
                    .because(format!("no local address can be assigned, with {total} sockets towards it"))
                    .citing([dial.evidence, census]),
            )
            .with(empty),
        None => unclear.with(empty.strong()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a socket count; shown to people")]
fn count(n: u64) -> f64 {
    n as f64
}
