//! The same request again on one connection.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use sonde_core::observation::dial::{BodyEnd, HttpExchange, HttpRequest};
use sonde_core::observation::{Phase, Reason};

use super::{asked, request};
use crate::peer::{self, SECOND};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Answers `count` requests, then waits and does `last`.
async fn after(count: usize, idle: Duration, pauses: &[u64], last: fn(TcpStream)) -> HttpExchange {
    let remote = peer::tcp(move |mut stream| {
        for _ in 0..count {
            if stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {
                stream.write_all(ANSWER).unwrap();
            }
        }
        thread::sleep(idle);
        last(stream);
    });
    let again_after = pauses.iter().copied().map(Duration::from_millis).collect();
    asked(&HttpRequest { again_after, timeout: 3 * SECOND, ..request(remote) }).await
}

#[expect(clippy::needless_pass_by_value, reason = "closing it is the point")]
fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

#[tokio::test]
async fn every_request_on_the_connection_has_its_own_idle_time_phases_and_answer() {
    let exchange = after(3, SECOND, &[50, 150], drop).await;
    assert_eq!(exchange.outcome, Ok(()));
    let [first, second] = exchange.sequels.as_slice() else { panic!("{exchange:#?}") };
    for (sequel, pause) in [(first, 50), (second, 150)] {
        assert_eq!((&sequel.outcome, sequel.closed), (&Ok(()), None), "{sequel:#?}");
        assert!(sequel.idle >= Duration::from_millis(pause), "{sequel:#?}");
        assert_eq!(sequel.response.as_ref().unwrap().body_end, BodyEnd::Complete);
        assert!(sequel.phases.send.is_some() && sequel.phases.receive.is_some() && sequel.phases.connect.is_none());
    }
}

#[tokio::test]
async fn a_fin_during_the_pause_is_an_idle_close_after_which_nothing_is_sent() {
    let exchange = after(1, Duration::from_millis(100), &[1000], drop).await;
    let [sequel] = exchange.sequels.as_slice() else { panic!("{exchange:#?}") };
    let closed = sequel.closed.unwrap();
    assert!(!closed.reset && closed.after >= Duration::from_millis(80) && closed.after < SECOND, "{closed:?}");
    assert_eq!(sequel.outcome.as_ref().unwrap_err().reason, Reason::Closed);
    assert_eq!((sequel.phases.send, &sequel.response), (None, &None));
}

#[tokio::test]
async fn a_reset_during_the_pause_is_told_from_a_fin() {
    let exchange = after(1, Duration::from_millis(100), &[1000], reset).await;
    let [sequel] = exchange.sequels.as_slice() else { panic!("{exchange:#?}") };
    assert!(sequel.closed.unwrap().reset, "{sequel:#?}");
    assert_eq!(sequel.outcome.as_ref().unwrap_err().reason, Reason::Reset);
}

#[tokio::test]
async fn a_connection_that_ends_on_the_second_request_failed_in_the_race() {
    let read_then_reset = |mut stream: TcpStream| {
        drop(stream.read(&mut [0; 4096]));
        reset(stream);
    };
    let exchange = after(1, Duration::ZERO, &[50, 50], read_then_reset).await;
    let [sequel] = exchange.sequels.as_slice() else { panic!("{exchange:#?}") };
    let failure = sequel.outcome.as_ref().unwrap_err();
    assert_eq!((failure.phase, &failure.reason, sequel.closed), (Phase::Wait, &Reason::Reset, None));
    assert!(sequel.phases.send.is_some());
}

#[tokio::test]
async fn a_server_that_closes_after_each_answer_allows_no_second_request() {
    let exchange = after(1, Duration::ZERO, &[0], drop).await;
    let [sequel] = exchange.sequels.as_slice() else { panic!("{exchange:#?}") };
    assert!(sequel.outcome.is_err(), "{sequel:#?}");
}

#[tokio::test]
async fn a_body_left_at_the_limit_ends_the_conversation() {
    let remote = peer::answering("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n".to_owned() + &"x".repeat(100));
    let again_after = vec![Duration::ZERO];
    let exchange = asked(&HttpRequest { again_after, body_limit_bytes: 10, ..request(remote) }).await;
    assert_eq!(exchange.response.unwrap().body_end, BodyEnd::Limit);
    assert_eq!(exchange.sequels, []);
}

#[tokio::test]
async fn a_body_that_ends_at_the_limit_is_complete_and_the_request_is_sent_again() {
    let remote = peer::tcp(|mut stream| {
        while stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {
            stream.write_all(ANSWER).unwrap();
        }
    });
    let again_after = vec![Duration::ZERO];
    let exchange = asked(&HttpRequest { again_after, body_limit_bytes: 2, ..request(remote) }).await;
    assert_eq!(exchange.response.unwrap().body_end, BodyEnd::Complete);
    assert_eq!(exchange.sequels.len(), 1);
}
