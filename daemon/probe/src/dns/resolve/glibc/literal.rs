//! Numeric names: what getaddrinfo takes for an address, without asking anybody (`text_to_binary_address`).
//!
//! IPv4 is read as `inet_aton(3)` reads it: one to four numbers, each decimal, octal or hexadecimal, the last of them filling the
//! remaining bytes. That is why `1` and `0x7f.1` are addresses, and `1.2.3.4.5` is a name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sonde_core::observation::dns::Family;

use super::errors::Eai;

/// The address that `name` is, `None` where it is a name. `is_zone` says whether a scope id is one for this address.
pub(super) fn read(
    name: &str,
    family: Family,
    is_zone: impl FnOnce(Ipv6Addr, &str) -> bool,
) -> Result<Option<IpAddr>, Eai> {
    if let Some(address) = inet_aton(name) {
        return if family == Family::Ipv6 { Err(Eai::AddressFamily) } else { Ok(Some(address.into())) };
    }
    let (text, zone) = name.split_once('%').map_or((name, None), |(text, zone)| (text, Some(zone)));
    let Ok(address) = text.parse::<Ipv6Addr>() else { return Ok(None) };
    let found: IpAddr = match (family, address.to_ipv4_mapped()) {
        (Family::Any | Family::Ipv6, _) => address.into(),
        (Family::Ipv4, Some(mapped)) => mapped.into(),
        (Family::Ipv4, None) => return Err(Eai::AddressFamily),
    };
    if zone.is_none_or(|zone| is_zone(address, zone)) { Ok(Some(found)) } else { Err(Eai::NoName) }
}

/// Whether gethostbyname, which getaddrinfo asks for `AF_INET`, gives up on `name` before it asks anybody: it looks numeric
/// and is no address (`nss/digits_dots.c`). For the other families such a name is looked up.
pub(super) fn looks_numeric(name: &str) -> bool {
    let first = name.bytes().next().unwrap_or_default();
    let numeric = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    if first.is_ascii_digit() && !name.ends_with('.') && name.bytes().all(numeric) {
        return true;
    }
    first == b':' || (first.is_ascii_hexdigit() && name.contains(':'))
}

/// `resolv/inet_addr.c`, `__inet_aton_exact`.
fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let mut parts = text.split('.');
    let last = number(parts.next_back()?)?;
    let mut address: u32 = 0;
    let mut bytes_left = 4_u32;
    for part in parts {
        bytes_left = bytes_left.checked_sub(1).filter(|left| *left > 0)?;
        let byte = number(part).filter(|value| *value <= 0xff)?;
        address |= byte << (bytes_left * 8);
    }
    let limit = u32::MAX >> (32 - bytes_left * 8);
    (last <= limit).then(|| Ipv4Addr::from(address | last))
}

/// strtoul(3) with base 0, of digits only.
fn number(text: &str) -> Option<u32> {
    if !text.starts_with(|letter: char| letter.is_ascii_digit()) {
        return None;
    }
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None if text.len() > 1 && text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    // `from_str_radix` takes a sign.
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(name: &str) -> Result<Option<IpAddr>, Eai> {
        read(name, Family::Any, |_, zone| zone == "lo")
    }

    #[test]
    fn every_form_of_inet_aton_is_an_address() {
        for (text, address) in [
            ("127.1", "127.0.0.1"),
            ("1", "0.0.0.1"),
            ("0x7f.1", "127.0.0.1"),
            ("010.1.1.1", "8.1.1.1"),
            ("1.2.772", "1.2.3.4"),
            ("4294967295", "255.255.255.255"),
            ("0xffffffff", "255.255.255.255"),
            ("192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(any(text), Ok(address.parse().ok()), "{text}");
        }
    }

    #[test]
    fn what_inet_aton_refuses_is_a_name() {
        let names =
            ["256.1.1.1", "1.2.3.4.5", "1.2.3.256", "4294967296", "08", "0x", "1..2", "1.2.3.4.", "", "+1", "1.2.3.4x"];
        for text in names {
            assert_eq!(any(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn an_address_of_the_other_family_is_an_error() {
        assert_eq!(read("127.0.0.1", Family::Ipv6, |_, _| true), Err(Eai::AddressFamily));
        assert_eq!(read("::1", Family::Ipv4, |_, _| true), Err(Eai::AddressFamily));
        assert_eq!(read("::ffff:192.0.2.1", Family::Ipv4, |_, _| true), Ok("192.0.2.1".parse().ok()));
    }

    #[test]
    fn a_scope_id_must_be_a_zone_here() {
        assert_eq!(any("fe80::1%lo"), Ok("fe80::1".parse().ok()));
        assert_eq!(any("fe80::1%nowhere"), Err(Eai::NoName));
    }

    #[test]
    fn numeric_looking_names_are_told_apart_from_names() {
        for numeric in ["1.2.3.4.5", "256.1.1.1", "face:b00k", ":x"] {
            assert!(looks_numeric(numeric), "{numeric}");
        }
        for name in ["1.2.3.4.5.", "1a", "example", "g:1", ""] {
            assert!(!looks_numeric(name), "{name}");
        }
    }
}
