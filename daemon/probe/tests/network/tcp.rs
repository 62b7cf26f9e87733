//! `dial.tcp`.

use std::io::Read;
use std::net::{IpAddr, TcpListener};
use std::sync::mpsc;
use std::time::Duration;

use sonde_core::observation::connection::Stamp;
use sonde_core::observation::dial::{Closing, Keepalive, SeriesRequest, TcpDial, TcpRequest};
use sonde_core::observation::{Endpoint, Phase, Reason};
use sonde_probe::dial;

use crate::peer::{self, PATIENCE, SECOND, here};

fn request(remote: Endpoint) -> TcpRequest {
    TcpRequest::new(remote, SECOND)
}

async fn dialled(request: &TcpRequest) -> TcpDial {
    let (vantage, clock) = here();
    dial::tcp(&vantage, &clock, request).await
}

#[tokio::test]
async fn a_listener_is_connected_and_the_kernel_tells_how() {
    let answer = dialled(&request(peer::silent())).await;
    assert_eq!(answer.outcome, Ok(()));
    let info = answer.connection.info.unwrap();
    assert_eq!(info.state, "ESTAB");
    assert!(info.rtt > Duration::ZERO && info.rtt < SECOND, "{info:?}");
    assert_eq!(answer.connection.local.unwrap().address, peer::localhost());
    assert!(answer.connection.connect.elapsed > Duration::ZERO);
    assert!(answer.connection.connect.elapsed <= answer.timing.elapsed);
    assert_eq!(answer.connection.syn_retransmits, 0);
    assert!(answer.connection.icmp_visible);
    assert_eq!(answer.deltas, None);
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let answer = dialled(&request(peer::closed())).await;
    let failure = answer.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Connect, Reason::Refused));
    assert_eq!((failure.errno, failure.icmp), (Some(libc::ECONNREFUSED), None));
    assert!(failure.detail.contains("connection refused"), "{}", failure.detail);
}

#[tokio::test]
async fn an_ipv4_address_in_ipv6_form_is_dialled_as_ipv4() {
    let remote = peer::silent();
    let mapped = "::ffff:127.0.0.1".parse::<IpAddr>().unwrap();
    let answer = dialled(&request(Endpoint { address: mapped, ..remote })).await;
    assert_eq!(answer.outcome, Ok(()));
    assert_eq!(answer.connection.local.unwrap().address, peer::localhost());
}

#[tokio::test]
async fn a_local_address_is_bound_first() {
    let local = "127.0.0.77".parse::<IpAddr>().unwrap();
    let answer = dialled(&TcpRequest { local_address: Some(local), ..request(peer::silent()) }).await;
    assert_eq!(answer.outcome, Ok(()));
    assert_eq!(answer.connection.local.unwrap().address, local);
}

#[tokio::test]
async fn a_local_address_that_is_not_ours_is_not_available() {
    let local = "192.0.2.1".parse::<IpAddr>().unwrap();
    let answer = dialled(&TcpRequest { local_address: Some(local), ..request(peer::silent()) }).await;
    let failure = answer.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Socket, Reason::AddressNotAvailable));
    assert_eq!(failure.errno, Some(libc::EADDRNOTAVAIL));
}

#[tokio::test]
async fn nonsense_is_an_invalid_request() {
    let families = TcpRequest { local_address: Some("::1".parse().unwrap()), ..request(peer::closed()) };
    let port = request(Endpoint { port: 0, ..peer::closed() });
    for wrong in [families, port] {
        let failure = dialled(&wrong).await.outcome.unwrap_err();
        assert!(matches!(failure.reason, Reason::InvalidRequest(_)), "{failure:?}");
    }
}

#[tokio::test]
async fn deltas_show_the_connection_of_the_dial() {
    let answer = dialled(&TcpRequest { deltas: true, ..request(peer::silent()) }).await;
    let deltas = answer.deltas.unwrap();
    let opens = deltas.moved.iter().find(|counter| counter.name == "Tcp.ActiveOpens");
    assert!(opens.is_some_and(|opens| opens.value >= 1), "{:?}", deltas.moved);
    assert!(deltas.window.elapsed >= answer.connection.connect.elapsed);
}

#[tokio::test]
async fn a_zero_timeout_times_out() {
    let answer = dialled(&TcpRequest { timeout: Duration::ZERO, ..request(peer::silent()) }).await;
    assert!(answer.timing.elapsed < PATIENCE);
    // Loopback connects within connect(2); otherwise the deadline is named.
    if let Err(failure) = answer.outcome {
        assert_eq!((failure.phase, failure.reason), (Phase::Connect, Reason::TimedOut));
    }
}

#[tokio::test]
async fn the_times_of_a_handshake_add_up_and_the_kernel_is_asked_at_its_end() {
    let connection = dialled(&request(peer::silent())).await.connection;
    assert_eq!(connection.stamp, Stamp::AtOnce);
    assert_eq!(connection.wall, connection.connect.elapsed + connection.scheduler_delay);
    let [connected] = connection.phases.as_slice() else { panic!("{:?}", connection.phases) };
    assert_eq!((connected.phase, connected.info.state.as_ref()), (Phase::Connect, "ESTAB"));
    assert!(connected.at >= connection.connect.at + connection.connect.elapsed);
}

#[tokio::test]
async fn a_local_port_is_bound_first() {
    let free = peer::closed().port;
    let answer = dialled(&TcpRequest { local_port: Some(free), ..request(peer::silent()) }).await;
    assert_eq!(answer.outcome, Ok(()));
    assert_eq!(answer.connection.local.unwrap().port, free);
}

#[tokio::test]
async fn a_device_is_used_and_one_that_is_not_there_is_named() {
    let through = |device: &str| TcpRequest { device: Some(device.to_owned()), ..request(peer::silent()) };
    assert_eq!(dialled(&through("lo")).await.outcome, Ok(()));
    let failure = dialled(&through("nowhere0")).await.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.errno), (Phase::Socket, Some(libc::ENODEV)));
    assert!(matches!(&failure.reason, Reason::InvalidRequest(text) if text.contains("nowhere0")), "{failure:?}");
}

/// What the server's read(2) says when the dial is over.
async fn seen_by_the_server(close: Closing) -> std::io::Result<usize> {
    let (tell, told) = mpsc::channel();
    let remote = peer::tcp(move |mut stream| drop(tell.send(stream.read(&mut [0; 16]))));
    let answer = dialled(&TcpRequest { close, ..request(remote) }).await;
    assert_eq!(answer.outcome, Ok(()));
    told.recv_timeout(PATIENCE).unwrap()
}

#[tokio::test]
async fn the_server_sees_fin_or_rst_as_asked() {
    assert_eq!(seen_by_the_server(Closing::Fin).await.unwrap(), 0);
    let reset = seen_by_the_server(Closing::Rst).await.unwrap_err();
    assert_eq!(reset.raw_os_error(), Some(libc::ECONNRESET));
}

#[tokio::test]
async fn a_connection_that_is_held_tells_who_ended_it() {
    let held = |remote| TcpRequest { hold: SECOND / 4, ..request(remote) };
    let kept = dialled(&held(peer::silent())).await;
    assert_eq!(kept.outcome, Ok(()));
    assert!(kept.timing.elapsed >= SECOND / 4);
    let phases: Vec<_> = kept.connection.phases.iter().map(|phase| phase.phase).collect();
    assert_eq!(phases, [Phase::Connect, Phase::Wait]);
    // Greets, then closes: the greeting is no end.
    let greeting = peer::tcp(|mut stream| {
        drop(std::io::Write::write_all(&mut stream, b"220 hello"));
        std::thread::sleep(SECOND / 20);
    });
    let failure = dialled(&held(greeting)).await.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Wait, Reason::Closed));
    let resetting = peer::tcp(|stream| {
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        // Not before the handshake has been seen to end.
        std::thread::sleep(SECOND / 20);
    });
    let failure = dialled(&held(resetting)).await.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason, failure.errno), (Phase::Wait, Reason::Reset, Some(libc::ECONNRESET)));
}

#[tokio::test]
async fn a_connection_is_held_beyond_the_time_of_its_handshake() {
    let asked = TcpRequest { hold: SECOND / 2, timeout: SECOND / 4, ..request(peer::silent()) };
    let kept = dialled(&asked).await;
    assert_eq!(kept.outcome, Ok(()));
    assert!(kept.timing.elapsed >= SECOND / 2, "{:?}", kept.timing);
}

#[tokio::test]
async fn ss_shows_the_keepalive_that_was_asked_for() {
    let keepalive = Keepalive { idle: 7 * SECOND, interval: SECOND, probes: 3 };
    let remote = peer::silent();
    let asked = TcpRequest { keepalive: Some(keepalive), hold: SECOND, timeout: 2 * SECOND, ..request(remote) };
    let (answer, shown) = tokio::join!(dialled(&asked), async {
        tokio::time::sleep(SECOND / 4).await;
        let ss = std::process::Command::new("ss").args(["-tnoH", "dst", &remote.to_string()]).output().unwrap();
        String::from_utf8(ss.stdout).unwrap()
    });
    assert_eq!(answer.outcome, Ok(()));
    assert!(shown.contains("timer:(keepalive,6"), "{shown}");
}

fn series(remote: Endpoint, count: u32) -> SeriesRequest {
    SeriesRequest { each: request(remote), count, interval: Duration::ZERO, at_once: 8, timeout: PATIENCE }
}

#[tokio::test]
async fn a_series_dials_as_often_as_asked_and_tells_the_spread() {
    let (vantage, clock) = here();
    let answer = dial::tcp_repeat(&vantage, &clock, &series(peer::tcp(drop), 100)).await;
    assert_eq!((answer.outcome, answer.connected, answer.failures.len()), (Ok(()), 100, 0));
    assert!(answer.attempts.is_sorted_by_key(|attempt| attempt.at));
    let (spread, times) = (answer.spread.unwrap(), answer.attempts.iter().map(|attempt| attempt.connect));
    assert_eq!((Some(spread.min), Some(spread.max)), (times.clone().min(), times.max()));
    assert!(answer.attempts.iter().all(|attempt| attempt.local_port != 0 && attempt.rtt > Duration::ZERO));
}

#[tokio::test]
async fn a_series_counts_its_refusals_as_one_group() {
    let (vantage, clock) = here();
    let answer = dial::tcp_repeat(&vantage, &clock, &series(peer::closed(), 20)).await;
    assert_eq!((answer.outcome, answer.connected, answer.spread), (Ok(()), 0, None));
    let [refused] = answer.failures.as_slice() else { panic!("{:?}", answer.failures) };
    assert_eq!((refused.count, &refused.first.reason), (20, &Reason::Refused));
    assert!(answer.attempts.iter().all(|attempt| attempt.failure == Some(0)));
}

#[tokio::test]
async fn a_series_keeps_its_interval_and_ends_when_its_time_is_up() {
    let (vantage, clock) = here();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let remote = peer::endpoint(listener.local_addr().unwrap());
    let asked = SeriesRequest { interval: SECOND / 10, timeout: SECOND / 2, ..series(remote, 1000) };
    let answer = dial::tcp_repeat(&vantage, &clock, &asked).await;
    // At 0, 100, 200, 300 and 400 ms; fewer where the machine stood still.
    assert!((1..=5).contains(&answer.attempts.len()), "{}", answer.attempts.len());
    assert!(answer.attempts.windows(2).all(|pair| pair[1].at >= pair[0].at + SECOND / 20), "{:?}", answer.attempts);
}
