//! Requests of TCP dials and of series of them.

use std::time::Duration;

use super::{Closing, DEFAULT_TIMEOUT, Keepalive, TcpRequest, TcpSeries, TcpSeriesRequest};
use crate::types::Endpoint;
use crate::wait::microseconds;

impl TcpRequest {
    /// From wherever the kernel chooses, closed at once and with FIN, without deltas.
    pub fn to(remote: Endpoint) -> Self {
        Self {
            remote,
            local_address: None,
            local_port: None,
            device: None,
            keepalive: None,
            user_timeout_us: None,
            hold_us: 0,
            close: Closing::Fin,
            timeout_us: microseconds(DEFAULT_TIMEOUT),
            deltas: false,
        }
    }

    /// Binds to this local address first.
    #[must_use]
    pub fn from(mut self, address: &str) -> Self {
        self.local_address = Some(address.to_owned());
        self
    }

    /// Binds to this local port first.
    #[must_use]
    pub fn from_port(mut self, port: u16) -> Self {
        self.local_port = Some(port);
        self
    }

    /// Uses this device only.
    #[must_use]
    pub fn through(mut self, device: &str) -> Self {
        self.device = Some(device.to_owned());
        self
    }

    /// Probes an idle connection; both times in whole seconds.
    #[must_use]
    pub fn keeping_alive(mut self, idle: Duration, interval: Duration, probes: u8) -> Self {
        self.keepalive = Some(Keepalive { idle_us: microseconds(idle), interval_us: microseconds(interval), probes });
        self
    }

    /// `TCP_USER_TIMEOUT`, in whole milliseconds.
    #[must_use]
    pub fn giving_up_after(mut self, timeout: Duration) -> Self {
        self.user_timeout_us = Some(microseconds(timeout));
        self
    }

    /// Keeps the established connection open so long, to see whether it is ended.
    #[must_use]
    pub fn holding(mut self, time: Duration) -> Self {
        self.hold_us = microseconds(time);
        self
    }

    /// Ends an established connection with RST.
    #[must_use]
    pub fn resetting(mut self) -> Self {
        self.close = Closing::Rst;
        self
    }

    /// Takes counter deltas around the dial, in a quiet window.
    #[must_use]
    pub fn with_deltas(mut self) -> Self {
        self.deltas = true;
        self
    }

    /// So many of it, one after the other without pause.
    pub fn times(self, count: u32) -> TcpSeriesRequest {
        TcpSeriesRequest { each: self, count, interval_us: 0, at_once: 1, timeout_us: u64::MAX }
    }
}

impl TcpSeriesRequest {
    /// Attempts in flight at once.
    #[must_use]
    pub fn at_once(mut self, attempts: u32) -> Self {
        self.at_once = attempts;
        self
    }
}

impl TcpSeries {
    /// The part of its attempts that did not connect, from 0 to 1; none where there was none.
    pub fn loss(&self) -> Option<f64> {
        let made = u32::try_from(self.attempts.len()).ok().filter(|made| *made > 0)?;
        Some(f64::from(made.saturating_sub(self.connected)) / f64::from(made))
    }
}
