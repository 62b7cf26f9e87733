//! Bytes to an answer.

use sonde_core::observation::dns::{Answer, Edns, HeaderFlags, Question, Resource};

use super::{HEADER_BYTES, OPT, edns, flag, header_missing};
use crate::dns::name::Name;
use crate::dns::rdata;
use crate::dns::reader::{Malformed, Reader};

/// Names are compressed on the wire and not here, so that a small message can say a lot. No honest one says this much.
const LONGEST_TEXT: usize = 1 << 20;

/// Reads a whole message, whoever sent it. Never panics, whatever the bytes; what it says is bounded by a megabyte of text.
///
/// A message with TC set may end anywhere behind its question.
pub fn decode(message: &[u8]) -> Result<Answer, Malformed> {
    let (answer, problem) = decode_leniently(message).ok_or_else(header_missing)?;
    match problem {
        None => Ok(answer),
        Some(malformed) => Err(malformed),
    }
}

/// As [`decode`], but shows what stands before the fault, and the fault. Nothing where not even a header came.
pub(in crate::dns) fn decode_leniently(message: &[u8]) -> Option<(Answer, Option<Malformed>)> {
    let (header, _) = message.split_first_chunk::<HEADER_BYTES>()?;
    let [i0, i1, f0, f1, counts @ ..] = *header;
    let flags = u16::from_be_bytes([f0, f1]);
    let set = |bit: u16| flags & bit != 0;
    let mut answer = Answer {
        id: u16::from_be_bytes([i0, i1]),
        opcode: f0 >> 3 & 0x0f,
        rcode: (f1 & 0x0f).into(),
        flags: HeaderFlags {
            authoritative: set(flag::AUTHORITATIVE),
            truncated: set(flag::TRUNCATED),
            recursion_desired: set(flag::RECURSION_DESIRED),
            recursion_available: set(flag::RECURSION_AVAILABLE),
            z: set(flag::Z),
            authentic_data: set(flag::AUTHENTIC_DATA),
            checking_disabled: set(flag::CHECKING_DISABLED),
        },
        size_bytes: u32::try_from(message.len()).unwrap_or(u32::MAX),
        ..Answer::default()
    };
    let problem = body(&mut Reader::new(message).at(HEADER_BYTES), counts, &mut answer).err();
    Some((answer, problem))
}

/// Whether its QR bit says so.
pub(in crate::dns) fn is_response(message: &[u8]) -> bool {
    message.get(2).is_some_and(|byte| u16::from(*byte) << 8 & flag::RESPONSE != 0)
}

fn body(reader: &mut Reader<'_>, counts: [u8; 8], answer: &mut Answer) -> Result<(), Malformed> {
    let [q0, q1, n0, n1, u0, u1, r0, r1] = counts;
    match u16::from_be_bytes([q0, q1]) {
        0 => {}
        1 => answer.question = Some(question(reader)?),
        count => return Err(Malformed(format!("{count} questions where one was asked"))),
    }
    let mut room = LONGEST_TEXT;
    let counts = [[n0, n1], [u0, u1], [r0, r1]].map(u16::from_be_bytes);
    let sections = [&mut answer.answers, &mut answer.authorities, &mut answer.additionals];
    for (section, count) in sections.into_iter().zip(counts) {
        // Not more room than the bytes can fill: a count says anything.
        section.reserve(usize::from(count).min(reader.left() / LEAST_RECORD_BYTES));
        for _ in 0..count {
            match record(reader) {
                Ok(Record::Resource(resource)) => {
                    let text = resource.name.len() + resource.rdata.len();
                    room = room.checked_sub(text).ok_or_else(|| {
                        Malformed(format!("its names and data expand to more than {LONGEST_TEXT} bytes of text"))
                    })?;
                    section.push(resource);
                }
                Ok(Record::Opt(..)) if answer.edns.is_some() => return Err(Malformed("two OPT records".to_owned())),
                Ok(Record::Opt(edns, high)) => {
                    answer.rcode |= u16::from(high) << 4;
                    answer.edns = Some(*edns);
                }
                // Some servers truncate within a record; what stands before it is the answer.
                Err(_) if answer.flags.truncated => return Ok(()),
                Err(malformed) => return Err(malformed),
            }
        }
    }
    Ok(())
}

fn question(reader: &mut Reader<'_>) -> Result<Question, Malformed> {
    let mut name = String::with_capacity(USUAL_NAME);
    Name::present(reader, &mut name)?;
    Ok(Question { name, qtype: reader.u16("the question")?, qclass: reader.u16("the question")? })
}

enum Record {
    Resource(Resource),
    /// With the upper bits of the response code.
    Opt(Box<Edns>, u8),
}

fn record(reader: &mut Reader<'_>) -> Result<Record, Malformed> {
    let mut name = String::with_capacity(USUAL_NAME);
    Name::present(reader, &mut name)?;
    let what = "a record";
    let (rtype, rclass) = (reader.u16(what)?, reader.u16(what)?);
    let ttl = reader.u32(what)?;
    let length = usize::from(reader.u16(what)?);
    let data = reader.limited(length);
    reader.bytes(length, "a record's data")?;
    if rtype == OPT {
        let [high, version, f0, f1] = ttl.to_be_bytes();
        let dnssec_ok = u16::from_be_bytes([f0, f1]) & flag::DNSSEC_OK != 0;
        let edns = Edns { udp_size: rclass, version, dnssec_ok, ..edns::read(data)? };
        return Ok(Record::Opt(Box::new(edns), high));
    }
    let rdata = rdata::present(rtype, rclass, data)?;
    Ok(Record::Resource(Resource { name, rtype, rclass, ttl, rdata }))
}

/// A pointer or the root, type, class, TTL and length.
const LEAST_RECORD_BYTES: usize = 11;
/// Most names are shorter.
const USUAL_NAME: usize = 48;
