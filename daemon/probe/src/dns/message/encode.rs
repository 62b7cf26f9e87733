//! A query to bytes: every bit of the header and of the OPT record as it was asked for.

use sonde_core::observation::dns::Query;

use super::{HEADER_BYTES, LONGEST, OPT, Question, edns, flag};
use crate::dns::name::Name;

/// Of an OPT record: the root's name, type, size, flags and length.
const OPT_BYTES: usize = 11;

impl Question {
    /// Encodes `query` under `id`; the error says what is wrong with its arguments.
    pub(in crate::dns) fn encode(query: &Query, id: u16) -> Result<(Self, Vec<u8>), String> {
        let name = Name::parse(&query.name)?;
        let mut bytes = Vec::with_capacity(HEADER_BYTES + name.wire().len() + 4 + OPT_BYTES);
        let additionals = u16::from(query.edns.is_some());
        for word in [id, flags(query), 1, 0, 0, additionals] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(name.wire());
        bytes.extend(query.qtype.to_be_bytes());
        bytes.extend(query.qclass.to_be_bytes());
        if let Some(edns) = &query.edns {
            let data = edns::write(edns, bytes.len() + OPT_BYTES)?;
            let length = u16::try_from(data.len()).map_err(|_| format!("EDNS options of {} bytes", data.len()))?;
            bytes.push(0);
            bytes.extend(OPT.to_be_bytes());
            bytes.extend(edns.udp_size.to_be_bytes());
            // The upper bits of the response code stay 0 in a query.
            bytes.extend([0, edns.version]);
            bytes.extend(if edns.dnssec_ok { flag::DNSSEC_OK } else { 0 }.to_be_bytes());
            bytes.extend(length.to_be_bytes());
            bytes.extend(data);
        }
        if bytes.len() > LONGEST {
            return Err(format!("a query of {} bytes: at most {LONGEST} can be sent", bytes.len()));
        }
        Ok((Self { id, name: name.to_string(), qtype: query.qtype, qclass: query.qclass }, bytes))
    }
}

fn flags(query: &Query) -> u16 {
    let wanted = query.flags;
    [
        (wanted.authoritative, flag::AUTHORITATIVE),
        (wanted.truncated, flag::TRUNCATED),
        (wanted.recursion_desired, flag::RECURSION_DESIRED),
        (wanted.recursion_available, flag::RECURSION_AVAILABLE),
        (wanted.z, flag::Z),
        (wanted.authentic_data, flag::AUTHENTIC_DATA),
        (wanted.checking_disabled, flag::CHECKING_DISABLED),
    ]
    .into_iter()
    .filter(|(set, _)| *set)
    .fold(0, |bits, (_, bit)| bits | bit)
}
