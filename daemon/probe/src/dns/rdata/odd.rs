//! The types whose data is laid out like no other's: WKS, APL, IPSECKEY, AMTRELAY, HIP.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::{BASE64, HEXUPPER};

use super::{ipv6, number};
use crate::dns::name::Name;
use crate::dns::reader::{Malformed, Reader};

/// RFC 1035 section 3.4.2: a bit for each port.
pub(super) fn ports(data: &mut Reader<'_>, text: &mut String) -> Result<(), Malformed> {
    let bits = data.rest();
    if bits.len() > 8192 {
        return Err(Malformed("a bitmap of more than 65536 ports".to_owned()));
    }
    let begun = text.len();
    for (port, _) in
        bits.iter().flat_map(|byte| (0..8).map(move |bit| byte << bit & 0x80)).enumerate().filter(|(_, set)| *set != 0)
    {
        if text.len() > begun {
            text.push(' ');
        }
        number(text, port);
    }
    Ok(())
}

/// RFC 3123 section 4: `[!]FAMILY:ADDRESS/PREFIX`.
pub(super) fn prefixes(data: &mut Reader<'_>, text: &mut String) -> Result<(), Malformed> {
    let what = "an address prefix";
    let begun = text.len();
    while !data.is_empty() {
        let family = data.u16(what)?;
        let prefix = data.u8(what)?;
        let length = data.u8(what)?;
        let bytes = data.bytes((length & 0x7f).into(), what)?;
        let too_long = || Malformed("an address prefix longer than its family allows".to_owned());
        if text.len() > begun {
            text.push(' ');
        }
        if length & 0x80 != 0 {
            text.push('!');
        }
        // Writing to a string cannot fail.
        let _ = match family {
            1 if prefix <= 32 => write!(text, "1:{}/{prefix}", Ipv4Addr::from(filled(bytes).ok_or_else(too_long)?)),
            2 if prefix <= 128 => write!(text, "2:{}/{prefix}", Ipv6Addr::from(filled(bytes).ok_or_else(too_long)?)),
            _ => return Err(too_long()),
        };
    }
    Ok(())
}

fn filled<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let mut address = [0; N];
    address.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(address)
}

/// RFC 4025 section 3.1: precedence, kind of gateway, algorithm, gateway, key.
pub(super) fn gateway(data: &mut Reader<'_>, text: &mut String) -> Result<(), Malformed> {
    let [precedence, kind, algorithm] = data.array("an IPSECKEY record")?;
    let _ = write!(text, "{precedence} {kind} {algorithm} ");
    end_point(kind, data, text)?;
    let key = data.rest();
    if !key.is_empty() {
        text.push(' ');
        BASE64.encode_append(key, text);
    }
    Ok(())
}

/// RFC 8777 section 4.2: precedence, the D bit, kind of relay, relay.
pub(super) fn relay(data: &mut Reader<'_>, text: &mut String) -> Result<(), Malformed> {
    let [precedence, kind] = data.array("an AMTRELAY record")?;
    let (optional, kind) = (kind >> 7, kind & 0x7f);
    let _ = write!(text, "{precedence} {optional} {kind} ");
    end_point(kind, data, text)
}

fn end_point(kind: u8, data: &mut Reader<'_>, text: &mut String) -> Result<(), Malformed> {
    let what = "a gateway";
    match kind {
        0 => text.push('.'),
        1 => number(text, Ipv4Addr::from(data.array(what)?)),
        2 => ipv6(text, data.array(what)?),
        3 => Name::present(data, text)?,
        _ => return Err(Malformed(format!("a gateway of the unknown kind {kind}"))),
    }
    Ok(())
}

/// RFC 8005 section 5: algorithm, identity tag, key, rendezvous servers.
pub(super) fn identity(data: &mut Reader<'_>, text: &mut String) -> Result<(), Malformed> {
    let what = "a HIP record";
    let [tag_length, algorithm] = data.array(what)?;
    let key_length = data.u16(what)?;
    let tag = data.bytes(tag_length.into(), what)?;
    let key = data.bytes(key_length.into(), what)?;
    let _ = write!(text, "{algorithm} {} {}", HEXUPPER.encode(tag), BASE64.encode(key));
    while !data.is_empty() {
        text.push(' ');
        Name::present(data, text)?;
    }
    Ok(())
}
