//! Cases drawn by a seed: resolver configurations and server scripts that nobody thought of.
//!
//! Left out is what is not the same twice: glibc's first server with `rotate`, three attempts in a second (musl makes a fourth
//! at 999 ms unless it is late), and answers that come just when a retry is due.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use super::case::{Case, everyone, files_then_dns, hostname, localhost};

/// `count` cases; the same for the same seed.
pub fn cases(count: usize, seed: u64) -> Vec<Case> {
    (0..count).map(|i| case(seed, u64::try_from(i).unwrap_or(0))).collect()
}

fn case(seed: u64, number: u64) -> Case {
    let mut draw = Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03));
    let query =
        draw.pick(&["www", "www.sub", "www.example.test", "db.corp.test", "www.example.test.", "a.b.c.d.e"]).to_owned();
    let search: Vec<&str> =
        ["corp.test", "example.test", "svc.cluster.test"].into_iter().filter(|_| draw.chance(40)).collect();
    let addresses: Vec<&str> = SERVERS.iter().take(1 + draw.below(3)).copied().collect();
    let (options, rotate) = options(&mut draw);
    let mut resolv = String::new();
    for address in &addresses {
        let _written = writeln!(resolv, "nameserver {address}");
    }
    if !search.is_empty() {
        let _written = writeln!(resolv, "search {}", search.join(" "));
    }
    let _written = writeln!(resolv, "options {options}");
    let names = candidates(&query, &search);
    let mut server = BTreeMap::new();
    for address in addresses {
        if let Ok(address) = address.parse::<IpAddr>() {
            server.insert(address, script(&mut draw, &names));
        }
    }
    let known = query.trim_end_matches('.');
    let hosts = match draw.below(12) {
        0 => format!("127.0.0.1 localhost\n10.1.1.1 {known}\n"),
        1 => format!("127.0.0.1 localhost\n2001:db8::9 other {known}\n"),
        _ => localhost(),
    };
    let nsswitch = match draw.below(12) {
        0 => "hosts: dns files\n".to_owned(),
        1 => "hosts: dns [NOTFOUND=return] files\n".to_owned(),
        2 => "hosts: dns\n".to_owned(),
        _ => files_then_dns(),
    };
    Case {
        name: format!("drawn by seed {seed}, number {number}"),
        query,
        family: [None, None, None, Some(4), Some(6)][draw.below(5)],
        resolv,
        hosts,
        nsswitch,
        host_conf: None,
        without: Vec::new(),
        env: BTreeMap::new(),
        hostname: hostname(),
        server,
        only: everyone().into_iter().filter(|p| !(rotate && p == "glibc")).collect(),
        any_first_server: Vec::new(),
        short: false,
    }
}

/// The options line, and whether it says rotate.
fn options(draw: &mut Draw) -> (String, bool) {
    let mut words = vec!["timeout:1".to_owned(), format!("attempts:{}", 1 + draw.below(2))];
    if draw.chance(40) {
        words.push(format!("ndots:{}", draw.below(6)));
    }
    let rotate = draw.chance(10);
    for (word, set) in [
        ("rotate", rotate),
        ("single-request", draw.chance(10)),
        ("single-request-reopen", draw.chance(8)),
        ("edns0", draw.chance(25)),
        ("use-vc", draw.chance(8)),
        ("no-aaaa", draw.chance(8)),
        ("trust-ad", draw.chance(10)),
        ("no-tld-query", draw.chance(8)),
    ] {
        if set {
            words.push(word.to_owned());
        }
    }
    (words.join(" "), rotate)
}

fn candidates(query: &str, search: &[&str]) -> Vec<String> {
    let bare = query.trim_end_matches('.');
    let mut names = vec![bare.to_owned()];
    names.extend(search.iter().map(|domain| format!("{bare}.{domain}")));
    names
}

fn script(draw: &mut Draw, names: &[String]) -> Vec<String> {
    match draw.below(14) {
        0 => return vec!["udp: closed".to_owned(), "tcp: closed".to_owned()],
        1 => return vec!["* * udp: drop".to_owned()],
        2 => return vec!["*: servfail".to_owned()],
        _ => {}
    }
    let mut lines = Vec::new();
    if draw.chance(10) {
        lines.push("tcp: closed".to_owned());
    }
    for name in names {
        if draw.chance(20) {
            lines.push(rule(name, "AAAA", &behaviour(draw)));
        }
        lines.push(rule(name, "*", &behaviour(draw)));
    }
    lines
}

/// Only datagrams are lost: glibc waits for a silent connection without an end.
fn rule(name: &str, kind: &str, behaviour: &str) -> String {
    let transport = if behaviour.starts_with("drop") { " udp" } else { "" };
    format!("{name} {kind}{transport}: {behaviour}")
}

fn behaviour(draw: &mut Draw) -> String {
    let address = format!("192.0.2.{} 2001:db8::{:x}", 1 + draw.below(9), 1 + draw.below(9));
    match draw.below(24) {
        0..=7 => address,
        8..=12 => "nxdomain".to_owned(),
        13..=14 => "nodata".to_owned(),
        15 => "nodata no-soa".to_owned(),
        16 => "servfail".to_owned(),
        17 => "refused".to_owned(),
        18 => "drop".to_owned(),
        19 => format!("tc {address}"),
        20 => format!("cname:edge.example.test {address}"),
        21 => format!("delay:100ms {address}"),
        22 => format!("192.0.2.{}", 1 + draw.below(9)),
        _ => ["formerr", "notimp", "formerr-on-edns 192.0.2.1", "drop times:1"][draw.below(4)].to_owned(),
    }
}

/// Splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap_or(0) % n
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const SERVERS: [&str; 3] = ["10.53.0.1", "10.53.0.2", "10.53.0.3"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_cases_and_every_script_parses() {
        let (once, again) = (cases(300, 7), cases(300, 7));
        assert_eq!(format!("{once:?}"), format!("{again:?}"));
        assert_ne!(format!("{once:?}"), format!("{:?}", cases(300, 8)));
        for case in once {
            case.scripts().unwrap_or_else(|error| panic!("{}: {error:#}", case.name));
        }
    }
}
