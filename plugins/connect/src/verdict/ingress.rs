//! Silence whose answers reach the link and not IP: dropped at this host's own ingress, where no counter of IP sees them.
//!
//! A link counts what it receives before traffic control and `netdev` hooks. Frames that are not IP's, such as ARP, are counted
//! as well, so two windows with such frames are followed by a burst of SYNs and a time without any.

use sonde_sdk::dial::TcpDial;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::EvidenceId;
use sonde_sdk::way::Met;

use super::Case;
use crate::observe::{Burst, Path, syns};

/// The link received nothing at all in some window, so no answer was lost behind it.
pub(super) fn nothing_came(path: &Path) -> bool {
    path.windows().filter_map(|d| path.frames(d)).any(|(received, _)| received == 0)
}

/// As many frames as our SYNs would be answered with end between the link and IP.
pub(super) fn judge(path: &Path) -> Option<Case<'_>> {
    let seen: Vec<(&TcpDial, i64)> = path.windows().filter_map(|d| Some((d, path.frames(d)?.1))).collect();
    let lost = |(dial, n): &(&TcpDial, i64)| *n >= syns(dial);
    let met = path.burst_ends_before_ip();
    if met == Met::Fewer
        || !path.is_silent()
        || seen.len() < 2
        || !seen.iter().all(|(_, n)| *n > 0)
        || !seen.iter().any(lost)
    {
        return None;
    }
    let device = path.route().and_then(|(_, r)| r.device.clone())?;
    let sentence = format!(
        "{device} receives frames while {} is dialled, and IP sees none of them: a filter at this host's own ingress drops the answers",
        path.endpoint
    );
    let links: Vec<EvidenceId> = path.beside.iter().flat_map(|(_, span)| span.evidence()).collect();
    let finding = supports("fw.drop_local_input").because(&sentence).citing(links);
    let next =
        "list this host's ingress rules: nft list ruleset, tc filter show dev DEV ingress, XDP programs (ip link)";
    let dials: Vec<EvidenceId> = seen.iter().map(|(d, _)| d.evidence).collect();
    if met != Met::AsMany {
        return Some(
            Case::unclear(path, format!("{} does not answer", path.endpoint))
                .with(finding.strong())
                .with(
                    supports("fw.drop_remote")
                        .strong()
                        .because("the frames may be other traffic, and the SYNs unanswered")
                        .citing(dials),
                )
                .next(next),
        );
    }
    Some(
        Case::proven(path, "fw.drop_local_input", sentence)
            .with(finding.proof())
            .with(
                refutes("l3.rp_filter_drop")
                    .proof()
                    .because("the reverse-path filter is a part of IP, and IP did not receive them")
                    .citing(dials),
            )
            .with(
                refutes("fw.drop_remote")
                    .strong()
                    .because(
                        "a burst of SYNs is met with as many frames, which do not come otherwise: they are answers",
                    )
                    .citing(path.burst.iter().flat_map(Burst::evidence)),
            )
            .next(next),
    )
}
