//! resolv.conf as the GNU C library reads it: `res_vinit_1` and `res_setoptions` of `resolv/res_init.c` in glibc 2.41.
//!
//! What changed since 2.26 and shows here: a `-` before a flag clears it (2.41; unknown, so without effect, before), `no-aaaa`
//! (2.36), `trust-ad` (2.31), `strict-error` (2.41). How names are looked up follows 2.36 (`dns/resolve/glibc.rs`).

use std::net::{IpAddr, Ipv6Addr};

use sonde_core::observation::dns::Nameserver;

use super::{Interfaces, Parsed, inet_aton, is_link_local, lines, server, strtol, text, until_nul};

pub(in super::super) fn parse(bytes: &[u8], interfaces: Interfaces<'_>) -> Parsed {
    let mut parsed = Parsed::defaults();
    let mut search_line = None;
    for (number, line) in lines(bytes) {
        let line = until_nul(line);
        if let Some(rest) = argument(line, "nameserver") {
            if let Some(server) = nameserver(&text(word(rest)), interfaces) {
                if parsed.servers.len() < SERVERS {
                    parsed.heeded.insert(number);
                }
                parsed.servers.push(server);
            }
        } else if let Some(rest) = argument(line, "domain").filter(|rest| !rest.is_empty()) {
            parsed.search = vec![domain(word(rest))];
            search_line = Some(number);
        } else if let Some(rest) = argument(line, "search").filter(|rest| !rest.is_empty()) {
            parsed.search = domains(rest);
            search_line = Some(number);
        } else if let Some(rest) = argument(line, "sortlist") {
            // Only gethostbyname(3) sorts by it.
            if rest.split(|byte| is_blank(*byte)).any(|entry| inet_aton(&text(network(entry))).is_some()) {
                parsed.heeded.insert(number);
            }
        } else if let Some(rest) = argument(line, "options")
            && set_options(&mut parsed, &text(rest))
        {
            parsed.heeded.insert(number);
        }
    }
    parsed.heeded.extend(search_line);
    parsed
}

/// The blank-separated names of `search` and LOCALDOMAIN, `\r` and comments included.
pub(in super::super) fn domains(rest: &[u8]) -> Vec<String> {
    rest.split(|byte| is_blank(*byte)).filter(|word| !word.is_empty()).map(domain).collect()
}

/// What LOCALDOMAIN replaces the search list with: its first name may be empty, which is the root.
pub(in super::super) fn localdomain(value: &str) -> Vec<String> {
    let value = value.split('\n').next().unwrap_or_default();
    let mut names = if value.is_empty() || value.starts_with([' ', '\t']) { vec![String::new()] } else { Vec::new() };
    names.extend(domains(value.as_bytes()));
    names
}

/// The words of an `options` line or of `RES_OPTIONS`, which only add. True where one of them is known.
pub(in super::super) fn set_options(parsed: &mut Parsed, words: &str) -> bool {
    let mut known = false;
    let mut rest = words.trim_start_matches([' ', '\t']);
    while !rest.is_empty() {
        known |= set_option(parsed, rest);
        rest = rest.find([' ', '\t']).map_or("", |end| rest[end..].trim_start_matches([' ', '\t']));
    }
    known
}

/// The option that `word` begins with. A number may stand behind blanks, and so in the next word: `ndots: 5`. Flags are known by
/// their beginning: `rotatefoo` rotates.
fn set_option(parsed: &mut Parsed, word: &str) -> bool {
    if let Some(value) = word.strip_prefix("ndots:") {
        // A bit field of four (`struct __res_state`): -1 is 15.
        parsed.ndots = u32::from_ne_bytes(strtol(value).min(MOST_NDOTS).to_ne_bytes()) & 0xf;
    } else if let Some(value) = word.strip_prefix("timeout:") {
        parsed.timeout = strtol(value).min(MOST_SECONDS);
    } else if let Some(value) = word.strip_prefix("attempts:") {
        parsed.attempts = strtol(value).min(MOST_ATTEMPTS);
    } else {
        let (clear, word) = word.strip_prefix('-').map_or((false, word), |word| (true, word));
        let Some((_, flag)) = FLAGS.iter().find(|(name, _)| word.starts_with(name)) else { return false };
        if clear {
            parsed.options.remove(flag);
        } else {
            parsed.options.insert(flag);
        }
    }
    true
}

/// What follows a keyword that begins its line, and the blanks behind it.
pub(super) fn argument<'a>(line: &'a [u8], keyword: &str) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(keyword.as_bytes())?;
    rest.first().filter(|byte| is_blank(**byte))?;
    let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
    rest.get(blanks..)
}

/// An address with an optional zone; a zone that cannot be found is dropped, the server stays.
fn nameserver(word: &str, interfaces: Interfaces<'_>) -> Option<Nameserver> {
    if let Some(address) = inet_aton(word) {
        return Some(server(address.into(), None));
    }
    let (address, zone) = word.split_once('%').map_or((word, None), |(address, zone)| (address, Some(zone)));
    let address: Ipv6Addr = address.parse().ok()?;
    // `__inet6_scopeid_pton` of inet/inet6_scopeid_pton.c.
    let node_local = address.octets()[0] == 0xff && address.octets()[1] & 0xf == 1;
    let zone = zone.filter(|zone| {
        (is_link_local(address) || node_local) && interfaces(zone)
            || zone.starts_with(|letter: char| letter.is_ascii_digit()) && zone.parse::<u32>().is_ok()
    });
    Some(server(IpAddr::from(address), zone))
}

/// Without its final dot, and without the first one, which `__res_context_search` skips: the root is empty.
fn domain(word: &[u8]) -> String {
    let word = text(word);
    let word = word.strip_prefix('.').unwrap_or(&word);
    word.strip_suffix('.').unwrap_or(word).to_owned()
}

fn word(rest: &[u8]) -> &[u8] {
    rest.split(|byte| is_blank(*byte)).next().unwrap_or_default()
}

fn network(entry: &[u8]) -> &[u8] {
    entry.split(|byte| matches!(byte, b'/' | b'&' | b';' | b'\r')).next().unwrap_or_default()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// `MAXNS` of `resolv/bits/types/res_state.h`.
pub(in super::super) const SERVERS: usize = 3;
/// `RES_MAXNDOTS`, `RES_MAXRETRANS` and `RES_MAXRETRY` of resolv/resolv.h.
const MOST_NDOTS: i32 = 15;
const MOST_SECONDS: i32 = 30;
const MOST_ATTEMPTS: i32 = 5;
/// In the order compared.
const FLAGS: [(&str, &str); 11] = [
    ("rotate", "rotate"),
    ("edns0", "edns0"),
    ("single-request-reopen", "single-request-reopen"),
    ("single-request", "single-request"),
    ("no_tld_query", "no-tld-query"),
    ("no-tld-query", "no-tld-query"),
    ("no-reload", "no-reload"),
    ("use-vc", "use-vc"),
    ("trust-ad", "trust-ad"),
    ("no-aaaa", "no-aaaa"),
    ("strict-error", "strict-error"),
];
