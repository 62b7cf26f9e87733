//! Counters of the machine's packet processing and of devices.
//!
//! Names: `softnet.dropped` (`/proc/net/softnet_stat`: hexadecimal, a line per CPU, summed; of the whole machine) and
//! `device.eth0.rx_errors` (`/proc/net/dev`).

use sonde_core::observation::Counter;

use super::{LIMIT_BYTES, decimal};
use crate::vantage::Procfs;

/// Columns of `softnet_stat` (`softnet_seq_show` of net/core/net-procfs.c); absent ones are always zero or no sums.
const SOFTNET: [(usize, &str); 6] =
    [(0, "processed"), (1, "dropped"), (2, "time_squeeze"), (9, "received_rps"), (10, "flow_limit"), (11, "backlog")];

/// Columns behind the name of a device, which are the same in every kernel (`dev_seq_printf_stats`).
const DEVICE: [&str; 16] = [
    "rx_bytes",
    "rx_packets",
    "rx_errors",
    "rx_dropped",
    "rx_fifo",
    "rx_frame",
    "rx_compressed",
    "rx_multicast",
    "tx_bytes",
    "tx_packets",
    "tx_errors",
    "tx_dropped",
    "tx_fifo",
    "tx_collisions",
    "tx_carrier",
    "tx_compressed",
];

/// Appends what this kernel has of them. Inside the vantage only.
pub(crate) fn read(procfs: &Procfs, counters: &mut Vec<Counter>) {
    let text = |path: &str| {
        let bytes = procfs.read(path, LIMIT_BYTES).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    softnet(&text("thread-self/net/softnet_stat"), counters);
    devices(&text("thread-self/net/dev"), counters);
}

fn softnet(text: &str, counters: &mut Vec<Counter>) {
    let mut sums = [None::<i64>; SOFTNET.len()];
    for line in text.lines() {
        for ((column, _), sum) in SOFTNET.iter().zip(&mut sums) {
            let word = line.split_ascii_whitespace().nth(*column);
            if let Some(value) = word.and_then(|word| u32::from_str_radix(word, 16).ok()) {
                *sum = Some(sum.unwrap_or(0).saturating_add(value.into()));
            }
        }
    }
    for ((_, name), sum) in SOFTNET.iter().zip(sums) {
        counters.extend(sum.map(|value| Counter { name: format!("softnet.{name}"), value }));
    }
}

fn devices(text: &str, counters: &mut Vec<Counter>) {
    // Two lines of headings have no colon before their values.
    for line in text.lines() {
        let Some((device, values)) = line.rsplit_once(':') else { continue };
        let device = device.trim();
        for (name, value) in DEVICE.iter().zip(values.split_ascii_whitespace()) {
            if let Some(value) = decimal(value) {
                counters.push(Counter { name: format!("device.{device}.{name}"), value });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn parsed(parse: fn(&str, &mut Vec<Counter>), text: &str) -> HashMap<String, i64> {
        let mut counters = Vec::new();
        parse(text, &mut counters);
        counters.into_iter().map(|counter| (counter.name, counter.value)).collect()
    }

    #[test]
    fn softnet_is_hexadecimal_and_summed_over_cpus() {
        let text = "002e6d26 00000001 0000000e 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000002 00000003 00000000 00000000 00000000\n\
                    00000001 0000000f 00000010 00000000 00000000 00000000 00000000 00000000 00000000 00000004 00000000 00000000 00000001 00000000 00000000\n";
        let counters = parsed(softnet, text);
        assert_eq!(counters["softnet.processed"], 0x2e_6d27);
        assert_eq!((counters["softnet.dropped"], counters["softnet.time_squeeze"]), (16, 30));
        assert_eq!((counters["softnet.received_rps"], counters["softnet.flow_limit"]), (4, 2));
        assert_eq!(counters["softnet.backlog"], 3);
    }

    #[test]
    fn softnet_of_an_old_kernel_lacks_its_last_columns() {
        let counters = parsed(softnet, "00000001 00000002 00000003 00000000\n");
        assert_eq!(counters.len(), 3);
    }

    #[test]
    fn devices_have_a_counter_for_each_column() {
        let text = "Inter-|   Receive                            |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed\n    lo: 10 1 0 0 0 0 0 0 10 1 0 0 0 0 0 0\n  eth0:20 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
        let counters = parsed(devices, text);
        assert_eq!(counters.len(), 32);
        assert_eq!((counters["device.lo.rx_bytes"], counters["device.eth0.rx_bytes"]), (10, 20));
        assert_eq!((counters["device.eth0.rx_errors"], counters["device.eth0.tx_carrier"]), (3, 15));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "(?s).{0,200}", table in "([a-z0-9]{1,4}[: \n]{0,2}){0,60}") {
            for text in [&text, &table] {
                softnet(text, &mut Vec::new());
                devices(text, &mut Vec::new());
            }
        }
    }
}
