//! Domain names: text to wire and back (RFC 1035 sections 3.1, 4.1.4 and 5.1).
//!
//! Text is ASCII; other bytes are written `\DDD`. IDNA is the caller's business.

use std::fmt::Write;

use super::reader::{Malformed, Reader};

/// Wire form limits, RFC 1035 section 2.3.4.
const LONGEST_LABEL: usize = 63;
const LONGEST_NAME: usize = 255;

/// A name in wire form, uncompressed, with its final empty label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(Vec<u8>);

impl Name {
    /// Parses text with or without the final dot; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let problem = |what: &str| format!("name {:?}: {what}", text.chars().take(300).collect::<String>());
        if text == "." {
            return Ok(Self(vec![0]));
        }
        let mut wire = Vec::with_capacity(text.len().min(LONGEST_NAME) + 2);
        let mut label = Vec::with_capacity(LONGEST_LABEL);
        let mut letters = text.strip_suffix('.').filter(|rest| !ends_in_escape(rest)).unwrap_or(text).bytes();
        let mut push = |label: &mut Vec<u8>| match u8::try_from(label.len()) {
            Ok(0) => Err(problem("an empty label; labels of 1 to 63 bytes are needed")),
            Ok(length) if label.len() <= LONGEST_LABEL && wire.len() + label.len() + 2 <= LONGEST_NAME => {
                wire.push(length);
                wire.append(label);
                Ok(())
            }
            _ if label.len() > LONGEST_LABEL => Err(problem("a label longer than 63 bytes")),
            _ => Err(problem("longer than 255 bytes")),
        };
        while let Some(letter) = letters.next() {
            match letter {
                b'.' => push(&mut label)?,
                b'\\' => {
                    let byte = escaped(&mut letters);
                    label.push(byte.ok_or_else(|| problem("an escape that is not \\DDD or \\X"))?);
                }
                b'!'..=b'~' => label.push(letter),
                _ => return Err(problem("a byte outside printable ASCII; write it \\DDD, or the name as xn--")),
            }
        }
        push(&mut label)?;
        wire.push(0);
        Ok(Self(wire))
    }

    /// Reads a name, following compression pointers strictly backwards.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut wire = Vec::with_capacity(32);
        let mut labels = Labels::new(reader);
        while let Some((length, label)) = labels.next()? {
            wire.push(length);
            wire.extend_from_slice(label);
        }
        wire.push(0);
        Ok(Self(wire))
    }

    /// Reads a name as [`Name::read`] does, and appends it to `text` as it is printed.
    pub(super) fn present(reader: &mut Reader<'_>, text: &mut String) -> Result<(), Malformed> {
        let before = text.len();
        let mut labels = Labels::new(reader);
        while let Some((_, label)) = labels.next()? {
            present_label(label, text);
        }
        if text.len() == before {
            text.push('.');
        }
        Ok(())
    }

    pub(super) fn wire(&self) -> &[u8] {
        &self.0
    }

    /// Whether both are the same name: case does not matter (RFC 4343).
    pub(super) fn matches(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::with_capacity(self.0.len() + 1);
        // Invariant: the wire form is well-formed; were it not, what stands before the fault is printed.
        drop(Self::present(&mut Reader::new(&self.0), &mut text));
        f.write_str(&text)
    }
}

/// The labels of a name on the wire.
struct Labels<'r, 'a> {
    /// Left behind the name, or behind its first pointer.
    reader: &'r mut Reader<'a>,
    jumped: Option<Reader<'a>>,
    /// A pointer must point before this: where the name began, then where the last one pointed.
    limit: usize,
    /// Bytes of the wire form so far, without the final empty label.
    length: usize,
}

impl<'r, 'a> Labels<'r, 'a> {
    fn new(reader: &'r mut Reader<'a>) -> Self {
        let limit = reader.position();
        Self { reader, jumped: None, limit, length: 0 }
    }

    /// The next label with its length, or nothing behind the last.
    fn next(&mut self) -> Result<Option<(u8, &'a [u8])>, Malformed> {
        loop {
            let from = self.jumped.as_mut().unwrap_or(self.reader);
            let length = from.u8("a name")?;
            match length {
                0 => return Ok(None),
                1..=63 => {
                    let label = from.bytes(length.into(), "a label")?;
                    self.length += label.len() + 1;
                    if self.length + 1 > LONGEST_NAME {
                        return Err(Malformed("a name longer than 255 bytes".to_owned()));
                    }
                    return Ok(Some((length, label)));
                }
                0xc0..=0xff => {
                    let at = usize::from(length & 0x3f) << 8 | usize::from(from.u8("a compression pointer")?);
                    if at >= self.limit {
                        return Err(Malformed("a compression pointer that does not point backwards".to_owned()));
                    }
                    self.limit = at;
                    self.jumped = Some(from.at(at));
                }
                _ => return Err(Malformed(format!("a label of the unknown kind {:#04x}", length & 0xc0))),
            }
        }
    }
}

/// One label with its dot, escaped as BIND does.
fn present_label(label: &[u8], text: &mut String) {
    for &byte in label {
        match byte {
            b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => text.extend(['\\', byte.into()]),
            b'!'..=b'~' => text.push(byte.into()),
            // Writing to a string cannot fail.
            _ => drop(write!(text, "\\{byte:03}")),
        }
    }
    text.push('.');
}

/// Whether the dot behind `text` is escaped.
fn ends_in_escape(text: &str) -> bool {
    let backslashes = text.bytes().rev().take_while(|byte| *byte == b'\\').count();
    !backslashes.is_multiple_of(2)
}

/// What stands behind a backslash: three decimal digits, or one other character.
fn escaped(letters: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let first = letters.next()?;
    if !first.is_ascii_digit() {
        return matches!(first, b'!'..=b'~').then_some(first);
    }
    let (second, third) = (letters.next()?, letters.next()?);
    let digits = [first, second, third];
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0_u16, |value, digit| value * 10 + u16::from(digit - b'0'));
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round(text: &str) -> String {
        Name::parse(text).expect("a name").to_string()
    }

    #[test]
    fn the_final_dot_is_optional_and_always_printed() {
        assert_eq!(round("orders.lab"), "orders.lab.");
        assert_eq!(round("Orders.Lab."), "Orders.Lab.");
        assert_eq!(round("."), ".");
        assert_eq!(round("_sip._tcp.lab"), "_sip._tcp.lab.");
    }

    #[test]
    fn escapes_are_decimal() {
        assert_eq!(Name::parse("a\\.b.c").expect("a name").wire(), b"\x03a.b\x01c\x00");
        assert_eq!(Name::parse("a\\200b").expect("a name").wire(), b"\x03a\xc8b\x00");
        assert_eq!(round("a\\.b.c"), "a\\.b.c.");
        assert_eq!(round("a\\."), "a\\..");
    }

    #[test]
    fn what_cannot_be_a_name_is_quoted() {
        let long = "a".repeat(64);
        let many = "abcdefg.".repeat(32);
        for text in ["", "a..b", ".a", "a b", "ö.lab", "a\\", "a\\25", "a\\256", "..", &long, &many] {
            let error = Name::parse(text).expect_err(text);
            assert!(error.starts_with("name \""), "{error}");
        }
        assert_eq!(Name::parse(&"abcdefg.".repeat(31)).expect("248 + 1 bytes").wire().len(), 249);
    }

    #[test]
    fn a_pointer_loop_ends() {
        for bytes in [&b"\xc0\x00"[..], b"\x01a\xc0\x00", b"\x01a\xc0\x05\x00"] {
            Name::read(&mut Reader::new(bytes)).expect_err("no progress");
        }
    }

    #[test]
    fn a_pointer_backwards_is_followed() {
        let bytes = b"\x03lab\x00\x01a\xc0\x00rest";
        let mut reader = Reader::new(bytes).at(5);
        assert_eq!(Name::read(&mut reader).expect("a name").to_string(), "a.lab.");
        assert_eq!(reader.position(), 9);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>, at: usize) {
            drop(Name::read(&mut Reader::new(&bytes).at(at)));
        }

        #[test]
        fn any_text_is_survived(text: String) {
            drop(Name::parse(&text));
        }

        #[test]
        fn what_was_printed_parses_to_the_same(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 1..8)) {
            let mut wire = Vec::new();
            for label in &labels {
                wire.push(u8::try_from(label.len()).expect("short"));
                wire.extend(label);
            }
            wire.push(0);
            let name = Name::read(&mut Reader::new(&wire)).expect("well-formed");
            prop_assert_eq!(Name::parse(&name.to_string()).expect("its own text").0, wire);
        }
    }
}
