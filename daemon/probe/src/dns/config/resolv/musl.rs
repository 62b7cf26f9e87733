//! resolv.conf as musl reads it: `__get_resolv_conf` of src/network/resolvconf.c in musl 1.2.5.
//!
//! Absent there, so absent here: every flag of `options`, the environment, the host name's domain.

use std::net::{IpAddr, Ipv6Addr};

use sonde_core::observation::dns::Nameserver;

use super::{Interfaces, Parsed, inet_aton, is_link_local, is_space, lines, server, text};

pub(in super::super) fn parse(bytes: &[u8], interfaces: Interfaces<'_>) -> Parsed {
    let mut parsed = Parsed::defaults();
    let mut search_line = None;
    let unfinished = (!bytes.ends_with(b"\n")).then(|| lines(bytes).count());
    for (number, line) in lines(bytes) {
        // It reads into 256 bytes, and skips a line that does not fit with its end, or has a NUL in it.
        if line.len() > LINE_BYTES || line.contains(&0) {
            continue;
        }
        let ended = usize::try_from(number).ok() != unfinished;
        if argument(line, "options", ended).is_some() {
            if set_options(&mut parsed, &text(line)) {
                parsed.heeded.insert(number);
            }
        } else if let Some(rest) = argument(line, "nameserver", ended) {
            let word = rest.split(|byte| is_space(*byte)).find(|word| !word.is_empty()).unwrap_or_default();
            if parsed.servers.len() < SERVERS
                && let Some(server) = nameserver(&text(word), interfaces)
            {
                parsed.servers.push(server);
                parsed.heeded.insert(number);
            }
        } else if let Some(rest) = argument(line, "domain", ended).or_else(|| argument(line, "search", ended)) {
            // Both take the rest of the line, and one without names empties the list.
            parsed.search =
                rest.split(|byte| is_space(*byte)).filter(|word| !word.is_empty()).filter_map(domain).collect();
            search_line = Some(number);
        }
    }
    parsed.heeded.extend(search_line);
    parsed
}

/// What follows a keyword that begins its line; the blank behind it may be the line's end where that is there.
fn argument<'a>(line: &'a [u8], keyword: &str, ended: bool) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(keyword.as_bytes())?;
    match rest.first() {
        Some(byte) => is_space(*byte).then_some(rest),
        None => ended.then_some(rest),
    }
}

/// Each is looked for anywhere in the line, the first of its kind holds, and a digit must follow.
fn set_options(parsed: &mut Parsed, line: &str) -> bool {
    let number = |name: &str, most: i32| {
        let (_, value) = line.split_once(name)?;
        let digits = value.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
        (!digits.is_empty()).then(|| digits.parse::<i32>().map_or(most, |value| value.min(most)))
    };
    let (ndots, attempts, timeout) = (number("ndots:", 15), number("attempts:", 10), number("timeout:", 60));
    parsed.ndots = ndots.map_or(parsed.ndots, i32::unsigned_abs);
    parsed.attempts = attempts.unwrap_or(parsed.attempts);
    parsed.timeout = timeout.unwrap_or(parsed.timeout);
    ndots.or(attempts).or(timeout).is_some()
}

fn nameserver(word: &str, interfaces: Interfaces<'_>) -> Option<Nameserver> {
    let (address, zone) = literal(word, interfaces)?;
    Some(server(address, zone))
}

/// An address as `__lookup_ipliteral` of `src/network/lookup_ipliteral.c` reads it; one whose zone it cannot find is none.
pub(in super::super) fn literal<'a>(word: &'a str, interfaces: Interfaces<'_>) -> Option<(IpAddr, Option<&'a str>)> {
    if let Some(address) = inet_aton(word) {
        return Some((address.into(), None));
    }
    let Some((address, zone)) = word.split_once('%') else {
        return Some((word.parse::<Ipv6Addr>().ok()?.into(), None));
    };
    let address: Ipv6Addr = address.parse().ok()?;
    let number = !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_digit());
    let found = if number { zone.parse::<u32>().is_ok() } else { is_link_local(address) && interfaces(zone) };
    found.then_some((address.into(), Some(zone)))
}

/// Without its final dot. The root gives a name with two dots, for which no query can be made.
fn domain(word: &[u8]) -> Option<String> {
    let word = text(word);
    let word = word.strip_suffix('.').unwrap_or(&word);
    (!word.is_empty()).then(|| word.to_owned())
}

/// `MAXNS` of src/network/lookup.h.
const SERVERS: usize = 3;
/// What fits `char line[256]` beside the newline and the NUL.
const LINE_BYTES: usize = 254;
