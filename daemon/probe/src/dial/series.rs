//! `dial.tcp-repeat`: many connections to one endpoint, each opened and closed.
//!
//! An attempt counts only where it had its time: one that the end of the series cuts short would pass for a silent peer.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sonde_core::observation::connection::Connection;
use sonde_core::observation::dial::{
    Closing, MOST_FAILURE_GROUPS, SeriesRequest, TcpAttempt, TcpFailureGroup, TcpSeries,
};
use sonde_core::observation::{Failure, IcmpError, Phase, Reason};
use tokio::time::{Instant, sleep_until};

use super::connect::connect_bare;
use super::open::Options;
use crate::attempt::Attempt;
use crate::clock::RunClock;
use crate::deltas::Watch;
use crate::vantage::Vantage;

/// Opens and closes many connections to one endpoint.
pub async fn tcp_repeat(vantage: &Vantage, clock: &RunClock, request: &SeriesRequest) -> TcpSeries {
    let watch = Watch::open(vantage, clock, request.each.deltas).await;
    let whole = Attempt::begin(clock, request.timeout);
    let mut made = run(vantage, clock, &whole, request).await;
    made.sort_unstable_by_key(|(connection, _)| connection.connect.at);
    let (deltas, held) = watch.close(vantage, clock).await;
    drop(held);
    let mut groups = Groups::default();
    let attempts = made.into_iter().map(|(connection, outcome)| groups.attempt(&connection, outcome)).collect();
    TcpSeries { deltas, ..TcpSeries::of(whole.timing(), attempts, groups.failures) }
}

/// The attempts, in the order of their ends.
async fn run(
    vantage: &Vantage,
    clock: &RunClock,
    whole: &Attempt,
    request: &SeriesRequest,
) -> Vec<(Connection, Result<(), Failure>)> {
    let (mut made, mut begun) = (Vec::new(), 0);
    let mut in_flight = FuturesUnordered::new();
    let start = Instant::now();
    let limits = Limits::of(whole, request.each.timeout);
    loop {
        let now = Instant::now();
        let due = (start + request.interval * begun).max(now);
        let may_begin = begun < request.count && due < limits.begin && in_flight.len() < request.at_once as usize;
        if may_begin && due == now {
            begun += 1;
            let whole_time = now <= limits.count;
            in_flight.push(async move { (whole_time, once(vantage, clock, whole, request).await) });
            continue;
        }
        if in_flight.is_empty() && !may_begin {
            return made;
        }
        tokio::select! {
            Some((whole_time, one)) = in_flight.next() => if whole_time || !is_unfinished(&one.1) { made.push(one) },
            () = sleep_until(due), if may_begin => {}
        }
    }
}

/// Until when attempts begin.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// None from then on.
    begin: Instant,
    /// Those that begin later count only where they come to an end in the time that is left.
    count: Instant,
}

impl Limits {
    /// Each is to have its `timeout`, but for a sixteenth; where that is no less than the time of the whole series, what is left.
    fn of(whole: &Attempt, timeout: Duration) -> Self {
        let all = whole.remaining();
        let needed = timeout.min(all) * 15 / 16;
        let count = Instant::now() + all.saturating_sub(needed);
        Self { begin: if timeout < all { count } else { whole.deadline() }, count }
    }
}

/// Its deadline came first. The kernel's own time-out has an errno.
fn is_unfinished(outcome: &Result<(), Failure>) -> bool {
    outcome.as_ref().is_err_and(|failure| failure.reason == Reason::TimedOut && failure.errno.is_none())
}

async fn once(
    vantage: &Vantage,
    clock: &RunClock,
    whole: &Attempt,
    request: &SeriesRequest,
) -> (Connection, Result<(), Failure>) {
    let attempt = Attempt::begin(clock, request.each.timeout.min(whole.remaining()));
    let (mut dialled, outcome) =
        connect_bare(vantage, &attempt, request.each.remote, Options::from(&request.each)).await;
    let connection = dialled.handshake_facts();
    dialled.close(outcome.is_ok() && request.each.close == Closing::Fin);
    (connection, outcome)
}

/// By what failures are told apart: phase, error type, errno, and ICMP type and code.
type Kind = (Phase, &'static str, Option<i32>, Option<(u8, u8)>);

/// Tells failures apart.
#[derive(Debug, Default)]
struct Groups {
    failures: Vec<TcpFailureGroup>,
    known: HashMap<Kind, u16>,
}

impl Groups {
    fn attempt(&mut self, connection: &Connection, outcome: Result<(), Failure>) -> TcpAttempt {
        let info = connection.info.as_ref().filter(|_| connection.syn_retransmits == 0 && outcome.is_ok());
        TcpAttempt {
            at: connection.connect.at,
            connect: connection.connect.elapsed,
            rtt: info.map_or(Duration::ZERO, |info| info.rtt),
            local_port: connection.local.map_or(0, |local| local.port),
            syn_retransmits: u8::try_from(connection.syn_retransmits).unwrap_or(u8::MAX),
            failure: outcome.err().map(|failure| self.place(failure)),
        }
    }

    fn place(&mut self, failure: Failure) -> u16 {
        let icmp = failure.icmp.as_ref().map(|icmp: &IcmpError| (icmp.icmp_type, icmp.code));
        let key = (failure.phase, Reason::error_type(&failure.reason), failure.errno, icmp);
        let last = MOST_FAILURE_GROUPS - 1;
        let next = u16::try_from(self.failures.len().min(last)).unwrap_or(u16::MAX);
        let place = *self.known.entry(key).or_insert(next);
        match self.failures.get_mut(usize::from(place)) {
            Some(group) => group.count += 1,
            None => self.failures.push(TcpFailureGroup { first: failure, count: 1 }),
        }
        place
    }
}
