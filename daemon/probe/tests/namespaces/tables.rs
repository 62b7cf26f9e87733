//! The socket table and the kernel's filters, on real sockets.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sonde_probe::sockets::{Family, Filter, Listing, Protocol, Row, States, all_counters, state_name, visit};
use sonde_probe::vantage::Vantage;

use crate::lab::{Netns, clock, need_root};

/// `tcp ESTAB 127.0.0.1:8001 127.0.0.1:40000 eth0`, the ports of clients as `*`.
async fn listed(vantage: &Vantage, filter: Filter) -> Vec<String> {
    let found = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&found);
    let listing = Listing { filter, info: true, memory: true, ..Listing::default() };
    let clock = clock();
    let walked = visit(vantage, &clock, listing, Duration::from_secs(5), move |socket| {
        let Row::Inet(inet) = socket.row else { panic!("no unix socket was asked for") };
        assert!(socket.row.memory().is_some() || matches!(socket.row.state(), 3 | 6), "{:?}", socket.row);
        let port = |port: u16| if port >= 10_000 { "*".to_owned() } else { port.to_string() };
        let ends = [(inet.local(), inet.local_port()), (inet.peer(), inet.peer_port())];
        let [local, peer] = ends.map(|(address, number)| format!("{address} {}", port(number)));
        let line =
            format!("{} {} {local} {peer} {}", socket.protocol.name(), state_name(socket.row.state()), socket.device);
        into.lock().expect("no panic").push(line.trim_end().to_owned());
        ControlFlow::Continue(())
    });
    assert!(!walked.await.expect("a table").stopped);
    let mut lines = found.lock().expect("no panic").clone();
    lines.sort();
    lines
}

fn open<T: Send + 'static>(vantage: &Vantage, open: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> T {
    vantage.within(open).expect("within").expect("it opens")
}

fn tcp() -> Filter {
    Filter { protocols: vec![Protocol::Tcp], ..Filter::default() }
}

fn states(names: &[&str]) -> States {
    States::named(names).expect("states")
}

#[tokio::test]
async fn the_kernels_filters_choose_by_port_address_family_state_and_device() {
    need_root!("the_kernels_filters_choose_by_port_address_family_state_and_device");
    let namespace = Netns::create();
    let vantage = namespace.vantage();
    let _held = open(&vantage, || {
        let dual = TcpListener::bind("[::]:8004")?;
        let plain = TcpListener::bind("127.0.0.1:8001")?;
        let clients = [TcpStream::connect("127.0.0.1:8004")?, TcpStream::connect("[::1]:8004")?];
        let udp = UdpSocket::bind("127.0.0.1:9000")?;
        let bound = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
        bound.bind_device(Some(b"lo"))?;
        bound.bind(&"127.0.0.1:9001".parse::<SocketAddr>().expect("an address").into())?;
        Ok((dual, plain, clients, udp, bound))
    });

    let listeners = listed(&vantage, Filter { states: states(&["LISTEN"]), ..Filter::default() }).await;
    assert_eq!(listeners, ["tcp LISTEN 127.0.0.1 8001 0.0.0.0 0", "tcp LISTEN :: 8004 :: 0"]);
    let local = listed(&vantage, Filter { local_port: 8004, states: states(&["established"]), ..tcp() }).await;
    assert_eq!(local, ["tcp ESTAB 127.0.0.1 8004 127.0.0.1 *", "tcp ESTAB ::1 8004 ::1 *"]);
    let peer = listed(&vantage, Filter { peer_port: 8004, ..tcp() }).await;
    assert_eq!(peer, ["tcp ESTAB 127.0.0.1 * 127.0.0.1 8004", "tcp ESTAB ::1 * ::1 8004"]);
    let either = listed(&vantage, Filter { port: 8004, ..tcp() }).await;
    assert_eq!(either.len(), 5, "{either:?}");
    // The server's end of the IPv4 connection is an IPv6 socket with mapped addresses.
    let four = listed(&vantage, Filter { local: "127.0.0.0/8".parse().ok(), port: 8004, ..tcp() }).await;
    assert_eq!(four, ["tcp ESTAB 127.0.0.1 * 127.0.0.1 8004", "tcp ESTAB 127.0.0.1 8004 127.0.0.1 *"]);
    let six = listed(&vantage, Filter { peer: "::1/128".parse().ok(), ..tcp() }).await;
    assert_eq!(six.len(), 2, "{six:?}");
    let family = listed(&vantage, Filter { family: Some(Family::Ipv4), ..tcp() }).await;
    assert_eq!(family, ["tcp ESTAB 127.0.0.1 * 127.0.0.1 8004", "tcp LISTEN 127.0.0.1 8001 0.0.0.0 0"]);
    let device = listed(&vantage, Filter { device: Some("lo".to_owned()), ..Filter::default() }).await;
    assert_eq!(device, ["udp UNCONN 127.0.0.1 9001 0.0.0.0 0 lo"]);
    let udp = listed(&vantage, Filter { protocols: vec![Protocol::Udp], local_port: 9000, ..Filter::default() }).await;
    assert_eq!(udp, ["udp UNCONN 127.0.0.1 9000 0.0.0.0 0"]);
}

#[tokio::test]
async fn a_table_outlives_the_name_of_its_namespace() {
    need_root!("a_table_outlives_the_name_of_its_namespace");
    let namespace = Netns::create();
    let vantage = namespace.vantage();
    let _held = open(&vantage, || TcpListener::bind("127.0.0.1:8001"));

    drop(namespace);

    assert_eq!(listed(&vantage, tcp()).await, ["tcp LISTEN 127.0.0.1 8001 0.0.0.0 0"]);
}

#[tokio::test]
async fn a_visitor_that_has_enough_ends_the_walk() {
    need_root!("a_visitor_that_has_enough_ends_the_walk");
    let namespace = Netns::create();
    let vantage = namespace.vantage();
    let _held =
        open(&vantage, || (0..50).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<std::io::Result<Vec<_>>>());
    let listing = Listing { filter: tcp(), ..Listing::default() };
    let mut seen = 0;

    let clock = clock();
    let walked = visit(&vantage, &clock, listing, Duration::from_secs(5), move |_| {
        seen += 1;
        assert!(seen <= 3, "it wanted no more");
        if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });

    assert!(walked.await.expect("a table").stopped);
}

#[tokio::test]
async fn counters_of_devices_are_those_of_the_namespace() {
    need_root!("counters_of_devices_are_those_of_the_namespace");
    let namespace = Netns::create();
    let found = all_counters(&namespace.vantage(), &clock()).await.expect("counters");

    let devices: Vec<&str> = found
        .counters
        .iter()
        .filter_map(|counter| counter.name.strip_prefix("device.")?.strip_suffix(".rx_bytes"))
        .collect();
    assert!(devices.contains(&"lo") && !devices.contains(&"eth0"), "{devices:?}");
    assert!(found.counters.iter().any(|counter| counter.name == "softnet.processed"), "{found:?}");
}
