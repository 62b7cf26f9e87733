//! A lookup for those in a hurry: the same question to several servers at once, the first good answer wins, then TCP.
//!
//! It is a check's choice, made of [`query`](super::query)s that are all recorded; the host does nothing of it by itself.

use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::{Exchange, HeaderFlags, Query, Transport, query, rcode};
use crate::types::Endpoint;
use crate::wait::microseconds;

/// Longer than any healthy resolver in the same building needs; afterwards TCP is tried.
pub const UDP_PATIENCE: Duration = Duration::from_millis(300);

/// What came of a race.
#[derive(Debug)]
pub struct Race {
    /// The first good answer: NOERROR or NXDOMAIN, whole.
    pub winner: Option<Exchange>,
    /// Those that ended before it, or all of them where there is no winner.
    pub others: Vec<Exchange>,
}

impl Query {
    /// Asks all of these servers at the same time, over UDP for 300 ms, then over TCP for what is left of this query's timeout. The
    /// first good answer wins, and the other calls are cancelled. A truncated answer is fetched again over TCP at once.
    ///
    /// The server and the transport of the query itself do not matter. None of the servers answers: no winner, and every failure.
    pub async fn race(&self, servers: &[Endpoint]) -> Race {
        run(self, servers, query).await
    }
}

async fn run<F: Future<Output = Exchange>>(question: &Query, servers: &[Endpoint], ask: impl Fn(Query) -> F) -> Race {
    let patience = microseconds(UDP_PATIENCE).min(question.timeout_us);
    let to = |server: &Endpoint, transport: Transport, timeout_us: u64| Query {
        server: server.clone(),
        transport,
        timeout_us,
        ..question.clone()
    };
    let rest = question.timeout_us.saturating_sub(patience);
    let over_udp = servers.iter().map(|server| ask(to(server, Transport::Udp, patience)));
    let mut race = first_good(over_udp, is_truncated).await;
    if race.winner.is_some() || rest == 0 {
        return race;
    }
    let over_tcp = servers.iter().map(|server| ask(to(server, Transport::Tcp, rest)));
    let second = first_good(over_tcp, |_| false).await;
    race.others.extend(second.others);
    race.winner = second.winner;
    race
}

/// Ends with the first good answer, or with the first that makes waiting for the others useless.
async fn first_good<F: Future<Output = Exchange>>(
    calls: impl Iterator<Item = F>,
    gives_up: impl Fn(&Exchange) -> bool,
) -> Race {
    let mut open: FuturesUnordered<F> = calls.collect();
    let mut others = Vec::new();
    while let Some(exchange) = open.next().await {
        if is_good(&exchange) {
            return Race { winner: Some(exchange), others };
        }
        let enough = gives_up(&exchange);
        others.push(exchange);
        if enough {
            break;
        }
    }
    Race { winner: None, others }
}

fn is_good(exchange: &Exchange) -> bool {
    let good = |code| matches!(code, rcode::NOERROR | rcode::NXDOMAIN);
    exchange.outcome.as_ref().is_ok_and(|answer| good(answer.rcode) && !answer.has(HeaderFlags::TRUNCATED))
}

fn is_truncated(exchange: &Exchange) -> bool {
    exchange.outcome.as_ref().is_ok_and(|answer| answer.has(HeaderFlags::TRUNCATED))
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::Pin;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::testkit;
    use crate::types::{Phase, Reason};

    type Call = Pin<Box<dyn Future<Output = Exchange>>>;

    /// What each server does over UDP and over TCP, told by the last digit of its address.
    fn raced(servers: &[&str], answer: impl Fn(&str, Transport) -> Option<Exchange>) -> Option<Race> {
        let servers: Vec<Endpoint> = servers.iter().map(|address| Endpoint::new(address, 53)).collect();
        let question = Query::new("192.0.2.1", "orders.example", 1);
        let ask = |query: Query| -> Call {
            match answer(&query.server.address, query.transport) {
                Some(exchange) => Box::pin(ready(exchange)),
                None => Box::pin(pending()),
            }
        };
        run(&question, &servers, ask).now_or_never()
    }

    fn code(n: u64, code: u16) -> Exchange {
        testkit::exchange(n, Ok(testkit::answer(code, vec![])))
    }

    fn silent(n: u64) -> Exchange {
        testkit::exchange(n, Err(testkit::failure(Phase::Wait, Reason::TimedOut, 300)))
    }

    #[test]
    fn the_first_good_answer_wins_over_failures_and_the_silent() {
        let race = raced(&["192.0.2.1", "192.0.2.2", "192.0.2.3"], |server, _| match server {
            "192.0.2.1" => None,
            "192.0.2.2" => Some(code(2, rcode::SERVFAIL)),
            _ => Some(code(3, rcode::NXDOMAIN)),
        })
        .expect("nobody waits for the silent one");

        assert_eq!(race.winner.map(|exchange| exchange.evidence), Some(testkit::evidence(3)));
        assert_eq!(race.others.len(), 1);
    }

    #[test]
    fn silence_over_udp_is_followed_by_tcp() {
        let race = raced(&["192.0.2.1"], |_, transport| {
            Some(if transport == Transport::Udp { silent(1) } else { code(2, rcode::NOERROR) })
        })
        .expect("it ends");

        assert_eq!(race.winner.map(|exchange| exchange.evidence), Some(testkit::evidence(2)));
    }

    #[test]
    fn a_truncated_answer_is_fetched_over_tcp_without_waiting_for_the_others() {
        let race = raced(&["192.0.2.1", "192.0.2.2"], |server, transport| match (server, transport) {
            ("192.0.2.1", Transport::Udp) => {
                let mut answer = testkit::answer(rcode::NOERROR, vec![]);
                answer.flags = answer.flags | HeaderFlags::TRUNCATED;
                Some(testkit::exchange(1, Ok(answer)))
            }
            ("192.0.2.1", _) => Some(code(2, rcode::NOERROR)),
            _ => None,
        })
        .expect("nobody waits for the silent one");

        assert_eq!(race.winner.map(|exchange| exchange.evidence), Some(testkit::evidence(2)));
    }

    #[test]
    fn without_any_good_answer_every_failure_is_told() {
        let race = raced(&["192.0.2.1", "192.0.2.2"], |_, _| Some(silent(1))).expect("it ends");

        assert!(race.winner.is_none());
        assert_eq!(race.others.len(), 4);
        assert!(raced(&[], |_, _| None).expect("it ends").others.is_empty());
    }
}
