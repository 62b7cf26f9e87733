//! DNS over TLS (RFC 7858): one connection, one handshake, one query.
//!
//! Verification is recorded and never ends the exchange. A query has nothing to hide from the server it is sent to.

use sonde_core::observation::dns::Answer;
use sonde_core::observation::{Failure, Phase, Reason};

use super::tcp::{connect, ended};
use super::{Seen, Socket, stream};
use crate::dial::{self, Dialled, Settings, Stream};
use crate::dns::exchange::Ask;
use crate::failure::Fault;

/// Registered for it by RFC 7858 section 6.
const ALPN: &str = "dot";

pub(super) async fn perform(ask: &Ask<'_>, seen: &mut Seen) -> Result<Answer, Failure> {
    let (mut stream, dialled) = shake(ask, seen, ALPN).await?;
    let outcome = stream::converse(ask, seen, &mut *stream, &dial::fault_of).await;
    ended(&dialled, seen);
    seen.socket = Socket::Tls(stream, dialled);
    outcome.map_err(|fault| seen.failure(&ask.attempt, fault))
}

/// Connects and shakes hands, offering one protocol. What a server chooses is in the session.
pub(super) async fn shake(ask: &Ask<'_>, seen: &mut Seen, alpn: &str) -> Result<(Box<Stream>, Dialled), Failure> {
    let settings = settings(ask, alpn).map_err(|fault| seen.failure(&ask.attempt, fault))?;
    let dialled = connect(ask, seen).await?;
    let Some(connection) = dialled.stream() else {
        return Err(seen.failure(&ask.attempt, Fault::new(Phase::Socket, Reason::Closed, "the socket is gone")));
    };
    let shaken = dial::shake(ask.vantage, &ask.attempt, &dialled, connection, &settings).await;
    seen.phases.tls = Some(shaken.handshake);
    seen.session = Some(shaken.session);
    match shaken.outcome {
        Ok(stream) => Ok((stream, dialled)),
        Err(failure) => {
            seen.reported(failure.icmp.as_ref());
            ended(&dialled, seen);
            seen.socket = Socket::Tcp(dialled);
            Err(failure)
        }
    }
}

/// The name to verify, and to send where one was given.
pub(super) fn settings(ask: &Ask<'_>, alpn: &str) -> Result<Settings, Fault> {
    let address = ask.prepared.server.ip().to_string();
    let name = ask.query.server_name.as_deref();
    Settings::new(name.unwrap_or(&address), name.is_some(), &[alpn.to_owned()])
}
