//! Traces over two routers.

use std::time::Duration;

use sonde_core::observation::path::{Hop, ProbeAnswer, Trace, TraceRequest, TraceTransport};
use sonde_core::observation::{Endpoint, Reason};
use sonde_probe::vantage::Vantage;

use crate::chain::{Chain, LONG, ROUTERS, SERVER, at, unprivileged};
use crate::lab::{clock, need_root};

fn request(remote: Endpoint, transport: TraceTransport) -> TraceRequest {
    let probe_timeout = Duration::from_millis(500);
    TraceRequest { remote, transport, max_hops: 8, probes_per_hop: 2, probe_timeout, timeout: LONG }
}

async fn trace(vantage: &Vantage, remote: Endpoint, transport: TraceTransport) -> Trace {
    sonde_probe::path::trace(vantage, &clock(), &request(remote, transport)).await
}

/// Who answered at each TTL; "answered", "reset" or "silent" where nobody sent an ICMP error.
fn senders(hops: &[Hop]) -> Vec<String> {
    hops.iter()
        .map(|hop| match &hop.probes[0].answer {
            ProbeAnswer::Icmp(error) => error.sender.map_or_else(|| "here".to_owned(), |sender| sender.to_string()),
            other => format!("{other:?}").to_lowercase(),
        })
        .collect()
}

fn expected(family: usize, last: &str) -> Vec<String> {
    let [near, far] = ROUTERS[family];
    [near, far, last].map(str::to_owned).to_vec()
}

#[tokio::test]
async fn every_router_and_then_the_port_answers_in_both_families() {
    need_root!("every_router_and_then_the_port_answers_in_both_families");
    let chain = Chain::create();
    let (_listener, port) = chain.listener();
    let vantage = chain.client.vantage();
    for (family, server) in SERVER.into_iter().enumerate() {
        let found = trace(&vantage, at(server, port), TraceTransport::Tcp).await;
        assert_eq!(senders(&found.hops), expected(family, "answered"), "{found:#?}");
        assert_eq!((found.reached, found.outcome.is_ok()), (Some(3), true), "{found:#?}");
        let probes = || found.hops.iter().flat_map(|hop| &hop.probes);
        assert!(found.hops.iter().all(|hop| hop.probes.len() == 2), "{found:#?}");
        assert!(probes().all(|probe| probe.rtt.is_some_and(|rtt| rtt < Duration::from_millis(400))), "{found:#?}");
    }
}

#[test]
fn no_privilege_is_needed() {
    need_root!("no_privilege_is_needed");
    let chain = Chain::create();
    let (_listener, port) = chain.listener();
    let found = unprivileged(&chain.client, async move |vantage| {
        trace(&vantage, at(SERVER[0], port), TraceTransport::Tcp).await
    });
    assert_eq!(senders(&found.hops), expected(0, "answered"), "{found:#?}");
}

#[tokio::test]
async fn a_closed_port_resets_or_says_unreachable_by_its_transport() {
    need_root!("a_closed_port_resets_or_says_unreachable_by_its_transport");
    let chain = Chain::create();
    let vantage = chain.client.vantage();
    for (family, server) in SERVER.into_iter().enumerate() {
        for (transport, last) in [(TraceTransport::Tcp, "reset"), (TraceTransport::Udp, server)] {
            let found = trace(&vantage, at(server, 7), transport).await;
            assert_eq!(senders(&found.hops), expected(family, last), "{found:#?}");
            assert_eq!(found.reached, Some(3), "{found:#?}");
            assert_eq!(found.outcome.expect_err("closed").reason, Reason::Refused);
        }
    }
}

#[tokio::test]
async fn what_is_dropped_after_the_second_router_is_silent_from_the_third_hop_on() {
    need_root!("what_is_dropped_after_the_second_router_is_silent_from_the_third_hop_on");
    let chain = Chain::create();
    let (_listener, port) = chain.listener();
    chain.far.nft("add table inet t; add chain inet t f { type filter hook forward priority 0; }");
    chain.far.nft(&format!("add rule inet t f tcp dport {port} drop"));
    let vantage = chain.client.vantage();
    for (family, server) in SERVER.into_iter().enumerate() {
        let found = trace(&vantage, at(server, port), TraceTransport::Tcp).await;
        assert_eq!(senders(&found.hops)[..3], expected(family, "silent"), "{found:#?}");
        assert_eq!((found.hops.len(), found.reached), (8, None), "{found:#?}");
        let failure = found.outcome.expect_err("dropped");
        assert_eq!(failure.reason, Reason::TimedOut);
        let said = format!("nothing comes back from beyond hop 2 ({})", ROUTERS[family][1]);
        assert_eq!(failure.detail, said);
    }
}

#[tokio::test]
async fn a_rejecting_router_is_named_and_is_no_arrival() {
    need_root!("a_rejecting_router_is_named_and_is_no_arrival");
    let chain = Chain::create();
    chain.far.nft("add table inet t; add chain inet t f { type filter hook forward priority 0; }");
    chain.far.nft("add rule inet t f tcp dport 443 reject with icmpx admin-prohibited");
    let vantage = chain.client.vantage();
    for (family, server) in SERVER.into_iter().enumerate() {
        let found = trace(&vantage, at(server, 443), TraceTransport::Tcp).await;
        assert_eq!(senders(&found.hops), expected(family, ROUTERS[family][1]), "{found:#?}");
        assert_eq!(found.reached, None, "{found:#?}");
        let icmp = found.outcome.expect_err("rejected").icmp.expect("an ICMP error");
        let kind = if family == 0 { (3, 13) } else { (1, 1) };
        assert_eq!((icmp.icmp_type, icmp.code, icmp.sender), (kind.0, kind.1, ROUTERS[family][1].parse().ok()));
    }
}

#[tokio::test]
async fn a_loop_shows_the_same_routers_again() {
    need_root!("a_loop_shows_the_same_routers_again");
    let chain = Chain::create();
    chain.near.ip("route add 10.7.0.0/16 via 10.1.2.2");
    chain.far.ip("route add 10.7.0.0/16 via 10.1.2.1");
    let found = trace(&chain.client.vantage(), at("10.7.0.1", 443), TraceTransport::Tcp).await;
    let senders = senders(&found.hops);
    assert_eq!(senders[..4], ["10.1.1.2", "10.1.2.2", "10.1.1.2", "10.1.2.2"], "{found:#?}");
    assert_eq!(found.reached, None);
}

#[tokio::test]
async fn no_route_is_this_hosts_own_failure() {
    need_root!("no_route_is_this_hosts_own_failure");
    let chain = Chain::create();
    chain.client.ip("route del default");
    let found = trace(&chain.client.vantage(), at(SERVER[0], 443), TraceTransport::Tcp).await;
    let failure = found.outcome.expect_err("no route");
    assert_eq!(failure.reason, Reason::NetworkUnreachable, "{failure:?}");
}
