//! The reverse-path filter of a whole host. At a listener the check `listener` judges it; here it takes a steady stream of dropped
//! packets, since any host near the internet drops a stray one now and then.
//!
//! The counter names no sender. Beside much that is received in order, a few may be noise that nobody waits for: then it is a doubt. So
//! are packets of another size than a SYN has, such as what neighbours on two segments announce to everybody; and even a SYN may be a
//! scanner's, so that this is never said with confidence.

use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::types::Measure;

use super::Verdict;
use crate::observe::{Observations, Subject};

const COUNTER: &str = "TcpExt.IPReversePathFilter";
/// Packets in each half of the window.
const STEADY: i64 = 2;
/// An IPv4 packet with a SYN of a client: it has options, and no more than fit. A scanner's has one at most.
const SYN_BYTES: std::ops::RangeInclusive<i64> = 48..=80;

/// The name of the setting of a link, `all` for all of them.
pub(crate) fn setting(link: &str) -> String {
    format!("net.ipv4.conf.{link}.rp_filter")
}

/// The packets that it dropped in the window, where it did so all the time.
pub(crate) fn drops(observed: &Observations) -> Option<i64> {
    let halves = observed.growth(COUNTER)?;
    let is_steady = observed.subject == Subject::Host && halves.iter().all(|half| *half >= STEADY);
    is_steady.then(|| halves.iter().sum())
}

/// Judges it: the greater of the setting of a link and that of all counts, and 1 is strict (ip-sysctl.rst).
pub(super) fn judge(observed: &Observations, verdict: &mut Verdict) {
    let (Some(dropped), Some((settings, links))) = (drops(observed), &observed.filter) else { return };
    let value = |link: &str| settings.value(&setting(&link.replace('.', "/")))?.parse::<u8>().ok();
    let all = value("all").unwrap_or(0);
    let strict: Vec<&str> = links
        .outcome
        .iter()
        .flatten()
        .filter(|link| link.up && !link.loopback && value(&link.name).is_some_and(|own| own.max(all) == 1))
        .map(|link| link.name.as_str())
        .collect();
    if strict.is_empty() {
        return;
    }
    let sentence = format!(
        "strict reverse-path filtering drops packets all the time ({dropped} in the window): they come by another way than the reply would \
         take; it is on for {}",
        strict.join(", ")
    );
    let finding = supports("l3.rp_filter_drop")
        .about(strict.join(", "))
        .because(&sentence)
        .citing(observed.snapshots())
        .measuring(Measure::count(COUNTER, dropped));
    verdict
        .next
        .get_or_insert_with(|| "compare `ip route get` for the senders with the link that they come by".to_owned());
    let is_sized_like_syns = |half| bytes(observed, half).is_none_or(|bytes| SYN_BYTES.contains(&bytes));
    if !half_of_most(observed).is_some_and(is_sized_like_syns) {
        verdict.doubt(sentence, finding);
        return;
    }
    let by_a_rule = refutes("fw.drop_local_input")
        .about(strict.join(", "))
        .because("they are dropped at the route lookup, before any rule for input sees them; the setting says so")
        .citing([settings.evidence, links.evidence]);
    verdict.prove(sentence, finding, [by_a_rule]);
}

/// The half of the window in which it drops half of all that comes in, or more. Its own packets count as received first (`ip_rcv`), and so
/// does what this host sends to itself: the quieter half counts, since the checks of a run begin together.
fn half_of_most(observed: &Observations) -> Option<usize> {
    [0, 1]
        .into_iter()
        .filter_map(|half| Some((share(observed, half)?, half)))
        .max()
        .filter(|(share, _)| *share >= 50)
        .map(|(_, half)| half)
}

/// How many bytes a packet had in a half of the window, where hardly anything came in beside those that it dropped.
fn bytes(observed: &Observations, half: usize) -> Option<i64> {
    let [bytes, received] = [observed.growth("IpExt.InOctets")?, observed.growth("Ip.InReceives")?];
    share(observed, half).filter(|share| *share >= 75)?;
    bytes.get(half)?.checked_div(*received.get(half)?)
}

/// What it drops of all that comes in, in percent.
fn share(observed: &Observations, half: usize) -> Option<i64> {
    let [dropped, received] = [observed.growth(COUNTER)?, observed.growth("Ip.InReceives")?];
    dropped.get(half)?.saturating_mul(100).checked_div(*received.get(half)?)
}
