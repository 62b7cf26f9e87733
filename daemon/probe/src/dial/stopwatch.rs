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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    stopwatch: Arc<Stopwatch>,
    socket: BorrowedFd<'a>,
    key: u64,
    end: oneshot::Receiver<Stamped>,
}

impl<'a> Watched<'a> {
    /// Times the handshake of a socket whose connect(2) has returned.
    pub(crate) fn new(socket: BorrowedFd<'a>) -> io::Result<Self> {
        static RUNNING: Mutex<Option<Arc<Stopwatch>>> = Mutex::new(None);
        Self::by(Stopwatch::running(&RUNNING, Stopwatch::start)?, socket)
    }

    fn by(stopwatch: Arc<Stopwatch>, socket: BorrowedFd<'a>) -> io::Result<Self> {
        let (notice, end) = oneshot::channel();
        let key = stopwatch.next.fetch_add(1, Ordering::Relaxed);
        stopwatch.waiting().as_mut().ok_or_else(stopped)?.insert(key, notice);
        let watched = Self { stopwatch, socket, key, end };
        // Edge-triggered: an ICMP error in the socket's error queue is no end, and must not wake the thread for ever.
        let events = EventFlags::OUT | EventFlags::ET;
        epoll::add(&watched.stopwatch.epoll, socket, EventData::new_u64(key), events)?;
        Ok(watched)
    }

    /// The handshake's end, whatever its outcome.
    pub(crate) async fn end(&mut self) -> io::Result<Stamped> {
        (&mut self.end).await.map_err(|_| stopped())
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        drop(self.stopwatch.forget(self.key));
        // Fails where the socket never got in.
        let _ = epoll::delete(&self.stopwatch.epoll, self.socket);
    }
}

#[derive(Debug)]
struct Stopwatch {
    epoll: OwnedFd,
    began: Instant,
    next: AtomicU64,
    /// By the key of the socket's events; nobody waits for one that has stopped. The stopwatch's own thread never takes this lock.
    waiting: Mutex<Option<Waiting>>,
}

type Waiting = HashMap<u64, oneshot::Sender<Stamped>>;

fn stopped() -> io::Error {
    io::Error::other("the stopwatch has stopped")
}

impl Stopwatch {
    /// The one in `place`, which is started where there is none yet: that may fail now (no file or thread is left) and not later.
    fn running(
        place: &Mutex<Option<Arc<Self>>>,
        start: impl FnOnce() -> io::Result<Arc<Self>>,
    ) -> io::Result<Arc<Self>> {
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        match &*place {
            Some(stopwatch) => Ok(Arc::clone(stopwatch)),
            None => Ok(Arc::clone(place.insert(start()?))),
        }
    }

    /// Lives as long as the process: it holds no socket, and an idle one costs nothing. What fails leaves nothing behind: the first
    /// thread ends with the pipe.
    fn start() -> io::Result<Arc<Self>> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let (began, next, waiting) = (clock::instant(), AtomicU64::new(0), Mutex::new(Some(HashMap::new())));
        let stopwatch = Arc::new(Self { epoll, began, next, waiting });
        let (told, tell) = io::pipe()?;
        rustix::fs::fcntl_setfl(&tell, OFlags::NONBLOCK)?;
        let (teller, watcher) = (Arc::clone(&stopwatch), Arc::clone(&stopwatch));
        thread::Builder::new().name("stopwatch-tell".to_owned()).spawn(move || teller.tell(told))?;
        thread::Builder::new().name("stopwatch".to_owned()).spawn(move || watcher.watch(tell))?;
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
            let mut waited = self.wait(&mut events, Some(&AT_ONCE));
            if waited.is_ok() && events.is_empty() {
                // What it waited for a processor before it sleeps is no part of what it waits for after.
                own_wait.since_last();
                looked = clock::instant();
                waited = self.wait(&mut events, if untold.is_empty() { None } else { Some(&TELL_AGAIN) });
            }
            if let Err(error) = waited {
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

    fn wait(&self, events: &mut Vec<Event>, patience: Option<&Timespec>) -> rustix::io::Result<()> {
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), patience) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Tells the waiting tasks.
    fn tell(&self, mut told: PipeReader) {
        let mut bytes = [0; NOTICE_BYTES];
        while told.read_exact(&mut bytes).is_ok() {
            let Notice { key, stamped } = Notice::of(bytes, self.began);
            // Nobody waits any more: the dial was given up.
            let _ = self.forget(key).map(|notice| notice.send(stamped));
        }
        // The stopwatch has stopped: who waits for it learns that at once, and who comes later finds none.
        self.waiting().take();
    }

    fn forget(&self, key: u64) -> Option<oneshot::Sender<Stamped>> {
        self.waiting().as_mut()?.remove(&key)
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waiting>> {
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
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
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
        let (stopwatch, key) = (Arc::clone(&watched.stopwatch), watched.key);
        let waits = || stopwatch.waiting().as_ref().is_some_and(|waiting| waiting.contains_key(&key));
        assert!(waits());
        drop(watched);
        assert!(!waits());
    }

    #[tokio::test]
    async fn who_comes_when_it_has_stopped_is_told_so() {
        let stopwatch = Stopwatch::start().expect("started");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let mut waits = Watched::by(Arc::clone(&stopwatch), listener.as_fd()).expect("watched");
        // As its second thread does at its end.
        let (told, tell) = io::pipe().expect("a pipe");
        drop(tell);
        stopwatch.tell(told);
        waits.end().await.expect_err("it has stopped");
        Watched::by(stopwatch, listener.as_fd()).expect_err("it has stopped");
    }

    #[test]
    fn a_start_that_fails_is_tried_again() {
        let place = Mutex::new(None);
        let no_file_left = || Err(io::Error::from_raw_os_error(libc::EMFILE));
        Stopwatch::running(&place, no_file_left).expect_err("not started");
        Stopwatch::running(&place, Stopwatch::start).expect("started");
        Stopwatch::running(&place, no_file_left).expect("it runs");
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
