//! The options of an OPT record (IANA "DNS EDNS0 Option Codes"), both ways.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use sonde_core::observation::dns::{ClientSubnet, Cookie, Edns, EdnsOption, EdnsRequest, ExtendedError};

use crate::dns::reader::{Malformed, Reader};

mod code {
    /// RFC 5001.
    pub(super) const NSID: u16 = 3;
    /// RFC 7871.
    pub(super) const CLIENT_SUBNET: u16 = 8;
    /// RFC 7873.
    pub(super) const COOKIE: u16 = 10;
    /// RFC 7828.
    pub(super) const TCP_KEEPALIVE: u16 = 11;
    /// RFC 7830.
    pub(super) const PADDING: u16 = 12;
    /// RFC 8914.
    pub(super) const EXTENDED_ERROR: u16 = 15;
}

/// RFC 7873 section 4.
const CLIENT_COOKIE_BYTES: usize = 8;
const SERVER_COOKIE_BYTES: std::ops::RangeInclusive<usize> = 8..=32;
/// Code and length of an option.
const OPTION_HEADER_BYTES: usize = 4;

/// What the options say. One that its RFC would not allow, or that comes a second time, is among `options` as it came; only a
/// length that leads beyond the record makes the message malformed.
pub(super) fn read(mut data: Reader<'_>) -> Result<Edns, Malformed> {
    let mut edns = Edns::default();
    let what = "an EDNS option";
    while !data.is_empty() {
        let code = data.u16(what)?;
        let length = usize::from(data.u16(what)?);
        let value = data.bytes(length, what)?;
        if take(&mut edns, code, value).is_none() {
            edns.options.push(EdnsOption { code, data: value.to_vec() });
        }
    }
    Ok(edns)
}

fn take(edns: &mut Edns, code: u16, value: &[u8]) -> Option<()> {
    match code {
        code::NSID => set(&mut edns.nsid, value.to_vec()),
        code::CLIENT_SUBNET => set(&mut edns.client_subnet, client_subnet(value)?),
        code::COOKIE => set(&mut edns.cookie, cookie(value)?),
        code::TCP_KEEPALIVE => set(&mut edns.tcp_keepalive, u16::from_be_bytes(value.try_into().ok()?)),
        code::PADDING => set(&mut edns.padding_bytes, u16::try_from(value.len()).ok()?),
        code::EXTENDED_ERROR => {
            let (info_code, text) = value.split_first_chunk()?;
            // RFC 8914 section 2: a final NUL is not part of the text.
            let extra_text = String::from_utf8_lossy(text).trim_end_matches('\0').to_owned();
            edns.extended_errors.push(ExtendedError { info_code: u16::from_be_bytes(*info_code), extra_text });
            Some(())
        }
        _ => None,
    }
}

fn set<T>(place: &mut Option<T>, value: T) -> Option<()> {
    if place.is_some() {
        return None;
    }
    *place = Some(value);
    Some(())
}

/// RFC 7871 section 6: only the bytes that the prefix needs, and no bit beyond it.
fn client_subnet(value: &[u8]) -> Option<ClientSubnet> {
    let ([f0, f1, source, scope], bytes) = value.split_first_chunk()?;
    let prefix = match u16::from_be_bytes([*f0, *f1]) {
        1 => IpNet::new(Ipv4Addr::from(filled::<4>(bytes, *source)?).into(), *source).ok()?,
        2 => IpNet::new(Ipv6Addr::from(filled::<16>(bytes, *source)?).into(), *source).ok()?,
        _ => return None,
    };
    (prefix == prefix.trunc()).then_some(ClientSubnet { prefix, scope: *scope })
}

fn filled<const N: usize>(bytes: &[u8], prefix: u8) -> Option<[u8; N]> {
    let mut address = [0; N];
    if bytes.len() != usize::from(prefix).div_ceil(8) {
        return None;
    }
    address.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(address)
}

fn cookie(value: &[u8]) -> Option<Cookie> {
    let (client, server) = value.split_at_checked(CLIENT_COOKIE_BYTES)?;
    let is_cookie = server.is_empty() || SERVER_COOKIE_BYTES.contains(&server.len());
    is_cookie.then(|| Cookie { client: client.to_vec(), server: server.to_vec() })
}

/// The OPT record's data, where `before` bytes of the message stand before it; the error says what cannot be sent.
pub(super) fn write(edns: &EdnsRequest, before: usize) -> Result<Vec<u8>, String> {
    let mut data = Vec::new();
    if edns.nsid {
        option(&mut data, code::NSID, &[])?;
    }
    if let Some(ClientSubnet { prefix, scope }) = edns.client_subnet {
        let length = usize::from(prefix.prefix_len()).div_ceil(8);
        let (family, address) = match prefix.trunc() {
            IpNet::V4(net) => (1, net.addr().octets().to_vec()),
            IpNet::V6(net) => (2, net.addr().octets().to_vec()),
        };
        let mut value = vec![0, family, prefix.prefix_len(), scope];
        value.extend(address.get(..length).unwrap_or_default());
        option(&mut data, code::CLIENT_SUBNET, &value)?;
    }
    if let Some(Cookie { client, server }) = &edns.cookie {
        if client.len() != CLIENT_COOKIE_BYTES || !(server.is_empty() || SERVER_COOKIE_BYTES.contains(&server.len())) {
            let (client, server) = (client.len(), server.len());
            return Err(format!(
                "a cookie of {client} + {server} bytes: 8, and none or 8 to 32 of the server, are needed"
            ));
        }
        option(&mut data, code::COOKIE, &[client.as_slice(), server].concat())?;
    }
    for EdnsOption { code, data: value } in &edns.options {
        option(&mut data, *code, value)?;
    }
    if let Some(block) = edns.padding_block {
        // RFC 7830 section 3 wants it last: only then is the length of all the rest known.
        let length = before + data.len() + OPTION_HEADER_BYTES;
        let whole = match usize::from(block) {
            0 => return Err("padding to a multiple of 0 bytes: 1 to 65535 are needed".to_owned()),
            block => length.next_multiple_of(block),
        };
        option(&mut data, code::PADDING, &vec![0; whole - length])?;
    }
    Ok(data)
}

fn option(data: &mut Vec<u8>, code: u16, value: &[u8]) -> Result<(), String> {
    let length = u16::try_from(value.len()).map_err(|_| format!("an EDNS option {code} of {} bytes", value.len()))?;
    data.extend(code.to_be_bytes());
    data.extend(length.to_be_bytes());
    data.extend(value);
    Ok(())
}
