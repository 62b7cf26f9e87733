//! The messages as `res_mkquery.c` writes them and `res_send.c` and dns-host.c read them: bytes, so that a message that is wrong
//! is wrong in the same place.

use std::net::IpAddr;

use crate::dns::name::Name;
use crate::dns::reader::{Malformed, Reader};

pub(super) const A: u16 = 1;
pub(super) const AAAA: u16 = 28;
pub(super) const CNAME: u16 = 5;
const OPT: u16 = 41;
const IN: u16 = 1;

/// HFIXEDSZ.
pub(super) const HEADER: usize = 12;
/// The caller's buffer for a reply (`dns_packet_buffer` of dns-host.c).
const BUFFER: usize = 2048;
/// `RESOLV_EDNS_BUFFER_SIZE`.
const EDNS_BYTES: u16 = 1200;

pub(super) const SERVFAIL: u8 = 2;
pub(super) const NXDOMAIN: u8 = 3;
pub(super) const NOTIMP: u8 = 4;
pub(super) const REFUSED: u8 = 5;

/// One query as it goes on the wire.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) id: u16,
    pub(super) name: Name,
    pub(super) qtype: u16,
    pub(super) bytes: Vec<u8>,
}

impl Query {
    /// `trust_ad` sets AD, `edns` adds an OPT record.
    pub(super) fn new(id: u16, name: &Name, qtype: u16, trust_ad: bool, edns: bool) -> Self {
        let flags = if trust_ad { 0x0120 } else { 0x0100_u16 };
        let mut bytes = Vec::with_capacity(64);
        for word in [id, flags, 1, 0, 0, u16::from(edns)] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(name.wire());
        bytes.extend(qtype.to_be_bytes());
        bytes.extend(IN.to_be_bytes());
        if edns {
            bytes.push(0);
            for word in [OPT, EDNS_BYTES, 0, 0, 0] {
                bytes.extend(word.to_be_bytes());
            }
        }
        Self { id, name: name.clone(), qtype, bytes }
    }
}

/// A message that came, of at least [`HEADER`] bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply(Vec<u8>);

impl Reply {
    pub(super) fn new(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() >= HEADER).then_some(Self(bytes))
    }

    pub(super) fn id(&self) -> u16 {
        self.word(0)
    }

    /// The four bits of the header: what EDNS adds is not looked at.
    pub(super) fn rcode(&self) -> u8 {
        u8::try_from(self.word(2) & 0x000f).unwrap_or_default()
    }

    pub(super) fn truncated(&self) -> bool {
        self.word(2) & 0x0200 != 0
    }

    pub(super) fn answers(&self) -> u16 {
        self.word(6)
    }

    /// A referral that should not be, or a server that has no idea: nothing in it, not even the claim of authority or of
    /// recursion. The next server is asked.
    pub(super) fn is_empty_shell(&self) -> bool {
        self.rcode() == 0 && self.answers() == 0 && self.word(2) & 0x0480 == 0 && self.word(10) == 0
    }

    /// `RES_NOAAAA`: the answer to A stands for one to AAAA without data (res-noaaaa.c).
    pub(super) fn without_answers(mut self) -> Self {
        for byte in self.0.iter_mut().skip(6).take(2) {
            *byte = 0;
        }
        self
    }

    /// Whether UDP takes it for the reply to `query`: `__libc_res_queriesmatch`. A question that cannot be read passes, and so
    /// does an error without any question.
    pub(super) fn matches(&self, query: &Query) -> bool {
        let error = matches!(self.rcode(), SERVFAIL | NOTIMP | REFUSED);
        let bare = error && self.0.len() == HEADER && self.word(4) == 0;
        self.id() == query.id && (bare || (self.word(4) == 1 && self.asks(query).unwrap_or(true)))
    }

    /// The original reads on behind the end of the message, in a buffer that is still zero there.
    fn asks(&self, query: &Query) -> Result<bool, Malformed> {
        let mut buffer = self.0.clone();
        buffer.resize(buffer.len().max(BUFFER), 0);
        let mut reader = Reader::new(&buffer).at(HEADER);
        let name = Name::read(&mut reader)?;
        let kind = (reader.u16("the question")?, reader.u16("the question")?);
        Ok(kind == (query.qtype, IN) && name.matches(&query.name))
    }

    /// The question and a cursor behind it; `None` where `ns_rr_cursor_init` gives up.
    pub(super) fn question(&self) -> Option<(Name, u16, Records<'_>)> {
        if self.word(4) != 1 {
            return None;
        }
        let mut reader = self.behind_header();
        let name = Name::read(&mut reader).ok()?;
        let qtype = reader.u16("the question").ok()?;
        reader.u16("the question").ok()?;
        Some((name, qtype, Records { reader, left: self.answers() }))
    }

    /// The addresses in the answer section, whoever owns them: for the record of the step.
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        let Some((_, _, records)) = self.question() else { return Vec::new() };
        records.map_while(Result::ok).filter_map(|record| record.address()).collect()
    }

    /// Loses its last bytes.
    #[cfg(test)]
    pub(super) fn cut(&mut self, count: usize) {
        self.0.truncate(self.0.len().saturating_sub(count));
    }

    fn behind_header(&self) -> Reader<'_> {
        Reader::new(&self.0).at(HEADER)
    }

    /// The big-endian word at `at`, within the header.
    fn word(&self, at: usize) -> u16 {
        self.0.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u16::from_be_bytes(*bytes))
    }
}

/// The answer section, record by record. An error is the last item.
#[derive(Debug)]
pub(super) struct Records<'a> {
    reader: Reader<'a>,
    left: u16,
}

/// One record of the answer section.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) owner: Name,
    pub(super) rtype: u16,
    pub(super) rclass: u16,
    pub(super) data: &'a [u8],
    at: Reader<'a>,
}

impl Record<'_> {
    /// The address of an A or AAAA record of the right length.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self.rtype {
            A => <[u8; 4]>::try_from(self.data).ok().map(IpAddr::from),
            AAAA => <[u8; 16]>::try_from(self.data).ok().map(IpAddr::from),
            _ => None,
        }
    }

    /// The name that the data is.
    pub(super) fn target(&self) -> Result<Name, Malformed> {
        Name::read(&mut self.at.clone())
    }

    pub(super) fn is_internet(&self) -> bool {
        self.rclass == IN
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let record = read_record(&mut self.reader);
        if record.is_err() {
            self.left = 0;
        }
        Some(record)
    }
}

fn read_record<'a>(reader: &mut Reader<'a>) -> Result<Record<'a>, Malformed> {
    let owner = Name::read(reader)?;
    let (rtype, rclass) = (reader.u16("a record")?, reader.u16("a record")?);
    reader.u32("a record")?;
    let length = reader.u16("a record")?;
    let at = *reader;
    let data = reader.bytes(length.into(), "a record")?;
    Ok(Record { owner, rtype, rclass, data, at })
}

/// `res_hnok(3)`: letters, digits, `-` and `_`, and no `-` at the very beginning. Names that are not are never asked for.
pub(super) fn is_host_name(text: &str) -> bool {
    text.is_empty() || Name::parse(text).is_ok_and(|name| is_host(&name))
}

/// The same of a name from a message.
pub(super) fn is_host(name: &Name) -> bool {
    let mut rest = name.wire();
    let mut first = true;
    while let Some((&length, after)) = rest.split_first()
        && length > 0
    {
        let (label, next) = after.split_at_checked(length.into()).unwrap_or((after, &[]));
        let good = label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !good || (first && label.starts_with(b"-")) {
            return false;
        }
        (rest, first) = (next, false);
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query() -> Query {
        Query::new(7, &Name::parse("a.example").expect("a name"), A, false, false)
    }

    /// The query as the reply to itself, changed.
    fn reply(change: impl FnOnce(&mut Vec<u8>)) -> Reply {
        let mut bytes = query().bytes;
        bytes[2] |= 0x80;
        change(&mut bytes);
        Reply::new(bytes).expect("a header")
    }

    #[test]
    fn a_reply_matches_by_id_and_question() {
        assert!(reply(|_| ()).matches(&query()));
        assert!(reply(|bytes| bytes[13] = b'A').matches(&query()), "case does not matter");
        assert!(!reply(|bytes| bytes[1] = 8).matches(&query()), "the id");
        assert!(!reply(|bytes| bytes[13] = b'b').matches(&query()), "the name");
        assert!(!reply(|bytes| bytes[5] = 0).matches(&query()), "no question");
        assert!(!reply(|bytes| bytes.truncate(HEADER)).matches(&query()), "a question that is cut off");
        assert!(reply(|bytes| bytes[12] = 0x80).matches(&query()), "an unreadable name");
    }

    #[test]
    fn a_bare_header_matches_only_where_it_is_an_error() {
        let bare = |rcode| {
            reply(|bytes| {
                bytes.truncate(HEADER);
                bytes[5] = 0;
                bytes[3] |= rcode;
            })
        };
        assert!(bare(REFUSED).matches(&query()));
        assert!(!bare(NXDOMAIN).matches(&query()));
    }

    #[test]
    fn an_answer_without_data_authority_or_recursion_is_an_empty_shell() {
        assert!(reply(|_| ()).is_empty_shell());
        assert!(!reply(|bytes| bytes[3] |= 0x80).is_empty_shell(), "RA");
        assert!(!reply(|bytes| bytes[2] |= 0x04).is_empty_shell(), "AA");
        assert!(!reply(|bytes| bytes[11] = 1).is_empty_shell(), "an OPT record");
        assert!(!reply(|bytes| bytes[3] |= NXDOMAIN).is_empty_shell());
    }

    #[test]
    fn options_show_in_the_query() {
        let name = Name::parse("a.example").expect("a name");
        assert_eq!(Query::new(7, &name, AAAA, true, false).bytes[2..4], [0x01, 0x20]);
        let bytes = Query::new(7, &name, AAAA, false, true).bytes;
        assert_eq!(bytes[2..4], [0x01, 0x00]);
        assert_eq!(bytes[bytes.len() - 11..], [0, 0, 41, 0x04, 0xb0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn only_host_names_are_asked_for() {
        for good in ["a", "a_b.example", "_srv._tcp.x", "a-b.c.", "1.2.3.4.5", ".", ""] {
            assert!(is_host_name(good), "{good}");
        }
        for bad in ["-a", "a b", "a*b", "bücher.example", "a..b", ".a", "a/b", "a\\.b"] {
            assert!(!is_host_name(bad), "{bad}");
        }
        assert!(!is_host_name(&"a".repeat(64)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            if let Some(reply) = Reply::new(bytes) {
                reply.matches(&query());
                reply.addresses();
            }
        }
    }
}
