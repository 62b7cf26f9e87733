//! What only a network of our own shows: ICMP errors with their sender, silence, a local filter. Needs root.

use std::future::Future;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use sonde_core::observation::connection::Stamp;
use sonde_core::observation::dial::{HttpRequest, Keepalive, SeriesRequest, TcpDial, TcpRequest};
use sonde_core::observation::dns::{Query, StrayKind, Transport};
use sonde_core::observation::{Endpoint, Phase, Reason};
use sonde_probe::clock::RunClock;
use sonde_probe::vantage::{Selector, Vantage};
use sonde_probe::{dial, dns};

/// A client and a server namespace, joined by a veth pair: `10.213.0.1` and `.2`, `fd13::1` and `fd13::2`.
struct Pair {
    client: String,
    server: String,
}

impl Pair {
    fn new(tag: &str) -> Self {
        let name = |side: &str| format!("probe-{tag}-{side}-{}", std::process::id());
        let pair = Self { client: name("c"), server: name("s") };
        for namespace in [&pair.client, &pair.server] {
            run(&format!("ip netns add {namespace}"));
            run(&format!("ip -n {namespace} link set lo up"));
            pair.sysctl(namespace, "net.ipv6.conf.default.accept_dad=0");
        }
        run(&format!("ip -n {} link add v0 type veth peer name v0 netns {}", pair.client, pair.server));
        for (namespace, number) in [(&pair.client, 1), (&pair.server, 2)] {
            run(&format!("ip -n {namespace} addr add 10.213.0.{number}/24 dev v0"));
            run(&format!("ip -n {namespace} addr add fd13::{number}/64 dev v0 nodad"));
            run(&format!("ip -n {namespace} link set v0 up"));
        }
        run(&format!("ip -n {} route add default via 10.213.0.2", pair.client));
        pair
    }

    #[expect(clippy::unused_self, reason = "it belongs to the pair")]
    fn sysctl(&self, namespace: &str, setting: &str) {
        run(&format!("ip netns exec {namespace} sysctl -qw {setting}"));
    }

    fn filter(namespace: &str, hook: &str, rule: &str) {
        run(&format!("ip netns exec {namespace} nft add table inet t"));
        let chain = format!("{{ type filter hook {hook} priority 0; }}");
        run_words(&["ip", "netns", "exec", namespace, "nft", "add", "chain", "inet", "t", "c", &chain]);
        run(&format!("ip netns exec {namespace} nft add rule inet t c {rule}"));
    }

    fn vantage(&self) -> Vantage {
        let path = PathBuf::from("/run/netns").join(&self.client);
        Vantage::open(&Selector::Netns(path)).unwrap()
    }

    async fn dial(&self, address: &str, timeout: Duration) -> TcpDial {
        let remote = Endpoint { address: address.parse::<IpAddr>().unwrap(), port: 80 };
        let request = TcpRequest { deltas: true, ..TcpRequest::new(remote, timeout) };
        dial::tcp(&self.vantage(), &RunClock::start(), &request).await
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for namespace in [&self.client, &self.server] {
            drop(Command::new("ip").args(["netns", "del", namespace]).status());
        }
    }
}

fn run(line: &str) {
    run_words(&line.split(' ').collect::<Vec<_>>());
}

fn run_words(words: &[&str]) {
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
}

/// Namespaces need root: elsewhere the test is skipped visibly, and fails where `SONDE_LAB=1` demands it.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn privileged() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        assert_ne!(std::env::var("SONDE_LAB").as_deref(), Ok("1"), "{test}: SONDE_LAB=1 but not root");
        eprintln!("SKIPPED: {test} needs root to create network namespaces");
    }
    root
}

fn moved(dial: &TcpDial, name: &str) -> i64 {
    let deltas = dial.deltas.as_ref().unwrap();
    deltas.moved.iter().find(|counter| counter.name == name).map_or(0, |counter| counter.value)
}

#[tokio::test]
async fn a_rejecting_filter_is_known_by_its_icmp_and_sender() {
    if !privileged() {
        return;
    }
    let pair = Pair::new("rej");
    Pair::filter(&pair.server, "input", "tcp dport 80 reject with icmpx type admin-prohibited");
    let dial = pair.dial("10.213.0.2", Duration::from_secs(3)).await;
    let failure = dial.outcome.as_ref().unwrap_err();
    assert_eq!((failure.phase, &failure.reason), (Phase::Connect, &Reason::HostUnreachable));
    let icmp = failure.icmp.as_ref().unwrap();
    assert_eq!((icmp.icmp_type, icmp.code, icmp.mtu), (3, 13, None));
    assert_eq!(icmp.sender, Some("10.213.0.2".parse().unwrap()));
    assert!(moved(&dial, "Icmp.InDestUnreachs") >= 1, "{:?}", dial.deltas);
    let dial = pair.dial("fd13::2", Duration::from_secs(3)).await;
    let failure = dial.outcome.unwrap_err();
    let icmp = failure.icmp.unwrap();
    // ICMPv6 destination unreachable, administratively prohibited (RFC 4443 section 3.1).
    assert_eq!((icmp.icmp_type, icmp.code, icmp.sender), (1, 1, Some("fd13::2".parse().unwrap())));
}

#[tokio::test]
async fn silence_is_a_timeout_with_retransmitted_syns() {
    if !privileged() {
        return;
    }
    let pair = Pair::new("drop");
    Pair::filter(&pair.server, "input", "tcp dport 80 drop");
    let dial = pair.dial("10.213.0.2", Duration::from_millis(1500)).await;
    let failure = dial.outcome.as_ref().unwrap_err();
    assert_eq!((failure.phase, &failure.reason, &failure.icmp), (Phase::Connect, &Reason::TimedOut, &None));
    assert_eq!(dial.connection.syn_retransmits, 1);
    assert_eq!(dial.connection.info.as_ref().unwrap().state, "SYN-SENT");
    assert!(dial.deltas.as_ref().unwrap().quiet);
    assert_eq!((moved(&dial, "TcpExt.TCPSynRetrans"), moved(&dial, "TcpExt.TCPRetransFail")), (1, 0));
    // The close of our socket is not among the deltas.
    assert_eq!(moved(&dial, "TcpExt.TCPAbortOnData"), 0);
}

#[tokio::test]
async fn a_silent_neighbour_is_our_own_kernels_word() {
    if !privileged() {
        return;
    }
    let pair = Pair::new("arp");
    let dial = pair.dial("10.213.0.77", Duration::from_secs(5)).await;
    let failure = dial.outcome.as_ref().unwrap_err();
    assert_eq!((failure.phase, &failure.reason), (Phase::Connect, &Reason::HostUnreachable));
    assert_eq!(failure.errno, Some(libc::EHOSTUNREACH));
    assert!(failure.elapsed >= Duration::from_secs(2), "{failure:?}");
    assert_eq!(failure.icmp.as_ref().and_then(|icmp| icmp.sender), None, "{failure:?}");
}

#[tokio::test]
async fn routes_that_refuse_have_errnos_of_their_own() {
    if !privileged() {
        return;
    }
    let pair = Pair::new("route");
    for (number, (kind, reason, errno)) in [
        ("blackhole", Reason::InvalidArgument, libc::EINVAL),
        ("unreachable", Reason::HostUnreachable, libc::EHOSTUNREACH),
        ("prohibit", Reason::NotPermitted, libc::EACCES),
    ]
    .into_iter()
    .enumerate()
    {
        let network = format!("10.21{}.0", 4 + number);
        run(&format!("ip -n {} route add {kind} {network}.0/24", pair.client));
        let dial = pair.dial(&format!("{network}.1"), Duration::from_secs(1)).await;
        let failure = dial.outcome.unwrap_err();
        assert_eq!((failure.phase, failure.reason, failure.errno), (Phase::Connect, reason, Some(errno)), "{kind}");
        assert_eq!(failure.icmp, None);
    }
    run(&format!("ip -n {} route del default", pair.client));
    let failure = pair.dial("192.0.2.1", Duration::from_secs(1)).await.outcome.unwrap_err();
    assert_eq!((failure.reason, failure.errno), (Reason::NetworkUnreachable, Some(libc::ENETUNREACH)));
}

#[tokio::test]
async fn a_local_filter_shows_in_the_send_of_a_query_and_in_the_counters_of_a_dial() {
    if !privileged() {
        return;
    }
    let pair = Pair::new("out");
    Pair::filter(&pair.client, "output", "ip daddr 10.213.0.2 drop");
    let query = Query::new(
        Endpoint { address: "10.213.0.2".parse().unwrap(), port: 53 },
        "orders.lab",
        1,
        Duration::from_secs(1),
    );
    let failure = dns::query(&pair.vantage(), &RunClock::start(), &query).await.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason, failure.errno), (Phase::Send, Reason::NotPermitted, Some(libc::EPERM)));
    let dial = pair.dial("10.213.0.2", Duration::from_millis(1500)).await;
    assert_eq!(dial.outcome.as_ref().unwrap_err().reason, Reason::TimedOut);
    assert!(moved(&dial, "TcpExt.TCPRetransFail") >= 1, "{:?}", dial.deltas);
    assert_eq!(dial.connection.syn_retransmits, 1);
}

#[tokio::test]
async fn a_query_that_is_rejected_names_the_sender() {
    if !privileged() {
        return;
    }
    let pair = Pair::new("udp");
    let query = |address: &str| {
        Query::new(Endpoint { address: address.parse().unwrap(), port: 53 }, "orders.lab", 1, Duration::from_secs(2))
    };
    // Nothing listens: port unreachable, from the server itself.
    let failure = dns::query(&pair.vantage(), &RunClock::start(), &query("10.213.0.2")).await.outcome.unwrap_err();
    let icmp = failure.icmp.unwrap();
    assert_eq!((failure.phase, failure.reason), (Phase::Wait, Reason::Refused));
    assert_eq!((icmp.icmp_type, icmp.code, icmp.sender), (3, 3, Some("10.213.0.2".parse().unwrap())));
}

/// Answers every query of the pair's client that comes to `at` from `from`, both on port 53 of the server's namespace.
fn answering_from(pair: &Pair, at: &'static str, from: &'static str) {
    let path = PathBuf::from("/run/netns").join(&pair.server);
    let vantage = Vantage::open(&Selector::Netns(path)).unwrap();
    let open =
        |address: &'static str| vantage.within(move || std::net::UdpSocket::bind((address, 53))).unwrap().unwrap();
    let (asked, answering) = (open(at), open(from));
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, client)) = asked.recv_from(&mut buffer) {
            buffer[2] |= 0x80;
            answering.send_to(&buffer[..length], client).unwrap();
        }
    });
}

#[tokio::test]
async fn an_answer_from_another_address_is_a_stray_and_the_wait_goes_on() {
    if !privileged() {
        return;
    }
    let pair = Pair::new("src");
    run(&format!("ip -n {} addr add 10.213.0.3/24 dev v0", pair.server));
    answering_from(&pair, "10.213.0.2", "10.213.0.3");
    let server = Endpoint { address: "10.213.0.2".parse().unwrap(), port: 53 };
    let query = Query::new(server, "orders.lab", 1, Duration::from_millis(400));
    let exchange = dns::query(&pair.vantage(), &RunClock::start(), &query).await;
    assert_eq!(exchange.local.unwrap().address, "10.213.0.1".parse::<IpAddr>().unwrap());
    assert_eq!(exchange.stray_count, 1);
    let stray = &exchange.strays[0];
    assert_eq!((stray.kind, stray.from.address), (StrayKind::WrongSource, "10.213.0.3".parse().unwrap()));
    let failure = exchange.outcome.unwrap_err();
    assert_eq!(failure.reason, Reason::TimedOut);
    assert!(failure.detail.contains("1 from a wrong source"), "{}", failure.detail);
}

#[tokio::test]
async fn a_closed_port_refuses_at_once_in_both_families_and_over_quic() {
    if !privileged() {
        return;
    }
    let pair = Pair::new("ref");
    let vantage = pair.vantage();
    // The neighbours are known then.
    run(&format!("ip netns exec {} ping -c 1 -w 5 10.213.0.2", pair.client));
    run(&format!("ip netns exec {} ping -c 1 -w 5 fd13::2", pair.client));
    for (address, icmp_type, code) in [("10.213.0.2", 3, 3), ("fd13::2", 1, 4)] {
        let address: IpAddr = address.parse().unwrap();
        for (transport, phase) in [(Transport::Udp, Phase::Wait), (Transport::Quic, Phase::Tls)] {
            let query = Query::new(Endpoint { address, port: 53 }, "orders.lab", 1, Duration::from_secs(3));
            let exchange = dns::query(&vantage, &RunClock::start(), &Query { transport, ..query }).await;
            let failure = exchange.outcome.unwrap_err();
            assert_eq!((failure.phase, failure.reason), (phase, Reason::Refused));
            let icmp = failure.icmp.unwrap();
            assert_eq!((icmp.icmp_type, icmp.code, icmp.sender), (icmp_type, code, Some(address)));
            assert_eq!(exchange.icmp, [icmp]);
            assert!(exchange.timing.elapsed < Duration::from_millis(50), "{:?}", exchange.timing);
        }
    }
}

#[tokio::test]
async fn a_hint_of_a_router_ends_the_wait_only_after_a_moment() {
    if !privileged() {
        return;
    }
    let pair = Pair::new("hint");
    Pair::filter(&pair.server, "input", "udp dport 53 reject with icmp type net-unreachable");
    let server = Endpoint { address: "10.213.0.2".parse().unwrap(), port: 53 };
    let query = Query::new(server, "orders.lab", 1, Duration::from_secs(3));
    let exchange = dns::query(&pair.vantage(), &RunClock::start(), &query).await;
    let failure = exchange.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Wait, Reason::NetworkUnreachable));
    assert_eq!(
        (exchange.icmp[0].icmp_type, exchange.icmp[0].code, exchange.icmp[0].sender),
        (3, 0, Some(server.address))
    );
    assert!(exchange.timing.elapsed >= Duration::from_millis(95), "{:?}", exchange.timing);
    assert!(exchange.timing.elapsed < Duration::from_secs(1), "{:?}", exchange.timing);
}

#[tokio::test]
async fn the_user_timeout_ends_a_handshake_before_its_deadline() {
    if !privileged() {
        return;
    }
    let pair = Pair::new("uto");
    Pair::filter(&pair.server, "input", "tcp dport 80 drop");
    let remote = Endpoint { address: "10.213.0.2".parse().unwrap(), port: 80 };
    let user_timeout = Some(Duration::from_millis(1500));
    let request = TcpRequest { user_timeout, ..TcpRequest::new(remote, Duration::from_secs(20)) };
    let dial = dial::tcp(&pair.vantage(), &RunClock::start(), &request).await;
    let failure = dial.outcome.unwrap_err();
    assert_eq!(
        (failure.phase, &failure.reason, failure.errno),
        (Phase::Connect, &Reason::TimedOut, Some(libc::ETIMEDOUT))
    );
    assert_eq!(dial.connection.stamp, Stamp::Stopwatch);
    assert!(failure.elapsed >= Duration::from_millis(1400) && failure.elapsed < Duration::from_secs(10), "{failure:?}");
}

#[tokio::test]
async fn keepalive_finds_out_that_the_path_of_a_held_connection_has_gone() {
    if !privileged() {
        return;
    }
    let pair = Pair::new("keep");
    let server = Vantage::open(&Selector::Netns(PathBuf::from("/run/netns").join(&pair.server))).unwrap();
    let _listener = server.within(|| std::net::TcpListener::bind("10.213.0.2:80")).unwrap().unwrap();
    let remote = Endpoint { address: "10.213.0.2".parse().unwrap(), port: 80 };
    let second = Duration::from_secs(1);
    let keepalive = Some(Keepalive { idle: second, interval: second, probes: 2 });
    let request = TcpRequest { keepalive, hold: 20 * second, ..TcpRequest::new(remote, 30 * second) };
    let (vantage, clock) = (pair.vantage(), RunClock::start());
    let (dial, ()) = tokio::join!(dial::tcp(&vantage, &clock, &request), async {
        tokio::time::sleep(second / 2).await;
        Pair::filter(&pair.server, "input", "tcp dport 80 drop");
    });
    let failure = dial.outcome.unwrap_err();
    assert_eq!(
        (failure.phase, &failure.reason, failure.errno),
        (Phase::Wait, &Reason::TimedOut, Some(libc::ETIMEDOUT))
    );
    assert!(failure.elapsed < 15 * second, "{failure:?}");
}

/// Answers in the server's namespace with what `answer` makes of each request.
fn serving(pair: &Pair, port: u16, answer: fn(&[u8]) -> Vec<u8>) -> Endpoint {
    let server = Vantage::open(&Selector::Netns(PathBuf::from("/run/netns").join(&pair.server))).unwrap();
    let listener = server.within(move || std::net::TcpListener::bind(("10.213.0.2", port))).unwrap().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut buffer = [0; 4096];
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                drop(stream.write_all(&answer(&buffer[..length])));
            }
        }
    });
    Endpoint { address: "10.213.0.2".parse().unwrap(), port }
}

/// What carries data is rejected for the first half second of `call`, as by a router whose route flaps.
async fn while_data_is_rejected_at_first<T>(pair: &Pair, port: u16, call: impl Future<Output = T>) -> T {
    let rule = format!("tcp dport {port} meta length > 60 reject with icmpx type host-unreachable");
    Pair::filter(&pair.server, "input", &rule);
    let through = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        run(&format!("ip netns exec {} nft delete table inet t", pair.server));
    };
    tokio::join!(call, through).0
}

#[tokio::test]
async fn an_icmp_error_that_passes_ends_no_conversation_on_an_established_connection() {
    if !privileged() {
        return;
    }
    let pair = Pair::new("flap");
    let (vantage, clock) = (pair.vantage(), RunClock::start());
    let remote = serving(&pair, 80, |_| b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec());
    // An error that the socket kept would come out at the next write.
    let again_after = vec![Duration::ZERO];
    let request = HttpRequest { again_after, timeout: Duration::from_secs(10), ..crate::http::request(remote) };
    let exchange = while_data_is_rejected_at_first(&pair, 80, dial::http(&vantage, &clock, &request)).await;
    assert_eq!((&exchange.outcome, &exchange.sequels[0].outcome), (&Ok(()), &Ok(())), "{exchange:#?}");
    assert!(
        exchange.connection.info.as_ref().unwrap().total_retransmits > 0,
        "it was rejected at first: {exchange:#?}"
    );
}

#[tokio::test]
async fn nor_a_query_over_tcp() {
    if !privileged() {
        return;
    }
    let pair = Pair::new("flapdns");
    let (vantage, clock) = (pair.vantage(), RunClock::start());
    let remote = serving(&pair, 53, |query| {
        let mut answer = query.to_vec();
        // Behind the length and the number.
        answer[4] |= 0x80;
        answer
    });
    let query = Query::new(remote, "orders.lab", 1, Duration::from_secs(10));
    let query = Query { transport: Transport::Tcp, ..query };
    let exchange = while_data_is_rejected_at_first(&pair, 53, dns::query(&vantage, &clock, &query)).await;
    assert!(exchange.outcome.is_ok(), "{exchange:#?}");
    assert!(exchange.timing.elapsed >= Duration::from_millis(400), "it was rejected at first: {exchange:#?}");
}

#[tokio::test]
async fn a_series_counts_no_attempt_that_its_own_end_cut_short() {
    if !privileged() {
        return;
    }
    let pair = Pair::new("cut");
    Pair::filter(&pair.server, "input", "tcp dport 80 drop");
    let remote = Endpoint { address: "10.213.0.2".parse().unwrap(), port: 80 };
    let ms = Duration::from_millis;
    let (vantage, clock) = (pair.vantage(), RunClock::start());
    let series = |timeout| SeriesRequest {
        each: TcpRequest::new(remote, timeout),
        count: 100,
        interval: Duration::ZERO,
        at_once: 1,
        timeout: ms(1000),
    };
    let answer = dial::tcp_repeat(&vantage, &clock, &series(ms(400))).await;
    assert!((1..=2).contains(&answer.attempts.len()), "{answer:#?}");
    assert!(answer.attempts.iter().all(|attempt| attempt.connect >= ms(370)), "{answer:#?}");
    // Where each may take as long as all, the first has its time.
    let answer = dial::tcp_repeat(&vantage, &clock, &series(ms(5000))).await;
    assert_eq!((answer.attempts.len(), answer.connected), (1, 0), "{answer:#?}");
}
