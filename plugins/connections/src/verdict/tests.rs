//! Judgements of looks made by hand.

mod closing;
mod leak;
mod pool;
mod ports;
mod receiving;
mod sending;
mod unread;

use sonde_sdk::check::Conclusion;
use sonde_sdk::judgement::Judgement;
use sonde_sdk::report::{Finding, Strength};
use sonde_sdk::sockets::{CensusAnswer, Socket, SocketTimer, SocketsAnswer};
use sonde_sdk::testkit::{self, is_proven, supported};
use sonde_sdk::types::Endpoint;

use super::{CAUSES, judge};
use crate::observe::{Look, Observations, Scope};

const PROCESS: Scope = Scope::Process(4242);

/// Two looks, 1.1 s apart, at nothing.
fn nothing(scope: Scope) -> Observations {
    let look = |n: u64| {
        let at = |answer: SocketsAnswer| SocketsAnswer {
            timing: sonde_sdk::types::Timing { at_us: n * 1_100_000, elapsed_us: 1_000 },
            ..answer
        };
        let empty = |m: u64| at(testkit::sockets_answer(10 * n + m, vec![]));
        Look {
            counters: testkit::counters_answer(10 * n, &[]),
            towards: (scope == Scope::Host).then(|| testkit::census_answer(10 * n + 1, &[])),
            unclosed: empty(2),
            closing: empty(3),
            unsent: empty(4),
            unacknowledged: empty(5),
            unread: empty(6),
            datagrams: empty(7),
            listening: empty(8),
        }
    };
    let machine = Some(testkit::host_answer(30, testkit::host_facts()));
    Observations { scope, settings: None, looks: [look(0), look(1)], cgroups: vec![], elsewhere: None, machine }
}

/// Replaces what a search of both looks brought.
fn brings(answer: &mut SocketsAnswer, sockets: Vec<Socket>) {
    answer.total = sockets.len().try_into().unwrap_or(u64::MAX);
    answer.outcome = Ok(sockets);
}

/// The nth connection to one service.
fn to_service(n: u16) -> Socket {
    testkit::socket(Endpoint::new("192.0.2.100", 40_000 + n), Endpoint::new("192.0.2.7", 5432))
}

/// So many connections to one service, in a state, without an acknowledgement for so long.
fn in_state(state: &str, sockets: std::ops::Range<u16>, silent_ms: u32) -> Vec<Socket> {
    let one = |n| {
        let mut socket = Socket { state: state.to_owned(), ..to_service(n) };
        if let Some(info) = &mut socket.info {
            info.last_ack_received_ms = silent_ms;
        }
        socket
    };
    sockets.map(one).collect()
}

fn timer(name: &str, retransmits: u32) -> SocketTimer {
    SocketTimer { name: name.to_owned(), expires_us: 400_000, retransmits }
}

fn counters(observed: &mut Observations, before: &[(&str, i64)], now: &[(&str, i64)]) {
    observed.looks[0].counters = testkit::counters_answer(0, before);
    observed.looks[1].counters = testkit::counters_answer(10, now);
}

fn proves(judgement: &Judgement, cause: &str) {
    assert!(is_proven(&judgement.findings, cause), "{judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Proof), [cause], "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Broken);
    assert!(judgement.findings.iter().all(|finding: &Finding| CAUSES.contains(&finding.cause.as_str())));
}

fn is_healthy(judgement: &Judgement) {
    assert!(judgement.findings.is_empty(), "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works);
}

#[test]
fn idle_and_app_limited_connections_are_in_order() {
    for scope in [Scope::Host, Scope::Port(5432), PROCESS] {
        let mut observed = nothing(scope);
        for look in &mut observed.looks {
            let mut sockets: Vec<Socket> = (0..40).map(to_service).collect();
            for socket in &mut sockets {
                if let Some(info) = &mut socket.info {
                    info.last_ack_received_ms = 3_600_000;
                }
            }
            brings(&mut look.unacknowledged, sockets.clone());
            brings(&mut look.unsent, sockets.clone());
            brings(&mut look.unread, sockets);
        }
        is_healthy(&judge(&observed));
    }
}

#[test]
fn what_cannot_be_read_is_said_with_what_is_missing() {
    let mut observed = nothing(PROCESS);
    let reason = sonde_sdk::types::Reason::Unavailable("CAP_SYS_PTRACE".to_owned());
    observed.looks[0].unclosed.outcome = Err(testkit::failure(sonde_sdk::types::Phase::Inspect, reason, 0));
    let judgement = judge(&observed);
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
    assert!(judgement.outcome.next_step.is_some_and(|next| next.contains("CAP_SYS_PTRACE")));
}

fn census(n: u64, groups: &[(&[&str], u64)]) -> CensusAnswer {
    testkit::census_answer(n, groups)
}
