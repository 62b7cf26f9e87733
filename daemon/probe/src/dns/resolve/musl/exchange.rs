//! `__res_msend_rc` of `src/network/res_msend.c`: the questions of one name to all servers at once, again after `timeout / attempts`,
//! until each has an answer or `timeout` is over.
//!
//! NOERROR and NXDOMAIN are answers, whoever sends them first. SERVFAIL is asked again at once, at most twice for each question
//! and interval; every other code is as good as silence. Times are whole milliseconds, as musl counts them.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sonde_core::observation::Endpoint;
use sonde_core::observation::dns::{StepOutcome, Transport, View};
use tokio::net::TcpStream;

use super::super::Lookup;
use super::question::{Question, Verdict, judge};
use super::sockets::{Datagrams, begin_stream};
use super::{Release, stream};
use crate::attempt::Attempt;
use crate::dns::resolve::steps::StepId;
use crate::failure::Fault;

/// Datagrams taken at one wake-up, so that a flood does not starve the timer.
const MOST_AT_ONCE: usize = 256;
/// In milliseconds: this much later than it was due, a round still counts as on time. poll(2), which musl waits in, is exact to a
/// tenth of a millisecond and the runtime's timer is not; at 3 times 333 ms of a second, or 3 times 1666 ms of five, that decides
/// whether there is a fourth round.
const LATE: u64 = 5;
/// No datagram is longer.
const LONGEST_DATAGRAM: usize = 65_535;

pub(super) struct Exchange<'a> {
    lookup: &'a Lookup<'a>,
    release: Release,
    servers: Vec<Endpoint>,
    datagrams: Datagrams,
    questions: Vec<Question>,
    /// In milliseconds, as the interval between two rounds.
    timeout: u64,
    interval: u64,
    /// How often SERVFAIL may still be asked again in this interval.
    retries: usize,
}

/// What became of a question over TCP.
struct Streamed {
    question: usize,
    step: StepId,
    attempt: Attempt,
    result: Result<Vec<u8>, Fault>,
}

impl<'a> Exchange<'a> {
    /// The inner `None`: no socket can be had, `EAI_SYSTEM`.
    pub(super) fn open(
        lookup: &'a Lookup<'a>,
        view: &View,
        release: Release,
        questions: Vec<Question>,
    ) -> Result<Option<Self>, Fault> {
        let Ok(datagrams) = Datagrams::open(lookup.vantage, &view.nameservers)? else { return Ok(None) };
        let servers = view.nameservers.iter();
        let servers = servers.map(|server| Endpoint { address: server.address, port: server.port }).collect();
        let timeout = u64::try_from(view.timeout.as_millis()).unwrap_or(u64::MAX);
        let interval = timeout / u64::from(view.attempts.max(1));
        Ok(Some(Self { lookup, release, servers, datagrams, questions, timeout, interval, retries: 0 }))
    }

    /// The answer to each question, in their order.
    pub(super) async fn run(mut self) -> Vec<Option<Vec<u8>>> {
        let mut streams = FuturesUnordered::new();
        let mut buffer = vec![0; LONGEST_DATAGRAM];
        let begun = self.now();
        let (mut now, mut due) = (begun, begun);
        let timeout = self.timeout;
        let over = |now: u64| now.saturating_sub(begun) >= timeout;
        while !over(now) && !self.questions.iter().all(Question::is_answered) {
            if now >= due {
                self.round();
                due = now + self.interval;
            }
            let rest = Duration::from_millis(due.saturating_sub(now));
            // Once every question is answered or on TCP, musl listens to no datagram any more.
            let listening = self.questions.iter().any(Question::is_open);
            tokio::select! {
                _ = self.datagrams.readable(), if listening => {
                    for (question, server) in self.receive(&mut buffer) {
                        streams.extend(self.begin_stream(question, server));
                    }
                }
                Some(streamed) = streams.next() => {
                    if !self.take_streamed(streamed) {
                        break;
                    }
                }
                () = tokio::time::sleep(rest) => {}
            }
            now = on_time(self.now(), due);
        }
        if over(now) {
            for question in &mut self.questions {
                question.end_open(self.lookup.steps, &StepOutcome::TimedOut);
            }
        }
        self.questions.into_iter().map(Question::into_answer).collect()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.lookup.clock.now().as_millis()).unwrap_or(u64::MAX)
    }

    /// Every open question to every server.
    fn round(&mut self) {
        self.retries = 2 * self.questions.len();
        for question in 0..self.questions.len() {
            let Some(open) = self.questions.get_mut(question).filter(|question| question.is_open()) else { continue };
            open.end_open(self.lookup.steps, &StepOutcome::TimedOut);
            for server in 0..self.servers.len() {
                self.send(question, server);
            }
        }
    }

    fn send(&mut self, question: usize, server: usize) {
        let (Some(asked), Some(endpoint)) = (self.questions.get_mut(question), self.servers.get(server)) else {
            return;
        };
        let Some(address) = self.datagrams.servers.get(server) else { return };
        let attempt = Attempt::begin(self.lookup.clock, Duration::ZERO);
        let step = self.lookup.steps.sent(*endpoint, Transport::Udp, &asked.name, asked.qtype);
        match self.datagrams.send(&asked.bytes, *address) {
            Ok(()) => asked.opened(server, step),
            Err(fault) => self.lookup.steps.ended(step, StepOutcome::Failed(attempt.failure(fault, None)), Vec::new()),
        }
    }

    /// Takes what came; the result names the questions to be asked over TCP, and whom.
    fn receive(&mut self, buffer: &mut [u8]) -> Vec<(usize, usize)> {
        let mut truncated = Vec::new();
        for _ in 0..MOST_AT_ONCE {
            let Ok((length, from)) = self.datagrams.receive(buffer) else { break };
            let Some(server) = self.datagrams.servers.iter().position(|server| *server == from) else { continue };
            let message = buffer.get(..length).unwrap_or_default();
            let Some(question) = self.questions.iter().position(|question| question.is_for(message)) else { continue };
            let Some(asked) = self.questions.get_mut(question) else { continue };
            match judge(message, self.release) {
                Verdict::Answer => asked.answer(message, server, self.release, self.lookup.steps),
                Verdict::Truncated => {
                    asked.truncated(server, self.lookup.steps);
                    truncated.push((question, server));
                }
                Verdict::ServerFailure if self.retries > 0 => {
                    self.retries -= 1;
                    let why = StepOutcome::Rejected("SERVFAIL, asked again at once".to_owned());
                    asked.end(server, self.lookup.steps, why);
                    self.send(question, server);
                }
                Verdict::ServerFailure => {
                    asked.end(server, self.lookup.steps, StepOutcome::Rejected("SERVFAIL".to_owned()));
                }
                Verdict::Other(rcode) => {
                    let why = format!("response code {rcode}: neither NOERROR nor NXDOMAIN, so as good as silence");
                    asked.end(server, self.lookup.steps, StepOutcome::Rejected(why));
                }
            }
        }
        truncated
    }

    /// Nothing where the connection fails at once: then nobody answers this question any more.
    fn begin_stream(&self, question: usize, server: usize) -> Option<impl Future<Output = Streamed> + use<>> {
        let asked = self.questions.get(question)?;
        let attempt = Attempt::begin(self.lookup.clock, Duration::from_millis(self.timeout));
        let step = self.lookup.steps.sent(*self.servers.get(server)?, Transport::Tcp, &asked.name, asked.qtype);
        match begin_stream(self.lookup.vantage, *self.datagrams.servers.get(server)?) {
            Ok(stream) => {
                Some(converse(question, step, attempt, stream, asked.bytes.clone(), self.release.answer_bytes()))
            }
            Err(fault) => {
                let outcome = StepOutcome::Failed(attempt.failure(fault, None));
                self.lookup.steps.ended(step, outcome, Vec::new());
                None
            }
        }
    }

    /// False where the exchange ends with it, whatever else is still open.
    fn take_streamed(&mut self, streamed: Streamed) -> bool {
        let Streamed { question, step, attempt, result } = streamed;
        match (result, self.questions.get_mut(question)) {
            (Ok(message), Some(asked)) => {
                asked.answer_streamed(message, step, self.release, self.lookup.steps);
                true
            }
            (Ok(_), None) => true,
            (Err(fault), _) => {
                let outcome = StepOutcome::Failed(attempt.failure(fault, None));
                self.lookup.steps.ended(step, outcome, Vec::new());
                false
            }
        }
    }
}

/// The time that musl would read where this one reads `now`.
fn on_time(now: u64, due: u64) -> u64 {
    if (due..=due.saturating_add(LATE)).contains(&now) { due } else { now }
}

async fn converse(
    question: usize,
    step: StepId,
    attempt: Attempt,
    stream: TcpStream,
    bytes: Vec<u8>,
    most: usize,
) -> Streamed {
    let result = stream::ask(&attempt, stream, &bytes, most).await;
    Streamed { question, step, attempt, result }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_that_is_a_little_late_does_not_lose_the_fourth_round() {
        // options timeout:1 attempts:3
        let interval = 1000 / 3;
        let rounds = std::iter::successors(Some(0), |at| Some(on_time(at + interval + 2, at + interval)));
        assert_eq!(rounds.take_while(|at| *at < 1000).collect::<Vec<u64>>(), [0, 333, 666, 999]);
        assert_eq!(on_time(400, 333), 400);
        assert_eq!(on_time(332, 333), 332);
    }
}
