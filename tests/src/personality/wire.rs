//! Queries read and answers written as bytes (RFC 1035, RFC 6891), the faulty ones too.
//!
//! Written by hand because a codec refuses to write what a lying server sends, and because names must be shown as they came.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::rule::{Action, Transport};

/// A query as it came.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The header's id.
    pub id: u16,
    /// The header's second 16 bits.
    pub flags: u16,
    /// The name with its final dot, bytes that are no printable ASCII and dots inside labels as `\DDD`.
    pub name: String,
    /// QTYPE.
    pub kind: u16,
    /// The question's bytes.
    pub question: Vec<u8>,
    /// The OPT record, if there is one.
    pub edns: Option<Edns>,
}

/// An OPT record (RFC 6891).
#[derive(Clone, Debug, serde::Serialize)]
pub struct Edns {
    /// The largest datagram that the sender takes.
    pub size: u16,
    /// DO.
    #[serde(rename = "do")]
    pub dnssec_ok: bool,
    /// Length of its options.
    pub options_bytes: usize,
}

impl Query {
    /// Reads a query; `None` when it is none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let id = word(bytes, 0)?;
        let flags = word(bytes, 2)?;
        if flags & 0x8000 != 0 || word(bytes, 4)? != 1 {
            return None;
        }
        let (name, end) = read_name(bytes, 12)?;
        let kind = word(bytes, end)?;
        let question = bytes.get(12..end + 4)?.to_vec();
        let edns = if word(bytes, 10)? == 0 { None } else { read_opt(bytes, end + 4) };
        Some(Self { id, flags, name, kind, question, edns })
    }

    /// The set flags and a non-zero opcode, `rd ad`.
    pub fn flag_words(&self) -> String {
        let mut words = Vec::new();
        for (bit, flag) in [(0x0400, "aa"), (0x0200, "tc"), (0x0100, "rd"), (0x80, "ra"), (0x20, "ad"), (0x10, "cd")] {
            if self.flags & bit != 0 {
                words.push(flag.to_owned());
            }
        }
        let opcode = (self.flags >> 11) & 15;
        if opcode != 0 {
            words.push(format!("opcode{opcode}"));
        }
        words.join(" ")
    }

    /// The datagram or message that the action answers with.
    pub fn answer(&self, action: &Action, transport: Transport) -> Vec<u8> {
        if action.empty {
            return Vec::new();
        }
        let formerr = action.formerr_on_edns && self.edns.is_some();
        let rcode = if formerr { 1 } else { action.rcode };
        let truncated = transport == Transport::Udp && (action.truncated || action.truncated_with_records);
        let mut out = Vec::new();
        let id = if action.wrong_id { self.id ^ 0x5555 } else { self.id };
        out.extend(id.to_be_bytes());
        if action.garbage {
            out.extend([0xff; 30]);
            return out;
        }
        let mut flags = 0x8080 | (self.flags & 0x0110) | u16::from(rcode);
        for (set, bit) in [
            (action.authoritative, 0x0400),
            (truncated, 0x0200),
            (action.without_recursion, 0x80),
            (action.authentic, 0x20),
            (action.not_an_answer, 0x8000),
        ] {
            if set {
                flags ^= bit;
            }
        }
        out.extend(flags.to_be_bytes());
        let hide_records = formerr || (truncated && !action.truncated_with_records);
        let records = if hide_records { Vec::new() } else { self.records(action) };
        let authority = records.is_empty() && !action.without_soa && !truncated && matches!(rcode, 0 | 3);
        let opt = self.edns.is_some() && !action.without_opt && !formerr;
        let counts = [u16::from(!action.without_question), size(records.len()), u16::from(authority), u16::from(opt)];
        for count in counts {
            out.extend(count.to_be_bytes());
        }
        if action.header_only {
            return out;
        }
        if action.wrong_question {
            write_name(&mut out, "elsewhere.test");
            out.extend([0, 1, 0, 1]);
        } else if !action.without_question {
            out.extend(&self.question);
        }
        for record in &records {
            out.extend(record);
        }
        if authority {
            out.extend(soa());
        }
        if opt {
            out.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        }
        out
    }

    fn records(&self, action: &Action) -> Vec<Vec<u8>> {
        let mut owner = self.question.get(..self.question.len().saturating_sub(4)).unwrap_or_default().to_vec();
        if action.wrong_owner {
            owner.clear();
            write_name(&mut owner, "elsewhere.test");
        }
        let mut records = Vec::new();
        for target in &action.chain {
            let mut data = Vec::new();
            write_name(&mut data, target);
            records.push(record(&owner, 5, &data));
            owner = data;
        }
        for address in &action.addresses {
            match (address, self.kind) {
                (IpAddr::V4(v4), 1) => records.push(record(&owner, 1, &v4.octets())),
                (IpAddr::V6(v6), 28) => records.push(record(&owner, 28, &v6.octets())),
                _ => {}
            }
        }
        records
    }
}

/// `A`, `AAAA`, or `TYPE15`.
pub fn type_word(kind: u16) -> String {
    match kind {
        1 => "A".to_owned(),
        28 => "AAAA".to_owned(),
        5 => "CNAME".to_owned(),
        16 => "TXT".to_owned(),
        other => format!("TYPE{other}"),
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn size(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

fn read_name(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut name = String::new();
    loop {
        let length = usize::from(*bytes.get(at)?);
        if length == 0 {
            break;
        }
        if length > 63 || name.len() > 1100 {
            return None;
        }
        for byte in bytes.get(at + 1..at + 1 + length)? {
            match byte {
                b'.' | b'\\' | 0..=32 | 127.. => {
                    let _written = write!(name, "\\{byte:03}");
                }
                _ => name.push(char::from(*byte)),
            }
        }
        name.push('.');
        at += 1 + length;
    }
    if name.is_empty() {
        name.push('.');
    }
    Some((name, at + 1))
}

fn read_opt(bytes: &[u8], at: usize) -> Option<Edns> {
    if bytes.get(at) != Some(&0) || word(bytes, at + 1)? != 41 {
        return None;
    }
    Some(Edns {
        size: word(bytes, at + 3)?,
        dnssec_ok: word(bytes, at + 7)? & 0x8000 != 0,
        options_bytes: usize::from(word(bytes, at + 9)?),
    })
}

/// Labels that are longer than a label can be are cut: a script is data, not a reason to stop.
fn write_name(out: &mut Vec<u8>, name: &str) {
    for label in name.trim_end_matches('.').split('.').filter(|label| !label.is_empty()) {
        let label = &label.as_bytes()[..label.len().min(63)];
        out.push(u8::try_from(label.len()).unwrap_or(63));
        out.extend(label);
    }
    out.push(0);
}

fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let mut out = owner.to_vec();
    out.extend(kind.to_be_bytes());
    out.extend([0, 1, 0, 0, 0, 60]);
    out.extend(size(data.len()).to_be_bytes());
    out.extend(data);
    out
}

fn soa() -> Vec<u8> {
    let mut owner = Vec::new();
    write_name(&mut owner, "test");
    let mut data = Vec::new();
    write_name(&mut data, "ns.test");
    write_name(&mut data, "admin.test");
    for field in [1_u32, 3600, 600, 86400, 60] {
        data.extend(field.to_be_bytes());
    }
    record(&owner, 6, &data)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x03WwW\x04t\xc3.b\x00\x00\x1c\x00\x01\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00";

    #[test]
    fn a_query_is_shown_as_it_came() {
        let query = Query::read(QUERY).expect("it is a query");
        assert_eq!((query.id, query.name.as_str(), query.kind), (0x1234, "WwW.t\\195\\046b.", 28));
        assert_eq!(query.flag_words(), "rd");
        let edns = query.edns.expect("it has an OPT record");
        assert_eq!((edns.size, edns.dnssec_ok), (1232, true));
    }

    #[test]
    fn no_cut_query_is_read_beyond_its_end() {
        for end in 0..QUERY.len() - 11 {
            assert!(Query::read(&QUERY[..end]).is_none(), "{end} bytes");
        }
    }

    #[test]
    fn an_answer_repeats_the_question_and_counts_its_records() {
        let query = Query::read(QUERY).expect("it is a query");
        let action = Action {
            chain: vec!["a.test".to_owned()],
            addresses: vec!["::1".parse().expect("an address"), "127.0.0.1".parse().expect("an address")],
            ..Action::default()
        };
        let answer = query.answer(&action, Transport::Udp);
        assert_eq!(answer[..12], [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 1]);
        assert_eq!(answer[12..12 + query.question.len()], query.question);
    }
}
