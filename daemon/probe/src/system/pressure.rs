//! Pressure stall information: in which share of the time tasks waited for a resource.

use std::time::Duration;

use sonde_core::observation::system::{Pressure, PressureLine};

/// Of all three resources, those that there is a file of. `file` reads the one of a resource.
pub(super) fn read(file: impl Fn(&str) -> Option<String>) -> Vec<Pressure> {
    ["cpu", "memory", "io"].into_iter().filter_map(|resource| parse(resource, &file(resource)?)).collect()
}

/// Lines like `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`; kernels before 5.13 have no `full` for the CPU.
pub(super) fn parse(resource: &str, text: &str) -> Option<Pressure> {
    let find = |kind: &str| text.lines().find_map(|words| line(words.strip_prefix(kind)?));
    Some(Pressure { resource: resource.to_owned(), some: find("some ")?, full: find("full ") })
}

fn line(words: &str) -> Option<PressureLine> {
    let value = |name: &str| words.split_ascii_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let percent = |name: &str| value(name)?.parse().ok().filter(|share: &f64| (0.0..=100.0).contains(share));
    Some(PressureLine {
        avg10_percent: percent("avg10")?,
        avg60_percent: percent("avg60")?,
        avg300_percent: percent("avg300")?,
        total: Duration::from_micros(value("total")?.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_lines_are_read() {
        let text = "some avg10=2.50 avg60=6.46 avg300=10.67 total=16158964196\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        let found = parse("cpu", text).expect("pressure");
        assert!((found.some.avg60_percent - 6.46).abs() < 1e-9, "{found:?}");
        assert_eq!(found.some.total, Duration::from_micros(16_158_964_196));
        assert_eq!(found.full.map(|full| full.total), Some(Duration::from_micros(7)));
    }

    #[test]
    fn what_is_no_share_is_no_pressure() {
        for share in ["NaN", "inf", "-1.00", "100.01", "much"] {
            assert_eq!(parse("io", &format!("some avg10={share} avg60=0 avg300=0 total=0")), None, "{share}");
        }
        assert_eq!(parse("io", "full avg10=0 avg60=0 avg300=0 total=0"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(?s).{0,200}", words in "((some|full|avg10|avg60|avg300|total)=?[0-9.]{0,20} ?\n?){0,12}") {
            for text in [&text, &words] {
                drop(parse("cpu", text));
            }
        }
    }
}
