//! What was seen of the target's addresses: plain data, no judgement.

use sonde_sdk::dial::UdpDial;
use sonde_sdk::path::{EchoResult, PathMtuResult};
use sonde_sdk::sockets::{CountersAnswer, Process, Socket, SocketsAnswer};
use sonde_sdk::system::{DefaultRoutesAnswer, LinksAnswer, Route};
use sonde_sdk::types::{Endpoint, EvidenceId, Failure, Reason};
use sonde_sdk::way::{self, Attempt, Elsewhere, Known, Met, Transport, Way};

use crate::protocol::{Protocol, Reading};

/// Everything the judgement sees.
#[derive(Clone, Debug)]
pub(crate) struct Observations {
    /// One for each address, in the resolver's order.
    pub(crate) paths: Vec<Path>,
    /// Read only where something failed.
    pub(crate) links: Option<LinksAnswer>,
    /// Read only where a network was unreachable.
    pub(crate) defaults: Option<DefaultRoutesAnswer>,
}

/// What was seen of one address.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) endpoint: Endpoint,
    pub(crate) protocol: Protocol,
    /// What the answer to the protocol's question repeats.
    pub(crate) number: u64,
    /// Dials of the endpoint, oldest first. Invariant: at least one.
    pub(crate) dials: Vec<UdpDial>,
    /// Many numbered datagrams to a service that echoes.
    pub(crate) series: Vec<UdpDial>,
    /// As many echo requests beside the last series, where an earlier one lost something.
    pub(crate) pings: Option<EchoResult>,
    /// Numbered datagrams that fill a packet of 1,500 bytes, to a service that echoes.
    pub(crate) large: Option<UdpDial>,
    /// The path's MTU, where the large ones were not answered.
    pub(crate) mtu: Option<PathMtuResult>,
    /// Dials of other ports of the same address.
    pub(crate) controls: Vec<Control>,
    /// A few echo requests, where the port is silent.
    pub(crate) echo: Option<EchoResult>,
    /// What was read of the way.
    pub(crate) known: Known,
    /// The kernel's counters, where this host lets nothing out.
    pub(crate) counters: Option<CountersAnswer>,
    /// Where this host may have dropped what was sent, or what came back.
    pub(crate) burst: Option<Burst>,
    /// The sockets of the port, where the address is one of this host; of a silent one before and after the dials but the first.
    pub(crate) sockets: Vec<SocketsAnswer>,
}

/// A dial of another port of the same address.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub(crate) port: u16,
    pub(crate) dial: UdpDial,
}

/// Many datagrams at once, and as long a time without.
#[derive(Clone, Debug)]
pub(crate) struct Burst {
    pub(crate) dial: UdpDial,
    pub(crate) idle: [CountersAnswer; 2],
}

impl Path {
    /// With its first dial.
    pub(crate) fn new(endpoint: Endpoint, number: u64, dial: UdpDial) -> Self {
        Self {
            protocol: Protocol::of(endpoint.port),
            endpoint,
            number,
            dials: vec![dial],
            series: vec![],
            pings: None,
            large: None,
            mtu: None,
            controls: vec![],
            echo: None,
            known: Known::default(),
            counters: None,
            burst: None,
            sockets: vec![],
        }
    }

    /// Something answered, whatever it said.
    pub(crate) fn is_answered(&self) -> bool {
        self.answered().is_some()
    }

    /// The first dial that something answered.
    pub(crate) fn answered(&self) -> Option<&UdpDial> {
        self.dials.iter().find(|dial| dial.outcome.is_ok() || dial.answer.is_some())
    }

    /// What the answer is, where the protocol's question was asked.
    pub(crate) fn reading(&self) -> Option<Reading> {
        let answer = self.answered()?.answer.as_deref()?;
        Some(self.protocol.read(answer, self.number))
    }

    /// The service sends back what it is sent.
    pub(crate) fn is_echoed(&self) -> bool {
        self.protocol == Protocol::Echo && self.dials.iter().any(|dial| dial.received > 0)
    }

    /// The last failure that says something of the network; the later dials were watched more closely.
    pub(crate) fn failure(&self) -> Option<(&UdpDial, &Failure)> {
        let failures = || self.dials.iter().filter_map(|dial| Some((dial, dial.outcome.as_ref().err()?)));
        failures().rfind(|(_, failure)| !failure.is_our_own()).or_else(|| failures().next_back())
    }

    /// Every dial ended without any answer or error.
    pub(crate) fn is_silent(&self) -> bool {
        self.dials.iter().all(|dial| dial.outcome.as_ref().is_err_and(|failure| failure.reason == Reason::TimedOut))
    }

    /// The address is one of this host.
    pub(crate) fn is_local(&self) -> bool {
        self.known.is_local()
    }

    /// The route the kernel chose, with its evidence.
    pub(crate) fn route(&self) -> Option<(EvidenceId, &Route)> {
        self.known.route()
    }

    /// The evidence of every dial.
    pub(crate) fn evidence(&self) -> Vec<EvidenceId> {
        self.dials.iter().map(|dial| dial.evidence).collect()
    }

    /// What shows that the host at the address is alive: it answered an echo request, or for another port.
    pub(crate) fn life(&self) -> Vec<EvidenceId> {
        let echo = self.echo.iter().filter(|echo| echo.received > 0).map(|echo| echo.evidence);
        self.controls
            .iter()
            .filter(|control| is_from_the_host(&control.dial, &self.endpoint.address))
            .map(|control| control.dial.evidence)
            .chain(echo)
            .collect()
    }

    /// Sockets of the port in the last look at them, those that take what is sent to the address or the others.
    pub(crate) fn receivers(&self, taking: bool) -> impl Iterator<Item = &Socket> {
        let of_all = self.sockets.last().map(SocketsAnswer::sockets).unwrap_or_default();
        of_all.iter().filter(move |socket| socket.peer.is_none() && takes(socket, &self.endpoint.address) == taking)
    }

    /// Packets that this host's IP received and dropped meanwhile; none where that was not counted.
    pub(crate) fn undelivered(&self, dial: &UdpDial) -> Option<i64> {
        way::undelivered(self.endpoint.is_ipv6(), |name| moved(dial, name))
    }

    /// As many packets as datagrams were sent ended in this host's IP, in each window that counted them, of which there are so many.
    pub(crate) fn ends_here(&self, windows: usize) -> bool {
        let counted = || self.dials.iter().filter_map(|dial| Some((dial.sent.into(), self.undelivered(dial)?)));
        counted().count() >= windows && counted().all(|(sent, lost): (i64, i64)| sent > 0 && lost >= sent)
    }

    /// Whether those were ours.
    pub(crate) fn met(&self) -> Met {
        let Some(burst) = self.burst.as_ref().filter(|burst| burst.dial.received == 0) else { return Met::Unknown };
        let [before, after] = &burst.idle;
        let grew = |name: &str| Some(after.value(name)? - before.value(name)?);
        let (lost, otherwise) = (self.undelivered(&burst.dial), way::undelivered(self.endpoint.is_ipv6(), grew));
        match (lost, otherwise) {
            (Some(lost), Some(otherwise)) => Met::of(burst.dial.sent.into(), lost, otherwise),
            _ => Met::Unknown,
        }
    }

    /// Datagrams that were sent to the endpoint.
    pub(crate) fn sent(&self) -> u32 {
        self.dials.iter().map(|dial| dial.sent).sum()
    }
}

impl Observations {
    /// A failed dial of an address, with what is known of the way there.
    pub(crate) fn way<'a>(&'a self, path: &'a Path, dial: &'a UdpDial, failure: &'a Failure) -> Way<'a> {
        let elsewhere = |control: &'a Control| {
            Elsewhere::new(control.port, &control.dial, is_from_the_host(&control.dial, &path.endpoint.address))
        };
        Way {
            endpoint: &path.endpoint,
            transport: Transport::Udp,
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

/// The host at the address itself answered, be it that the port is closed.
pub(crate) fn is_from_the_host(dial: &UdpDial, address: &str) -> bool {
    let said_so = |failure: &Failure| {
        failure.icmp.as_ref().is_some_and(|error| is_port_unreachable(error.icmp_type, error.code, address))
            && failure.icmp.as_ref().and_then(|error| error.sender.as_deref()) == Some(address)
    };
    dial.answer.is_some() || dial.outcome.as_ref().map_or_else(said_so, |()| true)
}

/// RFC 792; RFC 4443 section 3.1.
fn is_port_unreachable(icmp_type: u8, code: u8, address: &str) -> bool {
    (icmp_type, code) == if address.contains(':') { (1, 4) } else { (3, 3) }
}

/// It is bound to the address, or to every one of its family; one for IPv6 may take IPv4 as well.
fn takes(socket: &Socket, address: &str) -> bool {
    match socket.local.address.as_str() {
        "0.0.0.0" => !address.contains(':'),
        "::" => true,
        bound => bound == address,
    }
}

/// For sentences: `syslogd (pid 4242)`, `a socket`.
pub(crate) fn holder(socket: &Socket) -> String {
    let name = |process: &Process| format!("{} (pid {})", process.command, process.pid);
    socket.process().map_or_else(|| "a socket".to_owned(), name)
}

/// By how much a counter moved in the quiet window of a dial.
pub(crate) fn moved(dial: &UdpDial, name: &str) -> Option<i64> {
    dial.deltas.as_ref()?.moved(name)
}
