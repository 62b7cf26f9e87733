//! Reading a request to run checks: whatever a client may get wrong is refused here, with the field, the value and what would be
//! right, before anything touches the network.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sonde_core::grant::Grants;
use sonde_core::manifest::Manifest;
use sonde_core::plan::{Plan, PlanError, Selection};
use sonde_core::target::{Target, TargetKind};
use sonde_host::{Check, Past};
use sonde_proto::v1;
use tokio::time::Instant;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::{Shared, Vantages, deadline, period, quoted, refusal};
use crate::config::LONGEST_BUDGET;
use crate::dispatcher::Prepared;
use crate::telemetry::RemoteParent;

/// What `Diagnose` and `RunCheck` have in common.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) target: String,
    /// Empty for all that serve the target.
    pub(super) selected: Vec<Selection>,
    pub(super) vantage: Option<v1::Vantage>,
    pub(super) budget: Option<prost_types::Duration>,
    pub(super) endpoints: Vec<String>,
    pub(super) carry_on: bool,
    /// Absent for the present.
    pub(super) period: Option<v1::Period>,
    pub(super) trigger: v1::Trigger,
}

/// What the metadata of a call says.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// When the client stops waiting.
    pub(super) deadline: Option<Instant>,
    /// Its place in its own trace.
    pub(super) parent: Option<RemoteParent>,
}

impl Caller {
    /// To be read at once: the deadline counts from now.
    pub(super) fn of(metadata: &MetadataMap) -> Self {
        let traceparent = metadata.get("traceparent").and_then(|header| header.to_str().ok());
        let tracestate = metadata.get_all("tracestate").iter().map(|header| header.to_str().ok());
        let tracestate = tracestate.collect::<Option<Vec<_>>>().unwrap_or_default();
        Self {
            deadline: deadline::of(metadata).and_then(|patience| Instant::now().checked_add(patience)),
            parent: traceparent.and_then(RemoteParent::parse).map(|parent| parent.with_state(&tracestate)),
        }
    }
}

/// Names and texts.
pub(super) fn arguments(arguments: Vec<v1::CheckArgument>) -> Vec<(String, String)> {
    arguments.into_iter().map(|argument| (argument.name, argument.value)).collect()
}

/// What happens when the client goes away.
pub(super) fn carry_on(on_disconnect: i32) -> Result<bool, Status> {
    match v1::OnDisconnect::try_from(on_disconnect) {
        Ok(v1::OnDisconnect::CarryOn) => Ok(true),
        Ok(v1::OnDisconnect::Cancel | v1::OnDisconnect::Unspecified) => Ok(false),
        Err(_) => {
            let problem =
                format!("{on_disconnect} is no OnDisconnect; give ON_DISCONNECT_CANCEL or ON_DISCONNECT_CARRY_ON");
            Err(refusal::invalid("on_disconnect", problem))
        }
    }
}

/// Turns what was asked for into a run that can begin.
pub(super) async fn prepare(
    shared: &Shared,
    checks: &[Arc<Check>],
    mut asked: Asked,
    caller: &Caller,
) -> Result<Prepared, Status> {
    let target = target(&asked.target)?;
    asked.vantage = asked.vantage.or_else(|| place_of(&target));
    let budget = budget(asked.budget, shared.config.runs.budget)?;
    let mut grants = Grants::for_target(&target);
    endpoints(&mut grants, &asked.endpoints)?;
    if !asked.selected.is_empty() {
        grants.allow_walks();
    }
    processes(&mut grants, &asked);
    let manifests: Vec<&Manifest> = checks.iter().map(|check| &check.manifest).collect();
    let plan = match &asked.period {
        None => Plan::new(target, &manifests, &asked.selected),
        Some(_) => Plan::of_the_past(target, &manifests, &asked.selected),
    };
    let plan = plan.map_err(|error| unplanned(&error, asked.trigger))?;
    let planned = plan
        .checks()
        .iter()
        .map(|planned| checks.iter().find(|check| check.manifest.name == planned.name).cloned())
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| refusal::internal("the plan names a check that is not there"))?;
    let selector = Vantages::selector(asked.vantage.as_ref())?;
    let vantage = shared.vantages.open(asked.vantage.as_ref()).await?;
    // Before what is kept is looked at: a namespace that is asked for in vain has a past from now on.
    if let Some(recording) = &shared.recording {
        recording.seen(selector);
    }
    let period = period::of_run(asked.period.as_ref(), shared.recording.as_ref(), vantage.network_namespace())?;
    let archive = shared.recording.as_ref().map(|recording| Arc::clone(&recording.archive));
    Ok(Prepared {
        plan,
        checks: planned,
        vantage,
        past: Past { archive, period },
        asked_vantage: asked.vantage,
        grants,
        budget,
        client_deadline: caller.deadline.filter(|_| !asked.carry_on),
        carry_on: asked.carry_on,
        probe_timeout: shared.config.runs.probe_timeout,
        trigger: asked.trigger,
        parent: caller.parent.clone(),
    })
}

fn target(text: &str) -> Result<Target, Status> {
    let text = if text.is_empty() { "host" } else { text };
    if text.len() > LONGEST_TARGET {
        let problem = format!("the target has {} bytes; at most {LONGEST_TARGET} are allowed", text.len());
        return Err(refusal::invalid("target", problem));
    }
    text.parse().map_err(|error| refusal::invalid("target", format!("failed to {error}")))
}

/// A process is looked at from where it is itself, unless the caller says from where.
fn place_of(target: &Target) -> Option<v1::Vantage> {
    match target.kind {
        TargetKind::Process { pid } => Some(v1::Vantage { r#where: Some(v1::vantage::Where::Pid(pid)) }),
        _ => None,
    }
}

fn budget(asked: Option<prost_types::Duration>, default: Duration) -> Result<Duration, Status> {
    let Some(asked) = asked else { return Ok(default) };
    // Outside the range of the format, showing and converting one overflow.
    let shaped = asked.seconds.unsigned_abs() <= MOST_SECONDS && asked.nanos.unsigned_abs() < 1_000_000_000;
    let shown = if shaped { asked.to_string() } else { format!("{}s and {}ns", asked.seconds, asked.nanos) };
    Some(asked)
        .filter(|_| shaped)
        .and_then(|asked| Duration::try_from(asked).ok())
        .filter(|budget| !budget.is_zero() && *budget <= LONGEST_BUDGET)
        .ok_or_else(|| {
            refusal::invalid("budget", format!("the budget {shown:?} is out of range; give more than 0s, at most 600s"))
        })
}

fn endpoints(grants: &mut Grants, endpoints: &[String]) -> Result<(), Status> {
    if endpoints.len() > MOST_ENDPOINTS {
        let problem = format!("{} endpoints are too many; at most {MOST_ENDPOINTS} are allowed", endpoints.len());
        return Err(refusal::invalid("endpoints", problem));
    }
    for (i, text) in endpoints.iter().enumerate() {
        let endpoint: SocketAddr =
            text.parse().ok().filter(|endpoint: &SocketAddr| endpoint.port() != 0).ok_or_else(|| {
                let problem = format!(
                    "{} is no endpoint; write ADDRESS:PORT, for example 10.0.0.5:443 or [fd00::5]:443",
                    quoted(text)
                );
                refusal::invalid(&format!("endpoints[{i}]"), problem)
            })?;
        grants.add_endpoint(endpoint);
    }
    Ok(())
}

/// The processes that the caller names: that of the vantage, and those whose ids are arguments of a check.
fn processes(grants: &mut Grants, asked: &Asked) {
    if let Some(v1::vantage::Where::Pid(pid)) = asked.vantage.as_ref().and_then(|vantage| vantage.r#where.as_ref()) {
        grants.add_process(*pid);
    }
    let given = asked.selected.iter().flat_map(|selection| &selection.arguments);
    for pid in given.filter_map(|(_, value)| value.parse().ok()) {
        grants.add_process(pid);
    }
}

fn unplanned(error: &PlanError, trigger: v1::Trigger) -> Status {
    let problem = format!("failed to {error}");
    let field = |list: &'static str, own: &'static str| if trigger == v1::Trigger::RunCheck { own } else { list };
    match error {
        PlanError::UnknownCheck { name, .. } => refusal::not_found("check", name, problem),
        PlanError::SelectedTwice { .. } => refusal::invalid("checks", problem),
        PlanError::UnknownParameter { .. } | PlanError::GivenTwice { .. } | PlanError::WrongValue { .. } => {
            refusal::invalid(field("checks.arguments", "arguments"), problem)
        }
        PlanError::NotOfThePast { name, .. } => refusal::precondition("PERIOD", name, problem),
        PlanError::DoesNotServe { target, .. }
        | PlanError::NothingServes { target, .. }
        | PlanError::NoPast { target, .. } => refusal::precondition("TARGET", target, problem),
        PlanError::LoadedTwice { name } => refusal::precondition("CHECKS", name, problem),
        PlanError::Cycle { names } => refusal::precondition("CHECKS", &names.join(","), problem),
    }
}

/// The longest URL that anything sends.
const LONGEST_TARGET: usize = 8 << 10;

/// Of `google.protobuf.Duration`: 10,000 years.
const MOST_SECONDS: u64 = 315_576_000_000;

/// Named by a caller.
const MOST_ENDPOINTS: usize = 256;
