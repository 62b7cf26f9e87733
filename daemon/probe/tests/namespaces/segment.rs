//! Tracked flows and claimed addresses.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};

use sonde_core::observation::sockets::{Flow, FlowProtocol, FlowTuple};
use sonde_core::observation::{Endpoint, Reason};
use sonde_probe::sockets::conntrack;
use sonde_probe::system::arp;

use crate::lab::{Netns, clock, eventually, need_root};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn endpoint(at: SocketAddr) -> Endpoint {
    Endpoint { address: at.ip(), port: at.port() }
}

#[tokio::test]
async fn a_translated_flow_names_the_backend_behind_the_address() {
    need_root!("a_translated_flow_names_the_backend_behind_the_address");
    let (client, server) = Netns::pair();
    client.nft("add table ip n; add chain ip n o { type nat hook output priority -100; }; add rule ip n o ip daddr 10.96.0.10 dnat to 10.9.0.2");
    client.ip("route add 10.96.0.0/24 via 10.9.0.2");
    let listener = server.vantage().within(|| TcpListener::bind("10.9.0.2:0")).expect("inside").expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    let vantage = client.vantage();
    let stream = vantage.within(move || TcpStream::connect(("10.96.0.10", port))).expect("inside").expect("a stream");

    let source = endpoint(stream.local_addr().expect("its address"));
    let destination = Endpoint { address: ip("10.96.0.10"), port };
    let flow = Flow { protocol: FlowProtocol::Tcp, tuple: FlowTuple { source, destination } };
    let tracked = conntrack(&vantage, &clock(), &flow).await.expect("readable").expect("tracked");
    assert_eq!(tracked.original, flow.tuple);
    assert_eq!(tracked.reply.source, Endpoint { address: ip("10.9.0.2"), port });
    assert_eq!((tracked.state.as_deref(), tracked.answered), (Some("ESTABLISHED"), true));

    let other = Endpoint { port: source.port ^ 1, ..source };
    let unknown = Flow { tuple: FlowTuple { source: other, destination }, ..flow };
    assert_eq!(conntrack(&vantage, &clock(), &unknown).await.expect("readable"), None);
}

#[tokio::test]
async fn both_hosts_that_claim_one_address_are_heard() {
    need_root!("both_hosts_that_claim_one_address_are_heard");
    let (client, server) = Netns::pair();
    let impostor = Netns::create();
    // One segment of three: a bridge in a namespace of its own.
    let switch = Netns::create();
    switch.ip("link add br0 type bridge");
    switch.ip("link set br0 up");
    for (n, host) in [&client, &server, &impostor].into_iter().enumerate() {
        switch.ip(&format!("link add p{n} type veth peer name seg netns {}", host.name));
        switch.ip(&format!("link set p{n} master br0 up"));
        host.ip("link set seg up");
    }
    client.ip("addr add 10.8.0.1/24 dev seg");
    server.ip("addr add 10.8.0.2/24 dev seg");
    let vantage = client.vantage();
    let ask = || async { arp(&vantage, &clock(), Some(ip("10.8.0.2"))).await.expect("it may ask") };

    let asked = ask().await;
    assert_eq!(asked.iter().map(|question| question.own).collect::<Vec<_>>(), [false, true]);
    assert_eq!(asked.iter().map(|question| question.claims.len()).collect::<Vec<_>>(), [1, 0], "{asked:?}");
    let line = server.ip("-o link show seg");
    assert!(line.contains(&asked[0].claims[0].link_address), "{line}");

    impostor.ip("addr add 10.8.0.2/24 dev seg");
    let asked = ask().await;
    assert_eq!(asked[0].claims.len(), 2, "{asked:?}");

    // And its own address, which another host claims.
    impostor.ip("addr add 10.8.0.1/24 dev seg");
    let asked = arp(&vantage, &clock(), None).await.expect("it may ask");
    let own = asked.iter().find(|question| question.address.to_string() == "10.8.0.1").expect("its own");
    assert!(own.own && own.claims.len() == 1, "{asked:?}");
    assert!(impostor.ip("-o link show seg").contains(&own.claims[0].link_address), "{own:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_behind_a_gateway_asks_for_the_gateway() {
    need_root!("an_address_behind_a_gateway_asks_for_the_gateway");
    let (client, _server) = Netns::pair();
    client.ip("route add default via 10.9.0.2");
    let vantage = client.vantage();
    let asked = eventually("an answer of the gateway", || {
        let asked = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(arp(&vantage, &clock(), Some(ip("203.0.113.9"))))
        });
        asked.ok().filter(|asked| asked[0].claims.len() == 1)
    });
    assert_eq!(asked[0].address.to_string(), "10.9.0.2");
}

#[tokio::test]
async fn ipv6_has_no_arp_and_a_host_without_links_says_so() {
    need_root!("ipv6_has_no_arp_and_a_host_without_links_says_so");
    let alone = Netns::create();
    let vantage = alone.vantage();
    let refused = arp(&vantage, &clock(), Some(ip("2001:db8::1"))).await.expect_err("no ARP");
    assert!(matches!(refused.reason, Reason::InvalidRequest(_)), "{refused:?}");
    let nowhere = arp(&vantage, &clock(), None).await.expect_err("no link");
    assert_eq!(nowhere.reason, Reason::Unavailable("a link that speaks ARP".to_owned()));
}
