//! `dial.tls`, against rustls servers with certificates made for the purpose. The trust store of the machine knows none of
//! them; judging against a store that does is tested beside the code.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use sonde_core::observation::connection::Verification;
use sonde_core::observation::dial::{KeyShare, TlsDial, TlsRequest};
use sonde_core::observation::{Endpoint, Phase, Reason};
use sonde_probe::dial;

use crate::peer::{self, SECOND, here};

pub(crate) type Session = rustls::StreamOwned<ServerConnection, std::net::TcpStream>;

/// A certificate authority that nobody here trusts.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "lab root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn leaf(&self, names: &[&str]) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &self.0).unwrap();
        (leaf.der().clone(), key.into())
    }

    /// Serves every connection with a leaf for `names`.
    pub(crate) fn serve(&self, names: &[&str], serve: impl Fn(&mut Session) + Send + 'static) -> Endpoint {
        let (leaf, key) = self.leaf(names);
        let config = builder().with_no_client_auth().with_single_cert(vec![leaf, self.0.der().clone()], key).unwrap();
        serving(config, serve)
    }

    pub(crate) fn wanting_a_client_certificate(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Endpoint {
        let (leaf, key) = self.leaf(&["orders.lab"]);
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![leaf], key)
            .unwrap();
        serving(config, |_| {})
    }
}

fn builder() -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
}

fn serving(config: ServerConfig, serve: impl Fn(&mut Session) + Send + 'static) -> Endpoint {
    let config = Arc::new(config);
    peer::tcp(move |mut stream| {
        let mut session = ServerConnection::new(Arc::clone(&config)).unwrap();
        while session.is_handshaking() {
            if session.complete_io(&mut stream).is_err() {
                // Tell the client why, then go.
                drop(session.write_tls(&mut stream));
                return;
            }
        }
        serve(&mut rustls::StreamOwned::new(session, stream));
    })
}

pub(crate) fn request(remote: Endpoint) -> TlsRequest {
    TlsRequest {
        remote,
        local_address: None,
        device: None,
        server_name: "orders.lab".to_owned(),
        send_sni: true,
        alpn: Vec::new(),
        key_share: KeyShare::PostQuantum,
        starttls: None,
        known_issuers: Vec::new(),
        timeout: SECOND,
        deltas: false,
    }
}

pub(crate) async fn shaken(request: &TlsRequest) -> TlsDial {
    let (vantage, clock) = here();
    dial::tls(&vantage, &clock, request).await
}

#[tokio::test]
async fn a_handshake_leaves_from_the_address_and_the_device_asked_for() {
    let remote = Authority::new().serve(&["orders.lab"], |session| drop(session.read(&mut [0; 1])));
    let local = "127.0.0.78".parse().unwrap();
    let asked = TlsRequest { local_address: Some(local), device: Some("lo".to_owned()), ..request(remote) };
    let dial = shaken(&asked).await;
    assert_eq!((dial.outcome, dial.connection.local.unwrap().address), (Ok(()), local));

    let absent = TlsRequest { device: Some("absent0".to_owned()), ..request(remote) };
    let failure = shaken(&absent).await.outcome.unwrap_err();
    assert!(matches!(failure.reason, Reason::InvalidRequest(ref why) if why.contains("absent0")), "{failure:?}");
}

#[tokio::test]
async fn an_untrusted_chain_is_captured_and_does_not_end_the_handshake() {
    let authority = Authority::new();
    let remote = authority.serve(&["orders.lab"], |session| drop(session.read(&mut [0; 1])));
    let dial = shaken(&request(remote)).await;
    assert_eq!(dial.outcome, Ok(()));
    let session = dial.session.unwrap();
    assert_eq!(session.version.as_deref(), Some("TLSv1.3"));
    assert!(session.cipher.as_deref().is_some_and(|cipher| cipher.starts_with("TLS_")), "{:?}", session.cipher);
    assert_eq!(session.chain.len(), 2);
    assert_eq!(session.chain[0].issuer, "CN=lab root");
    assert!(session.chain[1].is_ca && session.chain[1].self_signed);
    assert_eq!((session.verification, session.verification_depth), (Verification::UnknownIssuer, Some(1)));
    assert!(!session.client_certificate_requested);
    assert_eq!(session.plaintext, None);
    assert!(dial.handshake.unwrap().elapsed > Duration::ZERO);
    assert_eq!(dial.connection.info.unwrap().state, "ESTAB");
}

#[tokio::test]
async fn alpn_is_offered_and_the_choice_is_shown() {
    let authority = Authority::new();
    let (leaf, key) = authority.leaf(&["orders.lab"]);
    let mut config = builder().with_no_client_auth().with_single_cert(vec![leaf], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let remote = serving(config, |_| {});
    let chosen = shaken(&TlsRequest { alpn: vec!["http/1.1".to_owned(), "h2".to_owned()], ..request(remote) }).await;
    assert_eq!(chosen.session.unwrap().alpn.as_deref(), Some("h2"));
    let none = shaken(&TlsRequest { alpn: vec!["http/1.1".to_owned()], ..request(remote) }).await;
    // RFC 7301: no_application_protocol.
    assert_eq!(none.outcome.unwrap_err().reason, Reason::TlsAlert(120));
}

#[tokio::test]
async fn the_sni_is_sent_unless_told_otherwise() {
    let authority = Authority::new();
    let remote = authority.serve(&["orders.lab"], |session| {
        let name = session.conn.server_name().map(str::to_owned);
        assert_eq!(name.as_deref(), Some("orders.lab"));
        drop(session.write_all(b"seen"));
    });
    assert_eq!(shaken(&request(remote)).await.outcome, Ok(()));
    let remote = authority.serve(&["orders.lab"], |session| assert_eq!(session.conn.server_name(), None));
    assert_eq!(shaken(&TlsRequest { send_sni: false, ..request(remote) }).await.outcome, Ok(()));
}

#[tokio::test]
async fn a_plaintext_peer_shows_its_first_bytes() {
    for words in ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2p1\r\n", "no"] {
        let dial = shaken(&request(peer::answering(words))).await;
        let failure = dial.outcome.unwrap_err();
        assert!(failure.phase == Phase::Tls && matches!(failure.reason, Reason::Malformed(_)), "{failure:?}");
        let session = dial.session.unwrap();
        assert_eq!(session.plaintext.as_deref(), Some(words.as_bytes()));
        assert_eq!((session.verification, session.version), (Verification::NotReached, None));
    }
}

#[tokio::test]
async fn a_silent_peer_times_out_in_the_handshake_with_nothing_unacknowledged() {
    let timeout = Duration::from_millis(200);
    let dial = shaken(&TlsRequest { timeout, ..request(peer::silent()) }).await;
    let failure = dial.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Tls, Reason::TimedOut));
    assert!(dial.timing.elapsed >= Duration::from_millis(150));
    let info = dial.connection.info.unwrap();
    assert_eq!((info.unacked, info.lost, info.backoff), (0, 0, 0));
    assert!(info.bytes_acked > 100, "{info:?}");
}

#[tokio::test]
async fn an_end_and_a_reset_in_the_handshake_are_told_apart() {
    let closed = shaken(&request(peer::answering(""))).await.outcome.unwrap_err();
    assert_eq!((closed.phase, closed.reason), (Phase::Tls, Reason::Closed));
    let reset = shaken(&request(peer::resetting())).await.outcome.unwrap_err();
    assert_eq!((reset.phase, reset.reason), (Phase::Tls, Reason::Reset));
}

#[tokio::test]
async fn an_alert_has_its_number() {
    // A fatal handshake_failure.
    let failure = shaken(&request(peer::answering(*b"\x15\x03\x03\x00\x02\x02\x28"))).await.outcome.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (Phase::Tls, Reason::TlsAlert(40)));
}

#[tokio::test]
async fn a_wanted_client_certificate_is_noticed_in_both_versions() {
    let authority = Authority::new();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let dial = shaken(&request(authority.wanting_a_client_certificate(&[version]))).await;
        let failure = dial.outcome.unwrap_err();
        assert!(matches!(failure.reason, Reason::TlsAlert(116 | 40 | 42)), "{failure:?}");
        assert_eq!(failure.phase, Phase::Tls);
        let session = dial.session.unwrap();
        assert!(session.client_certificate_requested);
        assert_eq!((session.chain.len(), session.verification), (1, Verification::UnknownIssuer));
        assert!(session.version.is_some());
    }
}

#[tokio::test]
async fn a_self_signed_leaf_and_a_wrong_name_are_both_told() {
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["other.lab".to_owned()]).unwrap().self_signed(&key).unwrap();
    let config = builder().with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key.into()).unwrap();
    let session = shaken(&request(serving(config, |_| {}))).await.session.unwrap();
    assert_eq!((session.verification, session.verification_depth), (Verification::SelfSigned, Some(0)));
    let detail = session.verification_detail;
    assert!(detail.contains("signed by itself") && detail.contains("does not cover \"orders.lab\""), "{detail}");
}

#[tokio::test]
async fn a_server_that_speaks_first_inside_tls_is_no_problem() {
    let authority = Authority::new();
    let remote = authority.serve(&["orders.lab"], |session| {
        drop(session.write_all(b"220 ready\r\n"));
        drop(session.read(&mut [0; 10]));
    });
    assert_eq!(shaken(&request(remote)).await.outcome, Ok(()));
}

#[tokio::test]
async fn an_address_is_a_server_name() {
    let authority = Authority::new();
    let remote = authority.serve(&["127.0.0.1"], |session| assert_eq!(session.conn.server_name(), None));
    let dial = shaken(&TlsRequest { server_name: "127.0.0.1".to_owned(), ..request(remote) }).await;
    assert_eq!(dial.outcome, Ok(()));
    assert!(!dial.session.unwrap().verification_detail.contains("does not cover"));
}

#[tokio::test]
async fn a_name_that_cannot_be_sent_is_an_invalid_request() {
    for name in ["", "a b", "ö.lab", "-.-."] {
        let dial = shaken(&TlsRequest { server_name: name.to_owned(), ..request(peer::closed()) }).await;
        let failure = dial.outcome.unwrap_err();
        assert!(matches!(failure.reason, Reason::InvalidRequest(_)), "{name:?}: {failure:?}");
    }
}

#[tokio::test]
async fn a_dropped_dial_resets_its_connection_at_once() {
    let (told, ended) = std::sync::mpsc::channel();
    let remote = peer::tcp(move |mut stream| {
        let end = loop {
            match stream.read(&mut [0; 4096]) {
                Ok(0) => break None,
                Ok(_) => {}
                Err(error) => break error.raw_os_error(),
            }
        };
        told.send(end).unwrap();
    });
    let (vantage, clock) = here();
    let request = TlsRequest { timeout: peer::PATIENCE, ..request(remote) };
    let dial = dial::tls(&vantage, &clock, &request);
    tokio::time::timeout(Duration::from_millis(200), dial).await.expect_err("the peer is silent");
    let end = tokio::task::spawn_blocking(move || ended.recv_timeout(SECOND)).await.unwrap();
    assert_eq!(end, Ok(Some(libc::ECONNRESET)));
}
