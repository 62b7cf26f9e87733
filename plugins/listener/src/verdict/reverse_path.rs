//! Packets that the reverse-path filter discards on arrival, while nobody from outside gets through.
//!
//! The counter tells neither sender nor port: only their size tells what may be SYNs from what a segment is full of, and even a SYN may
//! have been for another port.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::Measure;

use super::Verdict;
use crate::observe::{Observations, Watched, is_loopback};

const COUNTER: &str = "TcpExt.IPReversePathFilter";
/// In the window.
const DROPPED: i64 = 3;
/// An IPv4 packet with a SYN of a client: it has options, and no more than fit. A scanner's has one at most.
const SYN_BYTES: std::ops::RangeInclusive<i64> = 48..=80;

/// Judges the listeners of one port.
pub(super) fn judge(observed: &Observations, listener: &Watched, verdict: &mut Verdict) {
    let dropped = observed.grew(COUNTER).unwrap_or(0);
    let nobody = observed.sees_all_sockets()
        && (0..3).all(|n| {
            let outside = |state| observed.sockets(n, state).keys().any(|(peer, _)| !observed.is_own(peer));
            !outside("ESTAB") && !outside("SYN-RECV")
        });
    if dropped < DROPPED || !observed.kept_growing(COUNTER) || !nobody || is_loopback(listener.now()) {
        return;
    }
    let works: Vec<_> = observed.dials.iter().filter(|d| d.dial.outcome.is_ok()).map(|d| d.dial.evidence).collect();
    let name = listener.name();
    let size = size(observed);
    if let Some(bytes) = size.filter(|bytes| !SYN_BYTES.contains(bytes)) {
        verdict.notes.push(format!(
            "the reverse path filter of this host dropped {dropped} packets in the window; they have {bytes} bytes on average and are no \
             SYNs to {name}"
        ));
        return;
    }
    let sentence = format!(
        "the reverse path filter of this host dropped {dropped} packets in the window, and no remote client reaches {name}"
    );
    let [first, second, third] = observed.snapshots();
    let finding = supports("l3.rp_filter_drop")
        .about(&name)
        .because(&sentence)
        .citing([first, second])
        .measuring(Measure::count(COUNTER, dropped));
    if works.is_empty() {
        verdict.doubt(sentence, finding);
        return;
    }
    // They may want another port: named, but never with confidence.
    let against = refutes("fw.drop_local_input")
        .about(&name)
        .because("the packets end in the reverse path filter, before any input rule; locally the listener answers")
        .citing([third].into_iter().chain(works));
    verdict.prove(sentence, finding, [against]);
}

/// How many bytes they have on average; none where others come in beside them. Between the later looks nothing of ours does.
fn size(observed: &Observations) -> Option<i64> {
    let [dropped, received, bytes] = [COUNTER, "Ip.InReceives", "IpExt.InOctets"].map(|name| observed.growth(name));
    let [dropped, received, bytes] = [dropped?[1], received?[1], bytes?[1]];
    (dropped > 0 && dropped.saturating_mul(4) >= received.saturating_mul(3)).then(|| bytes / received.max(1))
}
