//! `dial.tcp`.

use std::net::IpAddr;
use std::time::Duration;

use sonde_core::observation::dial::{TcpDial, TcpRequest};
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
