//! Numbers of variable length: seven bits a byte, the lowest first (LEB128), signed ones folded so that small ones stay short.

/// Appends a number.
pub(super) fn write(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push((value & 0x7f) as u8);
}

/// Appends a signed number: 0, -1, 1, -2, ... are 0, 1, 2, 3, ...
pub(super) fn write_signed(bytes: &mut Vec<u8>, value: i64) {
    write(bytes, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Reads bytes from the front. Every reading is none once there are too few, and never panics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn port(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(*self.take(2)?.first_chunk()?))
    }

    /// None too where it does not fit 64 bits.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let folded = self.varint()?;
        Some((folded >> 1).cast_signed() ^ -((folded & 1).cast_signed()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back_as_they_were(value: u64, signed: i64) {
            let mut bytes = Vec::new();
            write(&mut bytes, value);
            write_signed(&mut bytes, signed);
            let mut cursor = Cursor(&bytes);
            prop_assert_eq!(cursor.varint(), Some(value));
            prop_assert_eq!(cursor.signed(), Some(signed));
            prop_assert!(cursor.0.is_empty());
        }
    }

    #[test]
    fn a_number_that_is_cut_short_or_too_large_is_none() {
        assert_eq!(Cursor(&[0x80, 0x80]).varint(), None);
        assert_eq!(Cursor(&[0xff; 10]).varint(), None);
        assert_eq!(Cursor(&[]).signed(), None);
    }
}
