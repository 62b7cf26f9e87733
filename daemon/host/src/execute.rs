//! One guest's run: a fresh store, its limits, the outer deadline and cancellation, and the name of its end.
//!
//! Deadline and cancellation stand outside `run_concurrent`: inside it a timer never fires for a guest that computes.
//! Dropping the store is what ends a guest for good; its host calls in flight are dropped with it.

use std::sync::Arc;
use std::time::Duration;

use sonde_core::manifest::{CheckEnd, Conclusion, Outcome, Stop};
use sonde_core::observation::Endpoint;
use sonde_core::target::{Target, TargetKind};
use wasmtime::{Store, UpdateDeadline};

use crate::bindings::exports::sonde::check::check as wit;
use crate::call::Caller;
use crate::check::Check;
use crate::host::Inner;
use crate::meter::{Meter, Metered};
use crate::run::{HostEvent, Run};
use crate::session::Session;
use crate::text::tidy;
use crate::types::micros;

impl Inner {
    /// A store with every limit set, and the meter that its guest's future must run under.
    pub(crate) fn store(&self, session: Session) -> (Store<Session>, Arc<Meter>) {
        let limits = Arc::clone(&session.limits);
        let mut store = Store::new(&self.engine, session);
        store.limiter(|session| &mut session.memory);
        store.set_hostcall_fuel(limits.data_bytes);
        store.set_max_component_handles(limits.handles);
        let meter = Arc::new(Meter::default());
        let looked_at = Arc::clone(&meter);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            // Yielding at every tick lets the runtime see deadlines and cancellations, and other guests run.
            Ok(if looked_at.used() > limits.cpu { UpdateDeadline::Interrupt } else { UpdateDeadline::Yield(1) })
        });
        (store, meter)
    }

    /// Runs a check to its end. To be polled on the guests' runtime.
    pub(crate) async fn execute(
        self: Arc<Self>,
        check: Arc<Check>,
        run: Arc<Run>,
        arguments: Vec<(String, String)>,
        deadline: Duration,
    ) -> CheckEnd {
        let caller = Caller::new(Some(Arc::clone(&run)), &check.manifest.name, deadline, self.io.clone(), &self.limits);
        let flooded = caller.flooded().clone();
        let cancel = run.cancel.clone();
        // Outlives the store, also where this future is dropped half-way: its slot is free only when the store is gone.
        let mut place = None;
        let (mut store, meter) = self.store(Session::new(caller.clone(), Arc::clone(&self.limits)));
        let end = {
            let guest = async {
                // Waiting for a place counts against the deadline, so that a busy host ends runs rather than queues them for ever.
                place = self.places.acquire().await.ok();
                Metered::new(meter, call(&check, &run, arguments, &caller, &mut store)).await
            };
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err(Stop::Cancelled),
                () = flooded.cancelled() => Err(Stop::DataLimit),
                ended = tokio::time::timeout(caller.remaining(), guest) => ended.map_err(|_| Stop::Deadline),
            }
        };
        let end = match end {
            Ok(Ended::Said(Ok(outcome))) => CheckEnd::Concluded(outcome_of(outcome, self.limits.text_bytes)),
            Ok(Ended::Said(Err(text))) => CheckEnd::Stopped(Stop::Error(tidy(&text, self.limits.text_bytes))),
            Ok(Ended::Failed(error)) => CheckEnd::Stopped(crate::stop::of(&error, store.data())),
            Err(stop) => CheckEnd::Stopped(stop),
        };
        let dropped = store.data().log.dropped();
        // Ends the calls in flight, and records that they were cut short.
        drop(store);
        drop(place);
        if dropped > 0 {
            run.emit(HostEvent::LogsDropped { check: check.manifest.name.clone(), count: dropped });
        }
        run.flush().await;
        end
    }
}

/// How a guest's `run` came back.
enum Ended {
    Said(Result<wit::Outcome, String>),
    Failed(wasmtime::Error),
}

async fn call(
    check: &Check,
    run: &Run,
    arguments: Vec<(String, String)>,
    caller: &Caller,
    store: &mut Store<Session>,
) -> Ended {
    let guest = match check.code.instantiate_async(&mut *store).await {
        Ok(guest) => guest,
        Err(error) => return Ended::Failed(error),
    };
    let period = run.past.period.map(Into::into);
    let target = wit::Target { period, ..target(&run.target, &run.addresses(), run.silent()) };
    let arguments = arguments.into_iter().map(|(name, value)| wit::Argument { name, value }).collect();
    let budget = wit::Budget { remaining_us: micros(caller.remaining()), probe_timeout_us: micros(run.probe_timeout) };
    let ended = store
        .run_concurrent(async |accessor| guest.sonde_check_check().call_run(accessor, target, arguments, budget).await)
        .await;
    match ended {
        Ok(Ok(said)) => Ended::Said(said),
        Ok(Err(error)) | Err(error) => Ended::Failed(error),
    }
}

fn outcome_of(outcome: wit::Outcome, limit: usize) -> Outcome {
    Outcome {
        conclusion: match outcome.conclusion {
            wit::Conclusion::Works => Conclusion::Works,
            wit::Conclusion::Broken => Conclusion::Broken,
            wit::Conclusion::Unclear => Conclusion::Unclear,
            wit::Conclusion::Skipped => Conclusion::Skipped,
        },
        summary: tidy(&outcome.summary, limit),
        next_step: outcome.next_step.map(|step| tidy(&step, limit)),
        notes: outcome
            .notes
            .into_iter()
            .take(NOTES)
            .map(|note| (tidy(&note.name, limit), tidy(&note.value, limit)))
            .collect(),
    }
}

/// The target in the contract's words, with what the run knows of its addresses by now.
fn target(target: &Target, addresses: &[std::net::IpAddr], silent: Vec<Endpoint>) -> wit::Target {
    let blank = wit::Target {
        text: target.text.clone(),
        kind: wit::TargetKind::Host,
        host: target.host().map(ToString::to_string),
        port: target.port().map(sonde_core::target::Port::number),
        path: None,
        qtype: None,
        server: None,
        pid: None,
        addresses: crate::types::texts(addresses),
        silent: silent.into_iter().map(Into::into).collect(),
        period: None,
    };
    match &target.kind {
        TargetKind::Http { tls, path, .. } => wit::Target {
            kind: if *tls { wit::TargetKind::Https } else { wit::TargetKind::Http },
            path: Some(path.clone()),
            ..blank
        },
        TargetKind::Grpc { tls, service, .. } => wit::Target {
            kind: if *tls { wit::TargetKind::Grpcs } else { wit::TargetKind::Grpc },
            path: Some(service.clone()),
            ..blank
        },
        TargetKind::Tcp { .. } => wit::Target { kind: wit::TargetKind::Tcp, ..blank },
        TargetKind::Tls { .. } => wit::Target { kind: wit::TargetKind::Tls, ..blank },
        TargetKind::Udp { .. } => wit::Target { kind: wit::TargetKind::Udp, ..blank },
        TargetKind::Dns { name, qtype, server } => wit::Target {
            kind: wit::TargetKind::Dns,
            host: Some(name.clone()),
            qtype: *qtype,
            server: server.map(|server| server.to_string()),
            ..blank
        },
        TargetKind::Listener { .. } => wit::Target { kind: wit::TargetKind::Listener, ..blank },
        TargetKind::Process { pid } => wit::Target { kind: wit::TargetKind::Pid, pid: Some(*pid), ..blank },
        TargetKind::ThisHost => blank,
    }
}

/// How many notes of an outcome are kept; each is bounded as any text is.
const NOTES: usize = 64;
