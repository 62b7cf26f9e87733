//! `path.echo`: a series of ICMP echo requests.

use std::io;

use socket2::Socket;
use sonde_core::observation::path::{Echo, EchoRequest};
use sonde_core::observation::{Failure, Phase};
use tokio::io::unix::AsyncFd;

use super::icmp::{Arrived, Pinger};
use crate::attempt::Attempt;
use crate::clock::RunClock;
use crate::dial::messages::{self, Came, Line, Tally};
use crate::failure::Fault;
use crate::vantage::Vantage;

/// Sends echo requests and takes the replies.
pub async fn echo(vantage: &Vantage, clock: &RunClock, request: &EchoRequest) -> Echo {
    let _announced = vantage.probing().await;
    let attempt = Attempt::begin(clock, request.timeout);
    let remote = request.address.to_canonical();
    let mut tally = Tally::default();
    let outcome = match Pinger::open(vantage, remote, false) {
        Err(fault) => Err(attempt.failure(fault, None)),
        Ok(pinger) => {
            let line = Pings { pinger, payload_bytes: request.payload_bytes.into() };
            messages::run(&line, &attempt, request.count, request.interval, &mut tally).await;
            outcome(&line.pinger, &attempt, &tally, request)
        }
    };
    let icmp = outcome.as_ref().err().and_then(|failure| failure.icmp.clone());
    Echo {
        timing: attempt.timing(),
        sent: tally.left(),
        received: tally.received(),
        duplicates: tally.duplicates(),
        reordered: tally.reordered(),
        corrupted: tally.corrupted(),
        round_trips: tally.round_trips(),
        icmp,
        replies: tally.into_replies(),
        outcome,
    }
}

fn outcome(pinger: &Pinger, attempt: &Attempt, tally: &Tally, request: &EchoRequest) -> Result<(), Failure> {
    if tally.received() > 0 {
        return Ok(());
    }
    let doing = format!("ask {} for an echo", request.address);
    if let Some(queued) = tally.last_error() {
        let fault = Fault::os(Phase::Wait, &doing, &io::Error::from_raw_os_error(queued.errno));
        return Err(attempt.failure(fault, Some(pinger.reported(queued.clone()))));
    }
    Err(attempt.failure(
        match tally.first_unsent() {
            Some(error) if tally.left() == 0 => Fault::os(Phase::Send, &doing, error),
            _ => Fault::timed_out(Phase::Wait, &doing),
        },
        None,
    ))
}

struct Pings {
    pinger: Pinger,
    payload_bytes: usize,
}

impl Line for Pings {
    fn socket(&self) -> &AsyncFd<Socket> {
        self.pinger.socket()
    }

    fn send(&self, sequence: u16) -> io::Result<()> {
        self.pinger.send(sequence, self.payload_bytes)
    }

    fn receive(&self) -> Option<Came> {
        Some(match self.pinger.receive()? {
            Arrived::Reply { sequence, payload_bytes, intact, stamp } => {
                Came::Answer { sequence, intact: intact && payload_bytes == self.payload_bytes, stamp }
            }
            Arrived::Error(queued) => Came::Error(queued),
            Arrived::Foreign => Came::Foreign,
        })
    }
}
