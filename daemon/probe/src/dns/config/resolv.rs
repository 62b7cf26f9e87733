//! resolv.conf as bytes: its lines, the addresses in them, and what each runtime's parser makes of the whole.
//!
//! The three parsers differ in almost everything (blanks, prefixes, limits), so each reads the file for itself. Refused here: the
//! environment and the defaults that a runtime fills in, which are [`super::view`]'s.

pub(super) mod glibc;
pub(super) mod golang;
pub(super) mod musl;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sonde_core::observation::dns::{Directive, Nameserver, Personality};

/// Whether an interface of this name exists in the vantage.
pub(super) type Interfaces<'a> = &'a dyn Fn(&str) -> bool;

/// What one parser took from the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    /// All that it could use; those beyond its limit are dropped by the view.
    pub(super) servers: Vec<Nameserver>,
    pub(super) search: Vec<String>,
    /// As it keeps it, clamped.
    pub(super) ndots: u32,
    /// In seconds, clamped as it clamps, which may leave it below zero.
    pub(super) timeout: i32,
    /// As `timeout`.
    pub(super) attempts: i32,
    /// The flags in force.
    pub(super) options: BTreeSet<&'static str>,
    /// The lines that had an effect, counted from 1.
    pub(super) heeded: BTreeSet<u32>,
    /// The first word that Go does not know, with its line.
    pub(super) unknown: Option<(u32, String)>,
}

impl Parsed {
    fn defaults() -> Self {
        Self { ndots: 1, timeout: 5, attempts: 2, ..Self::default() }
    }
}

/// The file as each of the three reads it.
#[derive(Debug, Default)]
pub struct Readings {
    pub(super) glibc: Parsed,
    pub(super) musl: Parsed,
    pub(super) go: Parsed,
    pub(super) directives: Vec<Directive>,
    /// The words of its `options` lines.
    pub(super) options: Vec<String>,
}

impl Readings {
    pub(super) fn of(text: &[u8], interfaces: Interfaces<'_>) -> Self {
        let (glibc, musl) = (glibc::parse(text, interfaces), musl::parse(text, interfaces));
        let go = golang::parse(text);
        let heeded = |line: u32| {
            [(Personality::Glibc, &glibc), (Personality::Musl, &musl), (Personality::Go, &go)]
                .into_iter()
                .filter(|(_, parsed)| parsed.heeded.contains(&line))
                .map(|(personality, _)| personality)
                .collect()
        };
        let directives = lines(text).filter_map(|(line, bytes)| directive(line, bytes, &heeded)).take(LINES).collect();
        let options = lines(text).filter_map(|(_, bytes)| glibc::argument(bytes, "options")).flat_map(words).collect();
        Self { glibc, musl, go, directives, options }
    }
}

/// Reads text from anywhere as resolv.conf, for all three; an interface exists if its name is not empty.
pub fn parse_resolv_conf(text: &[u8]) -> Readings {
    Readings::of(text, &|name| !name.is_empty())
}

fn directive(line: u32, bytes: &[u8], heeded: &dyn Fn(u32) -> Vec<Personality>) -> Option<Directive> {
    let mut words = words(bytes);
    let keyword = words.next().filter(|word| !word.starts_with(['#', ';']))?;
    Some(Directive { line, keyword, words: words.take(WORDS).collect(), heeded_by: heeded(line) })
}

fn words(bytes: &[u8]) -> impl Iterator<Item = String> {
    bytes.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).map(text)
}

/// Lines without their ends, counted from 1. A file that ends in a newline has no empty last line.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    (1..).zip(bytes.split(|byte| *byte == b'\n'))
}

/// For people and for records: bytes that are not UTF-8 are replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What isspace(3) says in the C locale; Rust's ASCII white space lacks the vertical tab.
pub(super) fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// A C string ends at its first NUL.
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// One to four numbers, decimal, octal (`0`) or hexadecimal (`0x`); the last one fills the bytes that are left. glibc's
/// `__inet_aton_exact` and musl's `inet_aton` agree on this.
pub(super) fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').take(5).map(aton_number).collect::<Option<_>>()?;
    let (last, front) = parts.split_last()?;
    if front.len() > 3 || front.iter().any(|part| *part > 255) {
        return None;
    }
    let room = 32_u32.checked_sub(u32::try_from(front.len()).ok()?.checked_mul(8)?)?;
    if u64::from(*last) >> room != 0 {
        return None;
    }
    let high = front.iter().zip([24, 16, 8]).fold(0, |bits, (part, shift)| bits | part << shift);
    Some(Ipv4Addr::from_bits(high | last))
}

fn aton_number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    if digits.starts_with('+') {
        return None;
    }
    u32::from_str_radix(digits, radix).ok()
}

/// Whether a zone may be an interface's name with this address (`IN6_IS_ADDR_LINKLOCAL` and its multicast sisters).
pub(super) fn is_link_local(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local() || address.octets()[0] == 0xff && address.octets()[1] & 0xf == 2
}

/// Port 53, never an IPv4-mapped address.
pub(super) fn server(address: IpAddr, scope: Option<&str>) -> Nameserver {
    Nameserver { address: address.to_canonical(), port: 53, scope: scope.map(str::to_owned) }
}

/// strtol(3) in base 10, kept in an `int` as both C libraries do: what does not fit a `long` becomes its end, whose low half is
/// what is left.
#[expect(clippy::cast_possible_truncation, reason = "the truncation of `int i = strtol(...)` is what is measured here")]
pub(super) fn strtol(text: &str) -> i32 {
    let text = text.trim_start_matches(|letter: char| letter.is_ascii() && is_space(letter as u8));
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
    let magnitude =
        digits.bytes().fold(0_i64, |sum, digit| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    let value = match (negative, magnitude) {
        (true, i64::MAX) => i64::MIN,
        (true, magnitude) => -magnitude,
        (false, magnitude) => magnitude,
    };
    value as i32
}

/// More lines or words of a line are not recorded; the parsers see them all.
const LINES: usize = 1024;
const WORDS: usize = 256;

#[cfg(test)]
mod tests;
