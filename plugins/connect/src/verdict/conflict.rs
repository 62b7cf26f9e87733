//! Two hosts with one address: ARP shows both, and a connection meets whichever won.
//!
//! Two link-layer addresses alone prove nothing: one host with two cards on a segment answers with both.

use sonde_sdk::finding::{Draft, refutes, supports};
use sonde_sdk::system::ArpQuestion;
use sonde_sdk::types::EvidenceId;

use super::Case;
use crate::observe::Path;

/// The next hop, where more than one host claims it, with the evidence.
pub(super) fn claimed_twice(path: &Path) -> Option<(EvidenceId, &ArpQuestion)> {
    let answer = path.arp.as_ref()?;
    let questions = answer.outcome.as_ref().ok()?;
    Some((answer.evidence, questions.iter().find(|question| !question.ours && question.claims.len() > 1)?))
}

/// This host's own address is claimed by another host, and the answers to our SYNs go there.
pub(super) fn stolen(path: &Path) -> Option<Case<'_>> {
    let answer = path.arp.as_ref()?;
    let question = answer.stolen()?;
    if !path.is_silent() {
        return None;
    }
    let sentence = format!(
        "{}, from which this host dials {}, is also claimed by {}",
        question.address,
        path.endpoint,
        claims(question)
    );
    Some(
        Case::proven(path, "l2.address_conflict", sentence.clone())
            .with(supports("l2.address_conflict").proof().because(&sentence).citing([answer.evidence]))
            .with(
                refutes("tcp.port_closed")
                    .proof()
                    .because("nothing refuses: the answers reach the other owner of this host's address")
                    .citing(path.dials.iter().map(|d| d.evidence)),
            )
            .next(format!("find the host with {} and change its address", claims(question))),
    )
}

/// A refusal or a silence by whoever won the address: the other host may be the right one.
pub(super) fn suspect(mut case: Case<'_>) -> Case<'_> {
    let path = case.path;
    let Some((evidence, question)) = claimed_twice(path) else { return case };
    // The proof holds for the host that answered, and that may be the wrong one.
    case.told.unprove();
    let sentence = both(question);
    case.told.sentence = format!("{}; {sentence}, and which of them was reached is not known", case.told.sentence);
    case.with(supports("l2.address_conflict").strong().because(sentence).citing([evidence])).next(format!(
        "find both owners of {}: {}",
        question.address,
        claims(question)
    ))
}

/// Refused and accepted in turn, by two hosts.
pub(super) fn flapping(path: &Path, refused: &[EvidenceId], accepted: &[EvidenceId]) -> Option<(Vec<Draft>, String)> {
    let (evidence, question) = claimed_twice(path)?;
    if question.address != path.endpoint.address {
        return None;
    }
    let sentence = format!("{}, and connections to {} are refused and accepted in turn", both(question), path.endpoint);
    let proof = supports("l2.address_conflict")
        .proof()
        .because(&sentence)
        .citing([evidence].into_iter().chain(refused.iter().copied()));
    let not_closed = refutes("tcp.port_closed")
        .proof()
        .because("a closed port refuses every connection; these were accepted in between")
        .citing(accepted.iter().copied());
    Some((vec![proof, not_closed], sentence))
}

fn both(question: &ArpQuestion) -> String {
    format!("{} is claimed by {} on {}", question.address, claims(question), question.device)
}

fn claims(question: &ArpQuestion) -> String {
    let all: Vec<&str> = question.claims.iter().map(|claim| claim.link_address.as_str()).collect();
    all.join(" and ")
}
