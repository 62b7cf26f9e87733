//! The one path of a host call: budget, deadline, grant, the work on the I/O runtime, and its line in the ledger.
//!
//! It never fails: whatever stands in a call's way is an answer with a failure. A call that its guest drops (the loser of a
//! race, or all of them when the guest is stopped) ends at once and is recorded as cut short.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sonde_core::observation::{Call, EvidenceId, Failure, Phase, Reason, Timing};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::limits::Limits;
use crate::run::Run;

/// One function of the contract: its request, with how to do it and how to fail it.
pub(crate) trait HostCall: Clone + Send + Sync + 'static {
    /// What comes of it.
    type Answer: Clone + Send + 'static;
    /// `dial.tcp`.
    const FUNCTION: &'static str;
    /// Where it fails when it is not even begun.
    const PHASE: Phase;

    /// Asks the run's grants.
    fn admit(&self, _run: &Run) -> Result<(), Reason> {
        Ok(())
    }

    /// Shortens its own timeout to what is left of the run.
    fn clamp(&mut self, remaining: Duration);

    /// Does it, on the I/O runtime.
    fn perform(&self, run: &Run) -> impl Future<Output = Self::Answer> + Send;

    /// The answer that says it failed.
    fn failed(&self, timing: Timing, failure: Failure) -> Self::Answer;

    /// The ledger's line.
    fn observed(self, answer: Self::Answer) -> Call;

    /// When it was, as the probe measured it; else it is measured around [`HostCall::perform`].
    fn timing(_answer: &Self::Answer) -> Option<Timing> {
        None
    }

    /// Whether it has the vantage for itself, where every other probe waits for it.
    fn is_alone(&self) -> bool {
        false
    }
}

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Answered<A> {
    pub(crate) id: EvidenceId,
    pub(crate) timing: Timing,
    pub(crate) answer: A,
}

/// Left of a run's time for the guest to judge in, after its last probe.
const JUDGING: Duration = Duration::from_millis(50);

/// How many times over its budget of calls a guest is answered before it is stopped.
const FLOOD_FACTOR: u32 = 10;

/// A guest's way to make calls. Cheap to clone; all clones share its budgets.
#[derive(Clone, Debug)]
pub(crate) struct Caller(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Absent while a check describes itself: then there is nothing to call.
    run: Option<Arc<Run>>,
    check: String,
    /// On the run's clock.
    deadline: Duration,
    io: Handle,
    made: AtomicU32,
    allowed: u32,
    /// Bytes of the ledger that this guest's calls fill.
    kept: AtomicU64,
    keepable: u64,
    in_flight: Arc<Semaphore>,
    /// The first call that was over the budget stands for all of them.
    over_budget: OnceLock<(EvidenceId, Timing)>,
    flooded: CancellationToken,
}

impl Caller {
    pub(crate) fn new(run: Option<Arc<Run>>, check: &str, deadline: Duration, io: Handle, limits: &Limits) -> Self {
        Self(Arc::new(Shared {
            run,
            check: check.to_owned(),
            deadline,
            io,
            made: AtomicU32::new(0),
            allowed: limits.host_calls,
            kept: AtomicU64::new(0),
            keepable: limits.ledger_bytes,
            in_flight: Arc::new(Semaphore::new(limits.concurrent_calls as usize)),
            over_budget: OnceLock::new(),
            flooded: CancellationToken::new(),
        }))
    }

    /// The run, but while the check describes itself.
    pub(crate) fn run(&self) -> Option<&Arc<Run>> {
        self.0.run.as_ref()
    }

    /// The check's name.
    pub(crate) fn check(&self) -> &str {
        &self.0.check
    }

    /// Cancelled when the guest goes on calling long after its budget is spent.
    pub(crate) fn flooded(&self) -> &CancellationToken {
        &self.0.flooded
    }

    /// Until the run's deadline.
    pub(crate) fn remaining(&self) -> Duration {
        self.0.run.as_ref().map_or(Duration::ZERO, |run| self.0.deadline.saturating_sub(run.clock.now()))
    }

    /// Makes a call.
    pub(crate) async fn call<C: HostCall>(&self, mut call: C) -> Answered<C::Answer> {
        let Some(run) = self.0.run.clone() else {
            let failure = failure::<C>(Reason::InvalidRequest("describe may call nothing".to_owned()));
            return Answered {
                id: EvidenceId(0),
                timing: Timing::default(),
                answer: call.failed(Timing::default(), failure),
            };
        };
        let at = run.clock.now();
        if let Some(spent) = self.over_budget() {
            let (id, timing) = *self.0.over_budget.get_or_init(|| {
                let answered = self.refuse(&run, at, call.clone(), spent.clone());
                (answered.id, answered.timing)
            });
            return Answered { id, timing, answer: call.failed(timing, failure::<C>(spent)) };
        }
        let Ok(permit) = Arc::clone(&self.0.in_flight).try_acquire_owned() else {
            let spent =
                Reason::BudgetExhausted("too many host calls are in flight at once; await some first".to_owned());
            return self.refuse(&run, at, call, spent);
        };
        let remaining = self.remaining().saturating_sub(JUDGING);
        if remaining.is_zero() {
            return self.refuse(&run, at, call, Reason::BudgetExhausted("the run's time is up".to_owned()));
        }
        if let Err(denied) = call.admit(&run) {
            return self.refuse(&run, at, call, denied);
        }
        call.clamp(if call.is_alone() { remaining.min(run.probe_timeout) } else { remaining });

        let call = Arc::new(call);
        let pending = Pending {
            run: Arc::clone(&run),
            shared: Arc::clone(&self.0),
            id: run.issue(),
            at,
            call: Some(Arc::clone(&call)),
        };
        let id = pending.id;
        let work = {
            let (run, shared, call) = (Arc::clone(&run), Arc::clone(&self.0), Arc::clone(&call));
            async move {
                let answer = call.perform(&run).await;
                let timing = C::timing(&answer).unwrap_or_else(|| run.clock.since(at));
                let observed = Arc::unwrap_or_clone(call).observed(answer.clone());
                // Here rather than when the guest takes it: a guest that is busy must not lose what was seen.
                shared.keep(&run, id, timing, observed);
                drop(permit);
                // Waking a guest costs as much as its call: whatever else can be done now is done first, and wakes it with this.
                tokio::task::yield_now().await;
                (timing, answer)
            }
        };
        let done = AbortOnDropHandle::new(self.0.io.spawn(work)).await;
        run.flush().await;
        match done {
            Ok((timing, answer)) => {
                pending.settled();
                Answered { id, timing, answer }
            }
            Err(error) => {
                let reason = Reason::Other(
                    if error.is_panic() { "a bug in sonde: the probe panicked" } else { "sonde is shutting down" }
                        .to_owned(),
                );
                let timing = run.clock.since(at);
                let answer = call.failed(timing, failure_after::<C>(reason, timing.elapsed));
                self.0.keep(&run, id, timing, Arc::unwrap_or_clone(call).observed(answer.clone()));
                pending.settled();
                Answered { id, timing, answer }
            }
        }
    }

    /// Records a call whose arguments make no sense, and fails it.
    pub(crate) fn reject(&self, function: &str, phase: Phase, problem: String) -> (EvidenceId, Timing, Failure) {
        let failure = failed(phase, Reason::InvalidRequest(problem), Duration::ZERO);
        let Some(run) = self.0.run.as_ref() else { return (EvidenceId(0), Timing::default(), failure) };
        let timing = Timing { at: run.clock.now(), elapsed: Duration::ZERO };
        if self.over_budget().is_some() {
            return (self.0.over_budget.get().map_or(EvidenceId(0), |(id, _)| *id), timing, failure);
        }
        let id = run.issue();
        self.0.keep(run, id, timing, Call::Rejected { function: function.to_owned(), failure: failure.clone() });
        (id, timing, failure)
    }

    /// Counts a call; says why when it is one too many.
    fn over_budget(&self) -> Option<Reason> {
        let made = self.0.made.fetch_add(1, Ordering::Relaxed);
        if made / FLOOD_FACTOR >= self.0.allowed {
            self.0.flooded.cancel();
        }
        if made >= self.0.allowed {
            return Some(Reason::BudgetExhausted(format!("a check may make {} host calls in a run", self.0.allowed)));
        }
        let kept = self.0.kept.load(Ordering::Relaxed);
        (kept >= self.0.keepable).then(|| {
            Reason::BudgetExhausted(format!(
                "the answers to a check may fill {} bytes of the ledger in a run",
                self.0.keepable
            ))
        })
    }

    fn refuse<C: HostCall>(&self, run: &Run, at: Duration, call: C, reason: Reason) -> Answered<C::Answer> {
        let timing = run.clock.since(at);
        let answer = call.failed(timing, failure_after::<C>(reason, timing.elapsed));
        let id = run.issue();
        self.0.keep(run, id, timing, call.observed(answer.clone()));
        Answered { id, timing, answer }
    }
}

impl Shared {
    /// Records a call, and counts what it fills of the ledger: whatever became of it, its request is kept.
    fn keep(&self, run: &Run, id: EvidenceId, timing: Timing, call: Call) {
        let weight = crate::weight::of(&call);
        if run.record(id, &self.check, timing, call) {
            self.kept.fetch_add(weight, Ordering::Relaxed);
        }
    }
}

/// A call that is under way. Dropped before it is settled, it records that it was cut short.
struct Pending<C: HostCall> {
    run: Arc<Run>,
    shared: Arc<Shared>,
    id: EvidenceId,
    at: Duration,
    call: Option<Arc<C>>,
}

impl<C: HostCall> Pending<C> {
    fn settled(mut self) {
        self.call = None;
    }
}

impl<C: HostCall> Drop for Pending<C> {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else { return };
        let timing = self.run.clock.since(self.at);
        let failure =
            failure_after::<C>(Reason::Other("cut short: the check did not wait for it".to_owned()), timing.elapsed);
        let answer = call.failed(timing, failure);
        // Does nothing where the call ended by itself in the meantime.
        self.shared.keep(&self.run, self.id, timing, Arc::unwrap_or_clone(call).observed(answer));
    }
}

fn failure<C: HostCall>(reason: Reason) -> Failure {
    failure_after::<C>(reason, Duration::ZERO)
}

fn failure_after<C: HostCall>(reason: Reason, elapsed: Duration) -> Failure {
    failed(C::PHASE, reason, elapsed)
}

fn failed(phase: Phase, reason: Reason, elapsed: Duration) -> Failure {
    let detail = match &reason {
        Reason::Denied(text) | Reason::InvalidRequest(text) | Reason::BudgetExhausted(text) | Reason::Other(text) => {
            text.clone()
        }
        other => other.error_type().to_owned(),
    };
    Failure { phase, reason, errno: None, icmp: None, elapsed, detail }
}

/// The failure of an inspection that did not end in time.
pub(crate) fn timed_out(elapsed: Duration) -> Failure {
    Failure {
        phase: Phase::Inspect,
        reason: Reason::TimedOut,
        errno: None,
        icmp: None,
        elapsed,
        detail: "the kernel did not answer in time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sonde_core::grant::Grants;
    use sonde_core::observation::Endpoint;
    use sonde_core::observation::dial::Property;
    use sonde_core::observation::dial::{HttpProtocol, HttpRequest};
    use sonde_core::target::Target;
    use sonde_probe::clock::RunClock;
    use sonde_probe::vantage::{Selector, Vantage};

    const SECOND: Duration = Duration::from_secs(1);

    /// A caller whose run grants 127.0.0.1:9 only.
    fn caller(limits: &Limits, probe_timeout: Duration) -> (Arc<Run>, Caller) {
        let target: Target = "tcp://127.0.0.1:9".parse().expect("a target");
        let grants = Grants::for_target(&target);
        let vantage = Arc::new(Vantage::open(&Selector::Own).expect("our own namespace"));
        let (events, _unheard) = tokio::sync::mpsc::channel(1);
        let run = Run::new(
            target,
            vantage,
            crate::run::Past::default(),
            RunClock::start(),
            grants,
            probe_timeout,
            events,
            CancellationToken::new(),
        );
        let caller = Caller::new(Some(Arc::clone(&run)), "greedy", 60 * SECOND, Handle::current(), limits);
        (run, caller)
    }

    /// With 64 KiB of headers.
    fn request(address: &str, deltas: bool) -> HttpRequest {
        HttpRequest {
            remote: Endpoint { address: address.parse().expect("an address"), port: 9 },
            local_address: None,
            device: None,
            tls_server_name: None,
            protocol: HttpProtocol::Http1,
            proxied: None,
            method: "GET".to_owned(),
            path: "/".to_owned(),
            host: "a".to_owned(),
            headers: vec![Property { name: "x".to_owned(), value: "y".repeat(64 << 10) }],
            body: Vec::new(),
            again_after: Vec::new(),
            segment_bytes: None,
            timeout: 30 * SECOND,
            body_limit_bytes: 0,
            deltas,
        }
    }

    #[tokio::test]
    async fn requests_that_are_denied_fill_the_ledger_too() {
        let limits = Limits { ledger_bytes: 256 << 10, ..Limits::default() };
        let (run, caller) = caller(&limits, SECOND);
        for _ in 0..100 {
            caller.call(request("192.0.2.1", false)).await.answer.outcome.expect_err("denied");
        }
        assert_eq!(run.ledger().len(), 5, "four that fill it, and one for all the others");
    }

    #[tokio::test]
    async fn requests_that_are_dropped_fill_the_ledger_too() {
        let limits = Limits { ledger_bytes: 256 << 10, ..Limits::default() };
        let (run, caller) = caller(&limits, SECOND);
        for _ in 0..100 {
            let mut call = Box::pin(caller.call(request("127.0.0.1", false)));
            let _begun = futures_util::poll!(&mut call);
        }
        assert!(run.ledger().len() <= 6, "{}", run.ledger().len());
    }

    #[tokio::test]
    async fn a_probe_that_is_alone_takes_no_longer_than_a_probe_may() {
        let (run, caller) = caller(&Limits::default(), SECOND);
        for (deltas, longest) in [(true, SECOND), (false, 30 * SECOND)] {
            let id = caller.call(request("127.0.0.1", deltas)).await.id;
            let ledger = run.ledger();
            let line = ledger.iter().find(|observation| observation.id == id).expect("recorded");
            let Call::DialHttp { request, .. } = &line.call else { panic!("{line:?}") };
            assert_eq!(request.timeout, longest);
        }
    }
}
