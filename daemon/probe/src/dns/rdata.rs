//! Record data in presentation format (RFC 1035 section 5.1; RFC 3597 for what is unknown).
//!
//! The types that resolution acts on are decoded here and must be right; further types come from hickory's codec, and what it
//! cannot decode is shown in the generic form `\# LENGTH HEX`.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::{RData, RecordType};
use hickory_proto::serialize::binary::{BinDecoder, Restrict};

use super::name::Name;
use super::reader::{Malformed, Reader};

/// `data` is limited to the record's data; names in it may point back into the message.
pub(super) fn present(rtype: u16, mut data: Reader<'_>) -> Result<String, Malformed> {
    let whole = data;
    let text = match rtype {
        1 => Ipv4Addr::from(data.array("an A record")?).to_string(),
        28 => Ipv6Addr::from(data.array("an AAAA record")?).to_string(),
        // NS, CNAME, PTR, DNAME.
        2 | 5 | 12 | 39 => Name::read(&mut data)?.to_string(),
        6 => soa(&mut data)?,
        15 => format!("{} {}", data.u16("an MX record")?, Name::read(&mut data)?),
        16 => strings(&mut data)?,
        33 => {
            let what = "an SRV record";
            let (priority, weight, port) = (data.u16(what)?, data.u16(what)?, data.u16(what)?);
            format!("{priority} {weight} {port} {}", Name::read(&mut data)?)
        }
        _ => return Ok(further(rtype, &whole).unwrap_or_else(|| generic(whole))),
    };
    if data.is_empty() { Ok(text) } else { Err(Malformed(format!("a record of type {rtype} with data left over"))) }
}

fn soa(data: &mut Reader<'_>) -> Result<String, Malformed> {
    let mut text = format!("{} {}", Name::read(data)?, Name::read(data)?);
    for _ in 0..5 {
        let number = data.u32("an SOA record")?;
        // Writing to a string cannot fail.
        let _ = write!(text, " {number}");
    }
    Ok(text)
}

/// Character strings, quoted.
fn strings(data: &mut Reader<'_>) -> Result<String, Malformed> {
    let mut text = String::new();
    while !data.is_empty() {
        let length = data.u8("a character string")?;
        if !text.is_empty() {
            text.push(' ');
        }
        text.push('"');
        for &byte in data.bytes(length.into(), "a character string")? {
            match byte {
                b'"' | b'\\' => text.extend(['\\', byte.into()]),
                b' '..=b'~' => text.push(byte.into()),
                _ => {
                    let _ = write!(text, "\\{byte:03}");
                }
            }
        }
        text.push('"');
    }
    Ok(text)
}

/// The types whose text hickory prints right.
fn further(rtype: u16, data: &Reader<'_>) -> Option<String> {
    let rtype = RecordType::from(rtype);
    if !matches!(
        rtype,
        RecordType::CAA
            | RecordType::CERT
            | RecordType::HTTPS
            | RecordType::NAPTR
            | RecordType::SSHFP
            | RecordType::SVCB
            | RecordType::TLSA
    ) {
        return None;
    }
    let at = u16::try_from(data.position()).ok()?;
    let length = u16::try_from(data.whole().len().checked_sub(data.position())?).ok()?;
    let mut decoder = BinDecoder::new(data.whole()).clone(at);
    let rdata = RData::read(&mut decoder, rtype, Restrict::new(length)).ok()?;
    let mut text = String::new();
    write!(text, "{rdata}").ok()?;
    decoder.is_empty().then_some(text)
}

/// RFC 3597 section 5.
fn generic(mut data: Reader<'_>) -> String {
    let bytes = data.rest();
    let mut text = format!("\\# {}", bytes.len());
    for (index, byte) in bytes.iter().enumerate() {
        if index == 0 {
            text.push(' ');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}
