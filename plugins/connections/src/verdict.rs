//! Judges the sockets. Pure.

mod bound;
mod closing;
mod dependency;
pub(crate) mod leak;
mod lost;
mod pool;
mod ports;
pub(crate) mod receiving;
mod sending;
#[cfg(test)]
mod tests;
mod unread;

use std::time::Duration;

use sonde_sdk::check::Outcome;
use sonde_sdk::judgement::{Judgement, Verdict};
use sonde_sdk::types::Reason;

use crate::observe::{Observations, Scope, Search};

/// What it can support or refute.
pub(crate) const CAUSES: [&str; 18] = [
    "host.ephemeral_ports_bind",
    "host.ephemeral_ports_connect",
    "host.source_addr_missing",
    "host.tcp_mem_pressure",
    "l3.packet_loss",
    "tcp.close_wait_leak",
    "tcp.established_blackhole",
    "tcp.fin_wait_stuck",
    "tcp.half_open_idle",
    "tcp.peer_zero_window",
    "tcp.rcvbuf_prune",
    "tcp.small_window",
    "tcp.timewait_overflow",
    "tcp.timewait_storm",
    "udp.rcvbuf_overflow",
    "http.server_slow",
    "app.dependency_hung",
    "app.not_responding",
];

/// Half-closed connections of one process, or towards one side, from which on they are no accident.
const PILED_UP: usize = 50;
/// A close in flight takes less.
const IN_FLIGHT: Duration = Duration::from_secs(1);

/// The judgement.
pub(crate) fn judge(observed: &Observations) -> Judgement {
    if let Some(failure) = observed.failure() {
        let mut outcome = Outcome::unclear(format!("the sockets cannot be read: {}", failure.detail));
        if let Reason::Unavailable(needed) = &failure.reason {
            outcome = outcome.next(format!("run sonde with {needed}"));
        }
        return outcome.into();
    }
    let mut verdict = Verdict::default();
    ports::judge(observed, &mut verdict);
    leak::judge(observed, &mut verdict);
    closing::judge(observed, &mut verdict);
    lost::judge(observed, &mut verdict);
    sending::judge(observed, &mut verdict);
    receiving::judge(observed, &mut verdict);
    bound::judge(observed, &mut verdict);
    unread::judge(observed, &mut verdict);
    if verdict.faults.is_empty() && verdict.doubts.is_empty() {
        dependency::judge(observed, &mut verdict);
    }
    pool::judge(observed, &mut verdict);
    verdict.end(|| Outcome::works(whole(observed)))
}

/// Nothing is wrong with them.
fn whole(observed: &Observations) -> String {
    let last = &observed.looks[1];
    let connections = last.unacknowledged.total.saturating_add(last.closing.total);
    let sockets = last.datagrams.total;
    let whose = match observed.scope {
        Scope::Host => "of this host".to_owned(),
        Scope::Port(port) => format!("of port {port}"),
        Scope::Process(pid) => match last.unacknowledged.sockets().iter().find_map(crate::observe::owner) {
            Some(owner) => format!("of {owner}"),
            None => format!("of process {pid}"),
        },
    };
    format!("{connections} TCP connections and {sockets} UDP sockets {whose}, and none is stuck or forgotten")
}

/// So many connections of clients are most of all that a process has open: then it is no single client's matter.
fn are_most(observed: &Observations, clients: usize) -> bool {
    let open = observed.looks[1].unacknowledged.total;
    matches!(observed.scope, Scope::Process(_))
        && count(clients).saturating_mul(2) > i64::try_from(open).unwrap_or(i64::MAX)
}

/// How long what a search brought in both looks has lasted at least; none where it may be in flight.
fn lasted(observed: &Observations, search: Search) -> Option<Duration> {
    Some(observed.between(search)).filter(|lasted| *lasted >= IN_FLIGHT)
}

/// `3 connections`.
fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
