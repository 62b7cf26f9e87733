use std::time::Duration;

use crate::observation::dns::{Answer, ConfigRequest, Exchange, Query, ResolverConfig, Resource};
use crate::observation::sockets::Listener;
use crate::observation::system::Link;
use crate::observation::{Call, Endpoint, Failure, Phase, Reason, Timing};

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an endpoint")
}

fn target(text: &str) -> Target {
    text.parse().expect("a target")
}

fn config(name: &str, nameservers: &[&str], search: &[&str], hosts: &[&str]) -> Call {
    Call::DnsConfig {
        request: ConfigRequest { name: Some(name.to_owned()), pid: None },
        answer: ResolverConfig {
            nameservers: nameservers.iter().map(|text| ip(text)).collect(),
            search: search.iter().map(|&text| text.to_owned()).collect(),
            hosts_addresses: hosts.iter().map(|text| ip(text)).collect(),
            ..ResolverConfig::default()
        },
    }
}

/// An answer of `server` to `name`, as lines `OWNER TYPE RDATA`.
fn answer(server: &str, name: &str, qtype: u16, lines: &[&str]) -> Call {
    let server = at(server);
    let records = lines.iter().map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        let rtype = crate::target::record_type_number(words[1]).expect("a type");
        Resource { name: words[0].to_owned(), rtype, rclass: 1, ttl: 60, rdata: words[2].to_owned() }
    });
    let server = Endpoint { address: server.ip(), port: server.port() };
    let answer = Answer { answers: records.collect(), ..Answer::default() };
    Call::DnsQuery {
        request: Query::new(server, name, qtype, Duration::from_secs(1)),
        answer: Exchange { outcome: Ok(answer), ..Exchange::failed(Timing::default(), nothing()) },
    }
}

fn nothing() -> Failure {
    Failure {
        phase: Phase::Wait,
        reason: Reason::TimedOut,
        errno: None,
        icmp: None,
        elapsed: Duration::ZERO,
        detail: String::new(),
    }
}

fn learnt(text: &str, calls: &[Call]) -> Grants {
    let target = target(text);
    let mut grants = Grants::for_target(&target);
    for call in calls {
        grants.learn(&target, call);
    }
    grants
}

#[test]
fn a_literal_address_is_granted_with_its_port() {
    let mut grants = learnt("tcp://10.0.0.5:5432", &[]);
    assert_eq!(grants.dial(at("10.0.0.5:5432")), Ok(()));
    assert!(grants.dial(at("10.0.0.6:5432")).is_err());
}

#[test]
fn a_mapped_address_is_the_address_it_maps() {
    let mut grants = learnt("tcp://10.0.0.5:5432", &[]);
    assert_eq!(grants.dial(at("[::ffff:10.0.0.5]:5432")), Ok(()));
    assert!(grants.dial(at("[::ffff:10.0.0.6]:5432")).is_err());
}

#[test]
fn extra_ports_are_counted_per_address_and_bounded() {
    let mut grants = learnt("tcp://10.0.0.5:5432", &[]);
    for port in 1..=4 {
        assert_eq!(grants.dial(SocketAddr::new(ip("10.0.0.5"), port)), Ok(()));
    }
    assert!(grants.dial(at("10.0.0.5:5")).is_err());
    assert_eq!(grants.dial(at("10.0.0.5:4")), Ok(()), "a port tried before is not counted again");
    assert_eq!(grants.dial(at("10.0.0.5:5432")), Ok(()), "the target's own port is never counted");
}

#[test]
fn port_zero_is_never_granted() {
    let mut grants = learnt("tcp://10.0.0.5:5432", &[]);
    assert!(grants.dial(at("10.0.0.5:0")).is_err());
}

#[test]
fn a_name_outside_the_grant_teaches_nothing() {
    let mut grants = learnt(
        "https://orders.lab/",
        &[
            config("orders.lab", &["10.0.0.53"], &[], &[]),
            answer("10.0.0.53:53", "evil.lab", 1, &["evil.lab. A 10.0.0.9"]),
        ],
    );
    assert_eq!(grants.addresses(), &[] as &[IpAddr]);
    assert!(grants.dial(at("10.0.0.9:443")).is_err());
}

#[test]
fn an_answer_of_a_server_that_is_no_resolver_teaches_nothing() {
    let grants = learnt(
        "https://orders.lab/",
        &[
            config("orders.lab", &["10.0.0.53"], &[], &[]),
            answer("10.0.0.66:53", "orders.lab", 1, &["orders.lab. A 10.0.0.9"]),
        ],
    );
    assert_eq!(grants.addresses(), &[] as &[IpAddr]);
}

#[test]
fn answers_for_the_name_are_learnt_in_order_without_repeats() {
    let grants = learnt(
        "https://Orders.lab/",
        &[
            config("orders.lab", &["10.0.0.53"], &[], &["10.0.0.1"]),
            answer("10.0.0.53:53", "ORDERS.lab.", 1, &["orders.LAB. A 10.0.0.5", "orders.lab. A 10.0.0.4"]),
            answer(
                "10.0.0.53:53",
                "orders.lab",
                28,
                &["orders.lab. AAAA 2001:db8::1", "orders.lab. AAAA ::ffff:10.0.0.5"],
            ),
        ],
    );
    assert_eq!(grants.addresses(), [ip("10.0.0.1"), ip("10.0.0.5"), ip("10.0.0.4"), ip("2001:db8::1")]);
}

#[test]
fn aliases_are_followed_only_from_the_name_asked() {
    let grants = learnt(
        "https://orders.lab/",
        &[
            config("orders.lab", &["10.0.0.53"], &[], &[]),
            answer(
                "10.0.0.53:53",
                "orders.lab",
                1,
                &["b.lab. A 10.0.0.7", "orders.lab. CNAME a.lab.", "a.lab. CNAME b.lab.", "stray.lab. A 10.0.0.8"],
            ),
        ],
    );
    assert_eq!(grants.addresses(), [ip("10.0.0.7")]);
}

#[test]
fn a_loop_of_aliases_ends() {
    let looped = answer("10.0.0.53:53", "orders.lab", 1, &["orders.lab. CNAME a.lab.", "a.lab. CNAME orders.lab."]);
    let grants = learnt("https://orders.lab/", &[config("orders.lab", &["10.0.0.53"], &[], &[]), looped]);
    assert_eq!(grants.addresses(), &[] as &[IpAddr]);
}

#[test]
fn search_suffixes_count_only_when_configured() {
    let calls = |search: &[&str]| {
        [
            config("api", &["10.0.0.53"], search, &[]),
            answer("10.0.0.53:53", "api.svc.lab", 1, &["api.svc.lab. A 10.0.0.5"]),
            answer("10.0.0.53:53", "api.evil", 1, &["api.evil. A 10.0.0.6"]),
            answer("10.0.0.53:53", "apix", 1, &["apix. A 10.0.0.7"]),
        ]
    };
    assert_eq!(learnt("api:80", &calls(&["SVC.lab."])).addresses(), [ip("10.0.0.5")]);
    assert_eq!(learnt("api:80", &calls(&[])).addresses(), &[] as &[IpAddr]);
}

#[test]
fn hosts_file_entries_of_another_name_teach_nothing() {
    let grants = learnt("https://orders.lab/", &[config("other.lab", &["10.0.0.53"], &[], &["10.0.0.9"])]);
    assert_eq!(grants.addresses(), &[] as &[IpAddr]);
}

#[test]
fn resolvers_are_granted_on_port_53_only() {
    let mut grants = learnt("orders.lab", &[config("orders.lab", &["10.0.0.53"], &[], &[])]);
    assert_eq!(grants.query(at("10.0.0.53:53")), Ok(()));
    assert_eq!(grants.dial(at("10.0.0.53:53")), Ok(()));
    assert!(grants.query(at("10.0.0.53:54")).is_err());
    assert!(grants.query(at("10.0.0.54:53")).is_err());
}

#[test]
fn without_a_nameserver_the_default_of_glibc_is_granted() {
    let mut grants = learnt("orders.lab", &[config("orders.lab", &[], &[], &[])]);
    assert_eq!(grants.query(at("127.0.0.1:53")), Ok(()));
}

#[test]
fn a_configuration_that_could_not_be_read_grants_no_resolver() {
    let asked = |errno| {
        let mut call = config("orders.lab", &[], &[], &[]);
        if let Call::DnsConfig { answer, .. } = &mut call {
            answer.problem = Some(Failure {
                phase: Phase::Inspect,
                reason: Reason::Other("unread".to_owned()),
                errno,
                icmp: None,
                elapsed: Duration::ZERO,
                detail: "read /etc/resolv.conf".to_owned(),
            });
        }
        learnt("orders.lab", &[call]).query(at("127.0.0.1:53"))
    };
    assert!(asked(None).is_err(), "timed out");
    assert!(asked(Some(13)).is_err(), "not permitted");
    assert_eq!(asked(Some(2)), Ok(()), "a missing file is glibc's default");
}

#[test]
fn the_server_of_a_dns_target_is_granted_and_believed() {
    let mut grants = learnt(
        "dns://orders.lab?server=10.0.0.99",
        &[answer("10.0.0.99:53", "orders.lab", 1, &["orders.lab. A 10.0.0.5"])],
    );
    assert_eq!(grants.query(at("10.0.0.99:53")), Ok(()));
    assert_eq!(grants.addresses(), [ip("10.0.0.5")]);
}

fn listener(address: &str, port: u16) -> Listener {
    Listener {
        address: ip(address),
        port,
        v6only: false,
        queued: 0,
        backlog: 1,
        syn_received: 0,
        uid: 0,
        inode: 1,
        process: None,
        device: None,
        workers: Vec::new(),
    }
}

#[test]
fn a_listener_target_grants_loopback_and_the_local_addresses() {
    let link = Link {
        name: "eth0".to_owned(),
        index: 2,
        up: true,
        carrier: true,
        loopback: false,
        mtu: 1500,
        addresses: vec!["10.0.0.2/24".to_owned(), "nonsense".to_owned()],
        statistics: Vec::new(),
        kind: None,
        master: None,
    };
    let listeners = Ok(vec![listener("::", 8080), listener("10.0.0.3", 8080), listener("10.0.0.4", 9090)]);
    let calls = [Call::Listeners { port: Some(8080), answer: listeners }, Call::Links { answer: Ok(vec![link]) }];
    let mut grants = learnt(":8080", &calls);
    assert_eq!(grants.addresses(), [ip("127.0.0.1"), ip("::1"), ip("10.0.0.3"), ip("10.0.0.2")]);
    assert!(grants.dial(at("10.0.0.4:8080")).is_err());
}

#[test]
fn a_host_target_grants_its_listeners_and_nothing_around_them() {
    let calls = [Call::Listeners { port: None, answer: Ok(vec![listener("0.0.0.0", 22), listener("10.0.0.3", 80)]) }];
    let mut grants = learnt("host", &calls);
    assert_eq!(grants.dial(at("127.0.0.1:22")), Ok(()));
    assert_eq!(grants.dial(at("10.0.0.3:80")), Ok(()));
    assert!(grants.dial(at("127.0.0.1:80")).is_err());
}

#[test]
fn listeners_teach_nothing_about_a_remote_target() {
    let calls = [Call::Listeners { port: None, answer: Ok(vec![listener("0.0.0.0", 22)]) }];
    let mut grants = learnt("tcp://10.0.0.5:5432", &calls);
    assert!(grants.dial(at("127.0.0.1:22")).is_err());
}

#[test]
fn a_denial_names_what_was_asked_for_and_what_is_granted() {
    let mut grants = learnt("tcp://10.0.0.5:5432", &[config("", &["10.0.0.53"], &[], &[])]);
    grants.add_endpoint(at("10.0.0.7:80"));
    let denial = grants.dial(at("10.0.0.9:80")).expect_err("not granted");
    assert_eq!(
        denial.to_string(),
        "10.0.0.9:80 is not granted to this run; granted are 10.0.0.5:5432 and 4 more ports of it, 10.0.0.53:53, 10.0.0.7:80"
    );
}

#[test]
fn every_list_is_bounded() {
    let mut grants = Grants::new(Some(80));
    for number in 0..10_000_u32 {
        let address = IpAddr::V4(Ipv4Addr::from(number));
        grants.add_target(address);
        grants.add_resolver(address);
        grants.add_endpoint(SocketAddr::new(address, 1));
    }
    assert_eq!(grants.addresses().len(), TARGET_ADDRESSES);
    assert_eq!((grants.resolvers.len(), grants.endpoints.len()), (RESOLVERS, ENDPOINTS));
    let denial = grants.dial(at("200.0.0.1:80")).expect_err("not granted");
    assert!(denial.granted.len() < 600, "{denial}");
}

#[test]
fn the_servers_of_the_targets_zones_are_granted_as_its_resolvers_name_them() {
    let calls = [
        config("orders.lab", &["10.0.0.53"], &[], &[]),
        answer("10.0.0.53:53", "lab.", 2, &["lab. NS ns.lab."]),
        answer("10.0.0.53:53", "other.", 2, &["other. NS ns.other."]),
        answer("10.0.0.53:53", "ns.lab", 1, &["ns.lab. A 10.0.0.77"]),
        answer("10.0.0.53:53", "ns.other", 1, &["ns.other. A 10.0.0.78"]),
    ];
    let mut grants = learnt("orders.lab", &calls);
    assert_eq!(grants.query(at("10.0.0.77:53")), Ok(()));
    assert!(grants.query(at("10.0.0.78:53")).is_err(), "no zone of the target");
    assert!(grants.query(at("10.0.0.77:5353")).is_err());
    assert!(grants.dial(at("10.0.0.77:22")).is_err());
}

#[test]
fn the_resolvers_are_granted_on_the_ports_of_their_transports() {
    let mut grants = learnt("orders.lab", &[config("orders.lab", &["10.0.0.53"], &[], &[])]);
    assert_eq!([53, 853, 443].map(|port| grants.query(SocketAddr::new(ip("10.0.0.53"), port)).is_ok()), [true; 3]);
    assert!(grants.dial(at("10.0.0.53:443")).is_err());
}

#[test]
fn a_walk_needs_a_caller_who_asked_for_it_and_the_targets_name() {
    let target = target("orders.lab");
    let mut grants = Grants::for_target(&target);
    assert!(grants.walk(&target, "orders.lab", &[]).is_err());
    grants.allow_walks();
    assert_eq!(grants.walk(&target, "Orders.lab.", &[]), Ok(()));
    assert!(grants.walk(&target, "other.lab", &[]).is_err());
    assert!(grants.walk(&target, "orders.lab", &[at("10.0.0.1:53")]).is_err());
    grants.add_endpoint(at("10.0.0.1:53"));
    assert_eq!(grants.walk(&target, "orders.lab", &[at("10.0.0.1:53")]), Ok(()));
}

#[test]
fn the_servers_behind_a_local_stub_are_granted_too() {
    let mut call = config("orders.lab", &["127.0.0.53"], &[], &[]);
    if let Call::DnsConfig { answer, .. } = &mut call {
        answer.manager.upstreams = vec![ip("10.0.0.53")];
    }
    assert_eq!(learnt("orders.lab", &[call]).query(at("10.0.0.53:53")), Ok(()));
}

#[test]
fn the_primary_server_that_a_negative_answer_names_is_granted() {
    let mut negative = answer("10.0.0.53:53", "orders.lab", 1, &[]);
    if let Call::DnsQuery { answer: Exchange { outcome: Ok(answer), .. }, .. } = &mut negative {
        let rdata = "ns.lab. root.lab. 7 3600 600 86400 60".to_owned();
        answer.authorities.push(Resource { name: "lab.".to_owned(), rtype: 6, rclass: 1, ttl: 60, rdata });
    }
    let calls = [
        config("orders.lab", &["10.0.0.53"], &[], &[]),
        negative,
        answer("10.0.0.53:53", "ns.lab", 1, &["ns.lab. A 10.0.0.77"]),
    ];
    assert_eq!(learnt("orders.lab", &calls).query(at("10.0.0.77:53")), Ok(()));
}

#[test]
fn the_servers_that_a_forwarder_names_are_granted() {
    let mut named = answer("10.0.0.53:53", "servers.bind", 16, &[]);
    if let Call::DnsQuery { request, answer: Exchange { outcome: Ok(answer), .. } } = &mut named {
        request.qclass = 3;
        let rdata = "\"10.0.0.77#53 12 0\" \"10.0.0.78#53 0 0\"".to_owned();
        answer.answers.push(Resource { name: "servers.bind.".to_owned(), rtype: 16, rclass: 3, ttl: 0, rdata });
    }
    let mut grants = learnt("orders.lab", &[config("orders.lab", &["10.0.0.53"], &[], &[]), named]);
    assert_eq!(grants.query(at("10.0.0.77:53")), Ok(()));
    assert_eq!(grants.query(at("10.0.0.78:53")), Ok(()));
    assert!(grants.query(at("10.0.0.79:53")).is_err());
}

#[test]
fn a_referral_of_a_granted_authority_grants_the_servers_below_it() {
    let mut referral = answer("10.0.0.77:53", "orders.shop.lab", 1, &[]);
    if let Call::DnsQuery { answer: Exchange { outcome: Ok(answer), .. }, .. } = &mut referral {
        let record = |name: &str, rtype, rdata: &str| Resource {
            name: name.to_owned(),
            rtype,
            rclass: 1,
            ttl: 60,
            rdata: rdata.to_owned(),
        };
        answer.authorities = vec![record("shop.lab.", 2, "ns.shop.lab."), record("other.lab.", 2, "ns.other.lab.")];
        answer.additionals = vec![record("ns.shop.lab.", 1, "10.0.0.88"), record("ns.other.lab.", 1, "10.0.0.89")];
    }
    let before = [
        config("orders.shop.lab", &["10.0.0.53"], &[], &[]),
        answer("10.0.0.53:53", "lab.", 2, &["lab. NS ns.lab."]),
        answer("10.0.0.53:53", "ns.lab", 1, &["ns.lab. A 10.0.0.77"]),
    ];
    let mut grants = learnt("orders.shop.lab", &[&before[..], &[referral.clone()]].concat());
    assert_eq!(grants.query(at("10.0.0.88:53")), Ok(()));
    assert!(grants.query(at("10.0.0.89:53")).is_err(), "no zone of the target");
    let mut grants = learnt("orders.shop.lab", &[before[0].clone(), referral]);
    assert!(grants.query(at("10.0.0.88:53")).is_err(), "nobody granted the one who refers");
}

#[test]
fn where_an_authority_of_the_targets_zone_leads_may_be_dialled_at_its_port() {
    let elsewhere = answer("10.0.0.77:53", "orders.lab", 1, &["orders.lab. A 10.0.0.9"]);
    let before = [
        config("orders.lab", &["10.0.0.53"], &[], &[]),
        answer("10.0.0.53:53", "lab.", 2, &["lab. NS ns.lab."]),
        answer("10.0.0.53:53", "ns.lab", 1, &["ns.lab. A 10.0.0.77"]),
    ];
    let mut grants = learnt("tcp://orders.lab:443", &[&before[..], std::slice::from_ref(&elsewhere)].concat());
    assert_eq!(grants.dial(at("10.0.0.9:443")), Ok(()));
    assert!(!grants.addresses().contains(&ip("10.0.0.9")), "it is no address of the target");
    let mut grants = learnt("tcp://orders.lab:443", &[before[0].clone(), elsewhere]);
    assert!(grants.dial(at("10.0.0.9:443")).is_err(), "nobody granted the one who says so");
}

#[test]
fn the_next_hop_may_be_looked_for_only_towards_what_may_be_reached() {
    let mut grants = learnt("orders.lab", &[config("orders.lab", &["10.0.0.53"], &[], &[])]);
    grants.add_target("10.0.0.5".parse().expect("an address"));
    grants.add_endpoint(at("10.0.0.9:443"));
    for granted in ["10.0.0.5", "10.0.0.9", "10.0.0.53", "::ffff:10.0.0.5"] {
        assert_eq!(grants.approach(granted.parse().expect("an address")), Ok(()), "{granted}");
    }
    let denial = grants.approach("10.0.0.6".parse().expect("an address")).expect_err("not granted");
    assert!(denial.to_string().contains("10.0.0.6"), "{denial}");
}

#[test]
fn echo_is_for_addresses_that_may_be_dialled_and_not_for_resolvers() {
    let mut grants = learnt("orders.lab", &[config("orders.lab", &["10.0.0.53"], &[], &[])]);
    grants.add_target(ip("10.0.0.5"));
    grants.add_endpoint(at("10.0.0.9:443"));
    for granted in ["10.0.0.5", "10.0.0.9", "::ffff:10.0.0.5"] {
        assert_eq!(grants.echo(ip(granted)), Ok(()), "{granted}");
    }
    for other in ["10.0.0.53", "10.0.0.6"] {
        let denial = grants.echo(ip(other)).expect_err("not granted");
        assert!(denial.to_string().starts_with(&format!("an echo of {other}")), "{denial}");
    }
}

#[test]
fn what_a_process_reads_is_a_grant_only_where_the_caller_named_it() {
    let of = |pid| match config("orders.lab", &["10.0.0.53"], &[], &["10.0.0.5"]) {
        Call::DnsConfig { request, answer } => {
            Call::DnsConfig { request: ConfigRequest { pid: Some(pid), ..request }, answer }
        }
        other => other,
    };
    let target = target("http://orders.lab/");
    let mut grants = Grants::for_target(&target);
    grants.add_process(7);
    grants.learn(&target, &of(8));
    assert!(grants.query(at("10.0.0.53:53")).is_err() && grants.dial(at("10.0.0.5:80")).is_err());
    grants.learn(&target, &of(7));
    assert!(grants.query(at("10.0.0.53:53")).is_ok() && grants.dial(at("10.0.0.5:80")).is_ok());
}

#[test]
fn a_proxy_is_one_unless_it_is_granted_as_something_else_too() {
    let proxy =
        |value: &str| crate::observation::system::Variable { name: "http_proxy".to_owned(), value: value.to_owned() };
    let target = target("http://10.0.0.5/");
    let mut grants = Grants::for_target(&target);
    let variables = Ok(vec![proxy("http://10.0.0.9:3128"), proxy("http://10.0.0.5:3128")]);
    grants.learn(&target, &Call::Proxies { pid: None, answer: variables });
    assert!(grants.is_only_proxy(at("10.0.0.9:3128")));
    assert!(!grants.is_only_proxy(at("10.0.0.5:3128")), "the target itself");
    assert!(!grants.is_only_proxy(at("10.0.0.5:80")));
    grants.add_endpoint(at("10.0.0.9:3128"));
    assert!(!grants.is_only_proxy(at("10.0.0.9:3128")), "the caller named it");
}

#[test]
fn a_denial_lists_proxies_and_servers_of_zones_too() {
    let mut grants = Grants::new(None);
    grants.add_authority(ip("10.0.0.88"));
    let proxy =
        crate::observation::system::Variable { name: "http_proxy".to_owned(), value: "10.0.0.9:3128".to_owned() };
    grants.learn(&target("http://orders.lab/"), &Call::Proxies { pid: None, answer: Ok(vec![proxy]) });
    let denial = grants.dial(at("10.0.0.1:80")).expect_err("not granted").to_string();
    assert!(denial.contains("10.0.0.88:53") && denial.contains("10.0.0.9:3128"), "{denial}");
}
