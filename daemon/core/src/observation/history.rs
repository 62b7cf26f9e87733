//! Records of the interface `history`.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A stretch of time, by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// Since the Unix epoch.
    pub from: Duration,
    /// Since the Unix epoch.
    pub to: Duration,
}

/// What is asked of what was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Of this time.
    pub period: Period,
    /// The most points of a series.
    pub points: u32,
    /// Which numbers.
    pub of: Numbers,
}

/// The functions of the interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Numbers {
    /// `history.counters`.
    Counters {
        /// `TcpExt.ListenOverflows`; a trailing `*` takes all that begin so.
        names: Vec<String>,
    },
    /// `history.sockets`.
    Sockets {
        /// In the order of each series' key.
        by: Vec<GroupKey>,
        /// Which sockets.
        filter: GroupFilter,
    },
    /// `history.listeners`.
    Listeners {
        /// Of this port only.
        port: Option<u16>,
    },
}

/// What to group sockets by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum GroupKey {
    State,
    PeerAddress,
    PeerPort,
    LocalPort,
}

/// Which sockets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupFilter {
    /// As in ss; empty for all.
    pub states: Vec<String>,
    /// Filter.
    pub peer_address: Option<IpAddr>,
    /// Filter.
    pub peer_port: Option<u16>,
    /// Filter.
    pub local_port: Option<u16>,
}

/// What a series is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeriesKind {
    /// Counts since boot.
    Counter,
    /// A level.
    Gauge,
}

/// One number at one time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The end of its step, since the Unix epoch.
    pub at: Duration,
    /// Of a counter how much it grew in the step; of a gauge its value, the largest of the step.
    pub value: f64,
}

/// One number over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// A counter's name, or a value for each key.
    pub key: Vec<String>,
    /// What it is of.
    pub kind: SeriesKind,
    /// Oldest first.
    pub points: Vec<Point>,
}

/// What was recorded of the time asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// What of it is covered.
    pub covered: Period,
    /// Of the finest step in it.
    pub step: Duration,
    /// The numbers.
    pub series: Vec<Series>,
    /// Within `covered`: not recorded.
    pub gaps: Vec<Period>,
}

impl Period {
    /// How long it is; zero where it ends before it begins.
    pub fn length(&self) -> Duration {
        self.to.saturating_sub(self.from)
    }
}

impl Series {
    /// Of a counter how much it grew in all.
    pub fn sum(&self) -> f64 {
        self.points.iter().map(|point| point.value).sum()
    }

    /// Its largest value; 0 where it has none.
    pub fn most(&self) -> f64 {
        self.points.iter().map(|point| point.value).fold(0.0, f64::max)
    }
}
