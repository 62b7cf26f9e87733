//! One run: what its checks share. The target, the vantage, the clock, the grants, the ledger, the findings and the events.

mod silence;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sonde_core::finding::Finding;
use sonde_core::grant::Grants;
use sonde_core::observation::history::Period;
use sonde_core::observation::{Call, Endpoint, EvidenceId, Observation, Timing};
use sonde_core::target::{Port, Target};
use sonde_probe::clock::RunClock;
use sonde_probe::history::Archive;
use sonde_probe::vantage::Vantage;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::ledger::Ledger;

/// What happens while checks run, in order.
#[derive(Clone, Debug)]
pub enum HostEvent {
    /// A host call ended.
    Observed(Arc<Observation>),
    /// A check made a finding.
    Found(Finding),
    /// A check wrote a line.
    Log {
        /// Which check.
        check: String,
        /// How loud.
        level: LogLevel,
        /// Without control characters.
        message: String,
        /// Since the run began.
        at: Duration,
    },
    /// A check wrote more lines than it may; sent once, at its end.
    LogsDropped {
        /// Which check.
        check: String,
        /// How many.
        count: u64,
    },
}

/// How loud a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// What a run knows of time before it.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// Where there is a recorder.
    pub archive: Option<Arc<Archive>>,
    /// The run is of this time, which is over.
    pub period: Option<Period>,
}

/// One run.
#[derive(Debug)]
pub struct Run {
    pub(crate) target: Target,
    pub(crate) vantage: Arc<Vantage>,
    pub(crate) past: Past,
    pub(crate) clock: RunClock,
    pub(crate) probe_timeout: Duration,
    pub(crate) cancel: CancellationToken,
    grants: Mutex<Grants>,
    ledger: Ledger,
    findings: Mutex<Vec<Finding>>,
    events: mpsc::Sender<HostEvent>,
    /// Events that found the channel full, in order. Bounded by the limits on calls, findings and log lines of each check.
    waiting: Mutex<VecDeque<HostEvent>>,
}

/// How long the end of a check waits for a reader that has stopped reading.
const FLUSH_PATIENCE: Duration = Duration::from_secs(2);

impl Run {
    /// A run that begins at `clock`'s begin. `probe_timeout` is the bound of a single probe; `cancel` ends all its guests.
    #[expect(clippy::too_many_arguments, reason = "it is made of all these")]
    pub fn new(
        target: Target,
        vantage: Arc<Vantage>,
        past: Past,
        clock: RunClock,
        grants: Grants,
        probe_timeout: Duration,
        events: mpsc::Sender<HostEvent>,
        cancel: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            target,
            vantage,
            past,
            clock,
            probe_timeout,
            cancel,
            grants: Mutex::new(grants),
            ledger: Ledger::default(),
            findings: Mutex::default(),
            events,
            waiting: Mutex::default(),
        })
    }

    /// The host calls that have ended, in the order of their ends.
    pub fn ledger(&self) -> Vec<Arc<Observation>> {
        self.ledger.observations()
    }

    /// The findings in the order they were made; each one's index is its place.
    pub fn findings(&self) -> Vec<Finding> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The finding of this index.
    pub fn finding(&self, index: u32) -> Option<Finding> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).get(usize::try_from(index).ok()?).cloned()
    }

    /// The target's addresses as far as this run knows them, in the order its resolvers gave them.
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.with_grants(|grants| grants.targets().collect())
    }

    /// The target's endpoints that TCP dials got no answer from, and never one, or none of late.
    pub(crate) fn silent(&self) -> Vec<Endpoint> {
        let Some(port) = self.target.port().map(Port::number) else { return Vec::new() };
        let ledger = self.ledger.observations();
        let dials = |remote: Endpoint| {
            ledger.iter().filter_map(move |observed| match &observed.call {
                Call::DialTcp { request, answer } if request.remote == remote => Some(&answer.outcome),
                _ => None,
            })
        };
        let is_silent = |remote: &Endpoint| silence::is_silent(dials(*remote));
        self.addresses().into_iter().map(|address| Endpoint { address, port }).filter(is_silent).collect()
    }

    /// The same where they are others than the `known` ones.
    pub fn addresses_beside(&self, known: &[IpAddr]) -> Option<Vec<IpAddr>> {
        self.with_grants(|grants| (grants.addresses() != known).then(|| grants.addresses().to_vec()))
    }

    pub(crate) fn with_grants<T>(&self, f: impl FnOnce(&mut Grants) -> T) -> T {
        f(&mut self.grants.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn issue(&self) -> EvidenceId {
        self.ledger.issue()
    }

    pub(crate) fn knows(&self, id: EvidenceId) -> bool {
        self.ledger.knows(id)
    }

    pub(crate) fn saw(&self, id: EvidenceId) -> bool {
        self.ledger.saw(id)
    }

    /// Records a call that ended, takes what it taught of the target's addresses, and tells of it. Nothing is kept, and false
    /// returned, when the id was recorded before.
    pub(crate) fn record(&self, id: EvidenceId, check: &str, timing: Timing, call: Call) -> bool {
        self.with_grants(|grants| grants.learn(&self.target, &call));
        let observation = Arc::new(Observation {
            id,
            check: check.to_owned(),
            timing,
            started_at: self.clock.wall(timing.at),
            vantage: self.vantage.id(),
            call,
        });
        let recorded = self.ledger.record(&observation);
        if recorded {
            self.emit(HostEvent::Observed(observation));
        }
        recorded
    }

    /// Gives a finding its place in the run and tells of it.
    pub(crate) fn found(&self, mut finding: Finding) {
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        finding.index = u32::try_from(findings.len()).unwrap_or(u32::MAX);
        findings.push(finding.clone());
        // Under the lock: findings are told in the order of their indexes.
        self.emit(HostEvent::Found(finding));
    }

    /// Sends at once where there is room, else keeps the event for [`Run::flush`]. Never waits: some callers cannot.
    pub(crate) fn emit(&self, event: HostEvent) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(event);
        while let Ok(permit) = self.events.try_reserve() {
            let Some(event) = waiting.pop_front() else { break };
            permit.send(event);
        }
        if self.events.is_closed() {
            waiting.clear();
        }
    }

    /// Waits until what was kept is sent; bounded, and over at once when nobody listens.
    pub(crate) async fn flush(&self) {
        if self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return;
        }
        let all = async {
            while !self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
                let Ok(permit) = self.events.reserve().await else { return };
                // Sent under the lock, as in `emit`: the order holds.
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(event) = waiting.pop_front() else { return };
                permit.send(event);
            }
        };
        if tokio::time::timeout(FLUSH_PATIENCE, all).await.is_err() {
            tracing::warn!("nobody reads the events of a run");
        }
    }
}
