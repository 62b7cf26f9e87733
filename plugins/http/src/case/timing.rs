//! How long an exchange took, and whether the network had a part in it.

use sonde_sdk::connection::Connection;
use sonde_sdk::dial::HttpExchange;

/// The server took long to begin its answer, and the network had no part in it.
pub(crate) fn slow(exchange: &HttpExchange) -> bool {
    wait_us(exchange).is_some_and(|wait| wait > SLOW_US) && clean(&exchange.connection)
}

/// From the request written to the first byte of the answer.
pub(crate) fn wait_us(exchange: &HttpExchange) -> Option<u64> {
    exchange.response.as_ref()?;
    exchange.phases.wait.as_ref().map(|wait| wait.elapsed_us)
}

/// Nothing was lost or is unacknowledged, and the round trip is short.
pub(crate) fn clean(connection: &Connection) -> bool {
    connection.syn_retransmits == 0
        && connection.info.as_ref().is_some_and(|info| {
            // Where the peer closes first, our own FIN is under way: the payload is what counts. The kernel counts the SYN
            // among the acknowledged bytes.
            let delivered = info.bytes_sent > 0 && info.bytes_acked > info.bytes_sent;
            (info.unacked == 0 || delivered)
                && info.lost == 0
                && info.total_retransmits == 0
                && u64::from(info.rtt_us) < LONG_ROUND_TRIP_US
        })
}

/// Catalogue of causes, thresholds: time to first byte.
pub(crate) const SLOW_US: u64 = 1_000_000;
/// Catalogue of causes, thresholds: round trip.
const LONG_ROUND_TRIP_US: u64 = 150_000;
