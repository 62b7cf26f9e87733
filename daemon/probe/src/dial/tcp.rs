//! `dial.tcp`: one connection, opened and closed.

use sonde_core::observation::dial::{TcpDial, TcpRequest};

use super::connect::connect;
use crate::attempt::Attempt;
use crate::clock::RunClock;
use crate::deltas::Watch;
use crate::vantage::Vantage;

/// Opens one TCP connection and closes it.
pub async fn tcp(vantage: &Vantage, clock: &RunClock, request: &TcpRequest) -> TcpDial {
    let watch = Watch::open(vantage, clock, request.deltas).await;
    let attempt = Attempt::begin(clock, request.timeout);
    let (dialled, outcome) = connect(vantage, &attempt, request.remote, request.local_address).await;
    let timing = attempt.timing();
    let connection = dialled.connection();
    let (deltas, held) = watch.close(vantage, clock).await;
    dialled.close(outcome.is_ok());
    drop(held);
    TcpDial { timing, connection, outcome, deltas }
}
