//! Numbered datagrams: a mark, a random word of the series, the number, and a pattern up to the size.

use std::time::Duration;

use crate::dial::messages::Came;

/// What every one begins with.
const MARK: [u8; 8] = *b"sonde/u1";
/// Mark, word of the series, number.
const HEADER_BYTES: usize = MARK.len() + 8 + 2;

/// The datagrams of one series.
#[derive(Debug)]
pub(super) struct Numbered {
    word: [u8; 8],
    size: usize,
}

impl Numbered {
    /// A series of datagrams of this size, at least that of the header.
    pub(super) fn of_size(size: usize) -> Self {
        let mut word = [0; 8];
        // Without the kernel's randomness all series have one word: then only the ports tell them apart.
        let _zeros = getrandom::fill(&mut word).is_err();
        Self { word, size: size.max(HEADER_BYTES) }
    }

    /// The datagram with this number.
    pub(super) fn datagram(&self, sequence: u16) -> Vec<u8> {
        let number = sequence.to_be_bytes();
        let mut bytes: Vec<u8> = MARK.into_iter().chain(self.word).chain(number).collect();
        // Distinct for neighbours, so that a mixed-up one is seen.
        let salt = number[0].wrapping_mul(7).wrapping_add(number[1]);
        bytes.extend((HEADER_BYTES..self.size).map(|at| at.to_le_bytes()[0].wrapping_mul(31).wrapping_add(salt)));
        bytes
    }

    /// What an answer is. Never panics, whatever the bytes.
    pub(super) fn judge(&self, bytes: &[u8], stamp: Option<Duration>) -> Came {
        let rest = bytes.strip_prefix(&MARK).and_then(|rest| rest.strip_prefix(&self.word));
        match rest.and_then(|rest| rest.first_chunk()) {
            Some(number) => {
                let sequence = u16::from_be_bytes(*number);
                Came::Answer { sequence, intact: bytes == self.datagram(sequence), stamp }
            }
            None if bytes.len() == self.size => Came::Garbled,
            None => Came::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(sequence: u16, intact: bool) -> Came {
        Came::Answer { sequence, intact, stamp: None }
    }

    #[test]
    fn an_echo_is_told_by_its_number() {
        let numbered = Numbered::of_size(64);
        let datagram = numbered.datagram(513);
        assert_eq!(datagram.len(), 64);
        assert_eq!(numbered.judge(&datagram, None), answer(513, true));
    }

    #[test]
    fn one_changed_byte_anywhere_is_seen() {
        let numbered = Numbered::of_size(64);
        for at in 0..64 {
            let mut datagram = numbered.datagram(7);
            datagram[at] ^= 0x10;
            let judged = numbered.judge(&datagram, None);
            assert!(!matches!(judged, Came::Answer { intact: true, .. } | Came::Foreign), "{at}: {judged:?}");
        }
    }

    #[test]
    fn a_cut_one_is_corrupted_and_another_series_is_foreign_by_its_length() {
        let numbered = Numbered::of_size(64);
        assert_eq!(numbered.judge(&numbered.datagram(7)[..40], None), answer(7, false));
        assert_eq!(numbered.judge(&Numbered::of_size(32).datagram(7), None), Came::Foreign);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            Numbered::of_size(64).judge(&bytes, None);
        }
    }
}
