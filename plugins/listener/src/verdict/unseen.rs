//! Packets from outside that end between this host's link and its sockets, while nobody reaches the port.
//!
//! A filter for one interface or one source spares our own connections. What it drops is counted as received and not as delivered,
//! which is true of other noise too: a doubt, and no more.

use sonde_sdk::finding::supports;
use sonde_sdk::types::Measure;
use sonde_sdk::way;

use super::Verdict;
use crate::observe::{Observations, Watched, is_loopback};

/// From one look to the next.
const DROPPED: i64 = 2;

/// Judges the listeners of one port that answer locally.
pub(super) fn judge(observed: &Observations, watched: &[Watched], verdict: &mut Verdict) {
    let answers = observed.dials.iter().any(|d| d.dial.outcome.is_ok());
    let Some(listener) = watched.iter().find(|w| !is_loopback(w.now())).filter(|_| answers) else { return };
    let by_reverse_path = observed.grew("TcpExt.IPReversePathFilter").is_some_and(|n| n > 0);
    if by_reverse_path || !observed.is_left_alone() {
        return;
    }
    let Some([early, late]) = [false, true].into_iter().filter_map(|v6| dropped(observed, v6)).max() else { return };
    if early < DROPPED || late < DROPPED {
        return;
    }
    let name = listener.name();
    let sentence = format!(
        "{} packets were received by this host and dropped before its sockets, and nobody from outside reaches {name}",
        early + late
    );
    verdict.findings.push(
        supports("fw.drop_local_input")
            .strong()
            .about(&name)
            .because(&sentence)
            .citing(observed.snapshots().into_iter().chain(observed.socket_look(2)))
            .measuring(Measure::count("undelivered", early + late))
            .build(),
    );
    verdict
        .next
        .get_or_insert_with(|| "list this host's input rules: nft list ruleset, iptables -vnL INPUT".to_owned());
    verdict.doubts.push(sentence);
}

/// What ended in IP from each look to the next, without what came to many: that may be delivered to nobody.
fn dropped(observed: &Observations, ipv6: bool) -> Option<[i64; 2]> {
    let to_many: &[&str] = if ipv6 { &["Ip6.InMcastPkts"] } else { &["IpExt.InMcastPkts", "IpExt.InBcastPkts"] };
    let half = |n: usize| {
        let grew = |name: &str| observed.growth(name)?.get(n).copied();
        Some(way::undelivered(ipv6, grew)? - to_many.iter().filter_map(|name| grew(name)).sum::<i64>())
    };
    Some([half(0)?, half(1)?])
}
