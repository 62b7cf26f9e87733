//! The stopwatch: one thread of this process that waits for handshakes to end, and reads the clock when one does.
//!
//! A runtime's worker reads it late: at hundreds of dials in flight, milliseconds. This thread does nothing else, stamps before it
//! tells anybody, and leaves telling to a second thread: waking a task takes locks. It asks for the processor at once: with `SCHED_FIFO` where
//! `CAP_SYS_NICE` allows it, else with a short slice (Linux 6.12). What it still waited for a processor, the kernel counts
//! (/proc/thread-self/schedstat) and it takes out.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fs::OFlags;
use tokio::sync::oneshot;

use crate::clock;

/// When a handshake ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamped {
    pub(crate) at: Instant,
    /// How long the stopwatch itself waited for a processor before it saw that: `at` is that uncertain.
    pub(crate) uncertainty: Duration,
}

/// A handshake that is being timed. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Watched<'a> {
    stopwatch: &'static Stopwatch,
    socket: BorrowedFd<'a>,
    key: u64,
    end: oneshot::Receiver<Stamped>,
}

impl<'a> Watched<'a> {
    /// Times the handshake of a socket whose connect(2) has returned.
    pub(crate) fn new(socket: BorrowedFd<'a>) -> io::Result<Self> {
        static STOPWATCH: LazyLock<io::Result<&'static Stopwatch>> = LazyLock::new(Stopwatch::start);
        let stopwatch = match &*STOPWATCH {
            Ok(stopwatch) => *stopwatch,
            Err(error) => return Err(io::Error::new(error.kind(), error.to_string())),
        };
        let (notice, end) = oneshot::channel();
        let key = stopwatch.next.fetch_add(1, Ordering::Relaxed);
        stopwatch.waiting().insert(key, notice);
        let watched = Self { stopwatch, socket, key, end };
        // Edge-triggered: an ICMP error in the socket's error queue is no end, and must not wake the thread for ever.
        let events = EventFlags::OUT | EventFlags::ET;
        epoll::add(&stopwatch.epoll, socket, EventData::new_u64(key), events)?;
        Ok(watched)
    }

    /// The handshake's end, whatever its outcome.
    pub(crate) async fn end(&mut self) -> io::Result<Stamped> {
        (&mut self.end).await.map_err(|_| io::Error::other("the stopwatch has stopped"))
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.stopwatch.waiting().remove(&self.key);
        // Fails where the socket never got in.
        let _ = epoll::delete(&self.stopwatch.epoll, self.socket);
    }
}

#[derive(Debug)]
struct Stopwatch {
    epoll: OwnedFd,
    began: Instant,
    next: AtomicU64,
    /// By the key of the socket's events. The stopwatch's own thread never takes this lock.
    waiting: Mutex<HashMap<u64, oneshot::Sender<Stamped>>>,
}

impl Stopwatch {
    /// Lives as long as the process: it holds no socket, and an idle one costs nothing.
    fn start() -> io::Result<&'static Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let (began, next, waiting) = (clock::instant(), AtomicU64::new(0), Mutex::default());
        let stopwatch: &'static Self = Box::leak(Box::new(Self { epoll, began, next, waiting }));
        let (told, tell) = io::pipe()?;
        rustix::fs::fcntl_setfl(&tell, OFlags::NONBLOCK)?;
        thread::Builder::new().name("stopwatch-tell".to_owned()).spawn(move || stopwatch.tell(told))?;
        thread::Builder::new().name("stopwatch".to_owned()).spawn(move || stopwatch.watch(tell))?;
        Ok(stopwatch)
    }

    /// Stamps. Takes no lock and wakes no task: whoever holds a lock may be waiting for this very processor.
    fn watch(&self, mut tell: PipeWriter) {
        be_prompt();
        let mut own_wait = OwnWait::open();
        let mut events = Vec::<Event>::with_capacity(MOST_EVENTS);
        let mut untold = Vec::<u8>::new();
        let mut looked = clock::instant();
        loop {
            events.clear();
            let patience = if untold.is_empty() { None } else { Some(&TELL_AGAIN) };
            if let Err(error) = epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), patience)
                && error != rustix::io::Errno::INTR
            {
                tracing::error!(%error, "the stopwatch cannot wait any more");
                break;
            }
            let now = clock::instant();
            events.retain(|event| {
                let flags = event.flags;
                flags.intersects(EventFlags::OUT | EventFlags::HUP)
            });
            if !events.is_empty() {
                let waited = own_wait.since_last().min(now.saturating_duration_since(looked));
                for (event, stamped) in events.iter().zip(spread(now, waited, events.len())) {
                    let data = event.data;
                    untold.extend(Notice { key: data.u64(), stamped }.bytes(self.began));
                }
            }
            looked = now;
            match tell.write(&untold) {
                Ok(written) => drop(untold.drain(..written)),
                // The other thread is behind by thousands; it comes to these.
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => {
                    tracing::error!(%error, "the stopwatch cannot tell any more");
                    break;
                }
            }
        }
    }

    /// Tells the waiting tasks.
    fn tell(&self, mut told: PipeReader) {
        let mut bytes = [0; NOTICE_BYTES];
        while told.read_exact(&mut bytes).is_ok() {
            let Notice { key, stamped } = Notice::of(bytes, self.began);
            let notice = self.waiting().remove(&key);
            // Nobody waits any more: the dial was given up.
            let _ = notice.map(|notice| notice.send(stamped));
        }
        // The stopwatch has stopped: who waits for it learns that at once.
        self.waiting().clear();
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Stamped>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one thread tells the other: three numbers, so that every write and read is of whole ones.
#[derive(Debug)]
struct Notice {
    key: u64,
    stamped: Stamped,
}

const NOTICE_BYTES: usize = 24;

impl Notice {
    fn bytes(&self, began: Instant) -> [u8; NOTICE_BYTES] {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).to_ne_bytes();
        let mut bytes = [0; NOTICE_BYTES];
        bytes[..8].copy_from_slice(&self.key.to_ne_bytes());
        bytes[8..16].copy_from_slice(&nanos(self.stamped.at.saturating_duration_since(began)));
        bytes[16..].copy_from_slice(&nanos(self.stamped.uncertainty));
        bytes
    }

    fn of(bytes: [u8; NOTICE_BYTES], began: Instant) -> Self {
        let number =
            |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |n| u64::from_ne_bytes(*n));
        let nanos = |at: usize| Duration::from_nanos(number(at));
        Self { key: number(0), stamped: Stamped { at: began + nanos(8), uncertainty: nanos(16) } }
    }
}

/// The ends of `count` handshakes that were all seen `now`, in their order. The first of them woke the thread, which then waited
/// for a processor; the others came some time in that wait, and are spread over it.
fn spread(now: Instant, waited: Duration, count: usize) -> impl Iterator<Item = Stamped> {
    let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
    (0..count).map(move |index| {
        let before = waited * (count - index) / count;
        Stamped { at: now.checked_sub(before).unwrap_or(now), uncertainty: waited }
    })
}

/// How long the calling thread has waited for a processor.
struct OwnWait {
    /// Absent where the kernel does not count it.
    schedstat: Option<File>,
    last: u64,
}

impl OwnWait {
    fn open() -> Self {
        let mut own = Self { schedstat: File::open("/proc/thread-self/schedstat").ok(), last: 0 };
        own.since_last();
        own
    }

    fn since_last(&mut self) -> Duration {
        let mut text = [0; 96];
        let read = self.schedstat.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or_default();
        let total = waited(text.get(..read).unwrap_or_default()).unwrap_or(self.last);
        let since = total.saturating_sub(self.last);
        self.last = total;
        Duration::from_nanos(since)
    }
}

/// The second of three numbers: time on a processor, time waited for one (both in nanoseconds), and how often it ran.
fn waited(schedstat: &[u8]) -> Option<u64> {
    std::str::from_utf8(schedstat).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Asks the scheduler to run this thread as soon as it can. Where it refuses, times are as uncertain as their record says.
fn be_prompt() {
    let real_time = Attributes { policy: libc::SCHED_FIFO.unsigned_abs(), priority: 1, ..Attributes::default() };
    let short_slice = Attributes { runtime: 100_000, ..Attributes::default() };
    if real_time.apply().is_err()
        && let Err(error) = short_slice.apply()
    {
        tracing::debug!(%error, "the stopwatch runs like any thread");
    }
}

/// struct `sched_attr`, its first version (linux/sched/types.h).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    /// Of `SCHED_OTHER`: the slice, in nanoseconds, since Linux 6.12.
    runtime: u64,
    deadline: u64,
    period: u64,
}

impl Default for Attributes {
    fn default() -> Self {
        let size = u32::try_from(size_of::<Self>()).unwrap_or_default();
        Self { size, policy: 0, flags: 0, nice: 0, priority: 0, runtime: 0, deadline: 0, period: 0 }
    }
}

impl Attributes {
    /// To the calling thread.
    fn apply(&self) -> io::Result<()> {
        #[expect(unsafe_code, reason = "no safe wrapper has sched_setattr")]
        // SAFETY: the pointer is to a live struct whose size is its first field; the kernel only reads it.
        let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const *self, 0) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// More than the handshakes that end in one look.
const MOST_EVENTS: usize = 256;
/// While the pipe is full.
const TELL_AGAIN: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000 };

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    use super::*;

    #[tokio::test]
    async fn a_handshake_that_has_ended_is_stamped_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let stream = TcpStream::connect(listener.local_addr().expect("its address")).expect("connected");
        let before = clock::instant();
        let mut watched = Watched::new(stream.as_fd()).expect("watched");
        let stamped = watched.end().await.expect("its end");
        assert!(stamped.at + stamped.uncertainty >= before);
        assert!(stamped.at <= clock::instant());
    }

    #[test]
    fn a_watch_that_is_dropped_leaves_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        // A listener is never writable.
        let watched = Watched::new(listener.as_fd()).expect("watched");
        let (stopwatch, key) = (watched.stopwatch, watched.key);
        assert!(stopwatch.waiting().contains_key(&key));
        drop(watched);
        assert!(!stopwatch.waiting().contains_key(&key));
    }

    #[test]
    fn what_came_while_the_thread_waited_is_spread_over_the_wait() {
        let now = clock::instant();
        let ms = Duration::from_millis;
        let ends: Vec<_> = spread(now, ms(4), 2).map(|stamped| now - stamped.at).collect();
        assert_eq!(ends, [ms(4), ms(2)]);
    }

    #[test]
    fn a_notice_arrives_as_it_was_sent() {
        let began = clock::instant();
        let stamped = Stamped { at: began + Duration::from_nanos(1_234_567), uncertainty: Duration::from_nanos(89) };
        let read = Notice::of(Notice { key: 7, stamped }.bytes(began), began);
        assert_eq!((read.key, read.stamped.at, read.stamped.uncertainty), (7, stamped.at, stamped.uncertainty));
    }

    #[test]
    fn the_wait_is_the_second_number() {
        assert_eq!(waited(b"0 82905 1\n"), Some(82_905));
        for nonsense in [&b""[..], b"1", b"1 x 2", b"1 \xff"] {
            assert_eq!(waited(nonsense), None);
        }
    }
}
