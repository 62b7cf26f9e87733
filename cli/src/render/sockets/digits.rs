//! Numbers without the formatting machinery of std, which takes most of the time of a row.

/// Appends a number.
#[inline]
pub(super) fn decimal(text: &mut String, number: u64) {
    text.push_str(itoa::Buffer::new().format(number));
}

/// How many digits a number has.
pub(super) fn length(number: u32) -> usize {
    number.checked_ilog10().map_or(1, |log| usize::try_from(log).unwrap_or(0) + 1)
}

/// Microseconds as milliseconds, as ss writes them: `0.034`, `204`, `1.5`.
pub(super) fn millis(text: &mut String, micros: u64) {
    decimal(text, micros / 1_000);
    let mut rest = micros % 1_000;
    if rest == 0 {
        return;
    }
    text.push('.');
    let mut place = 100;
    while rest > 0 {
        decimal(text, rest / place);
        rest %= place;
        place /= 10;
    }
}

/// Bits a second: `1.2Gbps`, `340Mbps`, `17kbps`.
pub(super) fn bits(text: &mut String, bytes: u64) {
    let bits = bytes.saturating_mul(8);
    let (unit, name) = match bits {
        0..1_000 => (1, "bps"),
        1_000..1_000_000 => (1_000, "kbps"),
        1_000_000..1_000_000_000 => (1_000_000, "Mbps"),
        _ => (1_000_000_000, "Gbps"),
    };
    decimal(text, bits / unit);
    let tenths = bits % unit * 10 / unit;
    if tenths > 0 {
        text.push('.');
        decimal(text, tenths);
    }
    text.push_str(name);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut text = String::new();
        write(&mut text);
        text
    }

    #[test]
    fn numbers_are_as_std_writes_them() {
        for number in [0, 1, 9, 10, 99, 100, 65_535, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(written(|text| decimal(text, number)), number.to_string());
        }
        for number in [0, 9, 10, 99, 100, u32::MAX] {
            assert_eq!(length(number), number.to_string().len());
        }
    }

    #[test]
    fn milliseconds_have_no_useless_zeros() {
        for (micros, expected) in
            [(0, "0"), (34, "0.034"), (204_000, "204"), (1_500, "1.5"), (10, "0.01"), (100, "0.1")]
        {
            assert_eq!(written(|text| millis(text, micros)), expected);
        }
    }

    #[test]
    fn rates_have_the_unit_that_suits_them() {
        for (bytes, expected) in [(0, "0bps"), (125, "1kbps"), (150_000, "1.2Mbps"), (1 << 40, "8796Gbps")] {
            assert!(written(|text| bits(text, bytes)).starts_with(expected), "{bytes}");
        }
    }
}
