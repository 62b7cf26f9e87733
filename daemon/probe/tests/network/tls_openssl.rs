//! `dial.tls` and `dial.tls-hello` against OpenSSL's own server: what is reported is what it was told to do.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sonde_core::observation::connection::Verification;
use sonde_core::observation::dial::{KeyShare, TlsHelloDial, TlsHelloRequest, TlsRequest, TlsVersion};
use sonde_core::observation::{Endpoint, Reason};
use sonde_probe::dial;

use crate::peer::{PATIENCE, here};
use crate::tls::shaken;

/// Ends with the test.
struct Server {
    process: Child,
    remote: Endpoint,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// `openssl s_server` on a port of its own choice, with a certificate for `orders.lab` and these options.
fn server(options: &[&str]) -> Server {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let mut process = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-cert", "leaf.pem", "-key", "leaf.key"])
        .args(options)
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed (tests/run)");
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let address = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned)).unwrap();
    let address: std::net::SocketAddr = address.parse().unwrap();
    let remote = Endpoint { address: address.ip(), port: address.port() };
    Server { process, remote, _folder: folder }
}

fn certificate(folder: &Path) {
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec!["orders.lab".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(folder.join("leaf.pem"), leaf.pem()).unwrap();
    std::fs::write(folder.join("leaf.key"), key.serialize_pem()).unwrap();
}

fn request(server: &Server) -> TlsRequest {
    TlsRequest { timeout: PATIENCE, ..crate::tls::request(server.remote) }
}

async fn greeted(server: &Server, version: TlsVersion, suites: &[u16]) -> TlsHelloDial {
    let (vantage, clock) = here();
    let request = TlsHelloRequest {
        remote: server.remote,
        server_name: "orders.lab".to_owned(),
        send_sni: true,
        version,
        suites: suites.to_vec(),
        starttls: None,
        timeout: PATIENCE,
    };
    dial::tls_hello(&vantage, &clock, &request).await
}

#[tokio::test]
async fn either_hello_comes_to_a_session_and_its_group_is_told() {
    let server = server(&["-groups", "P-256:X25519"]);
    for key_share in [KeyShare::PostQuantum, KeyShare::Classical] {
        let session = shaken(&TlsRequest { key_share, ..request(&server) }).await.session.unwrap();
        // OpenSSL takes a share that came with the hello rather than ask for another.
        assert!(matches!(session.group.as_deref(), Some("X25519" | "secp256r1")), "{:?}", session.group);
        assert_eq!(session.problems.len(), 1, "{:?}", session.problems);
        assert_eq!(session.problems[0].verification, Verification::SelfSigned);
    }
}

#[tokio::test]
async fn a_server_of_an_older_version_says_so_in_an_alert_and_in_its_own_hello() {
    for (option, name) in [("-tls1_1", "TLSv1.1"), ("-tls1", "TLSv1")] {
        let server = server(&[option, "-cipher", "DEFAULT:@SECLEVEL=0"]);
        let dial = shaken(&request(&server)).await;
        assert_eq!(dial.outcome.unwrap_err().reason, Reason::TlsAlert(70), "{name}");
        let hello = greeted(&server, TlsVersion::Tls12, &[]).await;
        assert_eq!(hello.outcome, Ok(()), "{name}");
        let chosen = hello.chosen.unwrap();
        assert_eq!(chosen.version, name);
        assert!(chosen.cipher.starts_with("TLS_ECDHE_ECDSA_WITH_"), "{chosen:?}");
        assert!(hello.handshake.is_some() && hello.connection.info.is_some());
    }
}

#[tokio::test]
async fn a_hello_offers_no_newer_version_than_it_is_told() {
    let server = server(&["-tls1_2"]);
    assert_eq!(greeted(&server, TlsVersion::Tls12, &[]).await.chosen.unwrap().version, "TLSv1.2");
    let refused = greeted(&server, TlsVersion::Tls11, &[]).await;
    assert_eq!(refused.outcome.unwrap_err().reason, Reason::TlsAlert(70));
    assert_eq!(refused.chosen, None);
}

#[tokio::test]
async fn a_cipher_suite_of_yesterday_is_found_by_the_hello_alone() {
    let server = server(&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"]);
    assert_eq!(shaken(&request(&server)).await.outcome.unwrap_err().reason, Reason::TlsAlert(40));
    let chosen = greeted(&server, TlsVersion::Tls12, &[]).await.chosen.unwrap();
    assert_eq!(chosen.cipher, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA");
    let none = greeted(&server, TlsVersion::Tls12, &[0xc02b]).await;
    assert_eq!(none.outcome.unwrap_err().reason, Reason::TlsAlert(40));
}
