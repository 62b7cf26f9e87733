//! Numeric names as musl reads them: `src/network/lookup_ipliteral.c`, `src/network/inet_aton.c`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sonde_core::observation::dns::Family;

use super::{Eai, Release, wanted};

/// What a name is, read as a number.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Literal {
    Address(IpAddr),
    None,
}

/// `__lookup_ipliteral`. A literal of the other family is an error, and so is a zone that does not exist.
pub(super) fn literal(
    name: &[u8],
    family: Family,
    release: Release,
    index_of: impl Fn(&str) -> Option<u32>,
) -> Result<Literal, Eai> {
    let other_family = if release.is_current() { Eai::NoData } else { Eai::NoName };
    let accept = |address| if wanted(family, address) { Ok(Literal::Address(address)) } else { Err(other_family) };
    if let Some(address) = inet_aton(name) {
        return accept(address.into());
    }
    let percent = name.iter().position(|byte| *byte == b'%');
    let (address, zone) = match percent {
        Some(at) if at < 64 => (&name[..at], name.get(at + 1..)),
        _ => (name, None),
    };
    let address = std::str::from_utf8(address).ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
    let Some(address) = address else { return Ok(Literal::None) };
    if family != Family::Ipv4 && zone.is_some_and(|zone| !exists(zone, address, index_of)) {
        return Err(Eai::NoName);
    }
    accept(address.into())
}

/// A number that fits is an index; a name is looked up, for link-local addresses only.
fn exists(zone: &[u8], address: Ipv6Addr, index_of: impl Fn(&str) -> Option<u32>) -> bool {
    if !zone.is_empty() && zone.iter().all(u8::is_ascii_digit) {
        return std::str::from_utf8(zone).is_ok_and(|digits| digits.parse::<u32>().is_ok());
    }
    let [first, second, ..] = address.octets();
    let link_local = (first == 0xfe && second & 0xc0 == 0x80) || (first == 0xff && second & 0x0f == 2);
    link_local && std::str::from_utf8(zone).is_ok_and(|name| index_of(name).is_some_and(|index| index != 0))
}

/// One to four numbers, each decimal, octal (`0`) or hexadecimal (`0x`); the last one fills the bytes that are left.
pub(super) fn inet_aton(text: &[u8]) -> Option<Ipv4Addr> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (number, behind) = number(rest)?;
        parts.push(number);
        match behind.split_first() {
            None => break,
            Some((b'.', next)) if parts.len() < 4 => rest = next,
            Some(_) => return None,
        }
    }
    let last = parts.pop()?;
    let room = 32 - 8 * u32::try_from(parts.len()).ok()?;
    if parts.iter().any(|part| *part > 255) || last >> room != 0 {
        return None;
    }
    let high = parts.iter().fold(0, |high, part| high << 8 | part);
    u32::try_from(if room == 32 { last } else { high << room | last }).ok().map(Ipv4Addr::from_bits)
}

/// `strtoul(3)` with base 0 where a digit begins it: the number, saturated, and what follows.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let hexadecimal = matches!(text, [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit());
    let (radix, start) = match text {
        _ if hexadecimal => (16, 2),
        [b'0', ..] => (8, 0),
        [first, ..] if first.is_ascii_digit() => (10, 0),
        _ => return None,
    };
    let digits = text.get(start..)?;
    let end = digits.iter().position(|byte| !char::from(*byte).is_digit(radix)).unwrap_or(digits.len());
    let (digits, behind) = digits.split_at(end);
    let value = |byte: &u8| u64::from(char::from(*byte).to_digit(radix).unwrap_or_default());
    let number = digits.iter().fold(0_u64, |sum, byte| sum.saturating_mul(radix.into()).saturating_add(value(byte)));
    Some((number, behind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(name: &str, family: Family) -> Result<Literal, Eai> {
        literal(name.as_bytes(), family, Release::CURRENT, |name| (name == "eth0").then_some(2))
    }

    fn address(text: &str) -> Literal {
        Literal::Address(text.parse().expect("an address"))
    }

    #[test]
    fn inet_atons_old_forms_are_addresses() {
        for (text, meant) in [
            ("1.2.3.4", "1.2.3.4"),
            ("127.1", "127.0.0.1"),
            ("0x7f.1", "127.0.0.1"),
            ("010.0.0.1", "8.0.0.1"),
            ("1", "0.0.0.1"),
            ("167772161", "10.0.0.1"),
            ("4294967295", "255.255.255.255"),
            ("1.2.65535", "1.2.255.255"),
        ] {
            assert_eq!(read(text, Family::Any), Ok(address(meant)), "{text}");
        }
    }

    #[test]
    fn what_inet_aton_refuses_is_a_name() {
        for text in
            ["1.2.3.4.", "1.2.3.4.5", "256.1", "1.2.3.256", "08.1", "0x", "4294967296", "1.2.65536", "1..2", "+1"]
        {
            assert_eq!(read(text, Family::Any), Ok(Literal::None), "{text}");
        }
        assert_eq!(read("99999999999999999999999", Family::Any), Ok(Literal::None));
    }

    #[test]
    fn a_zone_must_exist_and_suits_link_local_addresses_only() {
        assert_eq!(read("fe80::1%eth0", Family::Any), Ok(address("fe80::1")));
        assert_eq!(read("fe80::1%77", Family::Any), Ok(address("fe80::1")));
        assert_eq!(read("2001:db8::1%3", Family::Any), Ok(address("2001:db8::1")));
        for text in ["fe80::1%eth9", "fe80::1%", "2001:db8::1%eth0", "fe80::1%99999999999"] {
            assert_eq!(read(text, Family::Any), Err(Eai::NoName), "{text}");
        }
    }

    #[test]
    fn a_literal_of_the_other_family_is_an_error_whose_code_depends_on_the_release() {
        assert_eq!(read("1.2.3.4", Family::Ipv6), Err(Eai::NoData));
        assert_eq!(read("::1", Family::Ipv4), Err(Eai::NoData));
        let old = literal(b"::1", Family::Ipv4, Release::OLD, |_| None);
        assert_eq!(old, Err(Eai::NoName));
    }

    proptest! {
        #[test]
        fn every_dotted_quad_is_itself_and_no_text_panics(bits: u32, text in "[0-9a-fxX.:%]{0,40}") {
            let quad = Ipv4Addr::from_bits(bits);
            prop_assert_eq!(inet_aton(quad.to_string().as_bytes()), Some(quad));
            prop_assert_eq!(inet_aton(bits.to_string().as_bytes()), Some(quad));
            drop(literal(text.as_bytes(), Family::Any, Release::OLD, |_| None));
        }
    }
}
