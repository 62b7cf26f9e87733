//! DNS messages (RFC 1035 section 4, RFC 6891): a query to bytes, bytes to an answer.
//!
//! Decoding is strict where a resolver would be (structure, names, the data of the types it acts on) and shows raw what it
//! does not know, so that one odd record does not hide an answer.

use sonde_core::observation::dns::{Answer, Edns, ExtendedError, Query, Resource};

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
        if query.dnssec_ok && query.edns_size.is_none() {
            return Err("dnssec-ok without edns-size: the DO bit needs an OPT record".to_owned());
        }
        let name = Name::parse(&query.name)?;
        let question = Self { id, name, qtype: query.qtype, qclass: query.qclass };
        let mut flags = 0;
        for (set, flag) in [
            (query.recursion_desired, FLAG_RECURSION_DESIRED),
            (query.authentic_data, FLAG_AUTHENTIC_DATA),
            (query.checking_disabled, FLAG_CHECKING_DISABLED),
        ] {
            if set {
                flags |= flag;
            }
        }
        let additionals = u16::from(query.edns_size.is_some());
        let mut bytes = Vec::with_capacity(64);
        for word in [id, flags, 1, 0, 0, additionals] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(question.name.wire());
        bytes.extend(question.qtype.to_be_bytes());
        bytes.extend(question.qclass.to_be_bytes());
        if let Some(size) = query.edns_size {
            bytes.push(0);
            bytes.extend(OPT.to_be_bytes());
            bytes.extend(size.to_be_bytes());
            bytes.extend(if query.dnssec_ok { DNSSEC_OK } else { 0 }.to_be_bytes());
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
            rcode: u16::from(high.unwrap_or(0)) << 4 | rcode,
            authoritative: flags & FLAG_AUTHORITATIVE != 0,
            truncated,
            recursion_desired: flags & FLAG_RECURSION_DESIRED != 0,
            recursion_available: flags & FLAG_RECURSION_AVAILABLE != 0,
            authentic_data: flags & FLAG_AUTHENTIC_DATA != 0,
            checking_disabled: flags & FLAG_CHECKING_DISABLED != 0,
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
        *edns = Some((Edns { udp_size: class, version, dnssec_ok, extended_errors }, high));
        return Ok(());
    }
    let rdata = rdata::present(rtype, data)?;
    section.push(Resource { name: name.to_string(), rtype, ttl, rdata });
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
