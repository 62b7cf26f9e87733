//! How the vantage resolves names: resolv.conf, the `hosts:` line of nsswitch.conf and the hosts file, read as glibc reads them.
//!
//! Absent on purpose: glibc's fallbacks (127.0.0.1 without a nameserver line, the host name's domain without a search list) and
//! the per-process variables `RES_OPTIONS` and LOCALDOMAIN. A missing resolv.conf is a problem in the answer; a missing
//! nsswitch.conf or hosts file is just empty.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use sonde_core::observation::Reason;
use sonde_core::observation::dns::{ConfigRequest, ResolverConfig};

use crate::clock::RunClock;
use crate::inspection::Problem;
use crate::vantage::{Vantage, read_bounded};

/// Larger ones are a problem in the answer, not a reason to read on.
const LIMIT_BYTES: usize = 1 << 20;
/// `RES_MAXNDOTS`, `RES_MAXRETRANS` and `RES_MAXRETRY` of glibc's resolv/resolv-internal.h and resolv.h.
const MOST: Options = Options { ndots: 15, timeout_s: 30, attempts: 5 };

/// resolv.conf, nsswitch.conf and the hosts file.
pub async fn config(vantage: &Vantage, clock: &RunClock, request: &ConfigRequest) -> ResolverConfig {
    let at = clock.now();
    let paths = ["resolv.conf", "nsswitch.conf", "hosts"].map(|name| vantage.etc(name));
    let name = request.name.clone();
    let read = vantage.inspect(move || read(&paths, name.as_deref())).await.unwrap_or_else(|error| Read {
        problem: Some(Problem::os("inspect the vantage", &error, "CAP_SYS_ADMIN")),
        ..Read::default()
    });
    let timing = clock.since(at);
    ResolverConfig {
        timing,
        nameservers: read.resolv.nameservers,
        search: read.resolv.search,
        ndots: read.resolv.numbers.ndots,
        timeout_s: read.resolv.numbers.timeout_s,
        attempts: read.resolv.numbers.attempts,
        options: read.resolv.options,
        nsswitch_hosts: read.nsswitch,
        hosts_addresses: read.hosts,
        problem: read.problem.map(|problem| problem.into_failure(timing.elapsed)),
        ..ResolverConfig::default()
    }
}

#[derive(Debug, Default)]
struct Read {
    resolv: ResolvConf,
    nsswitch: Vec<String>,
    hosts: Vec<IpAddr>,
    /// The first, resolv.conf's before the others'.
    problem: Option<Problem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Options {
    ndots: u8,
    timeout_s: u8,
    attempts: u8,
}

impl Default for Options {
    fn default() -> Self {
        Self { ndots: 1, timeout_s: 5, attempts: 2 }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct ResolvConf {
    nameservers: Vec<IpAddr>,
    search: Vec<String>,
    numbers: Options,
    options: Vec<String>,
}

fn read([resolv, nsswitch, hosts]: &[PathBuf; 3], name: Option<&str>) -> Read {
    let mut problem = None;
    let mut text = |path: &Path, optional: bool| match read_bounded(path, LIMIT_BYTES) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            if !(optional && error.kind() == io::ErrorKind::NotFound) {
                problem.get_or_insert_with(|| unreadable(path, &error));
            }
            String::new()
        }
    };
    let resolv = parse_resolv(&text(resolv, false));
    let nsswitch = parse_nsswitch(&text(nsswitch, true));
    let hosts = name.map_or_else(Vec::new, |name| find_in_hosts(&text(hosts, true), name));
    Read { resolv, nsswitch, hosts, problem }
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let attempt = format!("read {}", path.display());
    match error.kind() {
        io::ErrorKind::FileTooLarge => Problem::malformed(&attempt, "the file is larger than 1 MiB"),
        io::ErrorKind::InvalidInput => Problem::malformed(&attempt, "it is not a regular file"),
        io::ErrorKind::NotFound => Problem {
            reason: Reason::Other("no such file".to_owned()),
            errno: error.raw_os_error(),
            detail: format!("{attempt}: there is no such file"),
        },
        _ => Problem::os(&attempt, error, "CAP_DAC_READ_SEARCH"),
    }
}

/// As `__resolv_conf_load` of glibc's `resolv/res_init.c`: a keyword begins its line and a blank follows it; `domain` and `search`
/// replace each other; options add up, the last of a kind holds.
fn parse_resolv(text: &str) -> ResolvConf {
    let mut conf = ResolvConf::default();
    for line in text.lines() {
        let Some((keyword, rest)) = line.split_once([' ', '\t']) else { continue };
        let mut words = rest.split([' ', '\t', '\r']).filter(|word| !word.is_empty());
        match keyword {
            "nameserver" => {
                let word = words.next().unwrap_or_default();
                conf.nameservers.extend(parse_server(word.split([';', '#']).next().unwrap_or_default()));
            }
            "domain" => {
                if let Some(domain) = words.next() {
                    conf.search = without_final_dots(std::iter::once(domain));
                }
            }
            "search" => {
                let mut words = words.peekable();
                if words.peek().is_some() {
                    conf.search = without_final_dots(words);
                }
            }
            "options" => {
                for word in words {
                    conf.numbers.apply(word);
                    conf.options.push(word.to_owned());
                }
            }
            _ => {}
        }
    }
    conf
}

impl Options {
    fn apply(&mut self, word: &str) {
        let Some((name, value)) = word.split_once(':') else { return };
        match name {
            "ndots" => self.ndots = number(value).min(MOST.ndots),
            "timeout" => self.timeout_s = number(value).min(MOST.timeout_s),
            "attempts" => self.attempts = number(value).min(MOST.attempts),
            _ => {}
        }
    }
}

/// As atoi(3), below zero is zero.
fn number(text: &str) -> u8 {
    let digits = text.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
    if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u8::MAX) }
}

fn without_final_dots<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    words.map(|word| word.trim_end_matches('.')).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A nameserver's address: `inet_aton(3)` first, as glibc tries it, then IPv6, whose zone is dropped.
fn parse_server(word: &str) -> Option<IpAddr> {
    if let Some(address) = inet_aton(word) {
        return Some(address.into());
    }
    parse_address(word)
}

/// As `inet_pton(3)`: no short forms.
fn parse_address(word: &str) -> Option<IpAddr> {
    let (address, _zone) = word.split_once('%').unwrap_or((word, ""));
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// One to four numbers, decimal, octal (`0`) or hexadecimal (`0x`); the last one fills the bytes that are left.
fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').map(aton_number).collect::<Option<_>>()?;
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

/// The words of the last `hosts:` line; an action like `[NOTFOUND=return]` is one word, blanks in it removed.
fn parse_nsswitch(text: &str) -> Vec<String> {
    let service = |line: &str| {
        let line = line.split('#').next().unwrap_or_default();
        let (database, words) = line.split_once(':')?;
        (database.trim() == "hosts").then(|| words.to_owned())
    };
    let Some(line) = text.lines().rev().find_map(service) else { return Vec::new() };
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let end = match rest.strip_prefix('[') {
            Some(action) => action.find(']').map_or(rest.len(), |at| at + 2),
            None => rest.find(|letter: char| letter.is_whitespace() || letter == '[').unwrap_or(rest.len()),
        };
        let (word, behind) = rest.split_at(end);
        words.push(word.split_whitespace().collect::<String>());
        rest = behind.trim_start();
    }
    words
}

/// What every line that names `name` (canonically or as an alias) gives, in order, each address once.
fn find_in_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut addresses = Vec::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        let Some(address) = words.next().and_then(parse_address) else { continue };
        if words.any(|word| word.eq_ignore_ascii_case(name)) && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KUBERNETES: &str = include_str!("../../fixtures/etc/resolv.kubernetes");
    const SYSTEMD: &str = include_str!("../../fixtures/etc/resolv.systemd");
    const NSSWITCH: &str = include_str!("../../fixtures/etc/nsswitch.debian");
    const HOSTS: &str = include_str!("../../fixtures/etc/hosts");

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    #[test]
    fn a_pods_configuration_has_its_search_list_and_ndots() {
        let conf = parse_resolv(KUBERNETES);
        assert_eq!(conf.nameservers, ips(&["10.96.0.10"]));
        assert_eq!(conf.search, ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"]);
        assert_eq!((conf.numbers.ndots, conf.numbers.timeout_s, conf.numbers.attempts), (5, 5, 2));
        assert_eq!(conf.options, ["ndots:5"]);
    }

    #[test]
    fn systemds_stub_is_read_past_its_comments() {
        let conf = parse_resolv(SYSTEMD);
        assert_eq!(conf.nameservers, ips(&["127.0.0.53"]));
        assert_eq!(conf.search, [""; 0]);
        assert_eq!(conf.options, ["edns0", "trust-ad"]);
    }

    #[test]
    fn every_server_is_recorded_and_the_last_search_list_holds() {
        let conf = parse_resolv(
            "search old.example\nnameserver 10.0.0.1 # first\nnameserver\t::ffff:10.0.0.2\nnameserver fe80::1%eth0\n\
             nameserver 10.1\nnameserver not-an-address\n nameserver 9.9.9.9\ndomain new.example. ignored\n",
        );
        assert_eq!(conf.nameservers, ips(&["10.0.0.1", "10.0.0.2", "fe80::1", "10.0.0.1"]));
        assert_eq!(conf.search, ["new.example"]);
        assert_eq!(parse_resolv("domain a\nsearch b. c .\nsearch\n").search, ["b", "c"]);
    }

    #[test]
    fn options_are_clamped_as_glibc_clamps_them() {
        let conf = parse_resolv("options ndots:99 timeout:3x rotate\noptions attempts:300 timeout:-4\n");
        assert_eq!(conf.numbers, Options { ndots: 15, timeout_s: 0, attempts: 5 });
        assert_eq!(conf.options, ["ndots:99", "timeout:3x", "rotate", "attempts:300", "timeout:-4"]);
        assert_eq!(parse_resolv("options ndots:abc").numbers.ndots, 0);
        assert_eq!(parse_resolv("").numbers, Options { ndots: 1, timeout_s: 5, attempts: 2 });
    }

    #[test]
    fn inet_aton_takes_its_old_forms_and_nothing_else() {
        for (text, address) in
            [("127.1", "127.0.0.1"), ("010.0x10.1", "8.16.0.1"), ("167772161", "10.0.0.1"), ("1.2.3.4", "1.2.3.4")]
        {
            assert_eq!(inet_aton(text), address.parse().ok(), "{text}");
        }
        for text in ["", ".", "1.2.3.4.5", "256.1", "1.16777216", "1.2.3.256", "08.1", "+1.2", "0x", "4294967296"] {
            assert_eq!(inet_aton(text), None, "{text}");
        }
    }

    #[test]
    fn the_hosts_line_of_nsswitch_is_split_with_its_actions() {
        let words = ["files", "mdns4_minimal", "[NOTFOUND=return]", "dns", "myhostname"];
        assert_eq!(parse_nsswitch(NSSWITCH), words);
        assert_eq!(parse_nsswitch("hosts: files [ !UNAVAIL=return ]dns # x"), ["files", "[!UNAVAIL=return]", "dns"]);
        assert_eq!(parse_nsswitch("hosts: dns [unfinished"), ["dns", "[unfinished"]);
        assert_eq!(parse_nsswitch("passwd: files\n# hosts: dns\n"), [""; 0]);
    }

    #[test]
    fn the_hosts_file_answers_for_names_and_aliases_in_any_case_and_in_order() {
        assert_eq!(find_in_hosts(HOSTS, "LOCALHOST"), ips(&["127.0.0.1", "::1"]));
        assert_eq!(find_in_hosts(HOSTS, "db"), ips(&["10.0.0.7", "fd00::7"]));
        assert_eq!(find_in_hosts(HOSTS, "db.example.net."), ips(&["10.0.0.7", "fd00::7"]));
        assert_eq!(find_in_hosts(HOSTS, "commented.example.net"), ips(&[]));
        assert_eq!(find_in_hosts(HOSTS, ""), ips(&[]));
        assert_eq!(find_in_hosts("127.1 short", "short"), ips(&[]));
    }

    #[test]
    fn a_missing_resolv_conf_is_a_problem_and_missing_others_are_not() {
        let root = tempfile::tempdir().expect("a directory");
        let paths = ["resolv.conf", "nsswitch.conf", "hosts"].map(|name| root.path().join(name));
        let nothing = read(&paths, Some("localhost"));
        assert_eq!(nothing.resolv, ResolvConf::default());
        let problem = nothing.problem.expect("a problem");
        assert_eq!(problem.errno, Some(libc::ENOENT));
        assert!(problem.detail.contains("resolv.conf"), "{}", problem.detail);
        std::fs::write(&paths[0], "nameserver 10.0.0.1\n").expect("a file");
        assert_eq!(read(&paths, Some("localhost")).problem, None);
    }

    #[test]
    fn a_resolv_conf_over_a_mebibyte_is_a_problem() {
        let root = tempfile::tempdir().expect("a directory");
        let paths = ["resolv.conf", "nsswitch.conf", "hosts"].map(|name| root.path().join(name));
        std::fs::write(&paths[0], vec![b'#'; LIMIT_BYTES + 1]).expect("a file");
        assert!(matches!(read(&paths, None).problem, Some(Problem { reason: Reason::Malformed(_), .. })));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(
            text in "(?s).{0,300}",
            lines in "(nameserver|search|domain|options|hosts:|[\\[\\]:.;#%\t\n a-f0-9x-]){0,60}",
            name in "(?s).{0,20}",
        ) {
            for text in [&text, &lines] {
                drop((parse_resolv(text), parse_nsswitch(text), find_in_hosts(text, &name)));
                let _ = (parse_server(text), inet_aton(text));
            }
        }

        #[test]
        fn every_dotted_quad_is_itself(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            prop_assert_eq!(inet_aton(&address.to_string()), Some(address));
        }
    }
}
