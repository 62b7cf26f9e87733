//! Silence whose answers do come back, and are dropped by this host itself.
//!
//! `InReceives` counts before any filter, `InDelivers` behind all of them. Where in quiet windows as many packets are lost between
//! the two as our SYNs would be answered with, and a burst of SYNs is met with as many more while hardly any come without it, they were
//! the answers: on a quiet host even a stranger's packet a second looks like them otherwise. Which part of the kernel dropped them,
//! its own counter says.

use sonde_sdk::dial::TcpDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::EvidenceId;
use sonde_sdk::way::Met;

use super::Case;
use crate::observe::{Burst, Path, answers_are_dropped_here};

/// Two windows agree, or it is left open.
pub(super) fn judge(path: &Path) -> Option<Case<'_>> {
    let ipv6 = path.endpoint.is_ipv6();
    let windows: Vec<&TcpDial> = path.windows().collect();
    let [first, others @ ..] = windows.as_slice() else { return None };
    let met = path.burst_is_dropped();
    if !path.is_silent() || met == Met::Fewer || !windows.iter().all(|d| answers_are_dropped_here(d, ipv6)) {
        return None;
    }
    let again: Vec<EvidenceId> = others.iter().map(|d| d.evidence).collect();
    if again.is_empty() || met != Met::AsMany {
        let sentence = format!("{} does not answer, and packets that come in are dropped by this host", path.endpoint);
        return Some(
            Case::unclear(path, sentence.clone())
                .with(
                    supports("fw.drop_local_input")
                        .strong()
                        .because(sentence)
                        .citing(windows.iter().map(|d| d.evidence).chain(path.burst.iter().flat_map(Burst::evidence))),
                )
                .with(
                    supports("fw.drop_remote")
                        .because("they may be other traffic, and the SYNs unanswered")
                        .citing([first.evidence]),
                ),
        );
    }
    let moved = |name| windows.iter().all(|d| d.deltas.as_ref().and_then(|w| w.moved(name)).is_some_and(|n| n > 0));
    let (cause, look_alike, why, next) = if !ipv6 && moved("TcpExt.IPReversePathFilter") {
        let why =
            "strict reverse-path filtering drops them: a reply would take another way (IPReversePathFilter grows)";
        (
            "l3.rp_filter_drop",
            "fw.drop_local_input",
            why,
            "see `sysctl net.ipv4.conf.all.rp_filter` and this host's routes",
        )
    } else if moved("conntrack.invalid") {
        let why = "connection tracking cannot assign them to a flow and a rule drops what is invalid (conntrack invalid grows)";
        (
            "nf.invalid_drop",
            "fw.drop_remote",
            why,
            "look for `ct state invalid drop` and `notrack` in this host's rules",
        )
    } else {
        let why = "a filter of this host drops them before any socket sees them";
        (
            "fw.drop_local_input",
            "l3.rp_filter_drop",
            why,
            "list this host's input rules: nft list ruleset, iptables -S INPUT",
        )
    };
    let sentence = format!("answers to the SYNs to {} do come back, and {why}", path.endpoint);
    let not_the_other = match look_alike {
        "fw.drop_local_input" => "repeated, the counter of the reverse-path filter grows with each SYN again",
        "l3.rp_filter_drop" => "repeated, the counter of the reverse-path filter stands still again",
        _ => "repeated, packets come back to this host again: nothing beyond it swallows them",
    };
    Some(
        Case::proven(path, cause, sentence.clone())
            .with(supports(cause).proof().because(&sentence).citing([first.evidence]))
            .with(refutes(look_alike).proof().because(not_the_other).citing(again.iter().copied()))
            .with(
                refutes("fw.drop_remote")
                    .strong()
                    .because("a burst of SYNs is met with as many packets that are dropped here: they were answered")
                    .citing(again.into_iter().chain(path.burst.iter().flat_map(Burst::evidence))),
            )
            .next(next),
    )
}
