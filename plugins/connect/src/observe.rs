//! What was seen of the target's addresses: plain data, no judgement.

mod window;

use std::time::Duration;

use sonde_sdk::dial::TcpDial;
use sonde_sdk::path::{EchoResult, Hop};
use sonde_sdk::sockets::{CensusAnswer, ConntrackAnswer, CountersAnswer, Listener, ListenersAnswer, TrackedFlow};
use sonde_sdk::system::{ArpAnswer, DefaultRoutesAnswer, Link, LinksAnswer, NeighbourEntry, Route};
use sonde_sdk::types::{Endpoint, EvidenceId, Failure, Reason};
use sonde_sdk::way::{Attempt, Elsewhere, Known, Transport, Way};

pub(crate) use self::window::{
    Burst, Span, answers_are_dropped_here, answers_are_reset_here, ours_fail_here, some_fail_here, syns, undelivered,
    waits_here,
};

/// Everything the judgement sees.
#[derive(Clone, Debug)]
pub(crate) struct Observations {
    /// One for each address that was dialled, in the resolver's order.
    pub(crate) paths: Vec<Path>,
    /// Read only where something failed.
    pub(crate) links: Option<LinksAnswer>,
    /// Read only where a network was unreachable.
    pub(crate) defaults: Option<DefaultRoutesAnswer>,
    /// A round trip above this is a fault.
    pub(crate) latency: Duration,
    /// The target's name.
    pub(crate) host: Option<String>,
}

/// What was seen of one address.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) endpoint: Endpoint,
    /// Dials of the endpoint, oldest first. Invariant: at least one.
    pub(crate) dials: Vec<TcpDial>,
    /// What was read of the way.
    pub(crate) known: Known,
    /// Dials of other ports of the same address.
    pub(crate) controls: Vec<Control>,
    /// Sockets towards this endpoint, by local address.
    pub(crate) census: Option<CensusAnswer>,
    /// Listeners of the port; read only where the address is one of this host.
    pub(crate) listeners: Option<ListenersAnswer>,
    /// Half-open connections of the port by peer; read only where an address of this host is silent.
    pub(crate) half_open: Option<CensusAnswer>,
    /// Dials from other addresses of the same link.
    pub(crate) bound: Vec<Bound>,
    /// Who claims the next hop and this host's own address.
    pub(crate) arp: Option<ArpAnswer>,
    /// What connection tracking keeps of some of the dials, by the dial.
    pub(crate) flows: Vec<(EvidenceId, ConntrackAnswer)>,
    /// The kernel's counters since they began, where a suspicion called for them.
    pub(crate) counters: Option<CountersAnswer>,
    /// The links before and after a sample that lost packets.
    pub(crate) around: Option<(LinksAnswer, LinksAnswer)>,
    /// Counters and links around silent dials in quiet windows, or around a part of the dial; by the dial.
    pub(crate) beside: Vec<(EvidenceId, Span)>,
    /// Where other traffic might be taken for answers to our SYNs.
    pub(crate) burst: Option<Burst>,
    /// The host's answers to echo requests, where the port is silent.
    pub(crate) echo: Option<EchoResult>,
    /// Dials of the endpoint one after the other, after those made together lost something here and nothing elsewhere.
    pub(crate) singly: Vec<TcpDial>,
    /// Connections that were kept open for a moment, saying nothing; looked at only where all others were accepted.
    pub(crate) held: Vec<TcpDial>,
}

/// A dial from an address that the kernel did not choose.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) local: String,
    pub(crate) dial: TcpDial,
}

/// A dial of another port of the same address.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub(crate) port: u16,
    pub(crate) dial: TcpDial,
}

impl Path {
    /// With its first dial.
    pub(crate) fn new(endpoint: Endpoint, dial: TcpDial) -> Self {
        Self {
            endpoint,
            dials: vec![dial],
            known: Known::default(),
            controls: vec![],
            census: None,
            listeners: None,
            half_open: None,
            bound: vec![],
            arp: None,
            flows: vec![],
            counters: None,
            around: None,
            beside: vec![],
            burst: None,
            echo: None,
            singly: vec![],
            held: vec![],
        }
    }

    /// Some dial of the endpoint succeeded.
    pub(crate) fn is_open(&self) -> bool {
        self.dials.iter().any(|d| d.outcome.is_ok())
    }

    /// The dials of the endpoint that failed, each with its failure.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&TcpDial, &Failure)> {
        self.dials.iter().filter_map(|d| Some((d, d.outcome.as_ref().err()?)))
    }

    /// The last failure that says something of the network; the later dials were watched more closely.
    pub(crate) fn failure(&self) -> Option<(&TcpDial, &Failure)> {
        self.failures().filter(|(_, f)| !f.is_our_own()).last().or_else(|| self.failures().last())
    }

    /// Every dial of the endpoint ended without any answer.
    pub(crate) fn is_silent(&self) -> bool {
        self.dials.iter().all(|d| d.outcome.as_ref().is_err_and(|f| f.reason == Reason::TimedOut))
    }

    /// The dials that began after the first silent one had ended; none where nothing was silent.
    pub(crate) fn after_silence(&self) -> impl Iterator<Item = &TcpDial> {
        let ended = self.dials.iter().filter(|d| is_silent(d)).map(|d| d.timing.at() + d.timing.elapsed()).min();
        self.dials.iter().filter(move |d| ended.is_some_and(|ended| d.timing.at() >= ended))
    }

    /// The route the kernel chose, with its evidence.
    pub(crate) fn route(&self) -> Option<(EvidenceId, &Route)> {
        self.known.route()
    }

    /// The address is one of this host.
    pub(crate) fn is_local(&self) -> bool {
        self.known.is_local()
    }

    /// The neighbour entry of the next hop, with its evidence.
    pub(crate) fn neighbour(&self) -> Option<(EvidenceId, &NeighbourEntry)> {
        self.known.neighbour()
    }

    /// Controls that the host at the address answered: it accepted or refused without any ICMP.
    pub(crate) fn answered_controls(&self) -> impl Iterator<Item = &Control> {
        self.controls.iter().filter(|c| answered_by_host(&c.dial))
    }

    /// The answers to echo requests; none where nothing was answered.
    pub(crate) fn echoed(&self) -> Option<&EchoResult> {
        self.echo.as_ref().filter(|e| e.received > 0)
    }

    /// The last router that let a SYN to the port pass, with its evidence; none where a SYN of the trace came to its end.
    pub(crate) fn last_hop(&self) -> Option<(EvidenceId, &Hop)> {
        let trace = self.known.trace.as_ref()?;
        let ended = trace.outcome.as_ref().is_err_and(|f| f.reason == Reason::TimedOut);
        if trace.reached.is_some() || !ended {
            return None;
        }
        Some((trace.evidence, trace.last_heard().filter(|hop| !hop.senders().is_empty())?))
    }

    /// What connection tracking keeps of a dial, with its evidence.
    pub(crate) fn flow(&self, dial: EvidenceId) -> Option<(EvidenceId, &TrackedFlow)> {
        let (_, answer) = self.flows.iter().find(|(of, _)| *of == dial)?;
        Some((answer.evidence, answer.outcome.as_ref().ok()?.as_ref()?))
    }

    /// The listeners of the port, with their evidence.
    pub(crate) fn listeners(&self) -> Option<(EvidenceId, &[Listener])> {
        let answer = self.listeners.as_ref()?;
        Some((answer.evidence, answer.outcome.as_ref().ok()?))
    }
}

impl Observations {
    /// The link of this name, with the evidence of the dump.
    pub(crate) fn link(&self, name: &str) -> Option<(EvidenceId, &Link)> {
        let (evidence, links) = self.links()?;
        Some((evidence, links.iter().find(|l| l.name == name)?))
    }

    /// The links, with their evidence.
    pub(crate) fn links(&self) -> Option<(EvidenceId, &[Link])> {
        let answer = self.links.as_ref()?;
        Some((answer.evidence, answer.outcome.as_ref().ok()?))
    }

    /// A failed dial of an address, with what is known of the way there.
    pub(crate) fn way<'a>(&'a self, path: &'a Path, dial: &'a TcpDial, failure: &'a Failure) -> Way<'a> {
        let elsewhere =
            |control: &'a Control| Elsewhere::new(control.port, &control.dial, answered_by_host(&control.dial));
        Way {
            endpoint: &path.endpoint,
            transport: Transport::Tcp,
            evidence: dial.evidence,
            failure,
            attempts: path.dials.iter().map(Attempt::from).collect(),
            elsewhere: path.controls.iter().map(elsewhere).collect(),
            known: &path.known,
            links: self.links.as_ref(),
            defaults: self.defaults.as_ref(),
        }
    }
}

/// A SYN or its answer was lost: it had to be repeated, or nothing came.
pub(crate) fn has_lost(dial: &TcpDial) -> bool {
    dial.connection.syn_retransmits > 0 || is_silent(dial)
}

/// Nothing came at all.
pub(crate) fn is_silent(dial: &TcpDial) -> bool {
    dial.outcome.as_ref().is_err_and(|f| f.reason == Reason::TimedOut)
}

/// Others sent much in the window of this dial.
pub(crate) fn is_loaded(dial: &TcpDial) -> bool {
    dial.deltas.as_ref().and_then(|d| d.moved("Tcp.InSegs")).is_some_and(|n| n >= LOADED)
}

/// The round trips of the path agree: the largest is at most half as long again as the smallest. Of many, one may stand out.
pub(crate) fn is_steady(path: &Path) -> bool {
    let mut trips: Vec<Duration> = path.dials.iter().filter_map(|d| d.connection.rtt()).collect();
    trips.sort_unstable();
    if trips.len() >= ONE_STANDS_OUT {
        trips.pop();
    }
    trips.first().zip(trips.last()).is_none_or(|(shortest, longest)| *longest <= shortest.mul_f64(1.5))
}

/// The host at the address itself accepted, or refused by RST.
pub(crate) fn answered_by_host(dial: &TcpDial) -> bool {
    match &dial.outcome {
        Ok(()) => true,
        Err(f) => f.reason == Reason::Refused && f.icmp.is_none() && dial.connection.icmp_visible,
    }
}

/// The counters since they began say that this namespace has lost more than it should: a reason to look, no proof.
pub(crate) fn has_lost_before(counters: &CountersAnswer) -> bool {
    let share = |lost: &str, of: &str| match (counters.value(lost), counters.value(of)) {
        (Some(lost), Some(all)) => lost >= LOST_BEFORE && lost.saturating_mul(100) >= all,
        _ => false,
    };
    share("Tcp.RetransSegs", "Tcp.OutSegs") || share("TcpExt.TCPOFOQueue", "Tcp.InSegs")
}

/// Fewer lost segments say nothing of a share.
const LOST_BEFORE: i64 = 3;
/// Segments of others in the window of one dial, from which on the path is loaded.
const LOADED: i64 = 10;
/// Of so many round trips, one that is longer than the others was this host's own delay.
const ONE_STANDS_OUT: usize = 5;
