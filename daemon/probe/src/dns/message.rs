//! DNS messages (RFC 1035 section 4, RFC 6891): a query to bytes, and what a message that came is to that query.
//!
//! Reading is strict where a resolver would be (structure, names, the data of the types it acts on) and shows raw what it
//! does not know, so that one odd record does not hide an answer.

mod decode;
mod edns;
mod encode;
#[cfg(test)]
mod tests;

use sonde_core::observation::dns::{self as observation, Answer, StrayKind};

pub use self::decode::decode;
pub(super) use self::decode::{decode_leniently, is_response};
use super::reader::Malformed;

/// No DNS message is longer.
pub(super) const LONGEST: usize = 65_535;
/// RFC 1035 section 4.1.1.
const HEADER_BYTES: usize = 12;
/// The type of the EDNS record, RFC 6891.
const OPT: u16 = 41;
/// QUERY, RFC 1035 section 4.1.1.
const OPCODE_QUERY: u8 = 0;

/// The bits of a header's second word.
mod flag {
    pub(super) const RESPONSE: u16 = 0x8000;
    pub(super) const AUTHORITATIVE: u16 = 0x0400;
    pub(super) const TRUNCATED: u16 = 0x0200;
    pub(super) const RECURSION_DESIRED: u16 = 0x0100;
    pub(super) const RECURSION_AVAILABLE: u16 = 0x0080;
    pub(super) const Z: u16 = 0x0040;
    pub(super) const AUTHENTIC_DATA: u16 = 0x0020;
    pub(super) const CHECKING_DISABLED: u16 = 0x0010;
    /// DO, in the OPT record's flags (RFC 3225).
    pub(super) const DNSSEC_OK: u16 = 0x8000;
}

/// A query as it was sent: what its answer must repeat.
#[derive(Clone, Debug)]
pub(super) struct Question {
    id: u16,
    /// As [`super::name::Name`] prints it, so that equal names are equal texts but for case.
    name: String,
    qtype: u16,
    qclass: u16,
}

/// What a message that came is.
#[derive(Debug)]
pub(super) enum Reading {
    /// The answer.
    Answer(Box<Answer>),
    /// Not for this question.
    Stray {
        kind: StrayKind,
        /// What it says, where it can be decoded.
        answer: Option<Box<Answer>>,
    },
    /// It has our id, but cannot be decoded.
    Malformed(Malformed),
}

impl Question {
    /// Reads a message that came from the server asked. Never panics, whatever the bytes.
    pub(super) fn read(&self, message: &[u8]) -> Reading {
        let stray = |kind, answer| Reading::Stray { kind, answer };
        let ours = message.first_chunk() == Some(&self.id.to_be_bytes());
        let Some((answer, problem)) = decode_leniently(message) else {
            return if ours { Reading::Malformed(header_missing()) } else { stray(StrayKind::Malformed, None) };
        };
        let kind = if !is_response(message) || answer.opcode != OPCODE_QUERY {
            Some(StrayKind::NotAnAnswer)
        } else if !ours {
            Some(StrayKind::WrongId)
        } else if answer.question.as_ref().is_some_and(|echoed| !self.is(echoed)) {
            Some(StrayKind::WrongQuestion)
        } else {
            None
        };
        match (kind, problem) {
            (None, None) if answer.question.is_none() && answer.rcode == 0 => {
                // Servers that refuse before they parse send a bare header; one that has an answer knows the question.
                Reading::Malformed(Malformed("it does not repeat the question".to_owned()))
            }
            (None, None) => Reading::Answer(Box::new(answer)),
            (None, Some(problem)) => Reading::Malformed(problem),
            (Some(kind), None) => stray(kind, Some(Box::new(answer))),
            (Some(_), Some(_)) if !ours => stray(StrayKind::Malformed, None),
            (Some(kind), Some(_)) => stray(kind, None),
        }
    }

    /// Whether both ask the same: the case of a name does not matter (RFC 4343).
    fn is(&self, echoed: &observation::Question) -> bool {
        (echoed.qtype, echoed.qclass) == (self.qtype, self.qclass) && echoed.name.eq_ignore_ascii_case(&self.name)
    }
}

fn header_missing() -> Malformed {
    Malformed("it ends within the header".to_owned())
}
