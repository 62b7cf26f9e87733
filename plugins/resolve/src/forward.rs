//! Servers behind a server: whom it forwards to, and what comes of asking those directly.
//!
//! Owns the reading; what it means is judged in `verdict::stub`.

use std::net::IpAddr;

use sonde_sdk::dns::qtype::TXT;
use sonde_sdk::dns::rcode::{NOERROR, NXDOMAIN};
use sonde_sdk::dns::{Exchange, ManagerKind};

use crate::case::{Case, Step};
use crate::reading::{self, Says};

/// dnsmasq's name for the list of the servers it forwards to (dnsmasq(8)).
pub(crate) const UPSTREAMS: &str = "servers.bind";
/// RFC 1035 section 3.2.4.
pub(crate) const CHAOS: u16 = 3;

/// What to ask next about the servers behind those that fail.
pub(crate) fn steps(case: &Case) -> Vec<Step> {
    let mut steps = Vec::new();
    for server in (0..case.servers.len()).filter(|server| fails(case, *server)) {
        let address = &case.servers[server];
        steps.push(Step::Upstreams(address.clone()));
        for behind in behind(case, address) {
            if behind != *address {
                steps.push(Step::Behind(behind.clone()));
                steps.push(Step::Upstreams(behind));
            }
        }
    }
    steps
}

/// It takes queries, but what it answers, if anything, is a failure of its own.
pub(crate) fn fails(case: &Case, server: usize) -> bool {
    let (name, _) = case.first_question();
    match reading::says(case, server, &name) {
        Says::ServFail | Says::Refused => true,
        Says::Nothing => {
            let local = case.servers[server].parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
            let closed = case
                .of_server(server)
                .all(|asked| asked.failure().is_some_and(|failure| failure.errno == Some(ECONNREFUSED)));
            (local && !closed) || case.of_server(server).any(|asked| asked.accepted() || asked.answer().is_some())
        }
        _ => false,
    }
}

/// The servers that this one forwards to: as it says itself, else as its manager's files say.
pub(crate) fn behind(case: &Case, address: &str) -> Vec<String> {
    let told = told(case, address);
    if !told.is_empty() {
        return told;
    }
    let manager = &case.config.manager;
    let stub = matches!(manager.kind, ManagerKind::SystemdResolvedStub | ManagerKind::Docker)
        && case.config.nameservers.iter().any(|server| server == address);
    if stub { manager.upstreams.iter().take(MOST_UPSTREAMS).cloned().collect() } else { Vec::new() }
}

/// What a server says of whom it forwards to.
fn told(case: &Case, address: &str) -> Vec<String> {
    let Some((_, exchange)) = case.upstreams.iter().find(|(known, _)| known == address) else { return Vec::new() };
    let Ok(answer) = &exchange.outcome else { return Vec::new() };
    let texts = answer.of_type(TXT).flat_map(|record| record.rdata.split('"'));
    let addresses = texts.filter_map(|text| text.split('#').next()?.trim().parse::<IpAddr>().ok());
    let mut found: Vec<String> = addresses.map(|address| address.to_string()).collect();
    found.dedup();
    found.truncate(MOST_UPSTREAMS);
    found
}

/// The exchange in which it says so.
pub(crate) fn testimony<'a>(case: &'a Case, address: &str) -> Option<&'a Exchange> {
    case.upstreams
        .iter()
        .find(|(known, exchange)| known == address && exchange.outcome.is_ok())
        .map(|(_, exchange)| exchange)
}

/// The chain of servers that leads back to one already passed, from `address` on; none where there is no circle.
pub(crate) fn circle(case: &Case, address: &str) -> Option<Vec<String>> {
    let mut passed = vec![address.to_owned()];
    for _ in 0..=MOST_UPSTREAMS {
        let last = passed.last()?.clone();
        let next = told(case, &last);
        if let Some(back) = next.iter().find(|next| passed.contains(next)) {
            passed.push(back.clone());
            return Some(passed);
        }
        passed.push(next.first()?.clone());
    }
    None
}

/// What the servers behind it say of the name, asked directly.
pub(crate) fn asked_directly<'a>(case: &'a Case, address: &str) -> Vec<(&'a str, &'a Exchange)> {
    let behind = behind(case, address);
    case.behind
        .iter()
        .filter(|(known, _)| behind.contains(known))
        .map(|(known, exchange)| (known.as_str(), exchange))
        .collect()
}

/// It says something final of the name.
pub(crate) fn works(exchange: &Exchange) -> bool {
    exchange.outcome.as_ref().is_ok_and(|answer| matches!(answer.rcode, NOERROR | NXDOMAIN))
}

const MOST_UPSTREAMS: usize = 3;
const ECONNREFUSED: i32 = 111;
