//! Counters, for people.

use comfy_table::{Cell, CellAlignment};
use sonde_proto::v1::{CounterReading, WatchCountersResponse};

use crate::render::catalogue::table_of;
use crate::render::style::{FAINT, paint};
use crate::render::text::{clean, elapsed, micros};

/// The values, those at zero only where `all` are asked for.
pub(crate) fn values(look: &WatchCountersResponse, all: bool, width: usize) -> String {
    let shown: Vec<_> = look.readings.iter().filter(|reading| all || reading.value != 0).collect();
    if shown.is_empty() {
        return nothing(if look.readings.is_empty() { "no counter has such a name" } else { "all of them are zero" });
    }
    let rows = shown.into_iter().map(|reading| vec![name(reading), right(reading.value.to_string())]);
    table_of(&["COUNTER", "VALUE"], rows, width)
}

/// What moved since the look before.
pub(crate) fn moved(look: &WatchCountersResponse, width: usize) -> String {
    let interval = elapsed(micros(look.elapsed.as_ref()));
    if look.readings.is_empty() {
        return nothing(&format!("nothing moved in {interval}"));
    }
    let rows = look.readings.iter().map(|reading| {
        let delta = right(format!("{:+}", reading.delta));
        vec![name(reading), delta, right(rate(reading.rate)), right(reading.value.to_string())]
    });
    let text = table_of(&["COUNTER", "MOVED", "PER SECOND", "VALUE"], rows, width);
    text + &nothing(&format!("in {interval}"))
}

fn name(reading: &CounterReading) -> Cell {
    Cell::new(format!("{}{}", clean(&reading.name), if reading.gauge { " ~" } else { "" }))
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// Three digits say enough.
fn rate(rate: f64) -> String {
    if rate.abs() < 100.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

fn nothing(line: &str) -> String {
    format!("{}\n", paint(FAINT, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(name: &str, value: i64, delta: i64, rate: f64, gauge: bool) -> CounterReading {
        CounterReading { name: name.into(), value, delta, rate, gauge }
    }

    fn look() -> WatchCountersResponse {
        WatchCountersResponse {
            taken_at: None,
            elapsed: Some(prost_types::Duration { seconds: 2, nanos: 1_000_000 }),
            readings: vec![
                reading("TcpExt.ListenOverflows", 4_012, 12, 6.0, false),
                reading("Tcp.CurrEstab", 17, -3, -1.5, true),
                reading("device.eth0.rx_bytes", 123_456_789, 250_000, 124_937.5, false),
                reading("Tcp.OutRsts", 0, 0, 0.0, false),
            ],
        }
    }

    #[test]
    fn what_moved_is_a_table_of_rates() {
        insta::assert_snapshot!(anstream::adapter::strip_str(&moved(&look(), 100)));
    }

    #[test]
    fn values_leave_out_what_is_zero() {
        let text = values(&look(), false, 100);

        assert!(text.contains("4012") && !text.contains("OutRsts"), "{text}");
        assert!(values(&look(), true, 100).contains("OutRsts"));
    }

    #[test]
    fn no_movement_is_said() {
        let still = WatchCountersResponse { readings: vec![], ..look() };

        assert_eq!(anstream::adapter::strip_str(&moved(&still, 80)).to_string(), "nothing moved in 2.001 s\n");
    }
}
