//! What the daemon's recorder kept of the vantage's namespace before now.

pub use crate::bindings::sonde::check::history::{
    GroupFilter, GroupKey, HistoryAnswer, Point, Recording, Series, SeriesKind, counters, listeners, sockets,
};
use crate::types::Period;

impl GroupFilter {
    /// Every TCP socket.
    pub fn all() -> Self {
        Self { states: vec![], peer_address: None, peer_port: None, local_port: None }
    }

    /// Those towards this address, at any port.
    #[must_use]
    pub fn peer_address(mut self, address: &str) -> Self {
        self.peer_address = Some(address.to_owned());
        self
    }

    /// Those towards this port of their peer.
    #[must_use]
    pub fn peer_port(mut self, port: u16) -> Self {
        self.peer_port = Some(port);
        self
    }
}

impl HistoryAnswer {
    /// What was recorded; none where the call failed.
    pub fn recording(&self) -> Option<&Recording> {
        self.outcome.as_ref().ok()
    }

    /// The series of this key.
    pub fn series(&self, key: &[&str]) -> Option<&Series> {
        self.recording()?.series.iter().find(|series| series.key == key)
    }
}

impl Series {
    /// Of a counter how much it grew in all.
    pub fn growth(&self) -> f64 {
        self.points.iter().map(|point| point.value).sum()
    }

    /// Its first point of at least so much.
    pub fn onset(&self, least: f64) -> Option<&Point> {
        self.points.iter().find(|point| point.value >= least)
    }

    /// Its largest point, the first of equal ones.
    pub fn peak(&self) -> Option<&Point> {
        self.points.iter().reduce(|most, point| if point.value > most.value { point } else { most })
    }

    /// Its last point.
    pub fn last(&self) -> Option<&Point> {
        self.points.last()
    }
}

impl Period {
    /// In seconds; 0 where it ends before it begins.
    #[expect(clippy::cast_precision_loss, reason = "periods are days at most")]
    pub fn seconds(&self) -> f64 {
        self.to_us.saturating_sub(self.from_us).max(0) as f64 / 1e6
    }
}
