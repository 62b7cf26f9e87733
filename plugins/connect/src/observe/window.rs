//! What moved in this host while a dial waited in vain: did its SYNs leave, and did anything come back?
//!
//! Counters are of the whole namespace, so each reading is of a quiet window. Other traffic is told from the answers to our SYNs
//! by a short burst of SYNs, and as short a time without any: a peer goes on repeating its answers for a while, but slowly.

use sonde_sdk::dial::{TcpDial, TcpSeries};
use sonde_sdk::sockets::CountersAnswer;
use sonde_sdk::system::LinksAnswer;
use sonde_sdk::types::{CounterDeltas, EvidenceId, Reason};
use sonde_sdk::way::{self, Met};

use super::{Path, is_silent};

/// The kernel's counters and the links, before and after something.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) counters: [CountersAnswer; 2],
    pub(crate) links: [LinksAnswer; 2],
}

/// Several SYNs at once, and then none.
#[derive(Clone, Debug)]
pub(crate) struct Burst {
    pub(crate) series: TcpSeries,
    pub(crate) span: Span,
    pub(crate) idle: Span,
}

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
    way::undelivered(ipv6, |name| moved(dial, name))
}

/// As many packets as our SYNs would be answered with came in and were dropped here, or all that came in were.
pub(crate) fn answers_are_dropped_here(dial: &TcpDial, ipv6: bool) -> bool {
    let delivered = if ipv6 { "Ip6.InDelivers" } else { "Ip.InDelivers" };
    let lost = undelivered(dial, ipv6).unwrap_or(0);
    is_silent(dial) && lost > 0 && (lost >= syns(dial) || moved(dial, delivered) == Some(0))
}

/// A SYN was due again while the one before still waited in this host: for the next hop's address, or for the device.
pub(crate) fn waits_here(dial: &TcpDial) -> bool {
    is_silent(dial) && moved(dial, "TcpExt.TCPSpuriousRtxHostQueues").is_some_and(|n| n > 0)
}

/// This host's TCP sent as many RSTs as our SYNs would be answered with.
pub(crate) fn answers_are_reset_here(dial: &TcpDial) -> bool {
    is_silent(dial) && moved(dial, "Tcp.OutRsts").is_some_and(|n| n >= syns(dial))
}

fn moved(dial: &TcpDial, name: &str) -> Option<i64> {
    dial.deltas.as_ref()?.moved(name)
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

    /// Frames that the link received during a dial, and of these the ones that IP did not.
    pub(crate) fn frames(&self, dial: &TcpDial) -> Option<(i64, i64)> {
        self.frames_of(&self.beside.iter().find(|(of, _)| *of == dial.evidence)?.1)
    }

    /// Packets that IP dropped.
    pub(crate) fn burst_is_dropped(&self) -> Met {
        let ipv6 = self.endpoint.is_ipv6();
        self.burst_is_met(
            |w| way::undelivered(ipv6, |name| w.moved(name)),
            |idle| way::undelivered(ipv6, |name| idle.grew(name)),
        )
    }

    /// RSTs of this host's TCP.
    pub(crate) fn burst_is_reset(&self) -> Met {
        self.burst_is_met(|w| w.moved("Tcp.OutRsts"), |idle| idle.grew("Tcp.OutRsts"))
    }

    /// Frames that IP did not receive.
    pub(crate) fn burst_ends_before_ip(&self) -> Met {
        let Some(burst) = &self.burst else { return Met::Unknown };
        let lost = |frames: (i64, i64)| frames.1;
        self.burst_is_met(|_| self.frames_of(&burst.span).map(lost), |idle| self.frames_of(idle).map(lost))
    }

    fn burst_is_met(
        &self,
        moved: impl Fn(&CounterDeltas) -> Option<i64>,
        otherwise: impl Fn(&Span) -> Option<i64>,
    ) -> Met {
        let Some(burst) = &self.burst else { return Met::Unknown };
        let silent = burst.series.connected == 0
            && burst.series.failures.iter().all(|group| group.first.reason == Reason::TimedOut);
        let syns = i64::try_from(burst.series.attempts.len()).unwrap_or(i64::MAX);
        let (Some(moved), Some(otherwise)) = (burst.series.deltas.as_ref().and_then(moved), otherwise(&burst.idle))
        else {
            return Met::Unknown;
        };
        if silent { Met::of(syns, moved, otherwise) } else { Met::Unknown }
    }

    fn frames_of(&self, span: &Span) -> Option<(i64, i64)> {
        let device = self.route()?.1.device.as_deref()?;
        let value = |links: &LinksAnswer| {
            links.outcome.as_ref().ok()?.iter().find(|l| l.name == device)?.statistic("rx_packets")
        };
        let [before, after] = &span.links;
        let received = value(after)? - value(before)?;
        let of_ip = span.grew("Ip.InReceives")? + span.grew("Ip6.InReceives").unwrap_or(0);
        Some((received, received - of_ip))
    }
}

impl Span {
    /// By how much a counter grew meanwhile.
    fn grew(&self, name: &str) -> Option<i64> {
        let [before, after] = &self.counters;
        Some(after.value(name)? - before.value(name)?)
    }

    /// The calls it was read by.
    pub(crate) fn evidence(&self) -> impl Iterator<Item = EvidenceId> {
        self.counters.iter().map(|c| c.evidence).chain(self.links.iter().map(|l| l.evidence))
    }
}

impl Burst {
    /// The calls it was made of.
    pub(crate) fn evidence(&self) -> impl Iterator<Item = EvidenceId> {
        std::iter::once(self.series.evidence).chain(self.span.evidence()).chain(self.idle.evidence())
    }
}
