//! What the ladder proves. Pure: a function of the exchanges.

use sonde_sdk::connection::Verification;
use sonde_sdk::dns::{Exchange, HeaderFlags, Transport};
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::judgement::Judgement;
use sonde_sdk::prelude::*;
use sonde_sdk::report::{Finding, Stance, Strength};
use sonde_sdk::types::{Phase, Reason};

/// Causes that this check can support or refute.
pub(crate) const CAUSES: &[&str] =
    &["dns.fragment_dropped", "dns.edns_blocked", "dns.dot_blocked", "dns.dot_cert_invalid", "dns.server_unreachable"];

/// What was tried with one server.
pub(crate) struct Ladder {
    pub(crate) server: String,
    /// UDP, 1232 bytes.
    pub(crate) base: Exchange,
    /// UDP, 4096 bytes; where that was silent: again, and then the base again.
    pub(crate) large: Vec<Exchange>,
    /// And once more where it failed or its certificate was not accepted.
    pub(crate) encrypted: Vec<(Transport, Exchange, Option<Exchange>)>,
}

pub(crate) fn is_truncated(exchange: &Exchange) -> bool {
    exchange.outcome.as_ref().is_ok_and(|answer| answer.has(HeaderFlags::TRUNCATED))
}

pub(crate) fn is_silent(exchange: &Exchange) -> bool {
    exchange.outcome.as_ref().is_err_and(|failure| failure.reason == Reason::TimedOut)
}

pub(crate) fn is_refused_certificate(exchange: &Exchange) -> bool {
    exchange
        .session
        .as_ref()
        .is_some_and(|session| !matches!(session.verification, Verification::Accepted | Verification::NotReached))
}

/// Judges everything that was tried.
pub(crate) fn judge(name: &str, ladders: &[Ladder]) -> Judgement {
    let mut findings = Vec::new();
    for ladder in ladders {
        findings.extend(fragments(ladder));
        for (transport, first, again) in &ladder.encrypted {
            findings.extend(encrypted(ladder, *transport, first, again.as_ref()));
        }
    }
    let proven = findings.iter().find(|finding| finding.strength == Strength::Proof && is_support(finding));
    let outcome = match proven {
        Some(finding) => Outcome::broken(finding.summary.clone()),
        None if ladders.iter().all(|ladder| ladder.base.outcome.is_err()) => {
            Outcome::skipped("no name server answers over UDP")
        }
        None if ladders.iter().all(|ladder| ladder.large.is_empty() && ladder.encrypted.is_empty()) => {
            Outcome::works(format!("the answer for {name} fits into 1232 bytes"))
        }
        None => Outcome::works(format!("answers for {name} arrive on every transport that was tried")),
    };
    Judgement { findings, outcome }
}

fn is_support(finding: &Finding) -> bool {
    finding.stance == Stance::Supports
}

fn fragments(ladder: &Ladder) -> Vec<Finding> {
    let [first, second, small] = &ladder.large[..] else { return Vec::new() };
    if !(is_silent(first) && is_silent(second) && small.outcome.is_ok()) {
        return Vec::new();
    }
    vec![
        supports("dns.fragment_dropped")
            .proof()
            .about(&ladder.server)
            .because(format!(
                "{} answers a query that allows 1232 bytes with TC and is silent when it may send 4096: what is larger than the path's \
                 MTU is fragmented, and the fragments do not arrive",
                ladder.server
            ))
            .citing([first.evidence, second.evidence])
            .build(),
        refutes("dns.edns_blocked")
            .proof()
            .about(&ladder.server)
            .because("with the same OPT record and 1232 bytes it answers")
            .citing([ladder.base.evidence, small.evidence])
            .build(),
    ]
}

fn encrypted(ladder: &Ladder, transport: Transport, first: &Exchange, again: Option<&Exchange>) -> Vec<Finding> {
    let Some(again) = again else { return Vec::new() };
    let server = &ladder.server;
    let who = match transport {
        Transport::Tls => "DNS over TLS",
        Transport::Https => "DNS over HTTPS",
        _ => "DNS over QUIC",
    };
    if let Some(session) = first.session.as_ref().filter(|_| is_refused_certificate(first)) {
        return vec![
            supports("dns.dot_cert_invalid")
                .proof()
                .about(server)
                .because(format!("{who} at {server}: {}", session.verification_detail))
                .citing([first.evidence])
                .build(),
            refutes("dns.dot_blocked")
                .proof()
                .about(server)
                .because("the port is open and TLS is spoken on it")
                .citing([again.evidence])
                .build(),
        ];
    }
    let closed = |exchange: &Exchange| {
        exchange.outcome.as_ref().is_err_and(|failure| {
            matches!(failure.phase, Phase::Connect | Phase::Tls) && matches!(failure.reason, Reason::TimedOut)
        })
    };
    let alive = ladder.base.outcome.is_ok();
    if !(closed(first) && closed(again)) {
        return Vec::new();
    }
    let support = supports("dns.dot_blocked")
        .about(server)
        .because(format!("{who}: the port is silent"))
        .citing([first.evidence, again.evidence]);
    let mut findings = vec![if alive { support.proof() } else { support }.build()];
    if alive {
        findings.push(
            refutes("dns.server_unreachable")
                .proof()
                .about(server)
                .because(format!("{server} answers over UDP on port 53"))
                .citing([ladder.base.evidence])
                .build(),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use sonde_sdk::testkit;

    use super::*;

    fn answered(n: u64, truncated: bool) -> Exchange {
        let mut answer = testkit::answer(0, vec![]);
        if truncated {
            answer.flags = answer.flags | HeaderFlags::TRUNCATED;
        }
        testkit::exchange(n, Ok(answer))
    }

    fn silent(n: u64, phase: Phase) -> Exchange {
        testkit::exchange(n, Err(testkit::failure(phase, Reason::TimedOut, 1200)))
    }

    fn ladder(base: Exchange, large: Vec<Exchange>, encrypted: Vec<(Transport, Exchange, Option<Exchange>)>) -> Ladder {
        Ladder { server: "192.0.2.1".to_owned(), base, large, encrypted }
    }

    #[test]
    fn silence_that_belongs_to_the_size_is_lost_fragments() {
        let large = vec![silent(2, Phase::Wait), silent(3, Phase::Wait), answered(4, true)];
        let judgement = judge("a.example", &[ladder(answered(1, true), large, vec![])]);

        assert!(testkit::is_proven(&judgement.findings, "dns.fragment_dropped"));
        assert_eq!(testkit::refuted(&judgement.findings), ["dns.edns_blocked"]);
    }

    #[test]
    fn a_server_that_fell_silent_altogether_lost_no_fragments() {
        let large = vec![silent(2, Phase::Wait), silent(3, Phase::Wait), silent(4, Phase::Wait)];
        assert!(judge("a.example", &[ladder(answered(1, true), large, vec![])]).findings.is_empty());
        let large = vec![silent(2, Phase::Wait), answered(3, false), answered(4, true)];
        assert!(judge("a.example", &[ladder(answered(1, true), large, vec![])]).findings.is_empty());
    }

    #[test]
    fn a_silent_port_853_is_blocked_only_where_port_53_answers() {
        let tried = || vec![(Transport::Tls, silent(2, Phase::Connect), Some(silent(3, Phase::Connect)))];
        let judgement = judge("a.example", &[ladder(answered(1, false), vec![], tried())]);
        assert!(testkit::is_proven(&judgement.findings, "dns.dot_blocked"));

        let judgement = judge("a.example", &[ladder(silent(1, Phase::Wait), vec![], tried())]);
        assert!(!testkit::is_proven(&judgement.findings, "dns.dot_blocked"));
    }

    #[test]
    fn a_certificate_that_is_not_accepted_is_named_with_what_the_verifier_said() {
        let session = || {
            let mut session = testkit::session(vec![], Verification::Expired);
            session.verification_detail = "the certificate expired yesterday".to_owned();
            session
        };
        let over_tls = |n| Exchange { session: Some(session()), ..answered(n, false) };
        let tried = vec![(Transport::Tls, over_tls(2), Some(over_tls(3)))];
        let judgement = judge("a.example", &[ladder(answered(1, false), vec![], tried)]);

        assert!(testkit::is_proven(&judgement.findings, "dns.dot_cert_invalid"));
        assert!(judgement.findings[0].summary.contains("expired yesterday"));
    }

    #[test]
    fn an_answer_that_fits_is_no_finding() {
        let judgement = judge("a.example", &[ladder(answered(1, false), vec![], vec![])]);

        assert!(judgement.findings.is_empty());
    }
}
