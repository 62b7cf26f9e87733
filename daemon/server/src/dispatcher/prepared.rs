//! A run that can begin: everything that a client may have got wrong is behind it.

use std::sync::Arc;
use std::time::Duration;

use sonde_core::grant::Grants;
use sonde_core::plan::Plan;
use sonde_host::{Check, Past};
use sonde_probe::vantage::Vantage;
use sonde_proto::v1;
use tokio::time::Instant;

use crate::telemetry::RemoteParent;

/// What a run needs.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Which checks, on what.
    pub(crate) plan: Plan,
    /// Invariant: one for each of the plan, in its order.
    pub(crate) checks: Vec<Arc<Check>>,
    /// Where it measures from.
    pub(crate) vantage: Arc<Vantage>,
    /// What it knows of time before it.
    pub(crate) past: Past,
    /// As the client asked for it.
    pub(crate) asked_vantage: Option<v1::Vantage>,
    /// What it may touch at its begin.
    pub(crate) grants: Grants,
    /// How long it may take.
    pub(crate) budget: Duration,
    /// When its client stops waiting; absent where it waits for ever, or asked to carry on.
    pub(crate) client_deadline: Option<Instant>,
    /// It goes on when its client goes away.
    pub(crate) carry_on: bool,
    /// The default of single probes.
    pub(crate) probe_timeout: Duration,
    /// What began it.
    pub(crate) trigger: v1::Trigger,
    /// The caller's place in its own trace.
    pub(crate) parent: Option<RemoteParent>,
}
