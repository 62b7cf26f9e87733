//! The packets of handshakes as the kernel stamps them: the SYN on its way out, and what came back.
//!
//! With many connections opened at one time every clock that a thread reads is read late, however soon that thread runs, and the
//! kernel's own work on the other packets lies between. So where more than a few handshakes of a network namespace begin in a moment,
//! a packet(7) socket looks at them. It is opened for that alone and closed soon after: while it is open, the kernel shows it every
//! packet of the namespace, and to close it waits for every processor. Needs `CAP_NET_RAW`; without, the stopwatch serves.
//!
//! A translated connection is not recognised where its packets do not carry the socket's own addresses, and is timed without.

mod ring;
mod seen;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use self::ring::Ring;
use self::seen::{Handshake, Seen};
use crate::clock::{self, RunClock};
use crate::vantage::Vantage;

/// Handshakes of a moment that are timed well without.
const FEW: usize = 8;
const MOMENT: Duration = Duration::from_millis(100);
/// For how long a tap stays open that nobody uses: the next dials of a series come soon.
const LINGER: Duration = Duration::from_secs(1);
/// How far the two clocks may seem apart. They run at one rate; a wall clock that is stepped meanwhile is further off.
const TOLERANCE: Duration = Duration::from_micros(20);

/// A handshake that may be under way. Dropping it ends that.
#[derive(Debug)]
pub(super) struct Flight {
    /// Absent where it is not counted.
    namespace: Option<u64>,
    tap: Option<Arc<Tap>>,
    watched: Option<Handshake>,
}

/// What the packets say, since the run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wire {
    /// The SYN went out.
    pub(super) out: Duration,
    /// The SYN-ACK or the reset came in.
    pub(super) back: Duration,
}

impl Flight {
    /// Before connect(2). A handshake over loopback is over when that returns, and needs no packets.
    pub(super) fn begin(vantage: &Vantage, remote: SocketAddr) -> Self {
        if remote.ip().is_loopback() {
            return Self { namespace: None, tap: None, watched: None };
        }
        let namespace = vantage.id();
        let now = clock::instant();
        let mut places = places();
        let place = places.entry(namespace).or_insert_with(|| Place::new(now));
        place.flying += 1;
        if place.tap.is_none() && place.is_busy(now) && !place.refused {
            place.tap = Tap::open(vantage, namespace);
            place.refused = place.tap.is_none();
        }
        Self { namespace: Some(namespace), tap: place.tap.clone(), watched: None }
    }

    /// Right after connect(2), when the kernel has chosen the local endpoint.
    pub(super) fn watch(&mut self, local: impl FnOnce() -> Option<SocketAddr>, remote: SocketAddr) {
        if let Some(tap) = &self.tap
            && let Some(local) = local()
        {
            let handshake = Handshake::new(local, remote);
            tap.state().look().watch(handshake);
            self.watched = Some(handshake);
        }
    }

    /// Once the handshake has an outcome; `began` is when connect(2) was called. Absent where there is no tap, where a packet was not
    /// seen, and where the wall clock was stepped meanwhile.
    pub(super) fn wire(&self, clock: &RunClock, began: Duration) -> Option<Wire> {
        let (tap, watched) = (self.tap.as_ref()?, self.watched.as_ref()?);
        let (out, back) = tap.state().look().times(watched)?;
        let (wall, now) = (RunClock::wall_now(), clock.now());
        let at = |stamp: Duration| now.checked_sub(wall.checked_sub(stamp)?);
        let wire = Wire { out: at(out)?, back: at(back)? };
        (wire.out + TOLERANCE >= began && wire.out <= wire.back).then_some(wire)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let (Some(tap), Some(watched)) = (&self.tap, &self.watched) {
            tap.state().seen.forget(watched);
        }
        let Some(namespace) = self.namespace else { return };
        let mut places = places();
        if let Some(place) = places.get_mut(&namespace) {
            place.flying = place.flying.saturating_sub(1);
            place.idle_since = clock::instant();
            // Those without a tap have nobody who would.
            let now = place.idle_since;
            places.retain(|_, place| place.tap.is_some() || place.flying > 0 || now < place.moment + MOMENT);
        }
    }
}

/// The handshakes under way in a network namespace.
#[derive(Debug)]
struct Place {
    flying: usize,
    /// When the moment began, and the handshakes that began in it.
    moment: Instant,
    begun: usize,
    idle_since: Instant,
    tap: Option<Arc<Tap>>,
    /// It could not be opened in this moment.
    refused: bool,
}

impl Place {
    fn new(now: Instant) -> Self {
        Self { flying: 0, moment: now, begun: 0, idle_since: now, tap: None, refused: false }
    }

    /// Counts one that begins now.
    fn is_busy(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.moment) > MOMENT {
            (self.moment, self.begun, self.refused) = (now, 0, false);
        }
        self.begun += 1;
        self.begun.max(self.flying) > FEW
    }
}

/// By the inode number of the namespace, which nobody else gets while a socket of it is open.
fn places() -> MutexGuard<'static, HashMap<u64, Place>> {
    static PLACES: LazyLock<Mutex<HashMap<u64, Place>>> = LazyLock::new(Mutex::default);
    PLACES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Tap(Mutex<State>);

#[derive(Debug)]
struct State {
    ring: Ring,
    seen: Seen,
}

impl Tap {
    fn open(vantage: &Vantage, namespace: u64) -> Option<Arc<Self>> {
        let opened = vantage.within(Ring::open).and_then(|opened| opened).and_then(|ring| {
            // Before anybody uses it, so that none is left open.
            thread::Builder::new().name("packet-tap".to_owned()).spawn(move || close_when_idle(namespace))?;
            Ok(Arc::new(Self(Mutex::new(State { ring, seen: Seen::default() }))))
        });
        opened.inspect_err(|error| tracing::debug!(%error, "handshakes are timed without their packets")).ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes in what has passed.
    fn look(&mut self) -> &mut Seen {
        let Self { ring, seen } = self;
        ring.drain(|at, packet| seen.take_in(at, packet));
        seen
    }
}

fn close_when_idle(namespace: u64) {
    loop {
        thread::sleep(LINGER);
        let mut places = places();
        let idle = places.get(&namespace).is_none_or(|place| place.flying == 0 && place.idle_since.elapsed() >= LINGER);
        if idle {
            let closing = places.remove(&namespace);
            // Takes milliseconds, for which nobody waits.
            drop(places);
            drop(closing);
            return;
        }
    }
}
