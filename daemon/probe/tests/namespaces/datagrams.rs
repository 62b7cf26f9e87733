//! ICMP echo and datagrams: loss, copies, disorder, damage, refusals.

use std::net::UdpSocket;
use std::time::Duration;

use sonde_core::observation::dial::udp::{UdpDial, UdpRequest};
use sonde_core::observation::path::{Echo, EchoRequest};
use sonde_core::observation::{Endpoint, Reason};
use sonde_probe::vantage::Vantage;

use crate::chain::{Chain, LONG, SERVER, at, unprivileged};
use crate::lab::{Netns, clock, need_root};

async fn echo(vantage: &Vantage, address: &str, count: u16) -> Echo {
    let request = EchoRequest {
        address: address.parse().expect("an address"),
        count,
        interval: Duration::from_millis(5),
        payload_bytes: 56,
        timeout: LONG,
    };
    sonde_probe::path::echo(vantage, &clock(), &request).await
}

fn numbered(remote: Endpoint, count: u16) -> UdpRequest {
    UdpRequest {
        remote,
        payload: None,
        size_bytes: 64,
        count,
        interval: Duration::from_millis(5),
        timeout: LONG,
        deltas: false,
    }
}

async fn udp(vantage: &Vantage, request: &UdpRequest) -> UdpDial {
    sonde_probe::dial::udp(vantage, &clock(), request).await
}

/// A service in the namespace that answers each datagram with what `answer` makes of it and its place in the series.
fn service(namespace: &Netns, answer: impl Fn(usize, Vec<u8>) -> Vec<Vec<u8>> + Send + 'static) -> Endpoint {
    let socket = namespace.vantage().within(|| UdpSocket::bind("10.9.0.2:0")).expect("within").expect("bound");
    let port = socket.local_addr().expect("an address").port();
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        for place in 0.. {
            let Ok((length, from)) = socket.recv_from(&mut buffer) else { return };
            for bytes in answer(place, buffer[..length].to_vec()) {
                socket.send_to(&bytes, from).expect("sent");
            }
        }
    });
    at("10.9.0.2", port)
}

#[tokio::test]
async fn echo_counts_what_comes_back_in_both_families() {
    need_root!("echo_counts_what_comes_back_in_both_families");
    let (near, _far) = Netns::warm_pair();
    let vantage = near.vantage();
    for address in ["10.9.0.2", "fd09::2"] {
        let found = echo(&vantage, address, 20).await;
        assert_eq!([found.sent, found.received, found.duplicates, found.corrupted], [20, 20, 0, 0], "{found:#?}");
        let trips = found.round_trips.expect("round trips");
        assert!(trips.min <= trips.median && trips.median <= trips.max, "{trips:?}");
    }
}

#[test]
fn echo_takes_a_ping_socket_where_the_group_may() {
    need_root!("echo_takes_a_ping_socket_where_the_group_may");
    let (near, _far) = Netns::warm_pair();
    for address in ["10.9.0.2", "fd09::2"] {
        let denied = unprivileged(&near, async move |vantage| echo(&vantage, address, 3).await);
        let failure = denied.outcome.expect_err("no privilege");
        assert!(matches!(failure.reason, Reason::Unavailable(_)), "{failure:?}");
        allow(&near, "0 0");
        let found = unprivileged(&near, async move |vantage| echo(&vantage, address, 3).await);
        assert_eq!((found.sent, found.received), (3, 3), "{found:#?}");
        allow(&near, "1 0");
    }
}

/// Which groups may open ping sockets there.
fn allow(namespace: &Netns, groups: &'static str) {
    let written = namespace.vantage().within(move || std::fs::write("/proc/sys/net/ipv4/ping_group_range", groups));
    written.expect("within").expect("written");
}

#[tokio::test]
async fn echo_loses_every_fifth_where_every_fifth_is_dropped() {
    need_root!("echo_loses_every_fifth_where_every_fifth_is_dropped");
    let (near, far) = Netns::warm_pair();
    far.nft("add table inet t; add chain inet t i { type filter hook input priority 0; }");
    far.nft("add rule inet t i icmp type echo-request numgen inc mod 5 0 drop");
    let found = echo(&near.vantage(), "10.9.0.2", 20).await;
    assert_eq!((found.sent, found.received), (20, 16), "{found:#?}");
}

#[tokio::test]
async fn echo_of_an_unreachable_address_has_the_routers_word() {
    need_root!("echo_of_an_unreachable_address_has_the_routers_word");
    let chain = Chain::create();
    chain.near.ip("route add unreachable 10.8.0.0/16");
    let found = echo(&chain.client.vantage(), "10.8.0.1", 2).await;
    let failure = found.outcome.expect_err("unreachable");
    assert_eq!(failure.reason, Reason::HostUnreachable, "{failure:?}");
    assert_eq!(failure.icmp.and_then(|icmp| icmp.sender), "10.1.1.2".parse().ok());
}

#[tokio::test]
async fn datagrams_are_counted_by_what_became_of_them() {
    need_root!("datagrams_are_counted_by_what_became_of_them");
    let (near, far) = Netns::warm_pair();
    let vantage = near.vantage();
    let faithful = service(&far, |_, bytes| vec![bytes]);
    let found = udp(&vantage, &numbered(faithful, 10)).await;
    assert_eq!([found.sent, found.received, found.duplicates, found.reordered, found.corrupted], [10, 10, 0, 0, 0]);
    assert_eq!(found.answer_bytes, 64);

    let lossy = service(&far, |place, bytes| if place % 2 == 0 { vec![bytes] } else { vec![] });
    let found = udp(&vantage, &numbered(lossy, 10)).await;
    assert_eq!((found.sent, found.received), (10, 5), "{found:#?}");

    let doubling = service(&far, |_, bytes| vec![bytes.clone(), bytes]);
    let found = udp(&vantage, &numbered(doubling, 10)).await;
    assert_eq!((found.received, found.duplicates), (10, 10), "{found:#?}");

    let held = std::sync::Mutex::new(Vec::new());
    let swapping = service(&far, move |place, bytes| {
        let mut held = held.lock().expect("not poisoned");
        if place % 2 == 0 {
            held.push(bytes);
            return vec![];
        }
        vec![bytes, held.pop().expect("the one before")]
    });
    let found = udp(&vantage, &numbered(swapping, 10)).await;
    assert_eq!((found.received, found.reordered), (10, 5), "{found:#?}");

    let damaging = service(&far, |place, mut bytes| {
        if place == 3 {
            bytes[40] ^= 1;
        }
        vec![bytes]
    });
    let found = udp(&vantage, &numbered(damaging, 10)).await;
    assert_eq!((found.received, found.corrupted), (10, 1), "{found:#?}");
}

#[tokio::test]
async fn a_callers_payload_gets_its_first_answer() {
    need_root!("a_callers_payload_gets_its_first_answer");
    let (near, far) = Netns::warm_pair();
    let vantage = near.vantage();
    // Silent the first time, as one whose first datagram was lost.
    let remote = service(&far, |place, bytes| if place == 0 { vec![] } else { vec![[b"to ", &bytes[..]].concat()] });
    let found = udp(&vantage, &UdpRequest { payload: Some(b"hello".to_vec()), ..numbered(remote, 5) }).await;
    assert_eq!((found.sent, found.received, found.outcome.is_ok()), (2, 1, true), "{found:#?}");
    assert_eq!(found.answer.as_deref(), Some(&b"to hello"[..]));
    // To which of the two, nobody can tell.
    assert_eq!((found.round_trips, found.replies.len()), (None, 0));
    let prompt = service(&far, |_, bytes| vec![bytes]);
    let found = udp(&vantage, &UdpRequest { payload: Some(b"hello".to_vec()), ..numbered(prompt, 5) }).await;
    assert_eq!((found.sent, found.replies.len()), (1, 1), "{found:#?}");
}

#[tokio::test]
async fn a_service_that_does_not_echo_is_said_so() {
    need_root!("a_service_that_does_not_echo_is_said_so");
    let (near, far) = Netns::warm_pair();
    let remote = service(&far, |_, _| vec![b"what?".to_vec()]);
    let found = udp(&near.vantage(), &numbered(remote, 2)).await;
    assert!(matches!(found.outcome.expect_err("no echo").reason, Reason::Malformed(_)));
    assert_eq!(found.answer.as_deref(), Some(&b"what?"[..]));
}

#[tokio::test]
async fn a_closed_port_is_refused_by_its_host_with_deltas() {
    need_root!("a_closed_port_is_refused_by_its_host_with_deltas");
    let chain = Chain::create();
    for server in SERVER {
        let request = UdpRequest { deltas: true, ..numbered(at(server, 9), 10) };
        let found = udp(&chain.client.vantage(), &request).await;
        let failure = found.outcome.expect_err("closed");
        assert_eq!(failure.reason, Reason::Refused, "{failure:?}");
        assert_eq!(failure.icmp.and_then(|icmp| icmp.sender), server.parse().ok());
        assert!(found.sent < 10 && found.icmp_errors >= 1, "nobody is there, so the rest is not sent");
        assert!(found.deltas.is_some_and(|deltas| !deltas.moved.is_empty()));
    }
}

#[tokio::test]
async fn a_local_filter_is_not_permitted_and_nothing_leaves() {
    need_root!("a_local_filter_is_not_permitted_and_nothing_leaves");
    let (near, _far) = Netns::warm_pair();
    near.nft("add table inet t; add chain inet t o { type filter hook output priority 0; }");
    near.nft("add rule inet t o udp dport 9 drop");
    let found = udp(&near.vantage(), &numbered(at("10.9.0.2", 9), 3)).await;
    assert_eq!((found.sent, found.unsent), (0, 3), "{found:#?}");
    assert_eq!(found.outcome.expect_err("filtered").reason, Reason::NotPermitted);
}
