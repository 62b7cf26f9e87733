//! Queries that got no answer beside equal ones that were answered at once: lost on the way, whatever program asks.

use sonde_sdk::dns::{Resolution, Step, StepOutcome, Transport};
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::Measure;

use super::Case;

/// A query of it waited for its answer until the resolver gave up.
pub(super) fn waited(resolution: &Resolution) -> bool {
    resolution.steps.iter().any(|step| step.outcome == StepOutcome::TimedOut)
}

/// At least two were lost, and equal ones are answered at once, each time.
pub(super) fn judge(case: &Case) -> Option<Vec<Finding>> {
    let sent: Vec<(u64, &Step)> = case
        .rounds
        .iter()
        .flatten()
        .flat_map(|(_, resolution)| resolution.steps.iter().map(|step| (resolution.evidence, step)))
        .filter(|(_, step)| step.transport == Transport::Udp)
        .collect();
    let answered = |step: &Step| matches!(step.outcome, StepOutcome::Answered(_));
    let equal =
        |one: &Step, other: &Step| (&one.server, &one.name, one.qtype) == (&other.server, &other.name, other.qtype);
    // A server that is late at times is slow, and its answers may come after their resolver's patience.
    let prompt = |step: &Step| {
        let mut twins = sent.iter().filter(|(_, other)| answered(other) && equal(step, other)).peekable();
        twins.peek().is_some() && twins.all(|(_, twin)| twin.elapsed_us < PROMPT_US)
    };
    let lost: Vec<(u64, &Step)> = sent
        .iter()
        .filter(|(_, step)| step.outcome == StepOutcome::TimedOut && step.elapsed_us > PROMPT_US && prompt(step))
        .copied()
        .collect();
    let (_, first) = lost.first().filter(|_| lost.len() >= ENOUGH)?;
    let server = &first.server.address;
    let at = |(_, step): &&(u64, &Step)| step.server.address == *server;
    let count = lost.iter().filter(at).count();
    let good: Vec<(u64, &Step)> = sent.iter().filter(at).filter(|(_, step)| answered(step)).copied().collect();
    let mut witnesses: Vec<u64> = good.iter().map(|(evidence, _)| *evidence).collect();
    witnesses.dedup();
    let mut proof: Vec<u64> = lost.iter().filter(at).map(|(evidence, _)| *evidence).collect();
    proof.dedup();
    if witnesses.iter().all(|evidence| proof.contains(evidence)) {
        // The lookups that lost nothing are what tells; one of the others may stand for them.
        proof.truncate(1);
    }
    let support = supports("dns.packet_loss")
        .about(server)
        .because(format!(
            "{count} of {} queries to name server {server} got no answer, and equal ones are answered at once",
            count + good.len()
        ))
        .citing(proof.iter().copied())
        .measuring(Measure::count("lost queries", i64::try_from(count).unwrap_or(i64::MAX)));
    witnesses.retain(|evidence| !proof.contains(evidence));
    let named = count >= ENOUGH && good.len() >= ENOUGH && !witnesses.is_empty();
    let mut findings = vec![if named { support.proof() } else { support.strong() }.build()];
    if !witnesses.is_empty() {
        findings.push(
            refutes("dns.server_unreachable")
                .proof()
                .about(server)
                .because(format!("{server} answers {} of them", good.len()))
                .citing(witnesses)
                .build(),
        );
    }
    Some(findings)
}

/// One lost query may be a moment's.
const ENOUGH: usize = 2;
/// Catalogue of causes, thresholds: DNS answer.
const PROMPT_US: u64 = 250_000;
