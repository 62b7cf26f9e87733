//! The wire form of protobuf by hand, for the one message that comes by the hundred thousand: a [`Writer`] into a reused buffer, and
//! [`fields`] of borrowed bytes. Neither allocates, neither panics, whatever the bytes.

use std::time::Duration;

/// Appends fields to a message. Values that are the default are left out, as proto3 says.
#[derive(Debug)]
pub struct Writer<'a>(&'a mut Vec<u8>);

impl<'a> Writer<'a> {
    /// Appends to `bytes`.
    pub fn new(bytes: &'a mut Vec<u8>) -> Self {
        Self(bytes)
    }

    /// An unsigned number.
    #[inline]
    pub fn number(&mut self, field: u32, value: impl Into<u64>) {
        let value = value.into();
        if value != 0 {
            let mut bytes = [0_u8; 2 * LONGEST_VARINT];
            let key = put_varint(&mut bytes, u64::from(field << 3));
            let taken = key + put_varint(&mut bytes[key..], value);
            self.0.extend_from_slice(&bytes[..taken]);
        }
    }

    /// A flag.
    #[inline]
    pub fn flag(&mut self, field: u32, value: bool) {
        self.number(field, value);
    }

    /// A text.
    #[inline]
    pub fn text(&mut self, field: u32, value: &str) {
        if !value.is_empty() {
            self.varint(u64::from(field << 3 | LENGTH_DELIMITED));
            self.varint(value.len() as u64);
            self.0.extend_from_slice(value.as_bytes());
        }
    }

    /// A text that `write` appends to the buffer; it must append UTF-8.
    #[inline]
    pub fn text_with(&mut self, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
        self.nested(field, |writer| write(writer.0));
    }

    /// A `google.protobuf.Duration`, present even where it is zero.
    #[inline]
    pub fn duration(&mut self, field: u32, value: Duration) {
        // It is short: written whole before it is appended, since every append asks for room.
        let mut bytes = [0_u8; LONGEST_VARINT + 1 + LONGEST_DURATION];
        let length = put_varint(&mut bytes, u64::from(field << 3 | LENGTH_DELIMITED));
        let begin = length + 1;
        let mut end = begin;
        for (key, part) in [(1 << 3, value.as_secs()), (2 << 3, value.subsec_nanos().into())] {
            if part != 0 {
                bytes[end] = key;
                end += 1;
                end += put_varint(&mut bytes[end..], part);
            }
        }
        bytes[length] = u8::try_from(end - begin).unwrap_or(0);
        self.0.extend_from_slice(&bytes[..end]);
    }

    /// A message, present even where it is empty.
    #[inline]
    pub fn nested(&mut self, field: u32, write: impl FnOnce(&mut Writer<'_>)) {
        self.varint(u64::from(field << 3 | LENGTH_DELIMITED));
        // Most are shorter than 128 bytes: their length takes the one byte that is kept free here.
        let at = self.0.len();
        self.0.push(0);
        write(&mut Writer(self.0));
        let end = self.0.len();
        let length = end - at - 1;
        let mut bytes = [0_u8; LONGEST_VARINT];
        let taken = put_varint(&mut bytes, length as u64);
        if taken > 1 {
            self.0.resize(end + taken - 1, 0);
            self.0.copy_within(at + 1..end, at + taken);
        }
        self.0[at..at + taken].copy_from_slice(&bytes[..taken]);
    }

    /// The fields of a message as prost writes them.
    pub fn append(&mut self, message: &impl prost::Message) {
        message.encode_raw(self.0);
    }

    /// What the buffer holds by now.
    pub(crate) fn size_bytes(&self) -> usize {
        self.0.len()
    }

    /// The key of a message and its length; the caller appends as many bytes.
    pub(crate) fn raw_length(&mut self, field: u32, length: u64) {
        self.varint(u64::from(field << 3 | LENGTH_DELIMITED));
        self.varint(length);
    }

    #[inline]
    fn varint(&mut self, value: u64) {
        if let Ok(byte @ 0..0x80) = u8::try_from(value) {
            self.0.push(byte);
        } else {
            let mut bytes = [0_u8; LONGEST_VARINT];
            let taken = put_varint(&mut bytes, value);
            self.0.extend_from_slice(&bytes[..taken]);
        }
    }
}

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number, a flag or an enum.
    Number(u64),
    /// A text, bytes or a message.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// As 32 bits; 0 where it is no number.
    pub fn word(self) -> u32 {
        match self {
            Self::Number(value) => u32::try_from(value).unwrap_or(u32::MAX),
            Self::Bytes(_) => 0,
        }
    }

    /// As bytes; empty where it is a number. Whether a text is UTF-8 is for those to look at who print it.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) => &[],
        }
    }
}

/// The fields of a message, up to its end or to the first that is malformed. Fixed-size fields, which our messages do not have
/// but later ones may, are left out.
pub fn fields(bytes: &[u8]) -> Fields<'_> {
    Fields(bytes)
}

/// See [`fields`].
#[derive(Clone, Debug)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u32, Value<'a>);

    #[expect(clippy::inline_always, reason = "its loop is that of the caller: called, a row costs a seventh more")]
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let key = take_varint(&mut self.0)?;
            let field = u32::try_from(key >> 3).ok()?;
            // Not a match, which would jump by a table: the two kinds that come are told apart at once.
            let kind = u32::try_from(key & 7).ok()?;
            if kind == VARINT {
                return Some((field, Value::Number(take_varint(&mut self.0)?)));
            }
            if kind == LENGTH_DELIMITED {
                let length = usize::try_from(take_varint(&mut self.0)?).ok()?;
                return Some((field, Value::Bytes(take(&mut self.0, length)?)));
            }
            skip_fixed(&mut self.0, kind)?;
        }
    }
}

/// Whether a message is this field again and again, each a text, bytes or a message, and whole.
pub(crate) fn holds_only(mut bytes: &[u8], field: u32) -> bool {
    let wanted = u64::from(field << 3 | LENGTH_DELIMITED);
    while !bytes.is_empty() {
        if take_varint(&mut bytes) != Some(wanted) {
            return false;
        }
        let length = take_varint(&mut bytes).and_then(|length| usize::try_from(length).ok());
        if length.and_then(|length| take(&mut bytes, length)).is_none() {
            return false;
        }
    }
    true
}

/// The numbers of a flat message by field, durations in microseconds, and the text of the one field that is a text. Fields from
/// `N` on are left out.
pub fn numbers<const N: usize>(bytes: &[u8], text: u32) -> ([u64; N], &[u8]) {
    let mut numbers = [0; N];
    let mut found: &[u8] = &[];
    for (field, value) in fields(bytes) {
        let slot = usize::try_from(field).ok().and_then(|at| numbers.get_mut(at));
        match (slot, value) {
            (_, value) if field == text => found = value.bytes(),
            (Some(slot), Value::Number(value)) => *slot = value,
            (Some(slot), Value::Bytes(bytes)) => *slot = micros(bytes),
            (None, _) => {}
        }
    }
    (numbers, found)
}

/// A `google.protobuf.Duration` in whole microseconds; 0 where it is negative.
pub fn micros(duration: &[u8]) -> u64 {
    let mut micros: u64 = 0;
    for (field, value) in fields(duration) {
        let Value::Number(value) = value else { continue };
        let Ok(value) = u64::try_from(value.cast_signed()) else { return 0 };
        micros = micros.saturating_add(match field {
            1 => value.saturating_mul(1_000_000),
            2 => value / 1_000,
            _ => 0,
        });
    }
    micros
}

#[cold]
fn skip_fixed(bytes: &mut &[u8], kind: u32) -> Option<()> {
    match kind {
        FIXED_64 => take(bytes, 8).map(drop),
        FIXED_32 => take(bytes, 4).map(drop),
        _ => None,
    }
}

#[inline]
fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

#[inline]
fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let (value, rest) = match *bytes {
        [byte @ 0..0x80, rest @ ..] => (u64::from(*byte), rest),
        [low, high @ 0..0x80, rest @ ..] => (u64::from(low & 0x7f) | u64::from(*high) << 7, rest),
        _ => return take_long_varint(bytes),
    };
    *bytes = rest;
    Some(value)
}

fn take_long_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(LONGEST_VARINT).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            *bytes = &bytes[at + 1..];
            return Some(value);
        }
    }
    None
}

/// How many bytes it took of these, which must be at least [`LONGEST_VARINT`].
#[inline]
fn put_varint(bytes: &mut [u8], mut value: u64) -> usize {
    for (at, byte) in bytes.iter_mut().take(LONGEST_VARINT).enumerate() {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            *byte = low;
            return at + 1;
        }
        *byte = low | 0x80;
    }
    LONGEST_VARINT
}

/// Wire types ("Encoding" of the protobuf documentation).
const VARINT: u32 = 0;
const FIXED_64: u32 = 1;
const LENGTH_DELIMITED: u32 = 2;
const FIXED_32: u32 = 5;

/// Of 64 bits.
const LONGEST_VARINT: usize = 10;

/// Two fields of a byte and a number each.
const LONGEST_DURATION: usize = 2 * (1 + LONGEST_VARINT);

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::v1::{SocketTimer, TcpInfo};

    #[test]
    fn what_is_written_is_what_prost_writes() {
        let duration = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
        let info = TcpInfo {
            state: "ESTAB".into(),
            rtt: duration(3, 17),
            min_rtt: duration(0, 0),
            pmtu_bytes: 1500,
            bytes_sent: u64::MAX,
            ..TcpInfo::default()
        };

        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        writer.text(1, "ESTAB");
        writer.duration(2, Duration::new(3, 17));
        writer.duration(4, Duration::ZERO);
        writer.number(7, 1500_u32);
        writer.number(8, 0_u32);
        writer.number(15, u64::MAX);

        assert_eq!(bytes, info.encode_to_vec());
    }

    #[test]
    fn a_long_message_has_its_whole_length_in_front() {
        for length in [0, 1, 127, 128, 300, 16_383, 16_384, 70_000] {
            let name = "x".repeat(length);
            let mut bytes = Vec::new();
            Writer::new(&mut bytes).nested(1, |writer| writer.text_with(1, |bytes| bytes.extend(name.as_bytes())));

            let inner = fields(&bytes).next();
            let Some((1, Value::Bytes(inner))) = inner else { panic!("{inner:?}") };
            assert_eq!(SocketTimer::decode(inner).expect("a timer").name, name);
        }
    }

    #[test]
    fn numbers_are_found_by_their_fields() {
        let timer = SocketTimer {
            name: "on".into(),
            expires: Some(prost_types::Duration { seconds: 1, nanos: 204_000_000 }),
            retransmits: 300,
        };

        assert_eq!(numbers::<4>(&timer.encode_to_vec(), 1), ([0, 0, 1_204_000, 300], &b"on"[..]));
    }

    #[test]
    fn bytes_that_are_no_message_end_the_fields() {
        for bytes in [&[0xff_u8; 12][..], &[0x0a, 5, 1], &[0x0a], &[0x0b], &[0x09, 1, 2]] {
            assert_eq!(fields(bytes).count(), 0, "{bytes:?}");
        }
    }

    #[test]
    fn a_negative_duration_is_nothing() {
        let negative = prost_types::Duration { seconds: -1, nanos: -5 };
        assert_eq!(micros(&negative.encode_to_vec()), 0);
    }
}
