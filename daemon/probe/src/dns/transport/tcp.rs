//! One connection for one query (RFC 7766).

use std::io;

use sonde_core::observation::dns::Answer;
use sonde_core::observation::{Failure, Phase, Reason};

use super::{Seen, Socket, stream};
use crate::dial::{self, Dialled, Lent};
use crate::dns::exchange::Ask;
use crate::failure::Fault;

pub(super) async fn perform(ask: &Ask<'_>, seen: &mut Seen) -> Result<Answer, Failure> {
    let dialled = connect(ask, seen).await?;
    let outcome = match dialled.stream() {
        None => Err(Fault::new(Phase::Socket, Reason::Closed, "the socket is gone")),
        Some(stream) => stream::converse(ask, seen, &mut Lent::new(stream), &explain).await,
    };
    ended(&dialled, seen);
    seen.socket = Socket::Tcp(dialled);
    outcome.map_err(|fault| seen.failure(&ask.attempt, fault))
}

/// Opens the connection, and notes what is known of it.
pub(super) async fn connect(ask: &Ask<'_>, seen: &mut Seen) -> Result<Dialled, Failure> {
    let (dialled, connected) =
        dial::connect(ask.vantage, &ask.attempt, ask.query.server, dial::Options::default()).await;
    seen.phases.connect = dialled.handshake();
    seen.at = seen.phases.connect.map(|handshake| handshake.at);
    seen.local = dialled.connection().local;
    match connected {
        Ok(()) => Ok(dialled),
        Err(failure) => {
            seen.reported(failure.icmp.as_ref());
            seen.socket = Socket::Tcp(dialled);
            Err(failure)
        }
    }
}

/// Notes what the kernel knows at the end of a conversation.
pub(super) fn ended(dialled: &Dialled, seen: &mut Seen) {
    seen.kernel_rtt = dialled.connection().info.map(|info| info.rtt).filter(|rtt| !rtt.is_zero());
}

fn explain(phase: Phase, doing: &str, error: &io::Error) -> Fault {
    Fault::os(phase, doing, error)
}
