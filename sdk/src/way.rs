//! Why packets towards an endpoint do not leave this host, or do not come through: judged from this host's own routes,
//! neighbours and links, and from the ICMP errors that came.
//!
//! It is the same for every protocol, so what a check has tried stands here as plain [`Attempt`]s. The judgement is pure and names
//! causes of the layers l2, l3 and fw only; silence and what a service says are the check's own to judge.

mod aged;
mod attempt;
mod choice;
mod explained;
mod gateways;
mod hop;
mod icmp;
mod known;
mod local;
mod met;
mod neighbour;
mod no_route;
mod outward;
mod rule;
mod undelivered;

pub use self::attempt::{Attempt, Elsewhere};
pub use self::choice::choose;
pub use self::explained::Explained;
pub use self::gateways::{Gateways, gateways};
pub use self::hop::{NextHop, next_hop, watched};
pub use self::icmp::{Message, is_time_exceeded};
pub use self::known::Known;
pub use self::met::Met;
pub use self::undelivered::undelivered;
use crate::system::{DefaultRoutesAnswer, Link, LinksAnswer, NeighbourEntry, Route};
use crate::types::{Endpoint, EvidenceId, Failure, IcmpError, Measure};

/// The causes that it supports or refutes, for the manifest of a check that asks it.
pub const CAUSES: [&str; 16] = [
    "l2.carrier_lost",
    "l2.gateway_unresolved",
    "l2.link_admin_down",
    "l2.neighbor_unresolved",
    "l3.host_down",
    "l3.icmp_unreachable",
    "l3.ipv6_blackhole",
    "l3.ipv6_no_route",
    "l3.no_route",
    "l3.route_blackhole",
    "l3.route_policy_reject",
    "l3.routing_loop",
    "l3.wrong_netmask",
    "fw.drop_local_output",
    "fw.drop_remote",
    "fw.reject_icmp",
];

/// What was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// SYNs.
    Tcp,
    /// Datagrams.
    Udp,
}

/// A failure on the way to an endpoint, and what is known of that way.
#[derive(Clone, Debug)]
pub struct Way<'a> {
    /// Where to.
    pub endpoint: &'a Endpoint,
    /// What was sent.
    pub transport: Transport,
    /// The call whose failure is to be explained.
    pub evidence: EvidenceId,
    /// That failure.
    pub failure: &'a Failure,
    /// Every attempt at the endpoint, that one among them; oldest first.
    pub attempts: Vec<Attempt<'a>>,
    /// At other ports of the address.
    pub elsewhere: Vec<Elsewhere<'a>>,
    /// What was read of the way.
    pub known: &'a Known,
    /// The links of this host.
    pub links: Option<&'a LinksAnswer>,
    /// Its default routes.
    pub defaults: Option<&'a DefaultRoutesAnswer>,
}

impl Way<'_> {
    /// What an ICMP error that came from elsewhere than this host comes to; none where none came.
    pub fn told(&self) -> Option<Explained> {
        let (sender, error) = self.foreign_icmp()?;
        Some(icmp::judge(self, sender, error))
    }

    /// What this host's own ICMP error comes to; none where it may be the kernel's word on a silent neighbour.
    pub fn told_by_itself(&self) -> Option<Explained> {
        icmp::own(self, self.failure.icmp.as_ref()?)
    }

    /// The next hop does not answer ARP or ND, or its link has no carrier.
    pub fn is_cut_off(&self) -> bool {
        neighbour::is_broken(self)
    }

    /// What a next hop that does not answer comes to; none where the failure is not its doing.
    pub fn unresolved(&self) -> Option<Explained> {
        neighbour::explains(self).then(|| neighbour::judge(self))
    }

    /// What an errno comes to that this host gave at once, without sending anything.
    pub fn refused_here(&self) -> Explained {
        local::judge(self)
    }

    /// Explained by this cause.
    pub fn proven(&self, cause: &'static str, sentence: String) -> Explained {
        Explained::proven(self.endpoint, cause, sentence)
    }

    /// Not explained.
    pub fn unclear(&self, sentence: String) -> Explained {
        Explained::unclear(self.endpoint, sentence)
    }

    /// The other attempts at the endpoint.
    pub fn others(&self) -> impl Iterator<Item = EvidenceId> {
        self.attempts.iter().map(|attempt| attempt.evidence).filter(|id| *id != self.evidence)
    }

    /// How long the failure took, as a measure.
    pub fn elapsed(&self) -> Measure {
        Measure::duration("connect", self.failure.elapsed())
    }

    /// The address is one of this host.
    pub fn is_local(&self) -> bool {
        self.known.is_local()
    }

    /// By how much a counter moved during the attempt that is to be explained.
    fn moved(&self, counter: &str) -> Option<i64> {
        self.attempts.iter().find(|attempt| attempt.evidence == self.evidence)?.deltas?.moved(counter)
    }

    /// Other ports where the host itself answered.
    fn answering(&self) -> impl Iterator<Item = &Elsewhere<'_>> {
        self.elsewhere.iter().filter(|other| other.answered)
    }
}

impl<'a> Way<'a> {
    /// The sender of an ICMP error that came from elsewhere than this host, and the error.
    pub fn foreign_icmp(&self) -> Option<(&'a str, &'a IcmpError)> {
        let error = self.failure.icmp.as_ref()?;
        let sender = error.sender.as_deref()?;
        // On a local target the rejecting filter is this host's own, so its address proves nothing about the neighbour.
        (self.is_local() || !self.is_own(sender)).then_some((sender, error))
    }

    /// What an ICMP error towards this endpoint says.
    pub fn message(&self, error: &IcmpError) -> Message {
        icmp::message(error, self.endpoint.is_ipv6())
    }

    /// The address is this host's own; the kernel reports a failed neighbour as an ICMP error from itself.
    fn is_own(&self, address: &str) -> bool {
        let source = self.route().and_then(|(_, route)| route.source.as_deref());
        let bound = self.attempts.iter().filter_map(|attempt| attempt.local).any(|local| local.address == address);
        let on_a_link = self.links().is_some_and(|(_, links)| {
            links.iter().flat_map(|link| &link.addresses).any(|own| own.split('/').next() == Some(address))
        });
        source == Some(address) || bound || on_a_link
    }

    fn failures(&self) -> impl Iterator<Item = (EvidenceId, &'a Failure)> {
        self.attempts.iter().filter_map(|attempt| Some((attempt.evidence, attempt.failure?)))
    }

    fn route(&self) -> Option<(EvidenceId, &'a Route)> {
        self.known.route()
    }

    fn neighbour(&self) -> Option<(EvidenceId, &'a NeighbourEntry)> {
        self.known.neighbour()
    }

    fn links(&self) -> Option<(EvidenceId, &'a [Link])> {
        let answer = self.links?;
        Some((answer.evidence, answer.outcome.as_ref().ok()?))
    }

    fn link(&self, name: &str) -> Option<(EvidenceId, &'a Link)> {
        let (evidence, links) = self.links()?;
        Some((evidence, links.iter().find(|link| link.name == name)?))
    }
}

impl Transport {
    /// One of what is sent.
    fn packet(self) -> &'static str {
        match self {
            Self::Tcp => "SYN",
            Self::Udp => "datagram",
        }
    }

    /// What a host lets out or not.
    fn traffic(self) -> &'static str {
        match self {
            Self::Tcp => "connections",
            Self::Udp => "datagrams",
        }
    }

    /// The cause of a port that nothing listens on.
    fn closed_port(self) -> &'static str {
        match self {
            Self::Tcp => "tcp.port_closed",
            Self::Udp => "udp.port_closed",
        }
    }
}

/// No link-layer address was learnt.
pub fn is_unresolved(entry: &NeighbourEntry) -> bool {
    matches!(entry.state.as_str(), "FAILED" | "INCOMPLETE")
}

/// It has one, or needs none.
pub fn is_resolved(entry: &NeighbourEntry) -> bool {
    matches!(entry.state.as_str(), "REACHABLE" | "STALE" | "DELAY" | "PROBE" | "PERMANENT" | "NOARP")
}
