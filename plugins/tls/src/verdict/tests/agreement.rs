//! What the two cannot agree on: version, suite, protocol, server name, client certificate.

use super::*;

#[test]
fn no_common_version_is_a_version_mismatch() {
    let judgement = Net::new(|_, _, _| ended(Reason::TlsAlert(70))).run();
    names(&judgement, "tls.version_mismatch", "tls.cipher_mismatch");
    assert!(refuted(&judgement.findings).contains(&"fw.dpi_reset"));
}

#[test]
fn a_server_that_chooses_an_old_version_is_a_version_mismatch() {
    let net = Net::new(|_, _, _| {
        let mut dial = ended(Reason::Malformed("peer is incompatible".to_owned()));
        if let Some(session) = &mut dial.session {
            session.version = Some("TLSv1.1".to_owned());
        }
        dial
    });
    names(&net.run(), "tls.version_mismatch", "tls.cipher_mismatch");
}

#[test]
fn a_cipher_suite_that_only_an_older_hello_offers_is_a_cipher_mismatch() {
    let mut net = Net::new(|_, _, _| ended(Reason::TlsAlert(40)));
    net.hello = Box::new(|| chosen("TLSv1.2", 0x002f));
    names(&net.run(), "tls.cipher_mismatch", "tls.version_mismatch");
}

#[test]
fn an_alert_40_that_no_hello_heals_is_only_suspected_to_be_the_cipher_suite() {
    suspects(&Net::new(|_, _, _| ended(Reason::TlsAlert(40))).run(), "tls.cipher_mismatch");
}

#[test]
fn a_suite_that_both_have_chosen_from_an_older_hello_is_nobodys_fault() {
    for suite in [0xc02c, 0xc02f] {
        let mut net = Net::new(|_, _, _| ended(Reason::TlsAlert(40)));
        net.hello = Box::new(move || chosen("TLSv1.2", suite));
        let judgement = net.run();
        assert!(judgement.findings.is_empty(), "{judgement:#?}");
        assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
        assert!(judgement.outcome.summary.contains("P-521"), "{}", judgement.outcome.summary);
        let step = judgement.outcome.next_step.expect("a step");
        assert!(step.ends_with("openssl s_client -connect 192.0.2.80:443 -servername www.shop.example"), "{step}");
    }
}

#[test]
fn an_old_version_chosen_from_an_older_hello_is_a_version_mismatch_however_the_first_ended() {
    for reason in [Reason::TlsAlert(70), Reason::TlsAlert(40), Reason::Closed, Reason::Reset] {
        let mut net = Net::new(move |_, _, _| ended(reason.clone()));
        net.hello = Box::new(|| chosen("TLSv1", 0x002f));
        let judgement = net.run();
        names(&judgement, "tls.version_mismatch", "tls.cipher_mismatch");
        assert!(judgement.outcome.summary.contains("TLSv1;"), "{}", judgement.outcome.summary);
    }
}

#[test]
fn no_common_protocol_is_an_alpn_mismatch() {
    let net = Net::new(|_, alpn, _| if alpn { ended(Reason::TlsAlert(120)) } else { good() });
    names(&net.run(), "tls.alpn_mismatch", "tls.version_mismatch");
}

#[test]
fn an_unrecognized_name_needs_another_server_name() {
    let net = Net::new(|sni, _, _| {
        if matches!(sni, Sni::Other(name) if name == "shop.example") { good() } else { ended(Reason::TlsAlert(112)) }
    });
    names(&net.run(), "tls.sni_required", "tls.version_mismatch");
    names(&Net::new(|_, _, _| ended(Reason::TlsAlert(112))).run(), "tls.sni_required", "tls.version_mismatch");
}

#[test]
fn a_failure_that_another_name_heals_needs_another_server_name() {
    for reason in [Reason::TlsAlert(40), Reason::Closed] {
        let net = Net::new(move |sni, _, _| if *sni == Sni::Own { ended(reason.clone()) } else { good() });
        names(&net.run(), "tls.sni_required", "tls.version_mismatch");
    }
}

fn demanding(reason: Option<Reason>) -> TlsDial {
    let mut dial = match reason {
        Some(reason) => ended(reason),
        None => good(),
    };
    if let Some(session) = &mut dial.session {
        session.client_certificate_requested = true;
    }
    dial
}

#[test]
fn an_alert_after_a_demand_for_a_certificate_is_a_missing_client_certificate() {
    for reason in [Reason::TlsAlert(116), Reason::TlsAlert(42), Reason::TlsAlert(40), Reason::Closed] {
        let net = Net::new(move |_, _, _| demanding(Some(reason.clone())));
        names(&net.run(), "tls.client_cert_required", "tcp.rst_linger0");
    }
}

#[test]
fn a_session_that_ends_on_the_first_read_after_a_demand_is_a_missing_client_certificate() {
    for reason in [Reason::TlsAlert(116), Reason::Closed, Reason::Reset] {
        let mut net = Net::new(|_, _, _| demanding(None));
        net.http = Box::new(move || unanswered(reason.clone()));
        names(&net.run(), "tls.client_cert_required", "tcp.rst_linger0");
    }
}

#[test]
fn an_optional_client_certificate_is_healthy() {
    is_healthy(&Net::new(|_, _, _| demanding(None)).run());
}

#[test]
fn a_server_of_another_protocol_that_closes_on_http_does_not_demand_a_certificate() {
    let mut net = Net::new(|_, _, _| demanding(None));
    net.https = false;
    net.http = Box::new(|| unanswered(Reason::Closed));
    is_healthy(&net.run());
}

#[test]
fn a_page_that_asks_for_a_certificate_after_a_demand_is_a_missing_client_certificate() {
    let page = |text: &'static str| {
        let mut net = Net::new(|_, _, _| demanding(None));
        net.http = Box::new(move || {
            let mut exchange = testkit::http_exchange(0, 400);
            if let Some(response) = &mut exchange.response {
                response.body_prefix = text.as_bytes().to_vec();
            }
            exchange
        });
        net
    };
    let named = page("<center>No required SSL certificate was sent</center>").run();
    names(&named, "tls.client_cert_required", "tcp.rst_linger0");
    is_healthy(&page("<center>400 Bad Request</center>").run());
}
