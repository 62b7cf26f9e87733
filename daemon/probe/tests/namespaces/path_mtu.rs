//! Ladders over a narrow link, with and without its notices.

use std::net::UdpSocket;
use std::time::Duration;

use sonde_core::observation::path::{MtuConclusion, MtuMethod, PathMtu, PathMtuRequest, RungOutcome};
use sonde_core::observation::{Endpoint, Reason};
use sonde_probe::vantage::Vantage;

use crate::chain::{Chain, LONG, ROUTERS, SERVER, at, unprivileged};
use crate::lab::{clock, need_root};

async fn path_mtu(vantage: &Vantage, remote: Endpoint) -> PathMtu {
    let request = PathMtuRequest { remote, sizes: vec![], attempts: 2, tcp: true, timeout: LONG };
    sonde_probe::path::path_mtu(vantage, &clock(), &request).await
}

/// No router says "too big", in either family.
fn mute(chain: &Chain) {
    for router in [&chain.near, &chain.far] {
        router.nft("add table inet t; add chain inet t o { type filter hook output priority 0; }");
        router.nft("add rule inet t o icmp type destination-unreachable icmp code frag-needed drop");
        router.nft("add rule inet t o icmpv6 type packet-too-big drop");
    }
}

#[tokio::test]
async fn a_wide_path_carries_what_the_link_takes() {
    need_root!("a_wide_path_carries_what_the_link_takes");
    let chain = Chain::create();
    let (_listener, port) = chain.listener();
    let vantage = chain.client.vantage();
    for server in SERVER {
        let found = path_mtu(&vantage, at(server, port)).await;
        assert_eq!(
            (found.conclusion, found.mtu, found.method),
            (MtuConclusion::Measured, Some(1500), Some(MtuMethod::IcmpEcho)),
            "{found:#?}"
        );
        assert_eq!(
            (found.link_mtu, found.route_mtu, found.tcp_pmtu),
            (Some(1500), Some(1500), Some(1500)),
            "{found:#?}"
        );
        assert_eq!(found.mss, Some(if server.contains(':') { 1428 } else { 1448 }), "{found:#?}");
        assert_eq!(found.rungs.len(), 2, "{found:#?}");
    }
}

#[tokio::test]
async fn a_narrow_link_with_notices_is_measured_and_its_router_named() {
    need_root!("a_narrow_link_with_notices_is_measured_and_its_router_named");
    let chain = Chain::create();
    chain.narrow(1337);
    let vantage = chain.client.vantage();
    for (family, server) in SERVER.into_iter().enumerate() {
        let found = path_mtu(&vantage, at(server, 443)).await;
        assert_eq!((found.conclusion, found.mtu), (MtuConclusion::Measured, Some(1337)), "{found:#?}");
        let notices: Vec<_> = found
            .rungs
            .iter()
            .filter_map(|rung| match &rung.outcome {
                RungOutcome::TooBig(error) => Some((error.sender.map(|sender| sender.to_string()), error.mtu)),
                _ => None,
            })
            .collect();
        assert_eq!(notices, [(Some(ROUTERS[family][0].to_owned()), Some(1337))], "{found:#?}");
    }
}

#[tokio::test]
async fn a_narrow_link_without_notices_is_a_black_hole_from_the_very_byte() {
    need_root!("a_narrow_link_without_notices_is_a_black_hole_from_the_very_byte");
    let chain = Chain::create();
    chain.narrow(1337);
    mute(&chain);
    let vantage = chain.client.vantage();
    for server in SERVER {
        let found = path_mtu(&vantage, at(server, 443)).await;
        assert_eq!(found.conclusion, MtuConclusion::BlackHole, "{found:#?}");
        assert_eq!((found.mtu, found.lost_from), (Some(1337), Some(1338)), "{found:#?}");
    }
}

#[test]
fn without_a_privilege_datagrams_measure_the_same() {
    need_root!("without_a_privilege_datagrams_measure_the_same");
    let chain = Chain::create();
    chain.narrow(1400);
    for server in SERVER {
        let found = unprivileged(&chain.client, async move |vantage| path_mtu(&vantage, at(server, 9)).await);
        assert_eq!(
            (found.conclusion, found.mtu, found.method),
            (MtuConclusion::Measured, Some(1400), Some(MtuMethod::Udp)),
            "{found:#?}"
        );
    }
}

#[test]
fn without_a_privilege_a_black_hole_shows_by_datagrams() {
    need_root!("without_a_privilege_a_black_hole_shows_by_datagrams");
    let chain = Chain::create();
    chain.narrow(1400);
    mute(&chain);
    let found = unprivileged(&chain.client, async move |vantage| path_mtu(&vantage, at(SERVER[0], 9)).await);
    assert_eq!((found.conclusion, found.method), (MtuConclusion::BlackHole, Some(MtuMethod::Udp)), "{found:#?}");
    assert_eq!((found.mtu, found.lost_from), (Some(1400), Some(1401)), "{found:#?}");
}

#[test]
fn where_nothing_answers_the_missing_privilege_is_named() {
    need_root!("where_nothing_answers_the_missing_privilege_is_named");
    let chain = Chain::create();
    chain.server.nft("add table inet t; add chain inet t i { type filter hook input priority 0; }");
    chain.server.nft("add rule inet t i meta l4proto { udp, icmp } drop");
    let found = unprivileged(&chain.client, async move |vantage| path_mtu(&vantage, at(SERVER[0], 9)).await);
    let failure = found.outcome.expect_err("nothing to climb with");
    assert!(
        matches!(&failure.reason, Reason::Unavailable(what) if what.contains("CAP_NET_RAW") && what.contains("ping_group_range")),
        "{failure:?}"
    );
    assert_eq!(found.conclusion, MtuConclusion::Unanswered);
}

#[tokio::test]
async fn what_the_own_link_refuses_is_named_by_the_link_and_not_by_what_a_router_once_said() {
    need_root!("what_the_own_link_refuses_is_named_by_the_link_and_not_by_what_a_router_once_said");
    let chain = Chain::create();
    let vantage = chain.client.vantage();
    chain.narrow(1337);
    let narrow = path_mtu(&vantage, at(SERVER[0], 443)).await;
    assert_eq!(narrow.mtu, Some(1337), "{narrow:#?}");
    chain.narrow(1500);
    let request =
        PathMtuRequest { remote: at(SERVER[0], 443), sizes: vec![576, 2000], attempts: 2, tcp: false, timeout: LONG };
    let found = sonde_probe::path::path_mtu(&vantage, &clock(), &request).await;
    assert_eq!(found.route_mtu, Some(1337), "the kernel remembers: {found:#?}");
    assert_eq!(found.rungs[1].outcome, RungOutcome::TooBigHere(Some(1500)), "{found:#?}");
    assert_eq!((found.conclusion, found.mtu), (MtuConclusion::Measured, Some(1500)), "{found:#?}");
}

#[test]
fn a_service_that_answers_one_datagram_again_later_shows_no_other_to_have_arrived() {
    need_root!("a_service_that_answers_one_datagram_again_later_shows_no_other_to_have_arrived");
    let chain = Chain::create();
    chain.narrow(1400);
    mute(&chain);
    let socket = chain.server.vantage().within(|| UdpSocket::bind("10.1.3.2:0")).expect("within").expect("bound");
    let port = socket.local_addr().expect("an address").port();
    socket.set_read_timeout(Some(LONG)).expect("a timeout");
    std::thread::spawn(move || {
        while let Ok((_, from)) = socket.recv_from(&mut [0; 2048]) {
            let again = socket.try_clone().expect("a second handle");
            socket.send_to(b"yes", from).expect("sent");
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(30));
                again.send_to(b"yes", from)
            });
        }
    });
    let found = unprivileged(&chain.client, async move |vantage| path_mtu(&vantage, at(SERVER[0], port)).await);
    assert_eq!((found.conclusion, found.method), (MtuConclusion::BlackHole, Some(MtuMethod::Udp)), "{found:#?}");
    assert_eq!((found.mtu, found.lost_from), (Some(1400), Some(1401)), "{found:#?}");
}
