//! Requests of `udp`, and readings of what came back.

use super::{DEFAULT_TIMEOUT, UdpDial, UdpRequest};
use crate::types::{Endpoint, loss};
use crate::wait::microseconds;

impl UdpRequest {
    /// Ten numbered datagrams of 64 bytes, 20 ms apart, to a service that echoes.
    pub fn echo(remote: Endpoint) -> Self {
        Self {
            remote,
            payload: None,
            size_bytes: 64,
            count: 10,
            interval_us: 20_000,
            timeout_us: microseconds(DEFAULT_TIMEOUT),
            deltas: false,
        }
    }

    /// This payload, up to three times half a second apart until something answers.
    pub fn sending(remote: Endpoint, payload: Vec<u8>) -> Self {
        Self { payload: Some(payload), count: 3, interval_us: 500_000, ..Self::echo(remote) }
    }

    /// Of the numbered datagrams, from 32.
    #[must_use]
    pub fn of_size(mut self, bytes: u16) -> Self {
        self.size_bytes = bytes;
        self
    }

    /// Takes counter deltas around it, in a quiet window.
    #[must_use]
    pub fn with_deltas(mut self) -> Self {
        self.deltas = true;
        self
    }
}

impl UdpDial {
    /// The share of datagrams that were not answered, from 0 to 1; none where none was sent.
    pub fn loss(&self) -> Option<f64> {
        loss(self.sent, self.received)
    }
}

#[cfg(test)]
mod tests {
    use crate::testkit::udp_dial;
    use crate::types::Endpoint;

    #[test]
    fn loss_is_a_share_of_what_was_sent() {
        let dial = udp_dial(1, &Endpoint::new("192.0.2.1", 7), 10, 8);
        assert_eq!(dial.loss(), Some(0.2));
        assert_eq!(udp_dial(1, &Endpoint::new("192.0.2.1", 7), 0, 0).loss(), None);
    }
}
