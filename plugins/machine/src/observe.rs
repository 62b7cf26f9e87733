//! What was seen of the machine: two looks, and the processes that are asked about. Plain data.

use sonde_sdk::sockets::{CountersAnswer, ListenersAnswer};
use sonde_sdk::system::{
    CgroupAnswer, CgroupFacts, HostAnswer, HostFacts, LinksAnswer, NeighboursAnswer, ProcessAnswer, ProcessFacts,
    SysctlsAnswer,
};
use sonde_sdk::types::EvidenceId;

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Host,
    Process(u32),
    Listener(u16),
}

/// Everything the judgement sees.
#[derive(Clone, Debug)]
pub(crate) struct Observations {
    pub(crate) subject: Subject,
    /// Oldest first.
    pub(crate) looks: [Look; 2],
    /// A snapshot between both.
    pub(crate) between: CountersAnswer,
    /// The listeners whose processes are looked at; none for a process.
    pub(crate) listeners: Option<ListenersAnswer>,
    pub(crate) processes: Vec<Watched>,
    /// The reverse-path filter's settings and the links; read where its counter grows.
    pub(crate) filter: Option<(SysctlsAnswer, LinksAnswer)>,
    /// Read where a table of neighbours overflows.
    pub(crate) neighbours: Option<NeighboursAnswer>,
}

/// One look.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) host: HostAnswer,
    pub(crate) counters: CountersAnswer,
}

/// One process over both looks.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    /// Connections wait at its listener.
    pub(crate) is_waited_for: bool,
    pub(crate) process: [ProcessAnswer; 2],
    pub(crate) cgroup: [CgroupAnswer; 2],
}

impl Observations {
    /// The machine in both looks.
    pub(crate) fn machine(&self) -> Option<[&HostFacts; 2]> {
        let [first, second] = &self.looks;
        Some([first.host.outcome.as_ref().ok()?, second.host.outcome.as_ref().ok()?])
    }

    /// The evidence of that.
    pub(crate) fn machine_looks(&self) -> [EvidenceId; 2] {
        [self.looks[0].host.evidence, self.looks[1].host.evidence]
    }

    /// The evidence of the snapshots, the one between them in the middle.
    pub(crate) fn snapshots(&self) -> [EvidenceId; 3] {
        [self.looks[0].counters.evidence, self.between.evidence, self.looks[1].counters.evidence]
    }

    /// By how much a counter grew from the first look to the second; none where it is not counted here.
    pub(crate) fn grew(&self, name: &str) -> Option<i64> {
        Some(self.looks[1].counters.value(name)? - self.looks[0].counters.value(name)?)
    }

    /// By how much in each half of the window.
    pub(crate) fn growth(&self, name: &str) -> Option<[i64; 2]> {
        let between = self.between.value(name)?;
        Some([between - self.looks[0].counters.value(name)?, self.looks[1].counters.value(name)? - between])
    }

    /// A gauge in both looks.
    pub(crate) fn values(&self, name: &str) -> Option<[i64; 2]> {
        Some([self.looks[0].counters.value(name)?, self.looks[1].counters.value(name)?])
    }
}

impl Watched {
    /// It in both looks, where it was the same process: one that began anew meanwhile is another.
    pub(crate) fn facts(&self) -> Option<[&ProcessFacts; 2]> {
        let [first, second] = &self.process;
        let facts = [first.outcome.as_ref().ok()?, second.outcome.as_ref().ok()?];
        (facts[0].age_us <= facts[1].age_us).then_some(facts)
    }

    /// Its cgroup in both looks, where that was the same one.
    pub(crate) fn cgroups(&self) -> Option<[&CgroupFacts; 2]> {
        let [first, second] = &self.cgroup;
        let facts = [first.outcome.as_ref().ok()?, second.outcome.as_ref().ok()?];
        (facts[0].path == facts[1].path).then_some(facts)
    }

    /// The evidence of the looks at the process.
    pub(crate) fn looks(&self) -> [EvidenceId; 2] {
        [self.process[0].evidence, self.process[1].evidence]
    }

    /// The evidence of the looks at its cgroup.
    pub(crate) fn cgroup_looks(&self) -> [EvidenceId; 2] {
        [self.cgroup[0].evidence, self.cgroup[1].evidence]
    }
}

/// `server (pid 42)`.
pub(crate) fn name(process: &ProcessFacts) -> String {
    format!("{} (pid {})", process.command, process.pid)
}
