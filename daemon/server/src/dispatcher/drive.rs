//! Carries the events of one run between its state machine, which decides, and the host, which runs the checks.
//!
//! Everything that happens is written to the run's journal. Cancellation and deadline end the guests first, and wait for them
//! (bounded), so that a finished run has nothing left behind.

mod progress;

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use sonde_core::catalogue::catalogue;
use sonde_core::manifest::{CheckEnd, Stop};
use sonde_core::run::{Effect, Event, Run as Machine, RunState};
use sonde_core::verdict::Verdict;
use sonde_host::{Host, HostEvent, LogLevel, Run as HostRun};
use sonde_probe::clock::RunClock;
use sonde_proto::v1;
use sonde_proto::v1::diagnosis_event::Event as Published;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::progress::Progress;
use super::fold::{Sum, bounded_verdict};
use super::journal::Journal;
use super::{Prepared, Running, loggable};
use crate::telemetry::{Exporter, RunTrace};
use crate::{convert, random};

/// Makes a run: what others see of it, and the future that carries it to its end.
pub(super) fn begin(
    host: &Arc<Host>,
    exporter: Option<Arc<Exporter>>,
    run: Prepared,
) -> (Running, impl Future<Output = Arc<Sum>> + Send + 'static) {
    let clock = RunClock::start();
    let trace_id = run.parent.as_ref().map_or_else(random::id_128, |parent| parent.trace_id);
    let cancel = CancellationToken::new();
    let (journal, reader) = Journal::open();
    let progress = Progress::new(&run.plan, &run.checks);
    let start = Arc::new(v1::Diagnosis {
        run_id: format!("{:016x}", random::id_64()),
        target: run.plan.target().text.clone(),
        state: v1::RunState::Running.into(),
        trigger: run.trigger.into(),
        vantage: run.asked_vantage.clone(),
        network_namespace: run.vantage.id(),
        period: run.past.period.as_ref().map(convert::period),
        started_at: Some(convert::timestamp(clock.wall(Duration::ZERO))),
        elapsed: Some(convert::duration(Duration::ZERO)),
        checks: progress.pending(),
        trace_id: format!("{trace_id:032x}"),
        ..v1::Diagnosis::default()
    });
    journal.write(v1::DiagnosisEvent {
        at: start.elapsed,
        event: Some(Published::Started(v1::RunStarted {
            run_id: start.run_id.clone(),
            trace_id: start.trace_id.clone(),
            target: start.target.clone(),
            checks: run.checks.iter().map(|check| check.manifest.name.clone()).collect(),
            network_namespace: start.network_namespace,
        })),
    });
    debug!(run = start.run_id, target = loggable(&start.target), "diagnosis began");
    // The host clears a channel only as fast as it is read; what does not fit waits there, bounded by its limits.
    let (events, happened) = mpsc::channel(256);
    let guests = cancel.child_token();
    let host_run = HostRun::new(
        run.plan.target().clone(),
        Arc::clone(&run.vantage),
        run.past,
        clock,
        run.grants,
        run.probe_timeout,
        events,
        guests.clone(),
    );
    let left = run.client_deadline.map(|deadline| clock.now() + deadline.saturating_duration_since(Instant::now()));
    let driver = Driver {
        host: Arc::clone(host),
        exporter,
        clock,
        budget: run.budget,
        over: left.map_or(run.budget, |left| left.min(run.budget)),
        out_of_time: false,
        machine: Machine::new(run.plan, catalogue()),
        host_run,
        checks: FuturesUnordered::new(),
        addresses: Vec::new(),
        progress,
        journal,
        start: Arc::clone(&start),
        guests,
        trace_id,
        parent: run.parent,
        trigger: run.trigger,
    };
    (Running { start, reader, cancel: cancel.clone() }, driver.run(happened, cancel))
}

struct Driver {
    host: Arc<Host>,
    exporter: Option<Arc<Exporter>>,
    clock: RunClock,
    /// The checks know of it, and hurry.
    budget: Duration,
    /// When the run ends at the latest, on the run's clock: at its budget, or at its client's deadline, which checks do not know
    /// of: an answer that was hurried for it would come too late as often as not.
    over: Duration,
    /// That moment has come.
    out_of_time: bool,
    machine: Machine,
    host_run: Arc<HostRun>,
    checks: FuturesUnordered<BoxFuture<'static, (String, CheckEnd)>>,
    /// Those that the machine knows of.
    addresses: Vec<IpAddr>,
    progress: Progress,
    journal: Journal,
    start: Arc<v1::Diagnosis>,
    guests: CancellationToken,
    trace_id: u128,
    parent: Option<crate::telemetry::RemoteParent>,
    trigger: v1::Trigger,
}

/// The machine's last word.
struct Finish {
    state: RunState,
    verdict: Verdict,
}

impl Driver {
    async fn run(mut self, mut happened: mpsc::Receiver<HostEvent>, cancel: CancellationToken) -> Arc<Sum> {
        // One wait each for the whole run: to begin them anew at every event costs as much as the event.
        let mut over = pin!(sleep_until(Instant::from_std(self.clock.instant(self.over))));
        let mut cancelled = pin!(cancel.cancelled());
        self.learn();
        let mut finish = self.step(Event::Begin);
        while finish.is_none() {
            finish = tokio::select! {
                biased;
                () = &mut cancelled => self.step(Event::Cancelled("its client ended it, or went away".to_owned())),
                () = &mut over => {
                    self.out_of_time = true;
                    self.step(Event::DeadlinePassed)
                }
                Some(event) = happened.recv() => {
                    // What else happens meanwhile wakes the client's stream together with this.
                    yield_now().await;
                    self.happen(event).or_else(|| self.happen_all(&mut happened))
                }
                Some((check, end)) = self.checks.next() => {
                    // A check's events are sent before it ends, and are taken before its end.
                    self.happen_all(&mut happened).or_else(|| self.check_ended(check, end))
                }
            };
        }
        let finish = finish.expect("invariant: the loop ends with it");
        self.clear_away(&mut happened).await;
        self.finish(&finish)
    }

    /// Gives the machine an event, and does what follows.
    fn step(&mut self, event: Event) -> Option<Finish> {
        let mut finish = None;
        for effect in self.machine.step(event) {
            match effect {
                Effect::StartCheck(name) => self.start_check(&name),
                Effect::PartialVerdict(verdict) => {
                    self.publish(Published::PartialVerdict(bounded_verdict(convert::verdict(&verdict))));
                }
                Effect::StopAll => self.guests.cancel(),
                Effect::Finish { state, verdict } => finish = Some(Finish { state, verdict }),
            }
        }
        finish
    }

    fn start_check(&mut self, name: &str) {
        let Some((check, arguments)) = self.progress.begin(name, self.clock.now()) else { return };
        self.publish(Published::CheckStarted(v1::CheckStarted { check: name.to_owned() }));
        let (host, run, deadline) = (Arc::clone(&self.host), Arc::clone(&self.host_run), self.budget);
        let name = name.to_owned();
        // Not a task of its own: the host makes one, on the guests' threads.
        self.checks.push(Box::pin(async move { (name, host.run(&check, &run, arguments, deadline).await) }));
    }

    fn check_ended(&mut self, check: String, end: CheckEnd) -> Option<Finish> {
        let end = match end {
            // The host cannot know why it was told to stop.
            CheckEnd::Stopped(Stop::Cancelled) if self.out_of_time => CheckEnd::Stopped(Stop::Deadline),
            end => end,
        };
        if let Some(run) = self.progress.end(&check, self.clock.now(), &end) {
            self.publish(Published::CheckEnded(run));
        }
        self.step(Event::CheckEnded { check, end })
    }

    /// Takes what the host has told by now.
    fn happen_all(&mut self, happened: &mut mpsc::Receiver<HostEvent>) -> Option<Finish> {
        until_answered(happened, |event| self.happen(event))
    }

    /// Publishes what the host tells, and tells the machine.
    fn happen(&mut self, event: HostEvent) -> Option<Finish> {
        match event {
            HostEvent::Observed(observation) => {
                self.publish(Published::Evidence(Box::new(convert::evidence(&observation))));
                self.learn();
                None
            }
            HostEvent::Found(finding) => {
                self.publish(Published::Finding(convert::finding(&finding)));
                self.step(Event::Found(finding))
            }
            HostEvent::Log { check, level, message, at } => {
                let line = v1::LogLine { check, level: log_level(level).into(), message };
                self.publish_at(at, Published::Log(line));
                None
            }
            HostEvent::LogsDropped { check, count } => {
                let message = format!("{count} further lines were dropped");
                self.publish(Published::Log(v1::LogLine { check, level: v1::LogLevel::Warn.into(), message }));
                None
            }
        }
    }

    /// Tells the machine of the addresses that the run knows by now.
    fn learn(&mut self) {
        if let Some(addresses) = self.host_run.addresses_beside(&self.addresses) {
            self.addresses.clone_from(&addresses);
            self.machine.step(Event::Learnt(addresses));
        }
    }

    /// Ends what still runs, and publishes what it left.
    async fn clear_away(&mut self, happened: &mut mpsc::Receiver<HostEvent>) {
        self.guests.cancel();
        let ending = async {
            loop {
                tokio::select! {
                    biased;
                    Some(event) = happened.recv() => drop(self.happen(event)),
                    ended = self.checks.next() => match ended {
                        None => break,
                        Some((check, end)) => drop(self.check_ended(check, end)),
                    },
                }
            }
        };
        if timeout(CLEARING, ending).await.is_err() {
            warn!(run = self.start.run_id, "a check did not end when it was told to");
            self.checks.clear();
        }
        while let Ok(event) = happened.try_recv() {
            self.happen(event);
        }
        let now = self.clock.now();
        let ends: Vec<_> =
            self.machine.checks().iter().filter_map(|check| Some((check.name.clone(), check.end.clone()?))).collect();
        for (check, end) in ends {
            if let Some(run) = self.progress.end(&check, now, &end) {
                self.publish(Published::CheckEnded(run));
            }
        }
    }

    fn finish(self, finish: &Finish) -> Arc<Sum> {
        let elapsed = self.clock.now();
        let state = match finish.state {
            RunState::Cancelled => v1::RunState::Cancelled,
            RunState::DeadlineExceeded => v1::RunState::DeadlineExceeded,
            RunState::Queued | RunState::Running | RunState::Finished => v1::RunState::Finished,
        };
        let sum = Sum::of(&self.start, &self.journal.lines()).ended(|diagnosis| {
            diagnosis.state = state.into();
            diagnosis.elapsed = Some(convert::duration(elapsed));
            diagnosis.verdict = Some(bounded_verdict(convert::verdict(&finish.verdict)));
        });
        let sum = Arc::new(sum.bounded());
        if let Some(exporter) = &self.exporter {
            exporter.export(&RunTrace {
                trace_id: self.trace_id,
                root_id: random::id_64(),
                parent: self.parent.clone(),
                run_id: &self.start.run_id,
                target: self.machine.plan().target(),
                method: match self.trigger {
                    v1::Trigger::RunCheck => "sonde.v1.CheckService/RunCheck",
                    _ => "sonde.v1.DiagnosisService/Diagnose",
                },
                began: self.clock.wall(Duration::ZERO),
                elapsed,
                network_namespace: self.start.network_namespace,
                checks: self.progress.traces(),
                findings: self.machine.findings(),
                observations: &self.host_run.ledger(),
                verdict: &finish.verdict,
            });
        }
        self.journal.finish(Arc::clone(&sum));
        sum
    }

    fn publish(&self, event: Published) {
        self.publish_at(self.clock.now(), event);
    }

    fn publish_at(&self, at: Duration, event: Published) {
        self.journal.write(v1::DiagnosisEvent { at: Some(convert::duration(at)), event: Some(event) });
    }
}

/// Hands over what has come by now until there is an answer. What is behind that stays where it is.
fn until_answered<E, A>(waiting: &mut mpsc::Receiver<E>, mut hand: impl FnMut(E) -> Option<A>) -> Option<A> {
    loop {
        let answer = hand(waiting.try_recv().ok()?);
        if answer.is_some() {
            return answer;
        }
    }
}

fn log_level(level: LogLevel) -> v1::LogLevel {
    match level {
        LogLevel::Debug => v1::LogLevel::Debug,
        LogLevel::Info => v1::LogLevel::Info,
        LogLevel::Warn => v1::LogLevel::Warn,
        LogLevel::Error => v1::LogLevel::Error,
    }
}

/// A guest that is told to end does so within a tick of its engine (10 ms); this is for a machine under load.
const CLEARING: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_behind_the_answer_is_not_lost() {
        let (sender, mut waiting) = mpsc::channel(8);
        (1..=4).for_each(|event| sender.try_send(event).expect("room"));

        let answer = until_answered(&mut waiting, |event| (event == 2).then_some("done"));
        let left: Vec<i32> = std::iter::from_fn(|| waiting.try_recv().ok()).collect();

        assert_eq!((answer, left), (Some("done"), vec![3, 4]));
        assert_eq!(until_answered(&mut waiting, |_| Some(())), None);
    }
}
