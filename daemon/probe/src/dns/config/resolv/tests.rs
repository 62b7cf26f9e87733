use proptest::prelude::*;

use super::*;

const KUBERNETES: &[u8] = include_bytes!("../../../../fixtures/etc/resolv.kubernetes");
const SYSTEMD: &[u8] = include_bytes!("../../../../fixtures/etc/resolv.systemd");
const UPLINK: &[u8] = include_bytes!("../../../../fixtures/etc/ubuntu/uplink.conf");

/// With the interface `eth0`.
fn read(text: impl AsRef<[u8]>) -> Readings {
    Readings::of(text.as_ref(), &|name| name == "eth0")
}

fn servers(parsed: &Parsed) -> Vec<String> {
    let zone = |server: &Nameserver| server.scope.as_ref().map_or_else(String::new, |scope| format!("%{scope}"));
    parsed.servers.iter().map(|server| format!("{}{}", server.address, zone(server))).collect()
}

fn numbers(parsed: &Parsed) -> (u32, i32, i32) {
    (parsed.ndots, parsed.timeout, parsed.attempts)
}

fn options(parsed: &Parsed) -> Vec<&str> {
    parsed.options.iter().copied().collect()
}

fn heeded(text: &str) -> Vec<Vec<Personality>> {
    read(text).directives.into_iter().map(|directive| directive.heeded_by).collect()
}

const ALL: [Personality; 3] = [Personality::Glibc, Personality::Musl, Personality::Go];

#[test]
fn all_agree_on_a_pods_file() {
    let readings = read(KUBERNETES);
    for parsed in [&readings.glibc, &readings.musl, &readings.go] {
        assert_eq!(servers(parsed), ["10.96.0.10"]);
        assert_eq!(parsed.search, ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"]);
        assert_eq!(numbers(parsed), (5, 5, 2));
    }
    assert_eq!(readings.options, ["ndots:5"]);
    assert!(readings.directives.iter().all(|directive| directive.heeded_by == ALL), "{:?}", readings.directives);
}

#[test]
fn systemds_stub_is_read_past_its_comments_and_the_root_stays_in_glibcs_list_alone() {
    let readings = read(SYSTEMD);
    assert_eq!(servers(&readings.go), ["127.0.0.53"]);
    assert_eq!(options(&readings.glibc), ["edns0", "trust-ad"]);
    assert_eq!(options(&readings.musl), [""; 0]);
    assert_eq!(readings.glibc.search, [""]);
    assert_eq!((readings.musl.search.len(), readings.go.search.len()), (0, 0));
    assert_eq!(readings.go.unknown, None);
    let lines: Vec<u32> = readings.directives.iter().map(|directive| directive.line).collect();
    assert_eq!(lines, [10, 11, 12]);
}

#[test]
fn a_fourth_server_is_recorded_but_heeded_by_nobody() {
    let readings = read(UPLINK);
    assert_eq!(servers(&readings.glibc), ["192.0.2.1", "2001:db8::1", "fe80::1%eth0", "192.0.2.2"]);
    assert_eq!(servers(&readings.musl), ["192.0.2.1", "2001:db8::1", "fe80::1%eth0"]);
    assert_eq!(readings.musl.servers, readings.go.servers);
    let counts: Vec<usize> = readings.directives.iter().map(|directive| directive.heeded_by.len()).collect();
    assert_eq!(counts, [3, 3, 3, 0, 3]);
}

#[test]
fn a_carriage_return_costs_glibc_its_servers_and_nobody_else() {
    let readings = read("nameserver 192.0.2.1\r\nsearch a.example b.example\r\noptions rotate\r\n");
    assert_eq!(servers(&readings.glibc), [""; 0]);
    assert_eq!(readings.glibc.search, ["a.example", "b.example\r"]);
    assert_eq!(options(&readings.glibc), ["rotate"]);
    for parsed in [&readings.musl, &readings.go] {
        assert_eq!(
            (servers(parsed), parsed.search.join(" ")),
            (vec!["192.0.2.1".to_owned()], "a.example b.example".to_owned())
        );
    }
}

#[test]
fn blanks_before_a_keyword_are_seen_past_by_go_alone() {
    assert_eq!(heeded(" nameserver 192.0.2.1\n\tsearch a.example\n"), [[Personality::Go], [Personality::Go]]);
    let readings = read("  # a comment\n");
    assert_eq!(readings.directives, []);
    assert_eq!(readings.go.unknown, Some((1, "#".to_owned())));
}

#[test]
fn addresses_are_read_as_each_reads_them() {
    let short = read("nameserver 10.1\nnameserver 010.0.0.1\nnameserver ::ffff:10.0.0.2\nnameserver 10.0.0.3#x\n");
    assert_eq!(servers(&short.glibc), ["10.0.0.1", "8.0.0.1", "10.0.0.2"]);
    assert_eq!(servers(&short.musl), ["10.0.0.1", "8.0.0.1", "10.0.0.2"]);
    assert_eq!(servers(&short.go), ["10.0.0.2"]);
}

#[test]
fn a_zone_that_is_not_there_is_dropped_by_glibc_and_its_server_by_musl() {
    let text = "nameserver fe80::1%nope\nnameserver 2001:db8::1%eth0\nnameserver fe80::2%7\nnameserver fe80::3%\n";
    let readings = read(text);
    assert_eq!(servers(&readings.glibc), ["fe80::1", "2001:db8::1", "fe80::2%7", "fe80::3"]);
    assert_eq!(servers(&readings.musl), ["fe80::2%7"]);
    assert_eq!(servers(&readings.go), ["fe80::1%nope", "2001:db8::1%eth0", "fe80::2%7"]);
}

#[test]
fn the_last_of_search_and_domain_holds_and_domain_takes_one_name_but_for_musl() {
    let readings = read("search old.example\ndomain new.example. second.example\n");
    assert_eq!(readings.glibc.search, ["new.example"]);
    assert_eq!(readings.go.search, ["new.example"]);
    assert_eq!(readings.musl.search, ["new.example", "second.example"]);
    assert_eq!(heeded("search old.example\ndomain new.example\n"), [[].to_vec(), ALL.to_vec()]);
}

#[test]
fn an_empty_search_line_clears_the_list_of_musl_and_go_alone() {
    let readings = read("search a.example\nsearch\n");
    assert_eq!((readings.glibc.search.len(), readings.musl.search.len(), readings.go.search.len()), (1, 0, 0));
    let unfinished = read("search a.example\nsearch");
    assert_eq!((unfinished.musl.search.len(), unfinished.go.search.len()), (1, 0));
}

#[test]
fn numbers_are_clamped_as_each_clamps_them() {
    let of = |text: &str| {
        let readings = read(format!("options {text}\n"));
        [numbers(&readings.glibc), numbers(&readings.musl), numbers(&readings.go)]
    };
    assert_eq!(of("ndots:99 timeout:99 attempts:99"), [(15, 30, 5), (15, 60, 10), (15, 99, 99)]);
    assert_eq!(of("ndots:0 timeout:0 attempts:0"), [(0, 0, 0), (0, 0, 0), (0, 1, 1)]);
    assert_eq!(of("ndots:-1 timeout:-4 attempts:-1"), [(15, -4, -1), (1, 5, 2), (0, 1, 1)]);
    assert_eq!(of("ndots:abc timeout:3x attempts:"), [(0, 3, 0), (1, 3, 2), (0, 3, 1)]);
    assert_eq!(of("ndots:99999999999999999999"), [(15, 5, 2), (15, 5, 2), (15, 5, 2)]);
    assert_eq!(of("timeout:.5 ndots:2 ndots:3"), [(3, 0, 2), (2, 5, 2), (3, 1, 2)]);
    // glibc reads on behind a blank: strtol(3) skips it.
    assert_eq!(of("ndots: 5 timeout:\t7 attempts: rotate"), [(5, 7, 0), (1, 5, 2), (0, 1, 1)]);
    // musl looks anywhere in the line.
    assert_eq!(of("xndots:4"), [(1, 5, 2), (4, 5, 2), (1, 5, 2)]);
}

#[test]
fn glibc_knows_flags_by_their_beginning_and_clears_them_by_a_minus() {
    let text = "options rotatefoo single-request-reopen no_tld_query use-vc no-aaaa strict-error no-reload bogus\n";
    let known = ["no-aaaa", "no-reload", "no-tld-query", "rotate", "single-request-reopen", "strict-error", "use-vc"];
    assert_eq!(options(&read(text).glibc), known);
    assert_eq!(options(&read("options rotate use-vc\noptions -rotate\n").glibc), ["use-vc"]);
    assert_eq!(options(&read("options # single-request\n").glibc), ["single-request"]);
}

#[test]
fn go_knows_flags_in_full_and_remembers_the_first_it_does_not_know() {
    let readings = read("options rotate tcp single-request-reopen trust-ad no-reload edns0\n");
    assert_eq!(options(&readings.go), ["edns0", "no-reload", "rotate", "single-request", "trust-ad", "use-vc"]);
    assert_eq!(readings.go.unknown, None);
    let unknown = |text: &str| read(text).go.unknown.map(|(line, word)| (line, word.clone()));
    assert_eq!(unknown("options no-aaaa\noptions x\n"), Some((1, "no-aaaa".to_owned())));
    assert_eq!(unknown("nameserver 192.0.2.1\nsortlist 192.0.2.0\n"), Some((2, "sortlist".to_owned())));
    assert_eq!(unknown("lookup file bind\n"), None);
}

#[test]
fn each_option_word_is_attributed_to_those_who_know_it() {
    use Personality::{Glibc, Go, Musl};
    assert_eq!(heeded("options no-aaaa\n"), [[Glibc]]);
    assert_eq!(heeded("options tcp\nlookup file\n"), [[Go], [Go]]);
    assert_eq!(heeded("options ndots:2\n"), [[Glibc, Musl, Go]]);
    assert_eq!(heeded("options trust-ad\n"), [[Glibc, Go]]);
    assert_eq!(heeded("sortlist 192.0.2.0/255.255.255.0\nsortlist x\nbogus y\n"), [vec![Glibc], vec![], vec![]]);
}

#[test]
fn musl_skips_lines_that_do_not_fit_its_buffer_and_go_stops_at_one_that_does_not_fit_its_own() {
    let line = |bytes: usize| format!("search {}\n", "a".repeat(bytes - 7));
    assert_eq!(read(line(254)).musl.search.len(), 1);
    assert_eq!(read(line(255)).musl.search.len(), 0);
    let text = format!("nameserver 192.0.2.1\n#{}\nnameserver 192.0.2.2\n", "x".repeat(64 << 10));
    let readings = read(text);
    assert_eq!((servers(&readings.go).len(), servers(&readings.musl).len()), (1, 2));
}

#[test]
fn localdomain_may_begin_with_the_root() {
    assert_eq!(glibc::localdomain("a.example. b"), ["a.example", "b"]);
    assert_eq!(glibc::localdomain(""), [""]);
    assert_eq!(glibc::localdomain(" a\nb"), ["", "a"]);
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
fn what_does_not_fit_a_long_is_its_end_cut_to_an_int() {
    for (text, value) in [("7", 7), (" +7x", 7), ("-3", -3), ("", 0), ("4294967297", 1), ("9999999999999999999999", -1)]
    {
        assert_eq!(strtol(text), value, "{text}");
    }
    assert_eq!(strtol("-9999999999999999999999"), 0);
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic_and_every_limit_holds(
        any in proptest::collection::vec(any::<u8>(), 0..400),
        lines in "(nameserver|search|domain|options|ndots:|timeout:|attempts:|sortlist|[%:.;#-]|[\t\r\n 0-9a-f]){0,60}",
    ) {
        for text in [&any[..], lines.as_bytes()] {
            let readings = parse_resolv_conf(text);
            for parsed in [&readings.glibc, &readings.musl, &readings.go] {
                prop_assert!(parsed.ndots <= 15, "{parsed:?}");
            }
            prop_assert!(readings.glibc.timeout <= 30 && readings.glibc.attempts <= 5, "{:?}", readings.glibc);
            prop_assert!((0..=60).contains(&readings.musl.timeout), "{:?}", readings.musl);
            prop_assert!((0..=10).contains(&readings.musl.attempts), "{:?}", readings.musl);
            prop_assert!(readings.go.timeout >= 1 && readings.go.attempts >= 1, "{:?}", readings.go);
            prop_assert!(readings.musl.servers.len() <= 3 && readings.go.servers.len() <= 3);
            prop_assert!(readings.directives.len() <= LINES);
        }
    }

    #[test]
    fn every_dotted_quad_is_itself(bits: u32) {
        let address = Ipv4Addr::from_bits(bits);
        prop_assert_eq!(inet_aton(&address.to_string()), Some(address));
    }
}
