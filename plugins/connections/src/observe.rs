//! What was seen: two looks at the sockets in scope. Plain data.

use std::collections::HashMap;
use std::time::Duration;

use sonde_sdk::sockets::{CensusAnswer, CountersAnswer, Socket, SocketsAnswer};
use sonde_sdk::system::{CgroupAnswer, HostAnswer, SysctlsAnswer};
use sonde_sdk::types::{EvidenceId, Failure};

/// The kernel settings that bound the local ports towards one destination.
pub(crate) const SETTINGS: [&str; 3] =
    ["net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_tw_reuse"];

/// Whose connections are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of the namespace.
    Host,
    /// Those of a local port.
    Port(u16),
    /// Those that this process holds.
    Process(u32),
}

/// Everything the judgement sees.
#[derive(Clone, Debug)]
pub(crate) struct Observations {
    pub(crate) scope: Scope,
    /// [`SETTINGS`]; of a whole host only.
    pub(crate) settings: Option<SysctlsAnswer>,
    /// Oldest first.
    pub(crate) looks: [Look; 2],
    /// The cgroups of processes that hold many connections which their peers have closed, by pid, read after the last look.
    pub(crate) cgroups: Vec<(u32, CgroupAnswer)>,
    /// What the process behind a port has opened itself, after the last look.
    pub(crate) elsewhere: Option<SocketsAnswer>,
    /// The machine after the last look, where TCP discards what it receives.
    pub(crate) machine: Option<HostAnswer>,
}

/// One look.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) counters: CountersAnswer,
    /// By state, local address, peer address and peer port; of a whole host only.
    pub(crate) towards: Option<CensusAnswer>,
    /// CLOSE-WAIT, the longest silent first.
    pub(crate) unclosed: SocketsAnswer,
    /// Closed by us, and not yet by the peer.
    pub(crate) closing: SocketsAnswer,
    /// Connections with the most to send first.
    pub(crate) unsent: SocketsAnswer,
    /// Connections with the most timeouts first.
    pub(crate) unacknowledged: SocketsAnswer,
    /// Connections with the most unread first.
    pub(crate) unread: SocketsAnswer,
    /// UDP sockets with the most drops first.
    pub(crate) datagrams: SocketsAnswer,
    /// Listeners.
    pub(crate) listening: SocketsAnswer,
}

/// A socket that was there in both looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched<'a> {
    pub(crate) before: &'a Socket,
    pub(crate) now: &'a Socket,
}

/// One of the searches of a look.
pub(crate) type Search = fn(&Look) -> &SocketsAnswer;

impl Observations {
    /// The sockets that a search brought in both looks, in the order of the second.
    pub(crate) fn watched<'a>(&'a self, search: Search) -> Vec<Watched<'a>> {
        let [first, second] = &self.looks;
        let before: HashMap<u64, &'a Socket> =
            search(first).sockets().iter().map(|socket| (socket.cookie, socket)).collect();
        let both = |now: &'a Socket| Some(Watched { before: before.get(&now.cookie)?, now });
        search(second).sockets().iter().filter_map(both).collect()
    }

    /// A client opened it: its local port is one that is listened on, or nobody can tell.
    pub(crate) fn is_accepted(&self, socket: &Socket) -> bool {
        let listening = &self.looks[1].listening;
        listening.outcome.is_err() || listening.sockets().iter().any(|other| other.local.port == socket.local.port)
    }

    /// Somebody on this host listens on its local port, where that is known: of a port's scope only the port itself is.
    pub(crate) fn is_accepted_by_any(&self, socket: &Socket) -> bool {
        let of_port = matches!(self.scope, Scope::Port(port) if port == socket.local.port);
        of_port || self.looks[1].listening.sockets().iter().any(|other| other.local.port == socket.local.port)
    }

    /// What a setting says.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        let settings = self.settings.as_ref()?.outcome.as_ref().ok()?;
        settings.iter().find(|setting| setting.name == name)?.value.as_deref()
    }

    /// The cgroup with which a process is frozen; none where it is not, or where that cannot be seen.
    pub(crate) fn frozen(&self, pid: u32) -> Option<&str> {
        let (_, answer) = self.cgroups.iter().find(|(of, _)| *of == pid)?;
        answer.outcome.as_ref().ok().filter(|cgroup| cgroup.frozen).map(|cgroup| cgroup.path.as_str())
    }

    /// The evidence of a search, of both looks.
    pub(crate) fn evidence(&self, search: Search) -> [EvidenceId; 2] {
        [search(&self.looks[0]).evidence, search(&self.looks[1]).evidence]
    }

    /// The evidence of the counters, of both looks.
    pub(crate) fn snapshots(&self) -> [EvidenceId; 2] {
        [self.looks[0].counters.evidence, self.looks[1].counters.evidence]
    }

    /// By how much a counter grew; none where one of the snapshots lacks it.
    pub(crate) fn grew(&self, name: &str) -> Option<i64> {
        let [first, second] = &self.looks;
        Some(second.counters.value(name)? - first.counters.value(name)?)
    }

    /// From one answer of a search to the next.
    pub(crate) fn between(&self, search: Search) -> Duration {
        let [first, second] = [search(&self.looks[0]), search(&self.looks[1])];
        second.timing.at().saturating_sub(first.timing.at())
    }

    /// Why the sockets could not be read.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        let searches: [Search; 4] = [|l| &l.unclosed, |l| &l.closing, |l| &l.unsent, |l| &l.unacknowledged];
        self.looks.iter().flat_map(|look| searches.map(|search| search(look).outcome.as_ref().err())).flatten().next()
    }
}

impl Watched<'_> {
    /// Nothing came of the peer between the looks, give or take the tick of the kernel's clock.
    pub(crate) fn stayed_silent(&self, between: Duration) -> bool {
        let silence = |socket: &Socket| {
            let (info, flow) = (socket.info.as_ref()?, socket.flow.as_ref()?);
            // Who never sent anything got no acknowledgement.
            let acknowledged = if info.bytes_acked == 0 { u32::MAX } else { info.last_ack_received_ms };
            Some(Duration::from_millis(acknowledged.min(flow.last_data_received_ms).into()))
        };
        let (Some(before), Some(now)) = (silence(self.before), silence(self.now)) else { return false };
        now >= before + between.mul_f64(0.8)
    }
}

/// `10.0.0.5:443`, and the process that connects to it.
pub(crate) fn name(socket: &Socket) -> String {
    let ends = match &socket.peer {
        Some(peer) => format!("{peer} from {}", socket.local),
        None => socket.local.to_string(),
    };
    match socket.process() {
        Some(process) => format!("{ends} of {} (pid {})", process.command, process.pid),
        None => ends,
    }
}

/// `api (pid 12)`; none where no process is known.
pub(crate) fn owner(socket: &Socket) -> Option<String> {
    socket.process().map(|process| format!("{} (pid {})", process.command, process.pid))
}

/// Since an acknowledgement of the peer came; none where the kernel does not tell.
pub(crate) fn silence(socket: &Socket) -> Option<Duration> {
    let info = socket.info.as_ref().filter(|info| info.bytes_acked > 0)?;
    Some(Duration::from_millis(info.last_ack_received_ms.into()))
}
