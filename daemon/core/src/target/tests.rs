use proptest::prelude::*;

use super::*;

fn kind(text: &str) -> TargetKind {
    match text.parse::<Target>() {
        Ok(target) => target.kind,
        Err(error) => panic!("{error}"),
    }
}

fn problem(text: &str) -> String {
    match text.parse::<Target>() {
        Ok(target) => panic!("{text:?} was taken for {target:?}"),
        Err(error) => error.to_string(),
    }
}

fn name(text: &str) -> Host {
    Host::Name(text.to_owned())
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn port(number: u16) -> Port {
    Port(NonZeroU16::new(number).expect("not zero"))
}

#[test]
fn an_https_url_gives_host_port_and_path() {
    let expected =
        TargetKind::Http { tls: true, host: name("orders.lab"), port: port(8443), path: "/health?deep=1".to_owned() };
    assert_eq!(kind("https://Orders.LAB:8443/health?deep=1#top"), expected);
}

#[test]
fn a_url_without_port_and_path_gets_the_usual_ones() {
    let https = TargetKind::Http { tls: true, host: name("orders.lab"), port: port(443), path: "/".to_owned() };
    let http = TargetKind::Http { tls: false, host: name("orders.lab"), port: port(80), path: "/?q".to_owned() };
    assert_eq!(kind("HTTPS://orders.lab."), https);
    assert_eq!(kind("http://orders.lab?q"), http);
}

#[test]
fn a_path_is_normalised_as_clients_do() {
    let expected = TargetKind::Http { tls: false, host: name("h"), port: port(80), path: "/b/%C3%BC?x=%22".to_owned() };
    assert_eq!(kind("http://h/a/../b/ü?x=\""), expected);
}

#[test]
fn endpoints_parse_with_and_without_scheme() {
    assert_eq!(kind("db.lab:5432"), TargetKind::Tcp { host: name("db.lab"), port: port(5432) });
    assert_eq!(kind("tcp://db.lab:5432/"), TargetKind::Tcp { host: name("db.lab"), port: port(5432) });
    assert_eq!(
        kind("tls://10.0.0.5:636"),
        TargetKind::Tls { host: Host::Address(address("10.0.0.5")), port: port(636) }
    );
    assert_eq!(
        kind("udp://[2001:db8::1]:53"),
        TargetKind::Udp { host: Host::Address(address("2001:db8::1")), port: port(53) }
    );
}

#[test]
fn ipv4_in_ipv6_is_unmapped() {
    assert_eq!(
        kind("[::ffff:10.0.0.5]:80"),
        TargetKind::Tcp { host: Host::Address(address("10.0.0.5")), port: port(80) }
    );
    assert_eq!(
        kind("dns://a?server=::ffff:10.0.0.5"),
        TargetKind::Dns { name: "a".to_owned(), qtype: None, server: Some(address("10.0.0.5")) }
    );
}

#[test]
fn a_bare_name_is_a_lookup_and_keeps_its_final_dot() {
    assert_eq!(kind("api.svc."), TargetKind::Dns { name: "api.svc.".to_owned(), qtype: None, server: None });
    assert_eq!(kind("localhost"), TargetKind::Dns { name: "localhost".to_owned(), qtype: None, server: None });
}

#[test]
fn a_dns_target_takes_type_and_server() {
    let expected =
        TargetKind::Dns { name: "_sip._udp.example".to_owned(), qtype: Some(33), server: Some(address("10.0.0.53")) };
    assert_eq!(kind("dns://_sip._udp.example?type=srv&server=10.0.0.53"), expected);
    assert_eq!(
        kind("dns://x?type=TYPE4711"),
        TargetKind::Dns { name: "x".to_owned(), qtype: Some(4711), server: None }
    );
    assert_eq!(kind("dns://."), TargetKind::Dns { name: ".".to_owned(), qtype: None, server: None });
}

#[test]
fn international_names_become_ascii() {
    assert_eq!(kind("Bücher.example:80"), TargetKind::Tcp { host: name("xn--bcher-kva.example"), port: port(80) });
}

#[test]
fn underscores_are_part_of_names() {
    assert_eq!(kind("my_svc.default:80"), TargetKind::Tcp { host: name("my_svc.default"), port: port(80) });
}

#[test]
fn listeners_processes_and_this_host_parse() {
    assert_eq!(kind(":8080"), TargetKind::Listener { port: port(8080) });
    assert_eq!(kind("pid://4711"), TargetKind::Process { pid: 4711 });
    assert_eq!(kind(" host\n"), TargetKind::ThisHost);
}

#[test]
fn an_address_without_a_port_is_refused_with_the_right_form() {
    assert!(problem("10.0.0.5").contains("write 10.0.0.5:PORT"), "{}", problem("10.0.0.5"));
    assert!(problem("2001:db8::1").contains("write [2001:db8::1]:PORT"), "{}", problem("2001:db8::1"));
    assert!(problem("[::1]").contains("write [::1]:PORT"), "{}", problem("[::1]"));
}

#[test]
fn a_reverse_lookup_is_spelled_out() {
    assert!(
        problem("dns://10.0.0.5").ends_with("write dns://5.0.0.10.in-addr.arpa?type=PTR"),
        "{}",
        problem("dns://10.0.0.5")
    );
    assert!(
        problem("dns://2001:db8::1")
            .contains("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa")
    );
}

#[test]
fn ports_out_of_range_are_quoted() {
    for bad in ["0", "65536", "99999999999", "+80", "-1", "8o", ""] {
        let message = problem(&format!("db.lab:{bad}"));
        assert!(message.contains(&format!("the port {bad:?}")) && message.contains("1 to 65535"), "{message}");
    }
    for bad in ["0", "abc", "70000"] {
        let message = problem(&format!(":{bad}"));
        assert!(message.contains(&format!("the port {bad:?}")) && message.ends_with("; write :PORT"), "{message}");
    }
}

#[test]
fn what_would_have_to_be_guessed_is_refused() {
    for (text, hint) in [
        ("", "give https://"),
        ("gopher://x", "\"gopher\""),
        ("https://user:secret@h/", "USER@"),
        ("tcp://db.lab", "tcp://db.lab:PORT"),
        ("tcp://[::1]", "tcp://[::1]:PORT"),
        ("tcp://db.lab:80/x", "too much"),
        ("db.lab/health", "https://db.lab/health"),
        ("https://", "host is missing"),
        ("https://:80/", "host is missing"),
        ("a b", "' '"),
        ("::1:80x", "brackets"),
        ("[fe80::1%eth0]:80", "%ZONE"),
        ("[10.0.0.5]:80", "brackets hold"),
        ("[::1", "never closed"),
        ("[::1]80", "follows"),
        ("256.1.1.1:80", "four numbers"),
        ("10.1:80", "four numbers"),
        ("0x7f.1:80", "four numbers"),
        ("a..b:80", "empty label"),
        ("-a.b:80", "begins or ends"),
        ("a%62c:80", "'%'"),
        ("*.lab:443", "one host"),
        ("dns://", "name is missing"),
        ("dns://a?type=FOO", "\"FOO\""),
        ("dns://a?type=0", "\"0\""),
        ("dns://a?server=ns1", "\"ns1\""),
        ("dns://a?class=CH", "\"class\""),
        ("dns://a?type=A&type=A", "twice"),
        ("dns://ns/a", "server=ADDRESS"),
        ("pid://0", "\"0\""),
        ("pid://self", "\"self\""),
        ("xn--a.example:80", "IDNA"),
    ] {
        let message = problem(text);
        assert!(message.contains(hint), "{text:?}: {message}");
    }
}

#[test]
fn every_form_of_target_is_advised() {
    for text in ["", "gopher://x"] {
        let message = problem(text);
        assert!(message.contains("udp://") && message.contains("pid://"), "{message}");
    }
}

#[test]
fn names_and_labels_have_limits() {
    let label = "a".repeat(64);
    assert!(problem(&format!("{label}:80")).contains("at most 63"));
    let long = format!("{}:80", vec!["a".repeat(63); 4].join("."));
    assert!(problem(&long).contains("at most 253"));
    let fits = format!("{}.{}", vec!["a".repeat(63); 3].join("."), "a".repeat(61));
    assert_eq!(kind(&format!("{fits}:80")), TargetKind::Tcp { host: name(&fits), port: port(80) });
}

#[test]
fn an_error_quotes_a_bounded_part() {
    let message = problem(&"x".repeat(100_000));
    assert!(message.len() < 400, "{} bytes", message.len());
}

#[test]
fn the_scheme_is_the_one_that_checks_name() {
    use Scheme::{Dns, Grpc, Grpcs, Host, Http, Https, Listener, Pid, Tcp, Tls, Udp};

    let schemes: Vec<_> = [
        "https://h",
        "http://h",
        "h:1",
        "tls://h:1",
        "udp://h:1",
        "h",
        ":1",
        "pid://1",
        "host",
        "grpc://h:1",
        "grpcs://h:1/a.B",
    ]
    .iter()
    .map(|text| text.parse::<Target>().expect("a target").scheme())
    .collect();
    assert_eq!(schemes, [Https, Http, Tcp, Tls, Udp, Dns, Listener, Pid, Host, Grpc, Grpcs]);
}

#[test]
fn a_grpc_target_names_a_server_and_perhaps_a_service() {
    let service = |text: &str| match text.parse::<Target>().expect("a target").kind {
        TargetKind::Grpc { service, .. } => service,
        other => panic!("{other:?}"),
    };
    assert_eq!(service("grpc://orders.lab:50051"), "");
    assert_eq!(service("grpc://orders.lab:50051/"), "");
    assert_eq!(service("grpcs://[2001:db8::1]:443/orders.v1.Orders"), "orders.v1.Orders");
    assert!(problem("grpc://orders.lab").contains("port"));
    assert!(problem("grpc://orders.lab:1/a/b").contains("package.Service"));
}

fn round_trips(text: &str) -> Result<(), TestCaseError> {
    if let Ok(target) = text.parse::<Target>() {
        let canonical = target.to_string();
        let again = canonical.parse::<Target>();
        prop_assert_eq!(again.map(|target| target.kind), Ok(target.kind), "{}", canonical);
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_parsed_without_panic_and_the_canonical_form_says_the_same(text in any::<String>()) {
        round_trips(&text)?;
    }

    #[test]
    fn texts_like_targets_are_too(
        text in "(https|http|grpc|grpcs|tcp|tls|udp|dns|pid|)(://|:|)[\\[]?[a-z0-9ü_.:%*@-]{0,20}[\\]]?(:[0-9]{0,6})?([/?#\\\\][ -~ü]{0,20})?"
    ) {
        round_trips(&text)?;
    }

    #[test]
    fn every_endpoint_is_taken_and_round_trips(bytes in any::<u128>(), number in 1..=u16::MAX) {
        let address = IpAddr::from(bytes.to_be_bytes()).to_canonical();
        let text = std::net::SocketAddr::new(address, number).to_string();
        let target = text.parse::<Target>();
        prop_assert_eq!(target.map(|target| target.kind), Ok(TargetKind::Tcp { host: Host::Address(address), port: port(number) }));
    }
}
