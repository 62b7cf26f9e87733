//! A hello that spans packets fails where one of a single packet passes.

use sonde_sdk::connection::Connection;
use sonde_sdk::dial::TlsDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::Endpoint;

use crate::case::{self, Case, Sni, Step};

/// Judges it; none where the small hello fails as well, or was not tried.
pub(super) fn judge(case: &Case, at: &Endpoint, first: &TlsDial) -> Option<Vec<Finding>> {
    let small = case.special(&Step::Small(at.address.clone())).filter(|dial| passes(dial))?;
    // The same hello passed on another try, or under another name: it is not its size.
    let others: Vec<(&Sni, &TlsDial)> = case.later(&at.address).collect();
    if others.iter().any(|(_, dial)| passes(dial)) {
        return None;
    }
    let again: Vec<&TlsDial> = others
        .iter()
        .filter(|(sni, dial)| **sni == Sni::Own && case::end(dial) == case::end(first))
        .map(|(_, dial)| *dial)
        .collect();
    let how = match case::end(first) {
        case::End::Stalled => "is never answered",
        case::End::Reset => "is reset",
        case::End::Closed => "ends the connection",
        _ => "is refused",
    };
    let support = supports("tls.large_hello")
        .about(at)
        .because(format!(
            "a ClientHello with the key share X25519MLKEM768, which spans two packets, {how} by {at}; without it the handshake succeeds"
        ))
        .citing([first.evidence]);
    // Did anything of that size arrive?
    let arrived: Vec<u64> = again
        .iter()
        .filter(|dial| delivered(&dial.connection))
        .map(|dial| dial.evidence)
        .chain(
            case.request(&Step::Large(at.address.clone()))
                .filter(|large| delivered(&large.connection))
                .map(|large| large.evidence),
        )
        .collect();
    if again.is_empty() {
        return Some(vec![support.strong().build()]);
    }
    // By itself a reset or an answer shows that the hello arrived somewhere.
    let silent = case::end(first) == case::End::Stalled;
    if silent && arrived.is_empty() {
        return Some(vec![
            supports("l3.pmtu_blackhole")
                .strong()
                .about(at)
                .because("packets as large as this path should carry are lost, and small ones pass")
                .citing([first.evidence, small.evidence])
                .build(),
            support.build(),
        ]);
    }
    let mut findings = vec![support.proof().build()];
    if !arrived.is_empty() {
        findings.push(
            refutes("l3.pmtu_blackhole")
                .proof()
                .about(at)
                .because("as many bytes at once are acknowledged")
                .citing(arrived)
                .build(),
        );
    }
    findings.push(
        refutes("tls.handshake_stall")
            .proof()
            .about(at)
            .because("with a small ClientHello the server answers at once")
            .citing(case.special(&Step::Small(at.address.clone())).map(|small| small.evidence))
            .build(),
    );
    Some(findings)
}

/// A `ServerHello` came: the hello was read, whatever happened then.
fn passes(dial: &TlsDial) -> bool {
    dial.session.as_ref().is_some_and(|session| session.version.is_some())
}

/// More than one packet was acknowledged, and nothing is on its way.
fn delivered(connection: &Connection) -> bool {
    connection.info.as_ref().is_some_and(|info| info.unacked == 0 && info.bytes_acked > PACKET_BYTES)
}

/// What an Ethernet packet carries at most.
const PACKET_BYTES: u64 = 1460;
