//! The parameters of SVCB and HTTPS (RFC 9460 section 2.1).

use std::net::Ipv4Addr;

use data_encoding::BASE64;

use super::{ipv6, number, quoted};
use crate::dns::reader::{Malformed, Reader};

/// IANA "Service Parameter Keys", in order from 0.
const KEYS: [&str; 9] =
    ["mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp"];

/// All of them, in strictly rising order of their keys.
pub(super) fn parameters(data: &mut Reader<'_>, text: &mut String) -> Result<(), Malformed> {
    let what = "a service parameter";
    let begun = text.len();
    let mut last = None;
    while !data.is_empty() {
        let key = data.u16(what)?;
        let length = data.u16(what)?;
        let value = data.bytes(length.into(), what)?;
        if last.is_some_and(|last| key <= last) {
            return Err(Malformed("service parameters that are out of order".to_owned()));
        }
        last = Some(key);
        if text.len() > begun {
            text.push(' ');
        }
        write_key(key, text);
        write_value(key, value, text)?;
    }
    Ok(())
}

fn write_key(key: u16, text: &mut String) {
    match KEYS.get(usize::from(key)) {
        Some(name) => text.push_str(name),
        None => number(text, format_args!("key{key}")),
    }
}

fn write_value(key: u16, value: &[u8], text: &mut String) -> Result<(), Malformed> {
    let mut data = Reader::new(value);
    let what = "a service parameter's value";
    match key {
        0 => list(&mut data, text, |data, text| {
            write_key(data.u16(what)?, text);
            Ok(())
        }),
        1 => {
            let mut names: Vec<u8> = Vec::with_capacity(value.len());
            while !data.is_empty() {
                if !names.is_empty() {
                    names.push(b',');
                }
                for &byte in data.counted(what)? {
                    // A comma of a name is not the list's (RFC 9460 appendix A.1).
                    if matches!(byte, b',' | b'\\') {
                        names.push(b'\\');
                    }
                    names.push(byte);
                }
            }
            if names.is_empty() {
                return Err(Malformed("an empty list of protocols".to_owned()));
            }
            text.push('=');
            quoted(&names, text);
            Ok(())
        }
        2 | 8 if value.is_empty() => Ok(()),
        3 => {
            text.push('=');
            number(text, data.u16(what)?);
            if data.is_empty() { Ok(()) } else { Err(Malformed("a port of more than two bytes".to_owned())) }
        }
        4 => list(&mut data, text, |data, text| {
            number(text, Ipv4Addr::from(data.array(what)?));
            Ok(())
        }),
        5 => {
            text.push('=');
            BASE64.encode_append(value, text);
            Ok(())
        }
        6 => list(&mut data, text, |data, text| {
            ipv6(text, data.array(what)?);
            Ok(())
        }),
        2 | 8 => Err(Malformed("a value where none is allowed".to_owned())),
        _ if value.is_empty() => Ok(()),
        _ => {
            text.push('=');
            quoted(value, text);
            Ok(())
        }
    }
}

/// At least one item, with commas between.
fn list(
    data: &mut Reader<'_>,
    text: &mut String,
    item: impl Fn(&mut Reader<'_>, &mut String) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    text.push('=');
    item(data, text)?;
    while !data.is_empty() {
        text.push(',');
        item(data, text)?;
    }
    Ok(())
}
