//! What was seen of the listeners: three looks, and connections of our own in between. Plain data.

use std::collections::BTreeMap;
use std::net::IpAddr;

use sonde_sdk::dial::TcpDial;
use sonde_sdk::sockets::{
    CensusAnswer, CensusGroup, CountersAnswer, Listener, ListenersAnswer, Process, Socket, SocketsAnswer,
};
use sonde_sdk::system::{ArpAnswer, CgroupAnswer, LinksAnswer};
use sonde_sdk::types::{EvidenceId, Failure, Reason};
use sonde_sdk::way;

/// Connections that this host closed with data of the peer unread.
pub(crate) const UNREAD: &str = "TcpExt.TCPAbortOnClose";
/// Connections that a program of this host aborted.
pub(crate) const ON_PURPOSE: &str = "TcpExt.TCPAbortOnData";

/// Everything the judgement sees.
#[derive(Clone, Debug)]
pub(crate) struct Observations {
    /// Absent: the whole host.
    pub(crate) port: Option<u16>,
    /// Oldest first. Invariant: three.
    pub(crate) looks: [Look; 3],
    /// Connections of our own, between the first look and the second.
    pub(crate) dials: Vec<Dial>,
    /// Half-open connections of the port by peer, right after a silent dial that was watched.
    pub(crate) half_open: Option<CensusAnswer>,
    /// Every listener; read only where the port has none, or somebody closes connections with data unread.
    pub(crate) table: Option<ListenersAnswer>,
    pub(crate) links: Option<LinksAnswer>,
    /// Who else claims this host's addresses; not asked for a whole host.
    pub(crate) arp: Option<ArpAnswer>,
    /// The cgroups of processes whose connections waited in every look, by pid, read after the last.
    pub(crate) cgroups: Vec<(u32, CgroupAnswer)>,
    /// UDP sockets of the port; looked for only where the port has no listener.
    pub(crate) datagrams: Option<SocketsAnswer>,
}

/// One look.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) listeners: ListenersAnswer,
    pub(crate) counters: CountersAnswer,
    /// Sockets of the port by state, peer address and peer port; not for a whole host.
    pub(crate) sockets: Option<CensusAnswer>,
    /// Some of the port's half-open connections, with how often each was answered again; not for a whole host.
    pub(crate) opening: Option<SocketsAnswer>,
}

/// A connection of our own to an address of this host.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    pub(crate) address: String,
    pub(crate) dial: TcpDial,
}

/// One listener over the three looks.
#[derive(Clone, Debug)]
pub(crate) struct Watched<'a> {
    pub(crate) looks: [&'a Listener; 3],
}

impl Observations {
    /// Who receives datagrams on the port, with the evidence; a client's own socket has a peer.
    pub(crate) fn receiver(&self) -> Option<(EvidenceId, &Socket)> {
        let answer = self.datagrams.as_ref()?;
        Some((answer.evidence, answer.sockets().iter().find(|socket| socket.peer.is_none())?))
    }

    /// The evidence of a look at the listeners.
    pub(crate) fn look(&self, n: usize) -> EvidenceId {
        self.looks[n.min(2)].listeners.evidence
    }

    /// The evidence of all counter snapshots.
    pub(crate) fn snapshots(&self) -> [EvidenceId; 3] {
        [0, 1, 2].map(|n: usize| self.looks[n].counters.evidence)
    }

    /// By how much a counter grew from the first look to the last.
    pub(crate) fn grew(&self, name: &str) -> Option<i64> {
        Some(self.looks[2].counters.value(name)? - self.looks[0].counters.value(name)?)
    }

    /// By how much a counter grew from each look to the next.
    pub(crate) fn growth(&self, name: &str) -> Option<[i64; 2]> {
        let [a, b, c] = [0, 1, 2].map(|n: usize| self.looks.get(n).and_then(|l| l.counters.value(name)));
        Some([b? - a?, c? - b?])
    }

    /// It grew from the first look to the second, and again to the third.
    pub(crate) fn kept_growing(&self, name: &str) -> bool {
        let value = |n: usize| self.looks[n].counters.value(name);
        matches!((value(0), value(1), value(2)), (Some(a), Some(b), Some(c)) if a < b && b < c)
    }

    /// Connections that others on this host began, from the first look to the last.
    pub(crate) fn begun_by_others(&self) -> Option<i64> {
        Some(self.grew("Tcp.ActiveOpens")? - i64::try_from(self.dials.len()).ok()?)
    }

    /// Connections that others opened to this host, to whichever port, from the first look to the last.
    pub(crate) fn opened_by_others(&self) -> Option<i64> {
        let ours = self.dials.iter().filter(|d| d.dial.outcome.is_ok()).count();
        Some(self.grew("Tcp.PassiveOpens")? - i64::try_from(ours).ok()?)
    }

    /// Somebody from outside this host opened a connection to it, to whichever port: there were more than began here.
    pub(crate) fn is_opened_from_outside(&self) -> bool {
        let here = self.begun_by_others().map_or(0, |begun| begun.max(0));
        self.opened_by_others().is_some_and(|opened| opened > here)
    }

    /// The listeners that were there in every look.
    pub(crate) fn watched(&self) -> Result<Vec<Watched<'_>>, &Failure> {
        let [a, b, c] = &self.looks;
        let (a, b, c) = (a.listeners.outcome.as_ref()?, b.listeners.outcome.as_ref()?, c.listeners.outcome.as_ref()?);
        let find = |list: &'_ [Listener], wanted: &Listener| list.iter().position(|l| same(l, wanted));
        Ok(c.iter()
            .filter_map(|last| Some(Watched { looks: [&a[find(a, last)?], &b[find(b, last)?], last] }))
            .collect())
    }

    /// The evidence that a process is frozen with its cgroup.
    pub(crate) fn frozen(&self, pid: u32) -> Option<EvidenceId> {
        let (_, cgroup) = self.cgroups.iter().find(|(of, _)| *of == pid)?;
        cgroup.outcome.as_ref().is_ok_and(|facts| facts.frozen).then_some(cgroup.evidence)
    }

    /// Our own connections to this address that were established.
    pub(crate) fn own_connections(&self, listener: &Listener) -> usize {
        self.dials.iter().filter(|d| d.dial.outcome.is_ok() && listener.serves(&d.address)).count()
    }

    /// The sockets of the port in a state, by peer, in one look.
    pub(crate) fn sockets(&self, n: usize, state: &str) -> BTreeMap<(&str, &str), &CensusGroup> {
        let groups = self.looks[n.min(2)].sockets.as_ref().and_then(|s| s.outcome.as_ref().ok());
        groups
            .into_iter()
            .flatten()
            .filter_map(|g| match g.key.as_slice() {
                [found, address, port] if found == state => Some(((address.as_str(), port.as_str()), g)),
                _ => None,
            })
            .collect()
    }

    /// The process holds connections in every look that it has accepted: those that wait to be are connections as well.
    pub(crate) fn serves_somebody(&self) -> bool {
        (0..3).all(|n| {
            let of = |state| self.sockets(n, state).values().map(|group| group.count).sum::<u64>();
            let waiting = self.looks[n].listeners.outcome.iter().flatten().map(|listener| u64::from(listener.queued));
            of("ESTAB") + of("CLOSE-WAIT") > waiting.sum()
        })
    }

    /// Every look listed every socket: absence from it means something.
    pub(crate) fn sees_all_sockets(&self) -> bool {
        self.looks.iter().all(|look| {
            look.sockets.as_ref().is_some_and(|s| {
                s.outcome.as_ref().is_ok_and(|groups| groups.iter().map(|g| g.count).sum::<u64>() == s.total)
            })
        })
    }

    /// The evidence of a look at the sockets.
    pub(crate) fn socket_look(&self, n: usize) -> Option<EvidenceId> {
        self.looks[n.min(2)].sockets.as_ref().map(|s| s.evidence)
    }

    /// Somebody from outside this host is connected to the port, in some look.
    pub(crate) fn is_reached_from_outside(&self) -> bool {
        (0..3).any(|n| self.sockets(n, "ESTAB").keys().any(|(peer, _)| !self.is_own(peer)))
    }

    /// Nobody from outside this host is connected to the port or about to be, in any look.
    pub(crate) fn is_left_alone(&self) -> bool {
        let outside = |n, state| self.sockets(n, state).keys().any(|(peer, _)| !self.is_own(peer));
        self.sees_all_sockets()
            && !(0..3).any(|n| ["ESTAB", "SYN-RECV", "CLOSE-WAIT"].into_iter().any(|state| outside(n, state)))
    }

    /// An address of this host.
    pub(crate) fn is_own(&self, peer: &str) -> bool {
        peer.parse::<IpAddr>().is_ok_and(|peer| peer.is_loopback() || self.reachable_addresses().contains(&peer))
    }

    /// Addresses of this host that others can reach, on links that are up.
    pub(crate) fn reachable_addresses(&self) -> Vec<IpAddr> {
        let links = self.links.as_ref().and_then(|l| l.outcome.as_ref().ok());
        links
            .into_iter()
            .flatten()
            .filter(|l| l.up && !l.loopback)
            .flat_map(|l| &l.addresses)
            .filter_map(|a| a.split('/').next()?.parse().ok())
            .filter(|a: &IpAddr| !is_link_local(a))
            .collect()
    }
}

impl Watched<'_> {
    /// As it was last.
    pub(crate) fn now(&self) -> &Listener {
        self.looks[2]
    }

    /// Waiting connections, look by look.
    pub(crate) fn queued(&self) -> [u32; 3] {
        self.looks.map(|l| l.queued)
    }

    /// More wait than may, each time.
    pub(crate) fn is_full(&self) -> bool {
        self.looks.iter().all(|l| l.queued > l.backlog)
    }

    /// In how many looks there was room for one more connection at most: whoever takes one at a time makes it now and then.
    pub(crate) fn looks_without_room(&self) -> usize {
        self.looks.iter().filter(|l| l.queued >= l.backlog.max(1)).count()
    }

    /// Some waited all the time, and never fewer.
    pub(crate) fn is_stuck(&self) -> bool {
        let [a, b, c] = self.queued();
        a >= 1 && a <= b && b <= c
    }

    /// The state of its process, the same in every look.
    pub(crate) fn steady_state(&self) -> Option<&str> {
        let states = self.looks.map(|l| l.process.as_ref().map(|p| p.state.as_str()));
        (states[0] == states[1] && states[1] == states[2]).then_some(states[0]).flatten()
    }

    /// Whoever holds its socket all the time, as it was in each look, the last one last. A look that found no holder at all says nothing of
    /// them, but two must.
    pub(crate) fn holders(&self) -> Vec<Vec<&Process>> {
        let looks = self.looks.map(|look| holders(look).collect::<Vec<_>>());
        let known: Vec<&Vec<&Process>> = looks.iter().filter(|look| !look.is_empty()).collect();
        let last = known.last().filter(|_| known.len() >= 2 && !looks[2].is_empty());
        let throughout = |process: &&Process| {
            let same = |look: &&Vec<&'_ Process>| look.iter().position(|other| other.pid == process.pid);
            known.iter().map(|look| Some(look[same(look)?])).collect::<Option<Vec<_>>>()
        };
        last.into_iter().flat_map(|last| last.iter()).filter_map(throughout).collect()
    }

    /// Whoever holds it sleeps in every look, and holds it in the last.
    pub(crate) fn sleeps(&self) -> bool {
        let holders = self.holders();
        let all = holders.len() == self::holders(self.now()).count();
        let asleep = |process: &&Process| matches!(process.state.as_str(), "S" | "D");
        all && !holders.is_empty() && holders.iter().flatten().all(asleep)
    }

    /// Those of its holders who cannot accept, where that leaves one at most: a parent need not accept itself.
    pub(crate) fn kept_from_accepting(&self, cannot: impl Fn(&[&Process]) -> bool) -> Option<Vec<&Process>> {
        let holders = self.holders();
        let kept = holders.iter().filter(|looks| cannot(looks)).filter_map(|looks| looks.last().copied());
        let kept: Vec<&Process> = kept.collect();
        (!kept.is_empty() && kept.len() + 1 >= holders.len()).then_some(kept)
    }

    /// `0.0.0.0:80`, and its process.
    pub(crate) fn name(&self) -> String {
        let now = self.now();
        let address = endpoint(&now.address, now.port);
        match &now.process {
            Some(process) => format!("{address} of {} (pid {})", process.command, process.pid),
            None => address,
        }
    }
}

/// Who holds the socket of a listener, by pid.
pub(crate) fn holders(listener: &Listener) -> impl Iterator<Item = &Process> {
    listener.process.iter().chain(&listener.workers)
}

/// A signal or a debugger has stopped it, in every look.
pub(crate) fn is_stopped(looks: &[&Process]) -> bool {
    looks.iter().all(|process| matches!(process.state.as_str(), "T" | "t"))
}

/// It has no descriptor left, in every look.
pub(crate) fn is_without_descriptors(looks: &[&Process]) -> bool {
    looks
        .iter()
        .all(|process| process.open_files.zip(process.open_files_limit).is_some_and(|(open, limit)| open >= limit))
}

/// An endpoint as text.
pub(crate) fn endpoint(address: &str, port: u16) -> String {
    sonde_sdk::types::Endpoint::new(address, port).to_string()
}

fn same(a: &Listener, b: &Listener) -> bool {
    a.inode == b.inode && a.address == b.address && a.port == b.port
}

/// Nothing came back.
pub(crate) fn is_silent(dial: &TcpDial) -> bool {
    dial.outcome.as_ref().is_err_and(|f| f.reason == Reason::TimedOut)
}

/// A RST came, or an ICMP error.
pub(crate) fn is_turned_away(dial: &TcpDial) -> bool {
    dial.outcome.as_ref().is_err_and(|f| f.reason == Reason::Refused || f.icmp.is_some())
}

/// Packets that came in during the dial, and that IP did not deliver; none where the window was shared.
pub(crate) fn undelivered(dial: &TcpDial, address: &str) -> Option<i64> {
    let window = dial.deltas.as_ref()?;
    way::undelivered(address.contains(':'), |name| window.moved(name))
}

/// Only processes of this host reach it.
pub(crate) fn is_loopback(listener: &Listener) -> bool {
    listener.address.parse::<IpAddr>().is_ok_and(|a| a.is_loopback())
}

fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}
