//! A server that forwards: does it fail, or do those behind it?

use std::net::IpAddr;

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;

use super::{called, ids};
use crate::case::{Asked, Case};
use crate::forward;

/// Judges a server that fails by the servers behind it; nothing where those are unknown.
pub(super) fn judge(case: &Case, server: usize) -> Vec<Finding> {
    let address = &case.servers[server];
    if let Some(circle) = forward::circle(case, address) {
        return looping(case, server, &circle);
    }
    let behind = forward::asked_directly(case, address);
    let local = address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if behind.is_empty() || !local {
        return Vec::new();
    }
    let who = called(case, server);
    let names = behind.iter().map(|(address, _)| *address).collect::<Vec<_>>().join(", ");
    let working: Vec<u64> =
        behind.iter().filter(|(_, exchange)| forward::works(exchange)).map(|(_, exchange)| exchange.evidence).collect();
    let failing: Vec<u64> = behind.iter().map(|(_, exchange)| exchange.evidence).collect();
    let mine = ids(case.of_server(server).filter(|asked| asked.records().is_empty()));
    if working.is_empty() {
        return vec![
            supports("dns.stub_upstream_dead")
                .proof()
                .about(address)
                .because(format!(
                    "{who} works, but what it forwards to does not: {names}, asked directly, fails as well"
                ))
                .citing(failing.clone())
                .build(),
            refutes("dns.resolved_degraded")
                .proof()
                .about(address)
                .because("its upstream, asked directly, fails")
                .citing(failing)
                .citing(mine)
                .build(),
        ];
    }
    vec![
        supports("dns.resolved_degraded")
            .proof()
            .about(address)
            .because(format!("{who} fails although {names}, to which it forwards, answers when asked directly"))
            .citing(mine)
            .build(),
        refutes("dns.stub_upstream_dead")
            .proof()
            .about(address)
            .because("its upstream, asked directly, answers")
            .citing(working)
            .build(),
    ]
}

fn looping(case: &Case, server: usize, circle: &[String]) -> Vec<Finding> {
    let address = &case.servers[server];
    let told = circle.iter().filter_map(|member| forward::testimony(case, member)).map(|exchange| exchange.evidence);
    let mut told: Vec<u64> = told.collect();
    told.dedup();
    let (answered, silent): (Vec<&Asked>, Vec<&Asked>) =
        case.of_server(server).partition(|asked| asked.answer().is_some());
    // That it answers at all, and that it goes in a circle, are told by different exchanges.
    let (circling, alive) = if answered.is_empty() { (ids(silent), told) } else { (told, ids(answered)) };
    vec![
        supports("dns.forward_loop")
            .proof()
            .about(address)
            .because(format!("queries go round in a circle: {}", circle.join(" forwards to ")))
            .citing(circling)
            .build(),
        refutes("dns.server_unreachable")
            .proof()
            .about(address)
            .because("it answers, if only with what it knows by itself or with a failure")
            .citing(alive)
            .build(),
    ]
}
