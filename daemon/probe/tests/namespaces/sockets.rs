//! Listeners, census and counters.

use std::net::{IpAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use sonde_core::observation::sockets::{
    CensusKey, CensusRequest, FindRequest, FlowProtocol, Listener, SocketFilter, SocketOrder,
};
use sonde_probe::sockets::{census, counters, find, listeners};
use sonde_probe::vantage::Vantage;

use crate::lab::{Netns, clock, eventually, need_root};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn listen(vantage: &Vantage, address: &'static str, backlog: i32, v6only: bool) -> TcpListener {
    let open = move || {
        let address: std::net::SocketAddr = address.parse().expect("an address");
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(v6only)?;
        }
        socket.bind(&SockAddr::from(address))?;
        socket.listen(backlog)?;
        std::io::Result::Ok(TcpListener::from(socket))
    };
    vantage.within(open).expect("within").expect("a listener")
}

fn connect(vantage: &Vantage, address: &'static str) -> TcpStream {
    vantage.within(move || TcpStream::connect(address)).expect("within").expect("a connection")
}

#[tokio::test]
async fn listeners_are_those_that_ss_lists() {
    need_root!("listeners_are_those_that_ss_lists");
    let namespace = Netns::create();
    let vantage = namespace.vantage();
    let _open = [
        listen(&vantage, "127.0.0.1:8001", 7, false),
        listen(&vantage, "0.0.0.0:8002", 128, false),
        listen(&vantage, "[::]:8003", 5, true),
        listen(&vantage, "[::]:8004", 6, false),
        listen(&vantage, "[::ffff:127.0.0.1]:8005", 9, false),
    ];
    let _waiting = [connect(&vantage, "127.0.0.1:8001"), connect(&vantage, "127.0.0.1:8001")];
    let found = listeners(&vantage, &clock(), None).await.expect("listeners");
    let ours: Vec<(String, u32, u32)> =
        found.iter().map(|one| (one.port.to_string(), one.queued, one.backlog)).collect();
    let table = namespace.exec("ss -Hltn");
    let mut theirs: Vec<(String, u32, u32)> = table
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let port = words[3].rsplit(':').next().expect("a port").to_owned();
            (port, words[1].parse().expect("queued"), words[2].parse().expect("backlog"))
        })
        .collect();
    theirs.sort();
    assert_eq!(ours, theirs, "{table}");
    let shown: Vec<(IpAddr, bool)> = found.iter().map(|one| (one.address, one.v6only)).collect();
    let expected = [("127.0.0.1", false), ("0.0.0.0", false), ("::", true), ("::", false), ("127.0.0.1", false)]
        .map(|(a, only)| (ip(a), only));
    assert_eq!(shown, expected);
    let owner = found[0].process.as_ref().expect("this very process");
    assert_eq!(owner.pid, std::process::id());
    assert!(owner.open_files > Some(0) && owner.open_files_limit > Some(0), "{owner:?}");
}

#[tokio::test]
async fn the_listeners_of_one_port_are_only_those() {
    need_root!("the_listeners_of_one_port_are_only_those");
    let namespace = Netns::create();
    let vantage = namespace.vantage();
    let _open = [listen(&vantage, "127.0.0.1:8001", 7, false), listen(&vantage, "127.0.0.2:8001", 7, false)];
    let _other = listen(&vantage, "127.0.0.1:8002", 7, false);
    let found: Vec<Listener> = listeners(&vantage, &clock(), Some(8001)).await.expect("listeners");
    let addresses: Vec<IpAddr> = found.iter().map(|one| one.address).collect();
    assert_eq!(addresses, [ip("127.0.0.1"), ip("127.0.0.2")]);
    assert_eq!(listeners(&vantage, &clock(), Some(9)).await.expect("an answer"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_connection_is_counted_at_its_listener() {
    need_root!("a_half_open_connection_is_counted_at_its_listener");
    let namespace = Netns::create();
    let vantage = namespace.vantage();
    let _open = [listen(&vantage, "[::]:8001", 64, false), listen(&vantage, "0.0.0.0:8002", 64, false)];
    namespace.nft(
        "add table inet t; add chain inet t out { type filter hook output priority 0; }; \
         add rule inet t out tcp flags & (syn | ack) == syn | ack drop",
    );
    let _clients: Vec<Socket> = ["127.0.0.1:8001", "127.0.0.1:8001", "[::1]:8001", "127.0.0.1:8002"]
        .map(|address| begin_connect(&vantage, address))
        .into();
    let found = eventually("the half-open connections", || {
        let runtime = tokio::runtime::Handle::current();
        let found =
            tokio::task::block_in_place(|| runtime.block_on(listeners(&vantage, &clock(), None))).expect("listeners");
        (found.iter().map(|one| one.syn_received).sum::<u32>() >= 4).then_some(found)
    });
    let counts: Vec<(u16, u32)> = found.iter().map(|one| (one.port, one.syn_received)).collect();
    assert_eq!(counts, [(8001, 3), (8002, 1)], "{}", namespace.exec("ss -Htan"));
}

fn begin_connect(vantage: &Vantage, address: &'static str) -> Socket {
    let begin = move || {
        let address: std::net::SocketAddr = address.parse().expect("an address");
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).expect("a socket");
        socket.set_nonblocking(true).expect("it can be");
        socket.connect(&address.into()).expect_err("it is in progress");
        socket
    };
    vantage.within(begin).expect("within")
}

#[tokio::test]
async fn a_census_groups_and_filters_like_ss() {
    need_root!("a_census_groups_and_filters_like_ss");
    let namespace = Netns::create();
    let vantage = namespace.vantage();
    let server = listen(&vantage, "127.0.0.1:8001", 64, false);
    let clients = [(); 3].map(|()| connect(&vantage, "127.0.0.1:8001"));
    let accepted = [(); 3].map(|()| server.accept().expect("a connection").0);
    // The peer has closed, we have not: CLOSE-WAIT on our side, FIN-WAIT-2 on theirs.
    clients[0].shutdown(std::net::Shutdown::Write).expect("it can be");
    std::io::Write::write_all(&mut &clients[1], b"12345").expect("it can be");
    let by_state = CensusRequest {
        by: vec![CensusKey::State],
        filter: SocketFilter { local_port: Some(8001), ..SocketFilter::default() },
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    let found = census(&vantage, &clock(), &by_state).await.expect("a census");
    let groups: Vec<(&str, u64)> = found.groups.iter().map(|group| (group.key[0].as_str(), group.count)).collect();
    assert_eq!(groups, [("ESTAB", 2), ("CLOSE-WAIT", 1), ("LISTEN", 1)], "{}", namespace.exec("ss -Htan"));
    assert_eq!(found.groups[0].receive_queue_bytes, 5, "the five bytes that nobody has read");
    let lines = namespace.exec("ss -Htan sport = :8001").lines().count();
    assert_eq!(found.total, u64::try_from(lines).expect("few"));
    let to_peer = CensusRequest {
        by: vec![CensusKey::PeerAddress, CensusKey::PeerPort, CensusKey::State],
        filter: SocketFilter {
            states: vec!["FIN-WAIT-2".to_owned()],
            peer_address: Some(ip("127.0.0.1")),
            peer_port: Some(8001),
            ..SocketFilter::default()
        },
    };
    let found = census(&vantage, &clock(), &to_peer).await.expect("a census");
    assert_eq!(
        (found.total, found.groups[0].key.as_slice()),
        (1, &["127.0.0.1", "8001", "FIN-WAIT-2"].map(str::to_owned)[..])
    );
    drop(accepted);
}

#[tokio::test]
async fn a_search_brings_the_foremost_whole_and_one_connection_exactly() {
    need_root!("a_search_brings_the_foremost_whole_and_one_connection_exactly");
    let namespace = Netns::create();
    let vantage = namespace.vantage();
    let server = listen(&vantage, "127.0.0.1:8001", 64, false);
    let clients = [(); 5].map(|()| connect(&vantage, "127.0.0.1:8001"));
    let accepted = [(); 5].map(|()| server.accept().expect("a connection").0);
    for (client, bytes) in clients.iter().zip([10, 500, 0, 30, 500_usize]) {
        std::io::Write::write_all(&mut &*client, &vec![0; bytes]).expect("it can be");
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let of_port = SocketFilter { local_port: Some(8001), ..SocketFilter::default() };
    let request = FindRequest { filter: of_port.clone(), order: SocketOrder::ReceiveQueue, limit: 3 };

    let found = find(&vantage, &clock(), &request).await.expect("sockets");

    let queues: Vec<u32> = found.sockets.iter().map(|socket| socket.receive_queue).collect();
    assert_eq!((queues.as_slice(), found.total), (&[500, 500, 30][..], 6), "{}", namespace.exec("ss -Htan"));
    let first = &found.sockets[0];
    assert_eq!(first.processes.first().map(|process| process.pid), Some(std::process::id()));
    assert_eq!(first.info.as_ref().map(|info| (info.state.as_ref(), info.bytes_received)), Some(("ESTAB", 500)));
    assert!(first.memory.is_some_and(|memory| memory.receive_buffer > 0 && memory.receive_allocated > 0), "{first:?}");
    assert!(first.flow.is_some_and(|flow| flow.rcv_wnd > 0) && first.congestion.is_some(), "{first:?}");

    let peer = first.peer.expect("a connection has one");
    let exactly = |local_port, states: &[&str]| FindRequest {
        filter: SocketFilter {
            local_address: Some(first.local.address),
            local_port: Some(local_port),
            peer_address: Some(peer.address),
            peer_port: Some(peer.port),
            states: states.iter().map(|state| (*state).to_owned()).collect(),
            ..SocketFilter::default()
        },
        order: SocketOrder::Listed,
        limit: 8,
    };
    let one = find(&vantage, &clock(), &exactly(8001, &[])).await.expect("a lookup");
    assert_eq!(one.sockets.iter().map(|socket| socket.cookie).collect::<Vec<_>>(), [first.cookie]);
    let nothing = [exactly(8002, &[]), exactly(8001, &["TIME-WAIT"])];
    for absent in &nothing {
        assert_eq!(find(&vantage, &clock(), absent).await.expect("a lookup").total, 0, "{absent:?}");
    }
    let udp = SocketFilter { protocols: vec![FlowProtocol::Udp], ..of_port };
    let none = find(&vantage, &clock(), &FindRequest { filter: udp, ..request }).await.expect("sockets");
    assert_eq!(none.total, 0);
    drop(accepted);
}

#[tokio::test]
async fn counters_are_those_of_the_namespace() {
    need_root!("counters_are_those_of_the_namespace");
    let (namespace, other) = (Netns::create(), Netns::create());
    let vantage = namespace.vantage();
    let resets = |snapshot: &sonde_core::observation::sockets::Counters| {
        snapshot.counters.iter().find(|counter| counter.name == "Tcp.OutRsts").expect("a counter").value
    };
    let before = counters(&vantage, &clock()).await.expect("counters");
    vantage.within(|| TcpStream::connect("127.0.0.1:1")).expect("within").expect_err("nobody listens");
    let after = counters(&vantage, &clock()).await.expect("counters");
    assert_eq!(resets(&after) - resets(&before), 1);
    assert_eq!(resets(&counters(&other.vantage(), &clock()).await.expect("counters")), 0);
}
