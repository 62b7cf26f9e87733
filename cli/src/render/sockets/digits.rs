//! Numbers without the formatting machinery of std, which takes most of the time of a row.

use super::block;

/// Appends a number.
#[inline]
pub(super) fn decimal(text: &mut Vec<u8>, number: u64) {
    text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// How many digits a number has.
pub(super) fn length(number: u32) -> usize {
    number.checked_ilog10().map_or(1, |log| usize::try_from(log).unwrap_or(0) + 1)
}

/// Microseconds as milliseconds, as ss writes them: `0.034`, `204`, `1.5`.
pub(super) fn millis(text: &mut Vec<u8>, micros: u64) {
    decimal(text, micros / 1_000);
    let rest = three_digits(micros % 1_000);
    let length = rest.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 2);
    let [hundreds, tens, ones] = rest;
    block(text, &[b'.', hundreds, tens, ones], length);
}

/// Of a number below 1,000.
#[inline]
fn three_digits(number: u64) -> [u8; 3] {
    [number / 100, number / 10 % 10, number % 10].map(|digit| b'0' + u8::try_from(digit).unwrap_or(0))
}

/// Bits a second: `1.2Gbps`, `340Mbps`, `17kbps`.
pub(super) fn bits(text: &mut Vec<u8>, bytes: u64) {
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
        text.push(b'.');
        decimal(text, tenths);
    }
    text.extend_from_slice(name.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut text = Vec::new();
        write(&mut text);
        String::from_utf8(text).expect("digits")
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
