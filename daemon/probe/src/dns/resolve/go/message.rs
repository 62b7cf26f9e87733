//! Go's reading and writing of messages: golang.org/x/net/dns/dnsmessage as `net/dnsclient_unix.go` uses it.
//!
//! What is malformed matters only where Go comes across it, and often it does not look; so this reads as lazily as Go does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::Trouble;

/// `maxDNSPacketSize`: what the OPT record announces, and what is read of a datagram.
pub(super) const DATAGRAM_BYTES: u16 = 1232;
/// A name's text with its final dot, `nonEncodedNameMax`.
const NAME_BYTES: usize = 254;
/// CNAME and OPT.
const CNAME: u16 = 5;
const OPT: u16 = 41;

/// A query: RD, AD where resolv.conf trusts it, and an OPT record unless GODEBUG forbids it. Nothing for a name with an
/// empty or too long label, as a search list may make one.
pub(super) fn encode(id: u16, name: &str, qtype: u16, trust_ad: bool, edns: bool) -> Option<Vec<u8>> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([1, u8::from(trust_ad) << 5, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)]);
    if name.len() > NAME_BYTES {
        return None;
    }
    if name != "." {
        for label in name.strip_suffix('.')?.split('.') {
            message.push(u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?);
            message.extend_from_slice(label.as_bytes());
        }
    }
    message.push(0);
    message.extend(qtype.to_be_bytes());
    message.extend([0, 1]);
    if edns {
        message.extend([0, 0, 41]);
        message.extend(DATAGRAM_BYTES.to_be_bytes());
        message.extend([0; 6]);
    }
    Some(message)
}

/// A message with a header and a question.
#[derive(Clone, Debug)]
pub(super) struct Message {
    bytes: Vec<u8>,
    /// Behind the first question.
    answers_at: usize,
}

/// A record without its data.
struct Header {
    name: Vec<u8>,
    rtype: u16,
    /// Version 0 and the extended code.
    ttl: u32,
    data: usize,
    length: usize,
}

/// What an answer gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) addresses: Vec<IpAddr>,
    /// The owner of the first address, or the target of the first alias behind it.
    pub(super) canonical_name: Option<String>,
    /// It ended in something unreadable.
    pub(super) malformed: bool,
}

/// What cannot be read.
#[derive(Debug)]
pub(super) struct Malformed;

impl Message {
    /// Header and first question, if they can be read.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let message = Self { bytes: bytes.to_vec(), answers_at: 0 };
        if message.count(4)? == 0 {
            return Err(Malformed);
        }
        let (_, at) = message.name(12)?;
        message.word(at + 2)?;
        Ok(Self { answers_at: at + 4, ..message })
    }

    /// `checkResponse`: QR, the id and the question.
    pub(super) fn answers(&self, query: &[u8]) -> bool {
        let question = || {
            let asked = Self::parse(query).ok()?;
            let (name, at) = self.name(12).ok()?;
            let (wanted, behind) = asked.name(12).ok()?;
            let fields = |message: &Self, at: usize| message.bytes.get(at..at + 4).map(<[u8]>::to_vec);
            Some(name.eq_ignore_ascii_case(&wanted) && fields(self, at) == fields(&asked, behind))
        };
        self.flag(2, 0x80) && self.bytes.get(..2) == query.get(..2) && question().unwrap_or_default()
    }

    /// More than one question is no valid response.
    pub(super) fn has_one_question(&self) -> bool {
        self.count(4).is_ok_and(|count| count == 1)
    }

    /// TC.
    pub(super) fn is_truncated(&self) -> bool {
        self.flag(2, 2)
    }

    /// With the OPT record's upper bits, and whether there is any additional record: `extractExtendedRCode`.
    pub(super) fn rcode(&self) -> (u16, bool) {
        let plain = self.bytes.get(3).map_or(0, |byte| u16::from(byte & 15));
        let mut any = false;
        let extended = self.extended(plain, &mut any);
        (extended.unwrap_or(plain), any)
    }

    fn extended(&self, plain: u16, any: &mut bool) -> Result<u16, Malformed> {
        let before = self.count(6)? + self.count(8)?;
        let mut at = (0..before).try_fold(self.answers_at, |at, _| self.skip(at))?;
        for _ in 0..self.count(10)? {
            let header = self.header(at)?;
            *any = true;
            if header.rtype == OPT {
                let [upper, version, ..] = header.ttl.to_be_bytes();
                return Ok(if version == 0 { u16::from(upper) << 4 | plain } else { plain });
            }
            at = self.behind(&header)?;
        }
        Err(Malformed)
    }

    /// `checkHeader` and `skipToAnswer`: why this answer is not taken, or where its first record of the type asked for is.
    pub(super) fn check(&self, qtype: u16) -> Result<usize, Trouble> {
        let (rcode, additional) = self.rcode();
        let unreadable = |_| Trouble::CannotUnmarshal;
        if rcode == NAME_ERROR {
            return Err(Trouble::NoSuchHost);
        }
        let answers = self.count(6).map_err(unreadable)?;
        if answers > 0 {
            self.header(self.answers_at).map_err(unreadable)?;
        }
        match rcode {
            0 if answers == 0 && !additional && !self.flag(2, 4) && !self.flag(3, 0x80) => {
                return Err(Trouble::LameReferral);
            }
            0 => {}
            SERVER_FAILURE => return Err(Trouble::TemporarilyMisbehaving),
            _ => return Err(Trouble::Misbehaving),
        }
        let mut at = self.answers_at;
        for passed in 0..answers {
            let header = self.header(at).map_err(unreadable)?;
            if header.rtype == qtype {
                return Ok(passed);
            }
            at = self.behind(&header).map_err(unreadable)?;
        }
        Err(Trouble::NoSuchHost)
    }

    /// The records behind the first `passed` ones; aliases only name the end, owners are not compared.
    pub(super) fn read(&self, passed: usize) -> Read {
        let mut read = Read::default();
        read.malformed = self.records(passed, &mut read).is_err();
        read
    }

    fn records(&self, passed: usize, read: &mut Read) -> Result<(), Malformed> {
        let mut at = self.answers_at;
        for index in 0..self.count(6)? {
            let header = self.header(at)?;
            at = header.data + header.length;
            if index < passed {
                continue;
            }
            let name = match header.rtype {
                A => {
                    read.addresses.push(Ipv4Addr::from(self.fixed::<4>(header.data)?).into());
                    header.name
                }
                AAAA => {
                    read.addresses.push(Ipv6Addr::from(self.fixed::<16>(header.data)?).into());
                    header.name
                }
                CNAME => self.name(header.data)?.0,
                _ => {
                    at = self.behind(&header)?;
                    continue;
                }
            };
            read.canonical_name.get_or_insert_with(|| String::from_utf8_lossy(&name).into_owned());
        }
        Ok(())
    }

    fn flag(&self, at: usize, mask: u8) -> bool {
        self.bytes.get(at).is_some_and(|byte| byte & mask != 0)
    }

    fn fixed<const N: usize>(&self, at: usize) -> Result<[u8; N], Malformed> {
        self.bytes.get(at..).and_then(<[u8]>::first_chunk).copied().ok_or(Malformed)
    }

    fn word(&self, at: usize) -> Result<u16, Malformed> {
        self.fixed(at).map(u16::from_be_bytes)
    }

    fn count(&self, at: usize) -> Result<usize, Malformed> {
        // A message of less than twelve bytes has no header.
        self.word(10)?;
        self.word(at).map(usize::from)
    }

    fn header(&self, at: usize) -> Result<Header, Malformed> {
        let (name, at) = self.name(at)?;
        let length = usize::from(self.word(at + 8)?);
        let ttl = u32::from_be_bytes(self.fixed(at + 4)?);
        Ok(Header { name, rtype: self.word(at)?, ttl, data: at + 10, length })
    }

    fn behind(&self, header: &Header) -> Result<usize, Malformed> {
        let at = header.data + header.length;
        if at > self.bytes.len() { Err(Malformed) } else { Ok(at) }
    }

    /// Past a record whose name is not followed.
    fn skip(&self, mut at: usize) -> Result<usize, Malformed> {
        loop {
            let byte = *self.bytes.get(at).ok_or(Malformed)?;
            match byte & 0xc0 {
                0 => at += 1 + usize::from(byte),
                0xc0 => at += 2,
                _ => return Err(Malformed),
            }
            if byte == 0 || byte >= 0xc0 {
                break;
            }
        }
        let at = at + 10 + usize::from(self.word(at + 8)?);
        if at > self.bytes.len() { Err(Malformed) } else { Ok(at) }
    }

    /// A name's text with its final dot, and what follows. No label holds a dot; at most ten pointers are followed.
    fn name(&self, mut at: usize) -> Result<(Vec<u8>, usize), Malformed> {
        let (mut name, mut behind, mut pointers) = (Vec::new(), None, 0);
        loop {
            let byte = *self.bytes.get(at).ok_or(Malformed)?;
            at += 1;
            match byte & 0xc0 {
                0 if byte == 0 => break,
                0 => {
                    let label = self.bytes.get(at..at + usize::from(byte)).ok_or(Malformed)?;
                    if label.contains(&b'.') || name.len() > NAME_BYTES {
                        return Err(Malformed);
                    }
                    name.extend_from_slice(label);
                    name.push(b'.');
                    at += label.len();
                }
                0xc0 => {
                    let low = *self.bytes.get(at).ok_or(Malformed)?;
                    behind.get_or_insert(at + 1);
                    pointers += 1;
                    if pointers > 10 {
                        return Err(Malformed);
                    }
                    at = usize::from(byte & 0x3f) << 8 | usize::from(low);
                }
                _ => return Err(Malformed),
            }
        }
        if name.is_empty() {
            name.push(b'.');
        }
        if name.len() > NAME_BYTES { Err(Malformed) } else { Ok((name, behind.unwrap_or(at))) }
    }
}

/// RFC 1035 TYPE and RFC 3596.
pub(super) const A: u16 = 1;
pub(super) const AAAA: u16 = 28;
/// RFC 1035 RCODE.
const SERVER_FAILURE: u16 = 2;
const NAME_ERROR: u16 = 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer to `encode(7, "a.", A, ..)` with these flags, counts of answers and additional records, and records.
    fn message(flags: [u8; 2], answers: u8, additional: u8, records: &[&[u8]]) -> Message {
        let mut bytes = vec![0, 7, flags[0], flags[1], 0, 1, 0, answers, 0, 0, 0, additional];
        bytes.extend([1, b'a', 0, 0, 1, 0, 1]);
        bytes.extend(records.concat());
        Message::parse(&bytes).expect("a header and a question")
    }

    fn record(rtype: u8, data: &[u8]) -> Vec<u8> {
        let length = u8::try_from(data.len()).expect("short");
        [&[0xc0, 12, 0, rtype, 0, 1, 0, 0, 0, 60, 0, length], data].concat()
    }

    /// OPT with these upper bits of the code.
    fn opt(upper: u8) -> Vec<u8> {
        vec![0, 0, 41, 4, 208, upper, 0, 0, 0, 0, 0]
    }

    #[test]
    fn a_query_has_rd_and_an_opt_record_of_1232_bytes() {
        let bytes = encode(7, "a.", 28, false, true).expect("a name");
        let expected = b"\0\x07\x01\0\0\x01\0\0\0\0\0\x01\x01a\0\0\x1c\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0";
        assert_eq!(bytes, expected);
        let plain = encode(7, "a.", 1, true, false).expect("a name");
        assert_eq!(plain, b"\0\x07\x01\x20\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01");
        assert_eq!(encode(7, "a..b.", 1, false, true), None);
    }

    #[test]
    fn a_response_echoes_id_and_question_in_any_case() {
        let query = encode(7, "A.", 1, false, true).expect("a name");
        let answer = message([0x81, 0x80], 0, 0, &[]);
        assert!(answer.answers(&query));
        assert!(!answer.answers(&encode(8, "a.", 1, false, true).expect("a name")));
        assert!(!answer.answers(&encode(7, "a.", 28, false, true).expect("a name")));
        assert!(!message([0x01, 0x80], 0, 0, &[]).answers(&query));
    }

    #[test]
    fn codes_are_what_go_calls_them() {
        let check = |message: Message| message.check(A);
        assert_eq!(check(message([0x81, 0x83], 0, 0, &[])), Err(Trouble::NoSuchHost));
        assert_eq!(check(message([0x81, 0x82], 0, 0, &[])), Err(Trouble::TemporarilyMisbehaving));
        assert_eq!(check(message([0x81, 0x85], 0, 0, &[])), Err(Trouble::Misbehaving));
        assert_eq!(check(message([0x81, 0x80], 0, 0, &[])), Err(Trouble::NoSuchHost));
        // BADVERS has its upper bits in the OPT record.
        assert_eq!(check(message([0x81, 0x80], 0, 1, &[&opt(1)])), Err(Trouble::Misbehaving));
    }

    #[test]
    fn neither_recursion_nor_authority_nor_records_is_a_lame_referral() {
        assert_eq!(message([0x81, 0], 0, 0, &[]).check(A), Err(Trouble::LameReferral));
        assert_eq!(message([0x85, 0], 0, 0, &[]).check(A), Err(Trouble::NoSuchHost));
        assert_eq!(message([0x81, 0], 0, 1, &[&opt(0)]).check(A), Err(Trouble::NoSuchHost));
    }

    #[test]
    fn aliases_before_the_first_address_are_passed() {
        let records: [&[u8]; 3] = [&record(5, b"\x01b\0"), &record(1, &[10, 0, 0, 1]), &record(28, &[0; 16])];
        let answer = message([0x81, 0x80], 3, 0, &records);
        assert_eq!(answer.check(A), Ok(1));
        let read = answer.read(1);
        assert_eq!(read.addresses, [IpAddr::from([10, 0, 0, 1]), IpAddr::from([0_u16; 8])]);
        assert_eq!((read.canonical_name.as_deref(), read.malformed), (Some("a."), false));
        let alias = message([0x81, 0x80], 1, 0, &[&record(5, b"\x01b\0")]);
        assert_eq!(alias.check(A), Err(Trouble::NoSuchHost));
    }

    #[test]
    fn a_cut_answer_gives_what_came_before_the_cut() {
        let answer = message([0x81, 0x80], 2, 0, &[&record(1, &[10, 0, 0, 1]), &record(1, &[10, 0])]);
        assert_eq!(answer.check(A), Ok(0));
        let read = answer.read(0);
        assert_eq!((read.addresses.len(), read.malformed), (1, true));
        let nothing = message([0x81, 0x80], 1, 0, &[]);
        assert_eq!(nothing.check(A), Err(Trouble::CannotUnmarshal));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), cut in 0_usize..90) {
            let mut real = message([0x81, 0x80], 2, 1, &[&record(5, b"\x01b\xc0\x0c"), &record(1, &[1; 4]), &opt(0)]).bytes;
            real.truncate(cut);
            real.extend(&bytes);
            for bytes in [&bytes, &real] {
                if let Ok(message) = Message::parse(bytes) {
                    message.answers(&real);
                    drop((message.check(A), message.read(0)));
                }
            }
        }
    }
}
