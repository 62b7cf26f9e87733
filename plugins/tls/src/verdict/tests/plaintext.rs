//! Peers that speak plain text, some of them until they are asked.

use super::*;

#[test]
fn a_peer_that_speaks_http_is_a_plaintext_peer() {
    let mut net = Net::new(|_, _, _| babble(b"HTTP/1.1 400 Bad Request\r\n"));
    net.plain = Box::new(|| testkit::http_exchange(0, 200));
    names(&net.run(), "tls.plaintext_peer", "tls.version_mismatch");
}

#[test]
fn a_peer_that_speaks_first_is_a_plaintext_peer() {
    let mut net = Net::new(|_, _, _| babble(b"SSH-2.0-OpenSSH_9.2\r\n"));
    net.plain = Box::new(|| unanswered(Reason::Closed));
    names(&net.run(), "tls.plaintext_peer", "tls.version_mismatch");
}

#[test]
fn a_peer_that_waits_for_the_end_of_a_request_is_a_plaintext_peer_and_no_stall() {
    let mut net = Net::new(|_, _, _| ended(Reason::TimedOut));
    net.plain = Box::new(|| testkit::http_exchange(0, 400));
    names(&net.run(), "tls.plaintext_peer", "tls.version_mismatch");
}

#[test]
fn a_peer_that_closes_on_the_hello_but_answers_plain_requests_is_a_plaintext_peer() {
    for reason in [Reason::Closed, Reason::Reset] {
        let mut net = Net::new(move |_, _, _| ended(reason.clone()));
        net.plain = Box::new(|| testkit::http_exchange(0, 204));
        names(&net.run(), "tls.plaintext_peer", "tls.version_mismatch");
    }
}

/// Its complaint is behind the sixty bytes that a finding quotes.
const NGINX_COMPLAINS: &[u8] =
    b"<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>\r\n";

#[test]
fn a_tls_server_that_complains_about_plain_text_is_no_plaintext_peer() {
    let mut net = Net::new(|_, _, _| ended(Reason::TimedOut));
    net.plain = Box::new(|| {
        let mut exchange = testkit::http_exchange(0, 400);
        if let Some(response) = &mut exchange.response {
            response.body_prefix = NGINX_COMPLAINS.to_vec();
        }
        exchange
    });
    net.addresses = vec!["2001:db8::80".to_owned()];
    net.mtu = Box::new(|| testkit::path_mtu_result(0, 1500));
    names(&net.run(), "tls.handshake_stall", "l3.pmtu_blackhole");
}

/// After this dialogue.
fn after(agreed: bool, said: &str, mut dial: TlsDial) -> TlsDial {
    let said = said.to_owned();
    dial.starttls = Some(sonde_sdk::dial::StarttlsExchange { timing: testkit::timing(1), agreed, said });
    dial
}

#[test]
fn a_server_that_greets_in_smtp_is_asked_for_starttls_and_judged_by_that() {
    let mut net = Net::new(|_, _, _| {
        let mut dial = babble(b"220 mail.shop.example ESMTP\r\n");
        if let Some(session) = &mut dial.session {
            session.plaintext_protocol = Some("smtp".to_owned());
        }
        dial
    });
    (net.https, net.port) = (false, 2025);
    net.starttls = Box::new(|| after(true, "220 go ahead", good()));
    let judgement = net.run();
    is_healthy(&judgement);
    assert!(judgement.outcome.summary.contains("after STARTTLS"), "{}", judgement.outcome.summary);
}

#[test]
fn a_postgres_without_tls_is_a_plaintext_peer() {
    let mut net = Net::new(|_, _, _| ended(Reason::Closed));
    (net.https, net.port) = (false, 5432);
    net.starttls = Box::new(|| after(false, "N", ended(Reason::Other("no TLS".to_owned()))));
    net.plain = Box::new(|| unanswered(Reason::Closed));
    let judgement = net.run();
    assert!(supported(&judgement.findings, Strength::Weak).contains(&"tls.plaintext_peer"), "{judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Proof), Vec::<&str>::new(), "{judgement:#?}");
}
