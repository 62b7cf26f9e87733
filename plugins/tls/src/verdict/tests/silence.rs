//! Handshakes that end without a word: stalls, resets, and what size has to do with it.

use super::*;

#[test]
fn silence_after_an_acknowledged_hello_is_a_stall() {
    names(&Net::new(|_, _, _| ended(Reason::TimedOut)).run(), "tls.handshake_stall", "l3.pmtu_blackhole");
}

#[test]
fn a_hello_that_is_retransmitted_is_no_stall_of_the_server() {
    let net = Net::new(|_, _, _| {
        let mut dial = ended(Reason::TimedOut);
        if let Some(info) = &mut dial.connection.info {
            (info.unacked, info.backoff) = (1, 2);
        }
        dial
    });
    suspects(&net.run(), "l3.pmtu_blackhole");
}

#[test]
fn a_stall_that_heals_on_the_second_try_is_not_proven() {
    let judgement = Net::new(|_, _, attempt| if attempt == 0 { ended(Reason::TimedOut) } else { good() }).run();
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
    assert!(supported(&judgement.findings, Strength::Strong).is_empty());
}

/// Everything that was sent is acknowledged, in this many bytes.
fn acknowledged(mut dial: TlsDial, bytes: u64) -> TlsDial {
    if let Some(info) = &mut dial.connection.info {
        info.bytes_acked = bytes;
    }
    dial
}

#[test]
fn a_hello_that_fails_only_when_it_spans_packets_is_a_large_hello() {
    for reason in [Reason::TimedOut, Reason::Reset, Reason::Closed, Reason::TlsAlert(50)] {
        let mut net = Net::new(move |_, _, _| acknowledged(ended(reason.clone()), 1800));
        net.small = Some(Box::new(good));
        let judgement = net.run();
        names(&judgement, "tls.large_hello", "tls.handshake_stall");
        assert!(refuted(&judgement.findings).contains(&"l3.pmtu_blackhole"), "{judgement:#?}");
    }
}

#[test]
fn a_large_hello_of_which_nothing_is_acknowledged_may_be_lost_on_the_way() {
    let mut net = Net::new(|_, _, _| acknowledged(ended(Reason::TimedOut), 1));
    net.small = Some(Box::new(good));
    suspects(&net.run(), "l3.pmtu_blackhole");
}

#[test]
fn a_large_request_that_arrives_shows_that_the_path_carries_such_packets() {
    let mut net = Net::new(|_, _, _| acknowledged(ended(Reason::TimedOut), 1));
    net.small = Some(Box::new(good));
    net.large = Box::new(|| {
        let mut exchange = silent_request(2500);
        if let Some(info) = &mut exchange.connection.info {
            info.bytes_acked = 2200;
        }
        exchange
    });
    names(&net.run(), "tls.large_hello", "l3.pmtu_blackhole");
}

#[test]
fn a_reset_by_name_is_no_matter_of_size() {
    let mut net = Net::new(|sni, _, _| if *sni == Sni::Own { ended(Reason::Reset) } else { good() });
    net.small = Some(Box::new(|| ended(Reason::Reset)));
    names(&net.run(), "fw.dpi_reset", "tls.handshake_stall");
}

#[test]
fn a_reset_for_one_name_only_is_an_inspecting_middlebox() {
    let judgement = Net::new(|sni, _, _| if *sni == Sni::Own { ended(Reason::Reset) } else { good() }).run();
    names(&judgement, "fw.dpi_reset", "tls.handshake_stall");
    assert!(refuted(&judgement.findings).contains(&"tls.sni_required"));
}

#[test]
fn a_reset_for_every_name_is_no_middlebox() {
    suspects(&Net::new(|_, _, _| ended(Reason::Reset)).run(), "tcp.rst_linger0");
}

#[test]
fn a_request_that_was_never_acknowledged_refutes_nothing() {
    let mut net = Net::new(|_, _, _| {
        let mut dial = ended(Reason::TimedOut);
        dial.connection.info = None;
        dial
    });
    net.plain = Box::new(|| {
        let mut exchange = silent_request(2500);
        exchange.connection.info = None;
        exchange
    });
    suspects(&net.run(), "tls.handshake_stall");
}
