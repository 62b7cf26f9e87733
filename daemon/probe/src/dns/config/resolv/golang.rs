//! resolv.conf as Go reads it: `dnsReadConfig` of `src/net/dnsconfig_unix.go` in Go 1.26, unchanged since 1.22.

use std::net::{IpAddr, Ipv6Addr};

use sonde_core::observation::dns::Nameserver;

use super::{Parsed, lines, server, text};

pub(in super::super) fn parse(bytes: &[u8]) -> Parsed {
    // EDNS is always used.
    let mut parsed = Parsed { options: ["edns0"].into(), ..Parsed::defaults() };
    let mut search_line = None;
    for (number, line) in lines(bytes) {
        // Its buffer is 64 KiB, and a line that does not fit ends the file.
        if line.len() >= BUFFER_BYTES {
            break;
        }
        let line = text(line);
        if line.starts_with([';', '#']) {
            continue;
        }
        let mut words = fields(&line);
        match words.next() {
            None => {}
            Some("nameserver") => {
                if parsed.servers.len() < SERVERS
                    && let Some(server) = words.next().and_then(nameserver)
                {
                    parsed.servers.push(server);
                    parsed.heeded.insert(number);
                }
            }
            Some("domain") => {
                if let Some(word) = words.next() {
                    parsed.search = domain(word).into_iter().collect();
                    search_line = Some(number);
                }
            }
            Some("search") => {
                parsed.search = words.filter_map(domain).collect();
                search_line = Some(number);
            }
            Some("options") => {
                for word in words {
                    if set_option(&mut parsed, word) {
                        parsed.heeded.insert(number);
                    } else {
                        parsed.unknown.get_or_insert_with(|| (number, word.to_owned()));
                    }
                }
            }
            // OpenBSD's, known everywhere.
            Some("lookup") => {
                parsed.heeded.insert(number);
            }
            Some(word) => {
                parsed.unknown.get_or_insert_with(|| (number, word.to_owned()));
            }
        }
    }
    parsed.heeded.extend(search_line);
    parsed
}

/// `getFields` of src/net/parse.go.
pub(in super::super) fn fields(line: &str) -> impl Iterator<Item = &str> {
    line.split([' ', '\r', '\t', '\n']).filter(|word| !word.is_empty())
}

/// An address as netip.ParseAddr reads it: dotted quads in full, IPv6 with any zone that is not empty.
pub(in super::super) fn literal(word: &str) -> Option<(IpAddr, Option<&str>)> {
    match word.split_once('%') {
        None => Some((word.parse::<IpAddr>().ok()?, None)),
        Some((_, "")) => None,
        Some((address, zone)) => Some((address.parse::<Ipv6Addr>().ok()?.into(), Some(zone))),
    }
}

fn nameserver(word: &str) -> Option<Nameserver> {
    literal(word).map(|(address, zone)| server(address, zone))
}

fn set_option(parsed: &mut Parsed, word: &str) -> bool {
    if let Some(value) = word.strip_prefix("ndots:") {
        parsed.ndots = number(value).min(15).unsigned_abs();
    } else if let Some(value) = word.strip_prefix("timeout:") {
        parsed.timeout = number(value).max(1);
    } else if let Some(value) = word.strip_prefix("attempts:") {
        parsed.attempts = number(value).max(1);
    } else {
        let flag = match word {
            "rotate" => "rotate",
            "single-request" | "single-request-reopen" => "single-request",
            "use-vc" | "usevc" | "tcp" => "use-vc",
            "trust-ad" => "trust-ad",
            "edns0" => "edns0",
            "no-reload" => "no-reload",
            _ => return false,
        };
        parsed.options.insert(flag);
    }
    true
}

/// `dtoi`: the digits in front, at most `big`; 0 where there are none.
fn number(text: &str) -> i32 {
    let digits = text.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
    digits.bytes().fold(0, |sum: i32, digit| (sum.saturating_mul(10).saturating_add(i32::from(digit - b'0'))).min(BIG))
}

/// Without its final dot; `.` alone names nothing.
fn domain(word: &str) -> Option<String> {
    let word = word.strip_suffix('.').unwrap_or(word);
    (!word.is_empty()).then(|| word.to_owned())
}

const SERVERS: usize = 3;
const BIG: i32 = 0xff_ffff;
/// `open` of src/net/parse.go.
pub(in super::super) const BUFFER_BYTES: usize = 64 << 10;
