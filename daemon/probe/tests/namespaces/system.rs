//! Routes, neighbours and links.

use std::net::{IpAddr, UdpSocket};

use sonde_core::observation::system::{Family, Route, RouteKind};
use sonde_probe::system::{default_routes, links, neighbour, route_to};
use sonde_probe::vantage::Vantage;

use crate::lab::{Netns, clock, eventually, need_root};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

async fn route(vantage: &Vantage, to: &str) -> Route {
    route_to(vantage, &clock(), ip(to)).await.expect("an answer")
}

#[tokio::test]
async fn routes_are_those_that_ip_finds() {
    need_root!("routes_are_those_that_ip_finds");
    let (namespace, _other) = Netns::pair();
    namespace.ip("route add 10.20.0.0/16 via 10.9.0.2 mtu 1400");
    namespace.ip("route add default via 10.9.0.2");
    namespace.ip("-6 route add fd20::/32 via fd09::2");
    let vantage = namespace.vantage();
    for (to, gateway, source, prefix, mtu) in [
        ("10.9.0.77", None, "10.9.0.1", "10.9.0.0/24", None),
        ("10.20.3.4", Some("10.9.0.2"), "10.9.0.1", "10.20.0.0/16", Some(1400)),
        ("203.0.113.9", Some("10.9.0.2"), "10.9.0.1", "default", None),
        ("fd09::77", None, "fd09::1", "fd09::/64", None),
        ("fd20::1", Some("fd09::2"), "fd09::1", "fd20::/32", None),
        ("::ffff:10.9.0.77", None, "10.9.0.1", "10.9.0.0/24", None),
    ] {
        let expected = Route {
            kind: RouteKind::Unicast,
            family: if to.starts_with("fd") { Family::Ipv6 } else { Family::Ipv4 },
            gateway: gateway.map(ip),
            device: Some("near".to_owned()),
            source: Some(ip(source)),
            prefix: Some(prefix.to_owned()),
            mtu,
            // What nobody gave one has 1024 as IPv6 has it, and the kernel's own routes 256 (`IP6_RT_PRIO_USER`, `_ADDRCONF`).
            metric: Some(match prefix {
                "fd20::/32" => 1024,
                "fd09::/64" => 256,
                _ => 0,
            }),
            table: Some(254),
        };
        assert_eq!(route(&vantage, to).await, expected, "{to}");
        let get = namespace.ip(&format!("route get {}", to.trim_start_matches("::ffff:")));
        assert!(get.contains("dev near") && get.contains(&format!("src {source}")), "{get}");
    }
}

#[tokio::test]
async fn a_refusing_route_is_an_answer_with_its_kind_and_prefix() {
    need_root!("a_refusing_route_is_an_answer_with_its_kind_and_prefix");
    let (namespace, _other) = Netns::pair();
    for (kind, v4, v6) in
        [("blackhole", 66, 0x66), ("unreachable", 67, 0x67), ("prohibit", 68, 0x68), ("throw", 69, 0x69)]
    {
        namespace.ip(&format!("route add {kind} 10.{v4}.0.0/16"));
        namespace.ip(&format!("-6 route add {kind} fd{v6:x}::/32"));
    }
    let vantage = namespace.vantage();
    for (to, kind, prefix) in [
        ("10.66.1.1", RouteKind::Blackhole, Some("10.66.0.0/16")),
        ("10.67.1.1", RouteKind::Unreachable, Some("10.67.0.0/16")),
        ("10.68.1.1", RouteKind::Prohibit, Some("10.68.0.0/16")),
        ("10.69.1.1", RouteKind::None, None),
        ("8.8.8.8", RouteKind::None, None),
        ("fd66::1", RouteKind::Blackhole, Some("fd66::/32")),
        ("fd67::1", RouteKind::Unreachable, Some("fd67::/32")),
        ("fd68::1", RouteKind::Prohibit, Some("fd68::/32")),
        ("fd69::1", RouteKind::None, None),
        ("2001:db8::1", RouteKind::None, None),
    ] {
        let found = route(&vantage, to).await;
        assert_eq!((found.kind, found.prefix.as_deref()), (kind, prefix), "{to}");
        assert_eq!((found.gateway, found.device), (None, None), "{to}");
    }
}

#[tokio::test]
async fn own_and_broadcast_addresses_have_their_kind() {
    need_root!("own_and_broadcast_addresses_have_their_kind");
    let (namespace, _other) = Netns::pair();
    let vantage = namespace.vantage();
    for (to, kind, device) in [
        ("10.9.0.1", RouteKind::Local, "lo"),
        ("127.0.0.1", RouteKind::Local, "lo"),
        ("10.9.0.255", RouteKind::Broadcast, "near"),
        ("fd09::1", RouteKind::Local, "lo"),
    ] {
        let found = route(&vantage, to).await;
        assert_eq!(found.kind, kind, "{to}: {found:?}");
        assert!(found.device.as_deref().is_some_and(|name| name == device || name == "near"), "{to}: {found:?}");
    }
}

#[tokio::test]
async fn default_routes_of_both_families_and_every_hop_are_listed() {
    need_root!("default_routes_of_both_families_and_every_hop_are_listed");
    let (namespace, _other) = Netns::pair();
    let vantage = namespace.vantage();
    assert_eq!(default_routes(&vantage, &clock()).await.expect("an answer"), []);
    namespace.ip("route add default nexthop via 10.9.0.2 nexthop via 10.9.0.3");
    namespace.ip("route add default via 10.9.0.4 metric 900 mtu 1300");
    namespace.ip("route add default via 10.9.0.5 table 7");
    namespace.ip("-6 route add default via fd09::2");
    namespace.ip("route add 10.20.0.0/16 via 10.9.0.2");
    let found = default_routes(&vantage, &clock()).await.expect("routes");
    let gateways: Vec<Option<IpAddr>> = found.iter().map(|route| route.gateway).collect();
    assert_eq!(gateways, ["10.9.0.2", "10.9.0.3", "10.9.0.4", "fd09::2"].map(|text| Some(ip(text))));
    assert!(found.iter().all(|route| route.device.as_deref() == Some("near")), "{found:?}");
    assert_eq!(found[2].mtu, Some(1300));
}

#[tokio::test]
async fn a_blackhole_by_default_is_listed_as_what_it_is() {
    need_root!("a_blackhole_by_default_is_listed_as_what_it_is");
    let namespace = Netns::create();
    namespace.ip("route add blackhole default");
    let found = default_routes(&namespace.vantage(), &clock()).await.expect("routes");
    assert_eq!((found.len(), found[0].kind), (1, RouteKind::Blackhole));
    assert_eq!(found[0].device, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn neighbours_are_those_that_ip_lists() {
    need_root!("neighbours_are_those_that_ip_lists");
    let (namespace, other) = Netns::pair();
    let vantage = namespace.vantage();
    let none = neighbour(&vantage, &clock(), ip("10.9.0.2")).await.expect("an answer");
    assert_eq!((none.state.as_str(), none.device.as_str(), none.link_address), ("NONE", "near", None));
    for (from, to, silent) in [("10.9.0.1:0", "10.9.0.2", "10.9.0.9"), ("[fd09::1]:0", "fd09::2", "fd09::9")] {
        let socket = vantage.within(move || UdpSocket::bind(from)).expect("within").expect("a socket");
        socket.send_to(b"x", (to, 9)).expect("sent");
        socket.send_to(b"x", (silent, 9)).expect("sent");
        let entry = eventually("a resolved neighbour", || {
            let entry = block_on(neighbour(&vantage, &clock(), ip(to))).expect("an answer");
            entry.link_address.is_some().then_some(entry)
        });
        let line = namespace.ip(&format!("neigh show {to}"));
        assert!(line.contains(entry.link_address.as_deref().expect("some")), "{line} {entry:?}");
        assert!(line.contains(&entry.state), "{line} {entry:?}");
        let address = other.ip("-o link show far");
        assert!(address.contains(entry.link_address.as_deref().expect("some")), "{address}");
        let entry = block_on(neighbour(&vantage, &clock(), ip(silent))).expect("an answer");
        assert_eq!((entry.state.as_str(), entry.link_address), ("INCOMPLETE", None));
        eventually("the failed neighbour", || {
            let entry = block_on(neighbour(&vantage, &clock(), ip(silent))).expect("an answer");
            (entry.state == "FAILED").then_some(())
        });
    }
    namespace.ip("neigh add 10.9.0.50 lladdr 02:00:00:00:00:50 dev near nud permanent");
    let entry = neighbour(&vantage, &clock(), ip("10.9.0.50")).await.expect("an answer");
    assert_eq!((entry.state.as_str(), entry.link_address.as_deref()), ("PERMANENT", Some("02:00:00:00:00:50")));
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

#[tokio::test]
async fn links_are_those_that_ip_lists() {
    need_root!("links_are_those_that_ip_lists");
    let (namespace, other) = Netns::pair();
    namespace.ip("link set near mtu 1400");
    namespace.ip("addr add 192.0.2.1 peer 192.0.2.2/32 dev near");
    let found = links(&namespace.vantage(), &clock()).await.expect("links");
    let near = found.iter().find(|link| link.name == "near").expect("the link");
    assert!(near.up && near.carrier && !near.loopback, "{near:?}");
    assert_eq!(near.mtu, 1400);
    for address in ["10.9.0.1/24", "fd09::1/64", "192.0.2.1/32"] {
        assert!(near.addresses.iter().any(|one| one == address), "{address} of {near:?}");
    }
    let statistics: Vec<&str> = near.statistics.iter().map(|counter| counter.name.as_str()).collect();
    assert!(statistics.len() >= 23 && statistics.contains(&"rx_dropped"), "{statistics:?}");
    other.ip("link set far down");
    let found = links(&namespace.vantage(), &clock()).await.expect("links");
    let near = found.iter().find(|link| link.name == "near").expect("the link");
    assert!(near.up && !near.carrier, "{near:?}");
}

#[tokio::test]
async fn a_links_statistics_count_what_is_sent() {
    need_root!("a_links_statistics_count_what_is_sent");
    let (namespace, _other) = Netns::pair();
    namespace.ip("neigh add 10.9.0.2 lladdr 02:00:00:00:00:50 dev near nud permanent");
    let vantage = namespace.vantage();
    let before = statistic(&vantage, "tx_bytes").await;
    let socket = vantage.within(|| UdpSocket::bind("10.9.0.1:0")).expect("within").expect("a socket");
    socket.send_to(&[0; 1000], "10.9.0.2:9").expect("sent");
    assert!(statistic(&vantage, "tx_bytes").await >= before + 1042);
}

async fn statistic(vantage: &Vantage, name: &str) -> i64 {
    let found = links(vantage, &clock()).await.expect("links");
    let near = found.into_iter().find(|link| link.name == "near").expect("the link");
    near.statistics.into_iter().find(|counter| counter.name == name).expect("a counter").value
}

#[tokio::test]
async fn a_link_local_gateway_is_looked_for_on_the_link_of_its_route() {
    need_root!("a_link_local_gateway_is_looked_for_on_the_link_of_its_route");
    let namespace = Netns::create();
    for device in ["one", "two", "three"] {
        namespace.ip(&format!("link add {device} type veth peer name {device}-peer"));
        namespace.ip(&format!("link set {device}-peer up"));
        namespace.ip(&format!("link set {device} up"));
        namespace.ip(&format!("neigh add fe80::1 lladdr 02:00:00:00:00:0{} dev {device} nud permanent", device.len()));
    }
    for (device, link_address) in [("three", "02:00:00:00:00:05"), ("two", "02:00:00:00:00:03")] {
        namespace.ip(&format!("-6 route replace default via fe80::1 dev {device} metric 10"));
        let entry = neighbour(&namespace.vantage(), &clock(), ip("fe80::1")).await.expect("an answer");
        assert_eq!((entry.device.as_str(), entry.link_address.as_deref()), (device, Some(link_address)));
        namespace.ip("-6 route del default");
    }
}
