//! `dial.tls` with STARTTLS, against servers that speak plain text until they are asked.

use std::io::{Read, Write};
use std::sync::Arc;

use sonde_core::observation::dial::{Starttls, TlsRequest};
use sonde_core::observation::{Endpoint, Reason};

use crate::peer::{self, PATIENCE};
use crate::tls::{request, shaken};

#[tokio::test]
async fn a_server_that_waits_for_starttls_is_reached_in_its_protocol() {
    for (name, protocol) in [
        ("smtp", Starttls::Smtp),
        ("imap", Starttls::Imap),
        ("postgres", Starttls::Postgres),
        ("mysql", Starttls::Mysql),
        ("ldap", Starttls::Ldap),
    ] {
        let remote = plain_until_asked(protocol);
        let dial = shaken(&TlsRequest { starttls: Some(protocol), timeout: PATIENCE, ..request(remote) }).await;
        assert_eq!(dial.outcome, Ok(()), "{name}");
        assert!(dial.starttls.unwrap().agreed, "{name}");
        assert_eq!(dial.session.unwrap().version.as_deref(), Some("TLSv1.3"), "{name}");
    }
}

/// A server that speaks its protocol in plain text until it is asked for TLS.
fn plain_until_asked(protocol: Starttls) -> Endpoint {
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec!["orders.lab".to_owned()]).unwrap().self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key.into())
        .unwrap();
    let config = Arc::new(config);
    peer::tcp(move |mut stream| {
        let mut exchange = |say: &[u8], hear: &[u8]| {
            stream.write_all(say).unwrap();
            let mut heard = vec![0; hear.len()];
            stream.read_exact(&mut heard).unwrap();
            assert_eq!(heard.escape_ascii().to_string(), hear.escape_ascii().to_string());
        };
        let agreement: &[u8] = match protocol {
            Starttls::Smtp => {
                exchange(b"220-mail.lab\r\n220 ready\r\n", b"EHLO sonde.invalid\r\n");
                exchange(b"250-mail.lab\r\n250-STARTTLS\r\n250 HELP\r\n", b"STARTTLS\r\n");
                b"220 go ahead\r\n"
            }
            Starttls::Imap => {
                exchange(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", b"s STARTTLS\r\n");
                b"s OK begin\r\n"
            }
            Starttls::Postgres => {
                exchange(b"", b"\0\0\0\x08\x04\xd2\x16\x2f");
                b"S"
            }
            Starttls::Mysql => {
                let greeting =
                    b"\x2b\0\0\0\x0a8.0.36\0\x01\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0more";
                stream.write_all(greeting).unwrap();
                let mut request = [0; 36];
                stream.read_exact(&mut request).unwrap();
                assert_eq!(request[..4], [32, 0, 0, 1]);
                assert_ne!(request[5] & 0x08, 0, "CLIENT_SSL");
                b""
            }
            Starttls::Ldap => {
                exchange(b"", b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037");
                b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"
            }
        };
        stream.write_all(agreement).unwrap();
        let mut session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        while session.is_handshaking() {
            if session.complete_io(&mut stream).is_err() {
                return;
            }
        }
        drop(stream.read(&mut [0; 64]));
    })
}

#[tokio::test]
async fn a_server_that_offers_no_tls_is_shown_in_its_own_words() {
    let remote = peer::tcp(|mut stream| {
        stream.write_all(b"220 mail.lab\r\n").unwrap();
        drop(stream.read(&mut [0; 64]));
        stream.write_all(b"250 mail.lab\r\n").unwrap();
        drop(stream.read(&mut [0; 64]));
    });
    let dial = shaken(&TlsRequest { starttls: Some(Starttls::Smtp), ..request(remote) }).await;
    let failure = dial.outcome.unwrap_err();
    assert!(matches!(&failure.reason, Reason::Other(words) if words.contains("lacks STARTTLS")), "{failure:?}");
    let exchange = dial.starttls.unwrap();
    assert_eq!((exchange.agreed, exchange.said.as_str()), (false, "250 mail.lab"));
    assert_eq!((dial.handshake, dial.session), (None, None));
}
