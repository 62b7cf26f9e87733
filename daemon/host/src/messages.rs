//! Bounds of a series of numbered messages, echo requests or datagrams.

use std::time::Duration;

/// Requests or datagrams of one call.
const COUNT: u16 = 1000;

/// So that a call is no flood.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// Of a payload: with every header it fits one IP packet.
pub(crate) const PAYLOAD_BYTES: u16 = 65_000;

/// How many are sent.
pub(crate) fn count(count: u16) -> Result<u16, String> {
    if !(1..=COUNT).contains(&count) {
        return Err(format!("{count} cannot be sent in one call; ask for 1 to {COUNT}"));
    }
    Ok(count)
}

/// How far apart they are.
pub(crate) fn interval(micros: u64, longest: Duration) -> Result<Duration, String> {
    let interval = Duration::from_micros(micros);
    if interval < SHORTEST_INTERVAL {
        return Err(format!(
            "an interval of {micros} us is a flood; give at least {} us",
            SHORTEST_INTERVAL.as_micros()
        ));
    }
    Ok(interval.min(longest))
}
