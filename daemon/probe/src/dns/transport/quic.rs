//! Soon.

use sonde_core::observation::dns::Answer;
use sonde_core::observation::{Failure, Phase, Reason};

use super::Seen;
use crate::dns::exchange::Ask;
use crate::failure::Fault;

#[expect(clippy::unused_async, reason = "it will wait")]
pub(super) async fn perform(ask: &Ask<'_>, seen: &mut Seen) -> Result<Answer, Failure> {
    let what = ask.query.transport.as_str();
    let fault = Fault::new(Phase::Socket, Reason::Unavailable(what.to_owned()), format!("no DNS over {what} yet"));
    Err(seen.failure(&ask.attempt, fault))
}
