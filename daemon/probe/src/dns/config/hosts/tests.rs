use proptest::prelude::*;

use super::*;

const HOSTS: &[u8] = include_bytes!("../../../../fixtures/etc/hosts");

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().expect("an address")).collect()
}

fn glibc(text: &str, name: &str, family: Family) -> Vec<IpAddr> {
    as_glibc(text.as_bytes(), name, family, true).addresses
}

fn musl(text: &str, name: &str, family: Family) -> HostsAnswer {
    as_musl(text.as_bytes(), name, family, &|interface| interface == "eth0")
}

fn go(text: &str, name: &str, family: Family) -> HostsAnswer {
    as_go(text.as_bytes(), name, family)
}

#[test]
fn the_lines_of_a_name_are_found_in_any_case_by_name_and_alias_with_their_numbers() {
    let found = |name: &str| -> Vec<(u32, IpAddr)> {
        lines_for(HOSTS, name).into_iter().map(|line| (line.line, line.address)).collect()
    };
    assert_eq!(found("LOCALHOST").iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 5]);
    assert_eq!(
        found("db.example.net.").into_iter().map(|(_, address)| address).collect::<Vec<_>>(),
        ips(&["10.0.0.7", "fd00::7"])
    );
    assert_eq!(found("db").len(), 3);
    assert_eq!(found("commented.example.net"), []);
    assert_eq!(found(""), []);
    assert_eq!(lines_for(b"10.0.0.1 a b # c\n", "b")[0].names, ["a", "b"]);
}

#[test]
fn glibc_reads_on_only_where_host_conf_says_multi() {
    let text = b"10.0.0.1 DB.example db\n10.0.0.2 db\nfd00::1 db\n";
    let one = as_glibc(text, "Db", Family::Any, false);
    assert_eq!((one.addresses, one.canonical.as_deref()), (ips(&["10.0.0.1"]), Some("DB.example")));
    assert_eq!(as_glibc(text, "db", Family::Ipv6, false).addresses, ips(&["fd00::1"]));
    assert_eq!(as_glibc(text, "db", Family::Any, true).addresses, ips(&["10.0.0.1", "10.0.0.2", "fd00::1"]));
}

#[test]
fn glibc_gives_the_ipv6_loopback_and_mapped_addresses_as_ipv4() {
    let text = "::1 a\n::ffff:10.0.0.2 a\nfd00::1 a\n10.0.0.3 a\n";
    assert_eq!(glibc(text, "a", Family::Ipv4), ips(&["127.0.0.1", "10.0.0.2", "10.0.0.3"]));
    assert_eq!(glibc(text, "a", Family::Ipv6), ips(&["::1", "::ffff:10.0.0.2", "fd00::1"]));
    assert_eq!(glibc(text, "a.", Family::Any), ips(&[]));
    assert_eq!(glibc("10.1 a\nfe80::1%eth0 a\n", "a", Family::Any), ips(&[]));
}

#[test]
fn musl_compares_byte_by_byte_and_takes_old_forms() {
    let text = "10.1 Db db\n10.0.0.2 db#x\n";
    assert_eq!(musl(text, "db", Family::Any).addresses, ips(&["10.0.0.1", "10.0.0.2"]));
    assert_eq!(musl(text, "Db", Family::Any).addresses, ips(&["10.0.0.1"]));
    assert_eq!(musl(text, "DB", Family::Any), HostsAnswer::default());
    assert_eq!(musl("10.0.0.1 a.example\n", "example", Family::Any), HostsAnswer::default());
    assert_eq!(musl(" 10.0.0.1 a\n", "a", Family::Any), HostsAnswer::default());
}

#[test]
fn musl_loses_the_last_word_of_a_file_without_newline() {
    assert_eq!(musl("10.0.0.1 a b", "b", Family::Any).addresses, ips(&[]));
    assert_eq!(musl("10.0.0.1 a b", "a", Family::Any).addresses, ips(&["10.0.0.1"]));
}

#[test]
fn musl_tells_a_name_of_the_other_family_from_one_that_is_not_there() {
    let other = musl("10.0.0.1 a.example\n", "a.example", Family::Ipv6);
    assert_eq!((other.addresses.len(), other.wrong_family), (0, true));
    assert!(!musl("10.0.0.1 a\nfd00::1 a\n", "a", Family::Ipv6).wrong_family);
    assert!(musl("fe80::1%nope a\n", "a", Family::Any).wrong_family);
    assert_eq!(musl("fe80::1%eth0 a\n", "a", Family::Any).addresses, ips(&["fe80::1"]));
    assert!(!musl("junk a\n", "a", Family::Any).wrong_family);
}

#[test]
fn musl_takes_no_name_with_an_underscore_for_canonical_and_stops_at_48_addresses() {
    assert_eq!(musl("10.0.0.1 a_b c\n10.0.0.2 d c\n", "c", Family::Any).canonical.as_deref(), Some("d"));
    let many = (0..60).map(|host| format!("10.0.0.{host} a\n")).collect::<Vec<_>>().concat();
    assert_eq!(musl(&many, "a", Family::Any).addresses.len(), 48);
}

#[test]
fn musl_reads_a_long_line_in_pieces() {
    let text = format!("10.0.0.1 first {} last\n", "x".repeat(600));
    assert_eq!(musl(&text, "first", Family::Any).addresses, ips(&["10.0.0.1"]));
    assert_eq!(musl(&text, "last", Family::Any).addresses, ips(&[]));
}

#[test]
fn go_takes_a_name_with_a_dot_for_absolute() {
    let text = "10.0.0.1 A.example a a\n10.0.0.2 a.EXAMPLE.\n010.0.0.3 a.example\n";
    assert_eq!(go(text, "a.example", Family::Any).addresses, ips(&["10.0.0.1", "10.0.0.2"]));
    assert_eq!(go(text, "a.example.", Family::Any).canonical.as_deref(), Some("a.example."));
    assert_eq!(go(text, "a", Family::Any).addresses, ips(&["10.0.0.1", "10.0.0.1"]));
    assert_eq!(go(text, "a.", Family::Any), HostsAnswer::default());
    assert!(go(text, "a", Family::Ipv6).wrong_family);
}

proptest! {
    #[test]
    fn no_bytes_make_a_reading_panic(
        any in proptest::collection::vec(any::<u8>(), 0..700),
        lines in "([0-9:.]{1,9}|[ \t\n#]|a|b){0,60}",
        name in "(?s).{0,20}",
    ) {
        for text in [&any[..], lines.as_bytes()] {
            drop((parse_hosts(text, &name), parse_hosts(text, "a")));
        }
    }

    #[test]
    fn all_agree_on_a_plain_file(hosts in proptest::collection::vec((any::<u32>(), "[a-c]{1,2}"), 0..12), name in "[a-c]{1,2}") {
        let lines = hosts.iter().map(|(bits, name)| format!("{} {name}\n", Ipv4Addr::from_bits(*bits)));
        let text = lines.collect::<Vec<_>>().concat();
        let expected: Vec<IpAddr> =
            hosts.iter().filter(|(_, known)| *known == name).map(|(bits, _)| Ipv4Addr::from_bits(*bits).into()).collect();
        prop_assert_eq!(glibc(&text, &name, Family::Ipv4), expected.clone());
        prop_assert_eq!(musl(&text, &name, Family::Ipv4).addresses, expected.clone());
        prop_assert_eq!(go(&text, &name, Family::Ipv4).addresses, expected);
    }
}
