//! Addresses and CNAMEs of an answer as musl reads them: `src/network/dns_parse.c`, `src/network/dn_expand.c` and
//! `dns_parse_callback` of `src/network/lookup_name.c`.
//!
//! Neither the question nor an owner's name is looked at; a record that cannot be read ends the reading, and what came before it
//! counts. Before 1.2.4 both types were taken from either answer, and a name pointing beyond byte 510 ended the reading.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{A, AAAA, MOST_ADDRESSES, Release};

/// CNAME, RFC 1035.
const CNAME: u8 = 5;

/// What all answers gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) addresses: Vec<IpAddr>,
    /// Of the last CNAME whose target is a host name.
    pub(super) canonical_name: Option<String>,
}

impl Read {
    /// Reads an answer to a question of type `qtype`.
    pub(super) fn add(&mut self, message: &[u8], qtype: u16, release: Release) {
        let message = message.get(..release.answer_bytes()).unwrap_or(message);
        // A cut or lying message ends the reading.
        let _ = self.records(message, qtype, release);
    }

    fn records(&mut self, message: &[u8], qtype: u16, release: Release) -> Option<()> {
        let count = |at: usize| Some(u16::from_be_bytes(*message.get(at..)?.first_chunk()?));
        if message.get(3)? & 15 != 0 {
            return None;
        }
        let (questions, answers) = (count(4)?, count(6)?);
        if !release.is_current() && u32::from(questions) + u32::from(answers) > 64 {
            return None;
        }
        let mut at = 12;
        for _ in 0..questions {
            at = behind_name(message, at, 6, release)? + 4;
        }
        for _ in 0..answers {
            let room = if release.is_current() { 12 } else { 6 };
            at = behind_name(message, at, room, release)?;
            let rtype = *message.get(at + 1)?;
            let length = usize::from(u16::from_be_bytes(*message.get(at + 8..)?.first_chunk()?));
            let data = message.get(at + 10..)?.get(..length)?;
            self.record(message, rtype, data, at + 10, qtype, release)?;
            at += 10 + length;
        }
        Some(())
    }

    fn record(
        &mut self,
        message: &[u8],
        rtype: u8,
        data: &[u8],
        at: usize,
        qtype: u16,
        release: Release,
    ) -> Option<()> {
        let full = self.addresses.len() >= MOST_ADDRESSES;
        if full && !release.is_current() {
            return None;
        }
        if rtype == CNAME {
            if let Some(name) = expand(message, at).as_deref().and_then(valid_hostname) {
                self.canonical_name = Some(name);
            }
            return Some(());
        }
        let rtype = u16::from(rtype);
        if release.is_current() && (full || rtype != qtype) {
            return Some(());
        }
        match rtype {
            A => self.addresses.push(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).into()),
            AAAA => self.addresses.push(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).into()),
            _ => {}
        }
        Some(())
    }
}

/// `is_valid_hostname`: letters, digits, `-`, `.` and whatever is not ASCII.
fn valid_hostname(name: &[u8]) -> Option<String> {
    let fits = (1..=254).contains(&name.len());
    let valid = |byte: &u8| *byte >= 0x80 || byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    (fits && name.iter().all(valid)).then(|| String::from_utf8_lossy(name).into_owned())
}

/// Past a name: musl does not go from length to length but to the first byte that is zero or no ASCII. `room` bytes must be left
/// from there.
fn behind_name(message: &[u8], mut at: usize, room: usize, release: Release) -> Option<usize> {
    while message.get(at).is_some_and(|byte| (1..128).contains(byte)) {
        at += 1;
    }
    if at + room > message.len() {
        return None;
    }
    let (byte, next) = (*message.get(at)?, *message.get(at + 1)?);
    if !release.is_current() && (byte > 193 || (byte == 193 && next > 254)) {
        return None;
    }
    Some(at + 1 + usize::from(byte != 0))
}

/// `__dn_expand`: the name at `at`, without its final dot; nothing where it leaves the message, is too long or goes round.
fn expand(message: &[u8], mut at: usize) -> Option<Vec<u8>> {
    let mut name = Vec::new();
    for _ in (0..message.len()).step_by(2) {
        let byte = *message.get(at)?;
        if byte & 0xc0 != 0 {
            at = usize::from(byte & 0x3f) << 8 | usize::from(*message.get(at + 1)?);
        } else if byte != 0 {
            if !name.is_empty() {
                name.push(b'.');
            }
            let label = message.get(at + 1..)?.get(..byte.into())?;
            if name.len() + label.len() >= 254 {
                return None;
            }
            name.extend_from_slice(label);
            at += 1 + label.len();
        } else {
            return Some(name);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer to `a.`, with these records behind the question.
    fn message(count: u8, records: &[&[u8]]) -> Vec<u8> {
        let mut message = vec![0, 1, 0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0, 1, b'a', 0, 0, 1, 0, 1];
        message.extend(records.concat());
        message
    }

    fn record(rtype: u8, data: &[u8]) -> Vec<u8> {
        let length = u8::try_from(data.len()).expect("short");
        [&[0xc0, 12, 0, rtype, 0, 1, 0, 0, 0, 60, 0, length], data].concat()
    }

    fn read(message: &[u8], qtype: u16, release: Release) -> Read {
        let mut read = Read::default();
        read.add(message, qtype, release);
        read
    }

    #[test]
    fn the_last_cname_is_the_canonical_name() {
        let bytes = message(3, &[&record(5, b"\x01b\0"), &record(5, b"\x03c-1\xc0\x0c"), &record(1, &[10, 0, 0, 1])]);
        let read = read(&bytes, A, Release::CURRENT);
        assert_eq!(read.addresses, [IpAddr::from([10, 0, 0, 1])]);
        assert_eq!(read.canonical_name.as_deref(), Some("c-1.a"));
    }

    #[test]
    fn the_other_type_counts_before_1_2_4_only() {
        let bytes = message(2, &[&record(28, &[0; 16]), &record(1, &[10, 0, 0, 1])]);
        assert_eq!(read(&bytes, A, Release::OLD).addresses.len(), 2);
        assert_eq!(read(&bytes, A, Release::CURRENT).addresses, [IpAddr::from([10, 0, 0, 1])]);
    }

    #[test]
    fn a_cut_answer_gives_what_came_before_the_cut() {
        let mut bytes = message(2, &[&record(1, &[10, 0, 0, 1]), &record(1, &[10, 0, 0, 2])]);
        bytes.truncate(bytes.len() - 2);
        for release in [Release::OLD, Release::CURRENT] {
            assert_eq!(read(&bytes, A, release).addresses, [IpAddr::from([10, 0, 0, 1])]);
        }
    }

    #[test]
    fn no_more_than_48_addresses_are_kept() {
        let one = record(1, &[10, 0, 0, 1]);
        let bytes = message(60, &vec![one.as_slice(); 60]);
        assert_eq!(read(&bytes, A, Release::CURRENT).addresses.len(), MOST_ADDRESSES);
        // 512 bytes hold 30.
        assert_eq!(read(&bytes, A, Release::OLD).addresses.len(), 30);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), at in 0_usize..90) {
            let mut real = message(1, &[&record(5, b"\x03c-1\xc0\x0c")]);
            real.truncate(at);
            real.extend(&bytes);
            for bytes in [&bytes, &real] {
                read(bytes, A, Release::OLD);
                read(bytes, AAAA, Release::CURRENT);
            }
        }
    }
}
