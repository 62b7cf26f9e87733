//! A series of numbered messages on one socket: sent at a pace, while what comes back is taken as it comes.

mod tally;

use std::io;
use std::time::Duration;

use socket2::Socket;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};

pub(super) use self::tally::Tally;
use crate::attempt::Attempt;
use crate::error_queue::Queued;
use crate::stamp::Sent;

/// How long the last message is waited for.
const LAST_ANSWER: Duration = Duration::from_secs(1);

/// Where all were answered: how many of the longest round trips further copies are waited for, and the bounds of that.
const COPIES: u32 = 2;
const COPIES_LEAST: Duration = Duration::from_millis(5);
const COPIES_MOST: Duration = Duration::from_millis(100);

/// How messages are sent and told apart.
pub(super) trait Line {
    /// The socket.
    fn socket(&self) -> &AsyncFd<Socket>;

    /// Sends the message with this number.
    fn send(&self, sequence: u16) -> io::Result<()>;

    /// Takes what has come; `None` when nothing waits.
    fn receive(&self) -> Option<Came>;

    /// Whether the rest need not be sent.
    fn is_settled(&self, _tally: &Tally) -> bool {
        false
    }
}

/// What has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// An answer to a message, with the stamp of the kernel.
    Answer { sequence: u16, intact: bool, stamp: Option<Duration> },
    /// What no message of ours can be told by, but has the shape of one.
    Garbled,
    /// Not ours.
    Foreign,
    /// An ICMP error about one of ours.
    Error(Queued),
}

/// Sends `count` messages `interval` apart, and waits for what comes back.
pub(super) async fn run(
    line: &(impl Line + Sync),
    attempt: &Attempt,
    count: u16,
    interval: Duration,
    tally: &mut Tally,
) {
    let interest = Interest::READABLE | Interest::ERROR;
    let (mut next, mut due) = (0_u16, Instant::now());
    let mut end = attempt.deadline();
    loop {
        take(line, attempt, tally);
        let settled = line.is_settled(tally);
        if next == count || settled {
            let answered = tally.received() == u32::from(next) || settled;
            let copies = (tally.longest() * COPIES).clamp(COPIES_LEAST, COPIES_MOST);
            let patience = if answered { copies } else { LAST_ANSWER };
            if tally.received() == 0 && settled {
                return;
            }
            end = end.min(due + patience);
            next = count;
        }
        let wake = if next < count { due.min(end) } else { end };
        tokio::select! {
            biased;
            ready = line.socket().ready(interest) => match ready {
                Ok(mut guard) => guard.clear_ready(),
                Err(_) => return,
            },
            () = sleep_until(wake) => {
                if Instant::now() >= end {
                    take(line, attempt, tally);
                    return;
                }
                if next < count {
                    send(line, attempt, next, tally);
                    next += 1;
                    // From when it was due, so that the pace is kept; but what is late is not caught up in a burst.
                    due = (due + interval).max(Instant::now());
                    if next == count {
                        due = Instant::now();
                    }
                }
            }
        }
    }
}

/// An error that waits at the socket would be taken for one of sending, so it is taken first.
fn send(line: &impl Line, attempt: &Attempt, sequence: u16, tally: &mut Tally) {
    for last in [false, true] {
        let sent = Sent::now(attempt.clock());
        match line.send(sequence) {
            Ok(()) => return tally.sent(sequence, sent),
            Err(error) if last => return tally.unsent(error),
            Err(error) => {
                let errors = tally.icmp_errors();
                take(line, attempt, tally);
                if tally.icmp_errors() == errors {
                    return tally.unsent(error);
                }
            }
        }
    }
}

fn take(line: &impl Line, attempt: &Attempt, tally: &mut Tally) {
    // Bounded, so that a flood of answers does not keep the deadline from being looked at.
    for _ in 0..AT_ONE_GO {
        match line.receive() {
            Some(came) => tally.came(attempt.clock(), came),
            None => return,
        }
    }
}

const AT_ONE_GO: usize = 256;
