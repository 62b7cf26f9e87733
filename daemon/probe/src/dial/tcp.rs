//! `dial.tcp`: one connection, opened, held where that is asked for, and closed.

use std::io;

use sonde_core::observation::dial::{Closing, TcpDial, TcpRequest};
use sonde_core::observation::{Failure, Phase, Reason};
use tokio::io::Interest;
use tokio::time::{Instant, timeout_at};

use super::connect::{Dialled, connect_bare};
use super::open::Options;
use crate::attempt::Attempt;
use crate::clock::RunClock;
use crate::deltas::Watch;
use crate::failure::Fault;
use crate::vantage::Vantage;

/// Opens one TCP connection and closes it.
pub async fn tcp(vantage: &Vantage, clock: &RunClock, request: &TcpRequest) -> TcpDial {
    let watch = Watch::open(vantage, clock, request.deltas).await;
    let attempt = Attempt::begin(clock, request.timeout);
    let (mut dialled, mut outcome) = connect_bare(vantage, &attempt, request.remote, Options::from(request)).await;
    let connection = if outcome.is_ok() && !request.hold.is_zero() {
        outcome = hold(&attempt, &mut dialled, request).await;
        dialled.connection()
    } else {
        dialled.handshake_facts()
    };
    let timing = attempt.timing();
    let (deltas, held) = watch.close(vantage, clock).await;
    dialled.close(outcome.is_ok() && request.close == Closing::Fin);
    drop(held);
    TcpDial { timing, connection, outcome, deltas }
}

/// Keeps the connection open until its time is over, or the peer or the path has ended it. The time of the handshake is another. What the peer says meanwhile is left
/// unread: `TCP_INFO` counts it.
async fn hold(attempt: &Attempt, dialled: &mut Dialled, request: &TcpRequest) -> Result<(), Failure> {
    dialled.register().map_err(|fault| dialled.failure(attempt, fault))?;
    let Some(stream) = dialled.stream() else { return Ok(()) };
    let end = Instant::now() + request.hold;
    let doing = format!("hold the connection to {}", request.remote);
    let ended = timeout_at(end, async {
        loop {
            match stream.ready(Interest::READABLE).await {
                Ok(ready) if ready.is_read_closed() => break stream.take_error(),
                // A greeting, left unread.
                Ok(_) => drop(stream.try_io(Interest::READABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into()))),
                Err(error) => break Err(error),
            }
        }
    })
    .await;
    let fault = match ended {
        // Its time is over and nobody has ended it.
        Err(_) => None,
        Ok(Ok(None)) => Some(Fault::new(Phase::Wait, Reason::Closed, format!("{doing}: the peer closed it"))),
        Ok(Ok(Some(error)) | Err(error)) => Some(Fault::os(Phase::Wait, &doing, &error)),
    };
    let outcome = fault.map_or(Ok(()), |fault| Err(dialled.failure(attempt, fault)));
    dialled.phase_ended(attempt, Phase::Wait);
    outcome
}
