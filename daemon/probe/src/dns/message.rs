//! DNS messages (RFC 1035 section 4, RFC 6891): a query to bytes, bytes to an answer.
//!
//! Decoding is strict where a resolver would be (structure, names, the data of the types it acts on) and shows raw what it
//! does not know, so that one odd record does not hide an answer.

use sonde_core::observation::dns::{Answer, Edns, ExtendedError, HeaderFlags, Query, Resource};

use super::name::Name;
use super::rdata;
use super::reader::{Malformed, Reader};

const OPT: u16 = 41;
/// The option of extended DNS errors, RFC 8914.
const EDE: u16 = 15;

const FLAG_RESPONSE: u16 = 0x8000;
const FLAG_AUTHORITATIVE: u16 = 0x0400;
const FLAG_TRUNCATED: u16 = 0x0200;
const FLAG_RECURSION_DESIRED: u16 = 0x0100;
const FLAG_RECURSION_AVAILABLE: u16 = 0x0080;
const FLAG_AUTHENTIC_DATA: u16 = 0x0020;
const FLAG_CHECKING_DISABLED: u16 = 0x0010;
const DNSSEC_OK: u32 = 0x8000;

/// A query, ready to send, and what its answer must repeat.
#[derive(Clone, Debug)]
pub(super) struct Question {
    id: u16,
    name: Name,
    qtype: u16,
    qclass: u16,
}

/// What a message that came is.
#[derive(Debug)]
pub(super) enum Reading {
    /// The answer.
    Answer(Box<Answer>),
    /// Not for this question: another id, another question, or no answer at all.
    Stray,
    /// It has our id, but cannot be decoded.
    Malformed(Malformed),
}

impl Question {
    /// Encodes `query` under `id`; the error says what is wrong with its arguments.
    pub(super) fn encode(query: &Query, id: u16) -> Result<(Self, Vec<u8>), String> {
        let name = Name::parse(&query.name)?;
        let question = Self { id, name, qtype: query.qtype, qclass: query.qclass };
        let mut flags = 0;
        for (set, flag) in [
            (query.flags.recursion_desired, FLAG_RECURSION_DESIRED),
            (query.flags.authentic_data, FLAG_AUTHENTIC_DATA),
            (query.flags.checking_disabled, FLAG_CHECKING_DISABLED),
        ] {
            if set {
                flags |= flag;
            }
        }
        let additionals = u16::from(query.edns.is_some());
        let mut bytes = Vec::with_capacity(64);
        for word in [id, flags, 1, 0, 0, additionals] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(question.name.wire());
        bytes.extend(question.qtype.to_be_bytes());
        bytes.extend(question.qclass.to_be_bytes());
        if let Some(edns) = &query.edns {
            bytes.push(0);
            bytes.extend(OPT.to_be_bytes());
            bytes.extend(edns.udp_size.to_be_bytes());
            bytes.extend(if edns.dnssec_ok { DNSSEC_OK } else { 0 }.to_be_bytes());
            bytes.extend(0_u16.to_be_bytes());
        }
        Ok((question, bytes))
    }

    /// Reads a message that came from the server asked. Never panics, whatever the bytes.
    pub(super) fn read(&self, message: &[u8]) -> Reading {
        let mut reader = Reader::new(message);
        match reader.u16("the header") {
            Ok(id) if id == self.id => {}
            _ => return Reading::Stray,
        }
        match self.decode(&mut reader) {
            Ok(Some(answer)) => Reading::Answer(Box::new(answer)),
            Ok(None) => Reading::Stray,
            Err(malformed) => Reading::Malformed(malformed),
        }
    }

    /// Everything behind the id; nothing when it does not answer this question.
    fn decode(&self, reader: &mut Reader<'_>) -> Result<Option<Answer>, Malformed> {
        let flags = reader.u16("the header")?;
        let mut counts = [0_u16; 4];
        for count in &mut counts {
            *count = reader.u16("the header")?;
        }
        if flags & FLAG_RESPONSE == 0 {
            return Ok(None);
        }
        let rcode = flags & 0x000f;
        match counts[0] {
            // Servers that refuse before they parse send a bare header.
            0 if rcode != 0 => {}
            0 => return Err(Malformed("it does not repeat the question".to_owned())),
            1 => {
                let name = Name::read(reader)?;
                let (qtype, qclass) = (reader.u16("the question")?, reader.u16("the question")?);
                if !name.matches(&self.name) || (qtype, qclass) != (self.qtype, self.qclass) {
                    return Ok(None);
                }
            }
            count => return Err(Malformed(format!("{count} questions where one was asked"))),
        }
        let mut edns = None;
        let mut sections = [Vec::new(), Vec::new(), Vec::new()];
        let truncated = flags & FLAG_TRUNCATED != 0;
        'sections: for (section, count) in sections.iter_mut().zip(counts.into_iter().skip(1)) {
            for _ in 0..count {
                match read_record(reader, section, &mut edns) {
                    Ok(()) => {}
                    // Some servers truncate within a record; what stands before it is the answer.
                    Err(_) if truncated => break 'sections,
                    Err(malformed) => return Err(malformed),
                }
            }
        }
        let [answers, authorities, additionals] = sections;
        let (edns, high) = edns.unzip();
        Ok(Some(Answer {
            id: self.id,
            opcode: 0,
            question: None,
            rcode: u16::from(high.unwrap_or(0)) << 4 | rcode,
            flags: HeaderFlags {
                authoritative: flags & FLAG_AUTHORITATIVE != 0,
                truncated,
                recursion_desired: flags & FLAG_RECURSION_DESIRED != 0,
                recursion_available: flags & FLAG_RECURSION_AVAILABLE != 0,
                z: false,
                authentic_data: flags & FLAG_AUTHENTIC_DATA != 0,
                checking_disabled: flags & FLAG_CHECKING_DISABLED != 0,
            },
            answers,
            authorities,
            additionals,
            edns,
            size_bytes: u32::try_from(reader.whole().len()).unwrap_or(u32::MAX),
        }))
    }
}

/// One record into its section; an OPT record into `edns`, with the upper bits of the response code.
fn read_record(
    reader: &mut Reader<'_>,
    section: &mut Vec<Resource>,
    edns: &mut Option<(Edns, u8)>,
) -> Result<(), Malformed> {
    let name = Name::read(reader)?;
    let rtype = reader.u16("a record")?;
    let class = reader.u16("a record")?;
    let ttl = reader.u32("a record")?;
    let length = usize::from(reader.u16("a record")?);
    let mut data = reader.limited(length);
    reader.bytes(length, "a record's data")?;
    if rtype == OPT {
        if edns.is_some() {
            return Err(Malformed("two OPT records".to_owned()));
        }
        let [high, version, _, _] = ttl.to_be_bytes();
        let extended_errors = read_extended_errors(&mut data)?;
        let dnssec_ok = ttl & DNSSEC_OK != 0;
        *edns = Some((Edns { udp_size: class, version, dnssec_ok, extended_errors, ..Edns::default() }, high));
        return Ok(());
    }
    let rdata = rdata::present(rtype, data)?;
    section.push(Resource { name: name.to_string(), rtype, rclass: class, ttl, rdata });
    Ok(())
}

fn read_extended_errors(options: &mut Reader<'_>) -> Result<Vec<ExtendedError>, Malformed> {
    let mut errors = Vec::new();
    while !options.is_empty() {
        let code = options.u16("an EDNS option")?;
        let length = usize::from(options.u16("an EDNS option")?);
        let value = options.bytes(length, "an EDNS option")?;
        if code == EDE {
            let mut value = Reader::new(value);
            let info_code = value.u16("an extended error")?;
            let text = String::from_utf8_lossy(value.rest());
            // RFC 8914 section 2: a final NUL is not part of the text.
            errors.push(ExtendedError { info_code, extra_text: text.trim_end_matches('\0').to_owned() });
        }
    }
    Ok(errors)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use hickory_proto::op::Message;
    use proptest::prelude::*;
    use sonde_core::observation::Endpoint;
    use sonde_core::observation::dns::EdnsRequest;

    use super::*;

    const ID: u16 = 0x1234;

    fn query() -> Query {
        let server = Endpoint { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 53 };
        let mut query = Query::new(server, "orders.lab", 16, Duration::from_secs(1));
        query.flags.checking_disabled = true;
        query.flags.authentic_data = true;
        query.edns = Some(EdnsRequest { dnssec_ok: true, ..EdnsRequest::sized(400) });
        query
    }

    fn encoded() -> (Question, Vec<u8>) {
        Question::encode(&query(), ID).expect("a query")
    }

    /// The header and question of an answer, with the counts of the three sections.
    fn answer(flags: u16, counts: [u16; 3]) -> Vec<u8> {
        let (_, mut bytes) =
            Question::encode(&Query { edns: None, ..query() }, ID).expect("a query");
        bytes[2..4].copy_from_slice(&(flags | FLAG_RESPONSE).to_be_bytes());
        for (place, count) in [6, 8, 10].into_iter().zip(counts) {
            bytes[place..place + 2].copy_from_slice(&count.to_be_bytes());
        }
        bytes
    }

    /// A record of the question's name.
    fn record(rtype: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xc0, 12];
        bytes.extend(rtype.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 0, 60]);
        bytes.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
        bytes.extend(data);
        bytes
    }

    fn read(bytes: &[u8]) -> Answer {
        match encoded().0.read(bytes) {
            Reading::Answer(answer) => *answer,
            other => panic!("not an answer: {other:?}"),
        }
    }

    #[test]
    fn another_codec_reads_our_query() {
        let (_, bytes) = encoded();
        let message = Message::from_vec(&bytes).expect("well-formed");
        assert_eq!((message.metadata.id, message.queries.len(), message.additionals.len()), (ID, 1, 0));
        assert_eq!(message.queries[0].name().to_string(), "orders.lab.");
        assert!(message.edns.expect("an OPT record").flags().dnssec_ok);
        // The size below 512 is sent as asked; the other codec would raise it.
        assert!(bytes.windows(4).any(|window| window == [0, 41, 1, 144]));
    }

    #[test]
    fn an_unknown_record_is_shown_raw_and_hides_nothing() {
        let bytes = [answer(0, [2, 0, 0]), record(65280, b"\x01\xff"), record(16, b"\x01a")].concat();
        let answers = read(&bytes).answers;
        assert_eq!(answers[0].rdata, "\\# 2 01ff");
        assert_eq!(answers[1].rdata, "\"a\"");
    }

    #[test]
    fn a_record_that_another_codec_cannot_read_is_shown_raw() {
        // A CAA record that ends within its tag.
        let bytes = [answer(0, [1, 0, 0]), record(257, b"\x00\x09is")].concat();
        assert_eq!(read(&bytes).answers[0].rdata, "\\# 4 00096973");
        let bytes = [answer(0, [1, 0, 0]), record(257, b"\x00\x05issueca.lab")].concat();
        assert_eq!(read(&bytes).answers[0].rdata, "0 issue \"ca.lab\"");
    }

    #[test]
    fn an_address_of_the_wrong_length_is_malformed() {
        for data in [&b"\x0a\x00\x00"[..], b"\x0a\x00\x00\x01\x02"] {
            let bytes = [answer(0, [1, 0, 0]), record(1, data)].concat();
            assert!(matches!(encoded().0.read(&bytes), Reading::Malformed(_)));
        }
    }

    #[test]
    fn a_truncated_answer_keeps_what_stands_before_the_cut() {
        let whole = [answer(FLAG_TRUNCATED, [2, 0, 0]), record(16, b"\x01a"), record(16, b"\x01b")].concat();
        let answer = read(&whole[..whole.len() - 3]);
        assert!(answer.flags.truncated);
        assert_eq!(answer.answers.len(), 1);
    }

    #[test]
    fn two_opt_records_are_malformed() {
        let opt = record(41, &[]);
        let bytes = [answer(0, [0, 0, 2]), opt.clone(), opt].concat();
        assert!(matches!(encoded().0.read(&bytes), Reading::Malformed(_)));
    }

    #[test]
    fn a_long_answer_reports_its_size() {
        let text = [&[255_u8][..], &[b'x'; 255]].concat().repeat(200);
        let bytes = [answer(0, [1, 0, 0]), record(16, &text)].concat();
        let answer = read(&bytes);
        assert_eq!(usize::try_from(answer.size_bytes).expect("small"), bytes.len());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            encoded().0.read(&bytes);
        }

        #[test]
        fn any_record_is_survived(rtype in prop_oneof![0_u16..300, any::<u16>()], data in prop::collection::vec(any::<u8>(), 0..100)) {
            encoded().0.read(&[answer(0, [1, 0, 0]), record(rtype, &data)].concat());
        }

        #[test]
        fn any_change_of_an_answer_is_survived(at in 0_usize..200, byte: u8, cut in 0_usize..200) {
            let soa = b"\x02ns\xc0\x0c\x04root\xc0\x0c\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05";
            let mut bytes = [
                answer(0, [1, 1, 1]),
                record(5, b"\x01a\xc0\x0c"),
                record(6, soa),
                record(41, b"\x00\x0f\x00\x03\x00\x16x"),
            ]
            .concat();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            bytes.truncate(cut);
            encoded().0.read(&bytes);
        }
    }
}
