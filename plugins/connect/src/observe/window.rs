//! What moved in this host while a dial waited in vain: did its SYNs leave, and did anything come back?
//!
//! Counters are of the whole namespace, so each reading is of a quiet window, and other traffic is told from the answers to our
//! SYNs by a window in which nothing was dialled.

use std::time::Duration;

use sonde_sdk::dial::TcpDial;
use sonde_sdk::sockets::CountersAnswer;
use sonde_sdk::system::LinksAnswer;
use sonde_sdk::types::EvidenceId;

use super::{Path, is_silent};

/// Counters and links, before and after some time without a dial of this check.
#[derive(Clone, Debug)]
pub(crate) struct Idle {
    pub(crate) counters: [CountersAnswer; 2],
    pub(crate) links: [LinksAnswer; 2],
}

/// The links, read before and after a dial.
#[derive(Clone, Debug)]
pub(crate) struct Beside {
    /// Of the dial.
    pub(crate) dial: EvidenceId,
    pub(crate) links: [LinksAnswer; 2],
}

/// Between a reading of the links and the begin or end of a dial's window, more is another time.
const SLACK: Duration = Duration::from_millis(100);

/// The SYNs of a dial, each of which an answer would come to.
pub(crate) fn syns(dial: &TcpDial) -> i64 {
    i64::from(dial.connection.syn_retransmits) + 1
}

/// Repetitions of a SYN failed inside this host, in a quiet window: it need not have been ours.
pub(crate) fn some_fail_here(dial: &TcpDial) -> bool {
    moved(dial, "TcpExt.TCPRetransFail").is_some_and(|n| n > 0)
}

/// More repetitions failed than others sent: ours is among them.
pub(crate) fn ours_fail_here(dial: &TcpDial) -> bool {
    let of_others = moved(dial, "Tcp.RetransSegs").unwrap_or(0) - i64::from(dial.connection.syn_retransmits);
    moved(dial, "TcpExt.TCPRetransFail").is_some_and(|n| n > of_others.max(0))
}

/// Packets that came in during the dial and that IP neither delivered nor forwarded; none where the window was shared.
pub(crate) fn undelivered(dial: &TcpDial, ipv6: bool) -> Option<i64> {
    let [received, delivered, forwarded] = counters(ipv6);
    Some(moved(dial, received)? - moved(dial, delivered)? - moved(dial, forwarded)?)
}

/// As many packets as our SYNs would be answered with came in and were dropped here, or all that came in were.
pub(crate) fn answers_are_dropped_here(dial: &TcpDial, ipv6: bool) -> bool {
    let [_, delivered, _] = counters(ipv6);
    let lost = undelivered(dial, ipv6).unwrap_or(0);
    is_silent(dial) && lost > 0 && (lost >= syns(dial) || moved(dial, delivered) == Some(0))
}

/// This host's TCP sent as many RSTs as our SYNs would be answered with.
pub(crate) fn answers_are_reset_here(dial: &TcpDial) -> bool {
    is_silent(dial) && moved(dial, "Tcp.OutRsts").is_some_and(|n| n >= syns(dial))
}

fn moved(dial: &TcpDial, name: &str) -> Option<i64> {
    dial.deltas.as_ref()?.moved(name)
}

fn counters(ipv6: bool) -> [&'static str; 3] {
    if ipv6 {
        ["Ip6.InReceives", "Ip6.InDelivers", "Ip6.OutForwDatagrams"]
    } else {
        ["Ip.InReceives", "Ip.InDelivers", "Ip.ForwDatagrams"]
    }
}

impl Path {
    /// The silent dials whose windows were quiet.
    pub(crate) fn windows(&self) -> impl Iterator<Item = &TcpDial> {
        self.dials.iter().filter(|d| is_silent(d) && d.deltas.as_ref().is_some_and(|w| w.quiet))
    }

    /// In every quiet window, of which there are two or more.
    pub(crate) fn in_each_window(&self, seen: impl Fn(&TcpDial) -> bool) -> bool {
        self.windows().count() >= 2 && self.windows().all(seen)
    }

    /// Frames that the link received during the dial, and of these the ones that IP did not.
    pub(crate) fn frames(&self, dial: &TcpDial) -> Option<(i64, i64)> {
        let beside = self.beside.iter().find(|b| b.dial == dial.evidence)?;
        let [before, after] = &beside.links;
        let window = dial.deltas.as_ref()?.window;
        let late = before.timing.at() + SLACK < window.at();
        let long = after.timing.at() > window.at() + window.elapsed().max(dial.timing.elapsed()) + SLACK;
        if late || long {
            return None;
        }
        let received = self.received([before, after])?;
        let of_ip = moved(dial, "Ip.InReceives")? + moved(dial, "Ip6.InReceives")?;
        Some((received, received - of_ip))
    }

    /// Frames received in the idle window, and of these the ones that IP did not.
    pub(crate) fn idle_frames(&self) -> Option<i64> {
        let idle = self.idle.as_ref()?;
        let [before, after] = &idle.links;
        let of_ip = idle.grew("Ip.InReceives")? + idle.grew("Ip6.InReceives").unwrap_or(0);
        Some(self.received([before, after])? - of_ip)
    }

    fn received(&self, [before, after]: [&LinksAnswer; 2]) -> Option<i64> {
        let device = self.route()?.1.device.as_deref()?;
        let value = |links: &LinksAnswer| {
            links.outcome.as_ref().ok()?.iter().find(|l| l.name == device)?.statistic("rx_packets")
        };
        Some(value(after)? - value(before)?)
    }
}

impl Idle {
    /// By how much a counter grew meanwhile.
    pub(crate) fn grew(&self, name: &str) -> Option<i64> {
        let [before, after] = &self.counters;
        Some(after.value(name)? - before.value(name)?)
    }

    /// Packets that came in meanwhile and that IP neither delivered nor forwarded.
    pub(crate) fn undelivered(&self, ipv6: bool) -> Option<i64> {
        let [received, delivered, forwarded] = counters(ipv6);
        Some(self.grew(received)? - self.grew(delivered)? - self.grew(forwarded).unwrap_or(0))
    }

    /// The calls it was read by.
    pub(crate) fn evidence(&self) -> impl Iterator<Item = EvidenceId> {
        self.counters.iter().map(|c| c.evidence).chain(self.links.iter().map(|l| l.evidence))
    }
}
