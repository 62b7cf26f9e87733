//! What moved in this host while a dial waited in vain: did its SYNs leave, and did anything come back?
//!
//! Counters are of the whole namespace, so each reading is of a quiet window. Other traffic is told from the answers to our SYNs
//! by a short burst of SYNs, and as short a time without any: a peer goes on repeating its answers for a while, but slowly.

use std::time::Duration;

use sonde_sdk::dial::{TcpDial, TcpSeries};
use sonde_sdk::sockets::CountersAnswer;
use sonde_sdk::system::LinksAnswer;
use sonde_sdk::types::{CounterDeltas, EvidenceId, Reason};

use super::{Path, is_silent};

/// Several SYNs at once, and then none.
#[derive(Clone, Debug)]
pub(crate) struct Burst {
    pub(crate) series: TcpSeries,
    /// Before and after the series.
    pub(crate) links: [LinksAnswer; 2],
    pub(crate) idle: Idle,
}

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

/// Fewer SYNs at once are no burst.
const BURST: i64 = 4;
/// So many times more moves in a burst than without it.
const STANDS_OUT: i64 = 4;
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
        self.frames_in(dial.deltas.as_ref()?, dial.timing.elapsed(), &beside.links)
    }

    /// The burst was met with as many packets that IP dropped, which do not come otherwise.
    pub(crate) fn burst_is_dropped(&self) -> bool {
        let ipv6 = self.endpoint.is_ipv6();
        let [received, delivered, forwarded] = counters(ipv6);
        self.burst_stands_out(
            |w| Some(w.moved(received)? - w.moved(delivered)? - w.moved(forwarded)?),
            |idle| Some(idle.grew(received)? - idle.grew(delivered)? - idle.grew(forwarded).unwrap_or(0)),
        )
    }

    /// This host's TCP met the burst with as many RSTs.
    pub(crate) fn burst_is_reset(&self) -> bool {
        self.burst_stands_out(|w| w.moved("Tcp.OutRsts"), |idle| idle.grew("Tcp.OutRsts"))
    }

    /// The burst was met with as many frames that IP did not receive.
    pub(crate) fn burst_ends_before_ip(&self) -> bool {
        let Some(burst) = &self.burst else { return false };
        self.burst_stands_out(
            |w| Some(self.frames_in(w, burst.series.timing.elapsed(), &burst.links)?.1),
            |idle| {
                let of_ip = idle.grew("Ip.InReceives")? + idle.grew("Ip6.InReceives").unwrap_or(0);
                Some(self.received(&idle.links)? - of_ip)
            },
        )
    }

    fn burst_stands_out(
        &self,
        moved: impl Fn(&CounterDeltas) -> Option<i64>,
        otherwise: impl Fn(&Idle) -> Option<i64>,
    ) -> bool {
        let Some(burst) = &self.burst else { return false };
        let silent = burst.series.connected == 0
            && burst.series.failures.iter().all(|group| group.first.reason == Reason::TimedOut);
        let syns = i64::try_from(burst.series.attempts.len()).unwrap_or(i64::MAX);
        let (Some(moved), Some(otherwise)) = (burst.series.deltas.as_ref().and_then(moved), otherwise(&burst.idle))
        else {
            return false;
        };
        silent && syns >= BURST && moved >= syns && otherwise.saturating_mul(STANDS_OUT) <= moved
    }

    fn frames_in(&self, window: &CounterDeltas, elapsed: Duration, links: &[LinksAnswer; 2]) -> Option<(i64, i64)> {
        let [before, after] = links;
        let (begin, end) = (window.window.at(), window.window.at() + window.window.elapsed().max(elapsed));
        if before.timing.at() + SLACK < begin || after.timing.at() > end + SLACK {
            return None;
        }
        let received = self.received(links)?;
        Some((received, received - window.moved("Ip.InReceives")? - window.moved("Ip6.InReceives")?))
    }

    fn received(&self, [before, after]: &[LinksAnswer; 2]) -> Option<i64> {
        let device = self.route()?.1.device.as_deref()?;
        let value = |links: &LinksAnswer| {
            links.outcome.as_ref().ok()?.iter().find(|l| l.name == device)?.statistic("rx_packets")
        };
        Some(value(after)? - value(before)?)
    }
}

impl Idle {
    /// By how much a counter grew meanwhile.
    fn grew(&self, name: &str) -> Option<i64> {
        let [before, after] = &self.counters;
        Some(after.value(name)? - before.value(name)?)
    }
}

impl Burst {
    /// The calls it was made of.
    pub(crate) fn evidence(&self) -> impl Iterator<Item = EvidenceId> {
        let links = self.links.iter().chain(&self.idle.links).map(|l| l.evidence);
        std::iter::once(self.series.evidence).chain(self.idle.counters.iter().map(|c| c.evidence)).chain(links)
    }
}
