//! A series of numbered messages on one socket: sent at a pace, while what comes back is taken as it comes. The time that the last
//! one is waited for is kept free before the deadline: what could not be answered by then is not sent.

mod tally;

use std::io;
use std::time::Duration;

use socket2::Socket;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

pub(crate) use self::tally::Tally;
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
pub(crate) trait Line {
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
pub(crate) enum Came {
    /// An answer to a message, with the stamp of the kernel.
    Answer { sequence: u16, intact: bool, stamp: Option<Duration> },
    /// An answer, but not known to which of several.
    Unnumbered,
    /// What no message of ours can be told by, but has the shape of one.
    Garbled,
    /// Not ours.
    Foreign,
    /// An ICMP error about one of ours.
    Error(Queued),
}

/// Sends `count` messages `interval` apart, or as many as can still be answered, and waits for what comes back.
pub(crate) async fn run(
    line: &(impl Line + Sync),
    attempt: &Attempt,
    mut count: u16,
    interval: Duration,
    tally: &mut Tally,
) {
    let interest = Interest::READABLE | Interest::ERROR;
    let (mut next, mut due) = (0_u16, Instant::now());
    let mut end = attempt.deadline();
    let last_send = end - LAST_ANSWER.min(attempt.remaining() / 2);
    loop {
        let drained = take(line, attempt, tally);
        // What is sent later would be lost by us and not by the network.
        if (1..count).contains(&next) && due > last_send {
            (count, due) = (next, Instant::now());
        }
        let settled = line.is_settled(tally);
        if next == count || settled {
            if tally.received() == 0 && settled {
                return;
            }
            end = end.min(due + LAST_ANSWER);
            if tally.received() == u32::from(next) || settled {
                // From the last answer on: the first time is the earliest.
                end = end.min(Instant::now() + (tally.longest() * COPIES).clamp(COPIES_LEAST, COPIES_MOST));
            }
            next = count;
        }
        let wake = if next < count { due.min(end) } else { end };
        // Looked at each time: a peer that sends without pause must keep neither the end nor the next message waiting.
        if Instant::now() < wake {
            if !drained {
                yield_now().await;
                continue;
            }
            tokio::select! {
                biased;
                ready = line.socket().ready(interest) => match ready {
                    Ok(mut guard) => guard.clear_ready(),
                    Err(_) => return,
                },
                () = sleep_until(wake) => {}
            }
            continue;
        }
        if Instant::now() >= end {
            take(line, attempt, tally);
            return;
        }
        send(line, attempt, next, tally);
        next += 1;
        // From when it was due, so that the pace is kept; but what is late is not caught up in a burst.
        due = (due + interval).max(Instant::now());
        if next == count {
            due = Instant::now();
        }
        yield_now().await;
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

/// Whether that was all. Bounded, so that a flood of answers does not keep the deadline from being looked at.
fn take(line: &impl Line, attempt: &Attempt, tally: &mut Tally) -> bool {
    for _ in 0..AT_ONE_GO {
        match line.receive() {
            Some(came) => tally.came(attempt.clock(), came),
            None => return true,
        }
    }
    false
}

const AT_ONE_GO: usize = 256;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU16, Ordering};

    use socket2::{Domain, Type};

    use super::*;
    use crate::clock::RunClock;
    use crate::ready::register;

    /// Answers each message as soon as the next one is sent, and so never the last.
    struct OneBehind {
        socket: AsyncFd<Socket>,
        _peer: Socket,
        sent: AtomicU16,
        answered: AtomicU16,
    }

    impl OneBehind {
        fn new() -> Self {
            let (socket, peer) = Socket::pair(Domain::UNIX, Type::DGRAM.nonblocking(), None).expect("a pair");
            let socket = register(socket, Interest::READABLE | Interest::ERROR).expect("it is registered");
            Self { socket, _peer: peer, sent: AtomicU16::new(0), answered: AtomicU16::new(0) }
        }
    }

    impl Line for OneBehind {
        fn socket(&self) -> &AsyncFd<Socket> {
            &self.socket
        }

        fn send(&self, sequence: u16) -> io::Result<()> {
            self.sent.store(sequence, Ordering::Relaxed);
            Ok(())
        }

        fn receive(&self) -> Option<Came> {
            let sequence = self.answered.load(Ordering::Relaxed);
            (sequence < self.sent.load(Ordering::Relaxed)).then(|| {
                self.answered.store(sequence + 1, Ordering::Relaxed);
                Came::Answer { sequence, intact: true, stamp: None }
            })
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_that_could_not_be_answered_before_the_deadline() {
        let clock = RunClock::start();
        let attempt = Attempt::begin(&clock, Duration::from_millis(400));
        let mut tally = Tally::default();

        run(&OneBehind::new(), &attempt, 1000, Duration::from_millis(10), &mut tally).await;

        // Half of the time is for sending: at most 21 begin in it, and only the last of them is still open.
        assert!((2..=21).contains(&tally.left()), "{} were sent", tally.left());
        assert_eq!(tally.received(), tally.left() - 1);
    }

    /// Answers the first message late, and a copy of that later still; or says something without end.
    struct Talker {
        socket: AsyncFd<Socket>,
        peer: Socket,
        without_end: bool,
    }

    impl Talker {
        fn new(without_end: bool) -> Self {
            let (socket, peer) = Socket::pair(Domain::UNIX, Type::DGRAM.nonblocking(), None).expect("a pair");
            let socket = register(socket, Interest::READABLE | Interest::ERROR).expect("it is registered");
            Self { socket, peer, without_end }
        }
    }

    impl Line for Talker {
        fn socket(&self) -> &AsyncFd<Socket> {
            &self.socket
        }

        fn send(&self, _: u16) -> io::Result<()> {
            let peer = self.peer.try_clone()?;
            if self.without_end {
                peer.send(&[0])?;
                return Ok(());
            }
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(200));
                peer.send(&[0]).expect("sent");
                std::thread::sleep(Duration::from_millis(20));
                peer.send(&[0])
            });
            Ok(())
        }

        fn receive(&self) -> Option<Came> {
            self.socket.get_ref().recv(&mut [std::mem::MaybeUninit::uninit()]).ok()?;
            if self.without_end {
                self.peer.send(&[0]).expect("sent");
                return Some(Came::Foreign);
            }
            Some(Came::Answer { sequence: 0, intact: true, stamp: None })
        }
    }

    #[tokio::test]
    async fn a_copy_of_a_slow_answer_is_waited_for_from_that_answer_on() {
        let clock = RunClock::start();
        let attempt = Attempt::begin(&clock, Duration::from_secs(5));
        let mut tally = Tally::default();

        run(&Talker::new(false), &attempt, 1, Duration::ZERO, &mut tally).await;

        assert_eq!((tally.received(), tally.duplicates()), (1, 1));
    }

    #[tokio::test]
    async fn a_peer_that_sends_without_pause_keeps_neither_the_pace_nor_the_end_waiting() {
        let clock = RunClock::start();
        let attempt = Attempt::begin(&clock, Duration::from_millis(400));
        let mut tally = Tally::default();

        let talker = Talker::new(true);
        let series = run(&talker, &attempt, 10, Duration::from_millis(10), &mut tally);
        tokio::time::timeout(Duration::from_secs(5), series).await.expect("it ends");

        assert!(attempt.timing().elapsed < Duration::from_secs(2));
        assert_eq!(tally.left(), 10);
    }

    #[tokio::test]
    async fn the_first_message_is_sent_however_short_the_time() {
        let clock = RunClock::start();
        let attempt = Attempt::begin(&clock, Duration::from_millis(20));
        let mut tally = Tally::default();

        run(&OneBehind::new(), &attempt, 3, Duration::from_secs(1), &mut tally).await;

        assert_eq!(tally.left(), 1);
    }
}
