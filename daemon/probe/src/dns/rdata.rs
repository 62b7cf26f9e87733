//! Record data in presentation format (RFC 1035 section 5.1), as BIND's tools print it, unsplit and on one line.
//!
//! The types that resolution acts on must be right, or the message is malformed. Of the others, what does not fit its type is
//! shown like data of an unknown type, in the generic form of RFC 3597, `\# LENGTH HEX`. Absent: hickory's own texts, which
//! lose bytes that are not UTF-8 and write some types in no form that a zone file could hold.

mod layout;
mod location;
mod mnemonic;
mod odd;
mod svcb;
#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::{BASE32_DNSSEC, BASE64, HEXUPPER};

use self::layout::{Field, layout};
use super::name::Name;
use super::reader::{Malformed, Reader};

/// `data` is limited to the record's data; names in it may point back into the message.
pub(super) fn present(rtype: u16, rclass: u16, mut data: Reader<'_>) -> Result<String, Malformed> {
    let whole = data;
    let strict = is_acted_on(rtype);
    let fields = match layout(rtype) {
        // Addresses are the internet's; in other classes the same numbers mean something else.
        Some(fields) if rclass == IN || !matches!(rtype, 1 | 28) => fields,
        _ => return Ok(generic(whole)),
    };
    let mut text = String::new();
    let written = write_fields(fields, &mut data, &mut text);
    match written {
        Ok(()) if data.is_empty() => Ok(text),
        Ok(()) if strict => Err(Malformed(format!("a record of type {rtype} with data left over"))),
        Err(malformed) if strict => Err(malformed),
        Ok(()) | Err(_) => Ok(generic(whole)),
    }
}

/// A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, DNAME.
fn is_acted_on(rtype: u16) -> bool {
    matches!(rtype, 1 | 2 | 5 | 6 | 12 | 15 | 16 | 28 | 33 | 39)
}

fn write_fields(fields: &[Field], data: &mut Reader<'_>, text: &mut String) -> Result<(), Malformed> {
    for (index, field) in fields.iter().enumerate() {
        let before = text.len();
        if index > 0 {
            text.push(' ');
        }
        let begun = text.len();
        write_field(*field, data, text)?;
        if text.len() == begun {
            // Nothing to show, such as an empty list of types.
            text.truncate(before);
        }
    }
    Ok(())
}

fn write_field(field: Field, data: &mut Reader<'_>, text: &mut String) -> Result<(), Malformed> {
    let what = "a record's data";
    match field {
        Field::U8 => number(text, data.u8(what)?),
        Field::U16 => number(text, data.u16(what)?),
        Field::U32 => number(text, data.u32(what)?),
        Field::Time => mnemonic::time(text, data.u32(what)?),
        Field::Type => mnemonic::rtype(text, data.u16(what)?),
        Field::CertificateType => mnemonic::certificate_type(text, data.u16(what)?),
        Field::Algorithm => mnemonic::algorithm(text, data.u8(what)?),
        Field::Types => types(data, text)?,
        Field::Name => Name::present(data, text)?,
        Field::Ipv4 => number(text, Ipv4Addr::from(data.array(what)?)),
        Field::Ipv6 => ipv6(text, data.array(what)?),
        Field::Locator => {
            for group in 0..4 {
                let colon = if group == 0 { "" } else { ":" };
                let _ = write!(text, "{colon}{:x}", data.u16(what)?);
            }
        }
        Field::Eui48 => dashed(&data.array::<6>(what)?, text),
        Field::Eui64 => dashed(&data.array::<8>(what)?, text),
        Field::Text => quoted(data.counted("a character string")?, text),
        Field::Word => bare(data.counted("a character string")?, text)?,
        Field::Texts => {
            let begun = text.len();
            while !data.is_empty() {
                if text.len() > begun {
                    text.push(' ');
                }
                quoted(data.counted("a character string")?, text);
            }
        }
        Field::RestText => quoted(data.rest(), text),
        Field::RestHex => HEXUPPER.encode_append(data.rest(), text),
        Field::RestBase64 => BASE64.encode_append(data.rest(), text),
        Field::CountedHex => match data.counted(what)? {
            [] => text.push('-'),
            bytes => HEXUPPER.encode_append(bytes, text),
        },
        Field::CountedBase32 => text.push_str(&BASE32_DNSSEC.encode(data.counted(what)?).to_ascii_uppercase()),
        Field::Parameters => svcb::parameters(data, text)?,
        Field::Location => location::write(data, text)?,
        Field::Ports => odd::ports(data, text)?,
        Field::Prefixes => odd::prefixes(data, text)?,
        Field::Gateway => odd::gateway(data, text)?,
        Field::Relay => odd::relay(data, text)?,
        Field::Identity => odd::identity(data, text)?,
    }
    Ok(())
}

/// Writing to a string cannot fail.
fn number(text: &mut String, value: impl std::fmt::Display) {
    let _ = write!(text, "{value}");
}

/// As `inet_ntop(3)` of BIND: with IPv4 notation where the upper 96 bits are zero.
fn ipv6(text: &mut String, octets: [u8; 16]) {
    match octets {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] if !matches!([a, b, c, d], [0, 0, 0, 0 | 1]) => {
            number(text, format_args!("::{}", Ipv4Addr::new(a, b, c, d)));
        }
        _ => number(text, Ipv6Addr::from(octets)),
    }
}

fn dashed(bytes: &[u8], text: &mut String) {
    for (index, byte) in bytes.iter().enumerate() {
        let dash = if index == 0 { "" } else { "-" };
        let _ = write!(text, "{dash}{byte:02x}");
    }
}

/// A character string in quotes (RFC 1035 section 5.1).
fn quoted(bytes: &[u8], text: &mut String) {
    text.push('"');
    escaped(bytes, text);
    text.push('"');
}

/// What stands between quotes.
fn escaped(bytes: &[u8], text: &mut String) {
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', byte.into()]),
            b' '..=b'~' => text.push(byte.into()),
            _ => {
                let _ = write!(text, "\\{byte:03}");
            }
        }
    }
}

/// A tag of letters and digits, without quotes.
fn bare(bytes: &[u8], text: &mut String) -> Result<(), Malformed> {
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_alphanumeric) {
        return Err(Malformed("a tag that is not letters and digits".to_owned()));
    }
    text.extend(bytes.iter().map(|byte| char::from(*byte)));
    Ok(())
}

/// The bitmap of NSEC, NSEC3 and CSYNC (RFC 4034 section 4.1.2).
fn types(data: &mut Reader<'_>, text: &mut String) -> Result<(), Malformed> {
    let mut after = None;
    let begun = text.len();
    while !data.is_empty() {
        let window = data.u8("a bitmap of types")?;
        let bits = data.counted("a bitmap of types")?;
        if !(1..=32).contains(&bits.len()) || after.is_some_and(|last| window <= last) {
            return Err(Malformed("a bitmap of types that is out of order".to_owned()));
        }
        after = Some(window);
        for (number, _) in (0..=255_u8)
            .zip(bits.iter().flat_map(|byte| (0..8).map(move |bit| byte << bit & 0x80)))
            .filter(|(_, set)| *set != 0)
        {
            if text.len() > begun {
                text.push(' ');
            }
            mnemonic::rtype(text, u16::from_be_bytes([window, number]));
        }
    }
    Ok(())
}

/// RFC 3597 section 5.
fn generic(mut data: Reader<'_>) -> String {
    let bytes = data.rest();
    let mut text = format!("\\# {}", bytes.len());
    if !bytes.is_empty() {
        text.push(' ');
        HEXUPPER.encode_append(bytes, &mut text);
    }
    text
}

const IN: u16 = 1;
