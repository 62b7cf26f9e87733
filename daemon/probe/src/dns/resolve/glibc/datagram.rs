//! One turn of one server over UDP: `send_dg` of `resolv/res_send.c`.
//!
//! A and AAAA go out back to back on one connected socket. Where one of the two replies does not come, both are asked for once
//! more, one after the other, and then once more on a socket of its own each: three timeouts before glibc makes do with one.
//! SERVFAIL, NOTIMP and REFUSED, and a reply that says nothing at all, do not count: the next server is asked unless the other
//! reply does. Replies to something else are dropped.

use std::io;
use std::time::Duration;

use sonde_core::observation::dns::{StepOutcome, Transport};
use sonde_core::observation::{Failure, Phase};
use tokio::time::Instant;

use super::errors::{Errno, failure};
use super::message::{NOTIMP, Query, REFUSED, Reply, SERVFAIL};
use super::send::{Replies, Resolver, Turn};
use super::socket::{Event, next, open};
use crate::dns::resolve::steps::StepId;
use crate::error_queue;
use crate::failure::Fault;

const EMPTY_SHELL: &str = "it has no answer, and the server claims neither authority nor recursion";

/// Why a pass ended.
enum Pass {
    Over(Turn),
    /// One of two replies was lost: ask again, one at a time.
    Again,
}

/// The queries of one pass that were sent, and of which a reply came.
#[derive(Default)]
struct Progress {
    steps: [Option<StepId>; 2],
    came: [bool; 2],
}

impl Resolver<'_> {
    pub(super) async fn datagrams(
        &mut self,
        server: usize,
        queries: &[Query],
        replies: &mut Replies,
        anything_came: &mut bool,
    ) -> Turn {
        let before = *anything_came;
        loop {
            let mut progress = Progress { came: [false, queries.len() < 2], ..Progress::default() };
            let pass = self.pass(server, queries, replies, anything_came, &mut progress).await;
            let outcome = match pass {
                Pass::Again => StepOutcome::TimedOut,
                Pass::Over(_) => StepOutcome::Abandoned,
            };
            self.end_all(&progress, &outcome);
            match pass {
                Pass::Over(turn) => return turn,
                Pass::Again if !self.options.single_request && !self.options.single_request_reopen => {
                    self.options.single_request = true;
                }
                Pass::Again if !self.options.single_request_reopen => {
                    self.options.single_request_reopen = true;
                    self.close();
                }
                // The one reply that came must do.
                Pass::Again => {
                    replies.second = None;
                    return Turn::Over;
                }
            }
            *anything_came = before;
        }
    }

    async fn pass(
        &mut self,
        server: usize,
        queries: &[Query],
        replies: &mut Replies,
        anything_came: &mut bool,
        progress: &mut Progress,
    ) -> Pass {
        let one_by_one = self.options.single_request || self.options.single_request_reopen;
        let pair = queries.len() > 1;
        let finish = Instant::now() + self.patience(server);
        if let Err(turn) = self.begin(server, queries, replies, progress, one_by_one).await {
            return Pass::Over(turn);
        }
        loop {
            let Some(socket) = self.sockets.get(server).and_then(Option::as_ref) else {
                return Pass::Over(Turn::Broken);
            };
            let bytes = match next(socket, finish).await {
                Event::Datagram(bytes) => bytes,
                Event::Late => {
                    if replies.first_counts && (progress.came[0] || (pair && progress.came[1])) {
                        return Pass::Again;
                    }
                    self.end_all(progress, &StepOutcome::TimedOut);
                    *anything_came = true;
                    replies.forget();
                    return Pass::Over(Turn::Over);
                }
                Event::Failed(error) => return self.give_up(server, &error, replies, progress),
            };
            *anything_came |= !bytes.is_empty();
            let is_second = pair && (progress.came[0] || progress.came[1]);
            let length = bytes.len();
            let Some(reply) = self.store(bytes, replies, is_second) else {
                // Too short for a header.
                let said = StepOutcome::Rejected(format!("a message of {length} bytes is no reply"));
                self.end_all(progress, &said);
                return self.over_without(replies);
            };
            let Some(which) = matching(&reply, queries, progress) else { continue };
            if let Some(pass) = self.take(server, queries, replies, progress, &reply, which).await {
                return pass;
            }
        }
    }

    /// Judges the reply to query `which`; `None` where the wait goes on.
    async fn take(
        &mut self,
        server: usize,
        queries: &[Query],
        replies: &mut Replies,
        progress: &mut Progress,
        reply: &Reply,
        which: usize,
    ) -> Option<Pass> {
        let pair = queries.len() > 1;
        let one_by_one = self.options.single_request || self.options.single_request_reopen;
        let failed = matches!(reply.rcode(), SERVFAIL | NOTIMP | REFUSED);
        let outcome = match reply {
            reply if reply.is_empty_shell() => StepOutcome::Rejected(EMPTY_SHELL.to_owned()),
            reply if reply.truncated() && !failed => StepOutcome::Truncated,
            reply => StepOutcome::Answered(reply.rcode().into()),
        };
        self.end(progress.steps[which], outcome, reply);
        if failed || reply.is_empty_shell() {
            if progress.came[0] || (pair && progress.came[1]) {
                replies.second = None;
                return Some(Pass::Over(Turn::Over));
            }
            if pair && !one_by_one {
                replies.first_counts = false;
                progress.came[which] = true;
                return None;
            }
            return Some(self.over_without(replies));
        }
        if reply.truncated() {
            self.close();
            replies.forget();
            return Some(Pass::Over(Turn::Truncated));
        }
        progress.came[which] = true;
        if progress.came == [true, true] {
            return Some(Pass::Over(Turn::Over));
        }
        if one_by_one {
            if self.options.single_request_reopen {
                self.close();
                if let Err(turn) = self.open(server, queries.get(1..).unwrap_or_default()) {
                    replies.forget();
                    return Some(Pass::Over(turn));
                }
            }
            if let Err(error) = self.transmit(server, queries.get(1), progress).await {
                return Some(self.give_up(server, &error, replies, progress));
            }
        }
        None
    }

    /// Opens the socket where it is not open, and sends what goes out at once.
    async fn begin(
        &mut self,
        server: usize,
        queries: &[Query],
        replies: &mut Replies,
        progress: &mut Progress,
        one_by_one: bool,
    ) -> Result<(), Turn> {
        self.open(server, queries).inspect_err(|_| replies.forget())?;
        let over = |pass| if let Pass::Over(turn) = pass { turn } else { Turn::Over };
        if let Err(error) = self.transmit(server, queries.first(), progress).await {
            return Err(over(self.give_up(server, &error, replies, progress)));
        }
        if one_by_one || queries.len() < 2 {
            return Ok(());
        }
        if self.transmit(server, queries.get(1), progress).await.is_err() {
            // An error of the first query that was reported by the second: sendmmsg(2) says that one was sent, and the
            // second is sent again on its own.
            if let Err(error) = self.transmit(server, queries.get(1), progress).await {
                return Err(over(self.give_up(server, &error, replies, progress)));
            }
        }
        Ok(())
    }

    /// `reopen`: connecting only asks for the route.
    fn open(&mut self, server: usize, queries: &[Query]) -> Result<(), Turn> {
        let Some(at) = self.servers.get(server).copied() else { return Err(Turn::Broken) };
        if self.sockets.get(server).is_some_and(Option::is_some) {
            return Ok(());
        }
        let (fault, turn) = match open(self.lookup.vantage, at.address) {
            Ok(socket) => {
                if let Some(place) = self.sockets.get_mut(server) {
                    *place = Some(socket);
                }
                return Ok(());
            }
            Err(fault) if fault.phase == Phase::Connect => (fault, Turn::Over),
            Err(fault) => (fault, Turn::Broken),
        };
        // Nothing was sent: what would have been stands beside the reason.
        for query in queries {
            let id = self.lookup.steps.sent(at.endpoint, Transport::Udp, &query.name.to_string(), query.qtype);
            self.lookup.steps.ended(id, StepOutcome::Failed(failure(fault.clone())), Vec::new());
        }
        if turn == Turn::Over {
            self.close();
        } else {
            self.errno = Errno::Other;
        }
        Err(turn)
    }

    /// Sends one query and opens its step.
    async fn transmit(&self, server: usize, query: Option<&Query>, progress: &mut Progress) -> io::Result<()> {
        let (Some(at), Some(query)) = (self.servers.get(server), query) else { return Ok(()) };
        let Some(socket) = self.sockets.get(server).and_then(Option::as_ref) else { return Ok(()) };
        let which = usize::from(progress.steps[0].is_some());
        if progress.steps[which].is_none() {
            let name = query.name.to_string();
            progress.steps[which] = Some(self.lookup.steps.sent(at.endpoint, Transport::Udp, &name, query.qtype));
        }
        // Without a turn of the runtime in between, as sendmmsg(2) has none between A and AAAA.
        let flags = rustix::net::SendFlags::DONTWAIT | rustix::net::SendFlags::NOSIGNAL;
        match rustix::net::send(socket, &query.bytes, flags) {
            Ok(_) => Ok(()),
            Err(rustix::io::Errno::AGAIN) => socket.send(&query.bytes).await.map(drop),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The socket failed: the next server is asked.
    fn give_up(&mut self, server: usize, error: &io::Error, replies: &mut Replies, progress: &Progress) -> Pass {
        let socket = self.sockets.get(server).and_then(Option::as_ref);
        let local = socket.and_then(|socket| socket.local_addr().ok()).map(|local| local.ip());
        let icmp = socket.and_then(|socket| error_queue::drain(socket, local));
        let fault = Fault::os(Phase::Wait, "wait for a reply", error);
        self.end_all(progress, &StepOutcome::Failed(Failure { icmp, ..failure(fault) }));
        self.over_without(replies)
    }

    /// `close_and_return_error`.
    fn over_without(&mut self, replies: &mut Replies) -> Pass {
        self.close();
        replies.forget();
        Pass::Over(Turn::Over)
    }

    /// `retrans << ns`, divided by the number of servers but for the first; never less than a second.
    fn patience(&self, server: usize) -> Duration {
        patience(self.view.timeout, server, self.servers.len())
    }

    fn end(&self, step: Option<StepId>, outcome: StepOutcome, reply: &Reply) {
        if let Some(step) = step {
            self.lookup.steps.ended(step, outcome, reply.addresses());
        }
    }

    fn end_all(&self, progress: &Progress, outcome: &StepOutcome) {
        for step in progress.steps.into_iter().flatten() {
            self.lookup.steps.ended(step, outcome.clone(), Vec::new());
        }
    }
}

fn patience(timeout: Duration, server: usize, servers: usize) -> Duration {
    let seconds = timeout.as_secs().checked_shl(u32::try_from(server).unwrap_or(u32::MAX)).unwrap_or(u64::MAX);
    let divisor = if server > 0 { servers.max(1) } else { 1 };
    Duration::from_secs((seconds / u64::try_from(divisor).unwrap_or(1)).clamp(1, 3600))
}

/// The open query that the reply is to; the second one is looked at last, and so wins.
fn matching(reply: &Reply, queries: &[Query], progress: &Progress) -> Option<usize> {
    let fits = |which: usize| !progress.came[which] && queries.get(which).is_some_and(|query| reply.matches(query));
    [1, 0].into_iter().find(|which| fits(*which))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_servers_get_their_share_of_a_doubled_timeout() {
        let of = |seconds, server, servers| patience(Duration::from_secs(seconds), server, servers).as_secs();
        assert_eq!([of(5, 0, 3), of(5, 1, 3), of(5, 2, 3)], [5, 3, 6]);
        assert_eq!([of(5, 0, 2), of(5, 1, 2)], [5, 5]);
        assert_eq!([of(1, 0, 3), of(1, 1, 3), of(1, 2, 3)], [1, 1, 1]);
        assert_eq!(of(0, 0, 1), 1);
    }
}
