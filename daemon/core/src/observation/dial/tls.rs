//! Records of `dial.tls` and `dial.tls-hello`.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observation::connection::{Connection, TlsSession};
use crate::observation::{CounterDeltas, Endpoint, Failure, Timing};

/// `dial.tls`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsRequest {
    /// Whom to dial.
    pub remote: Endpoint,
    /// Bind there first.
    pub local_address: Option<IpAddr>,
    /// Use this device only.
    pub device: Option<String>,
    /// SNI, and the name to verify.
    pub server_name: String,
    /// False: verify, but send no SNI.
    pub send_sni: bool,
    /// Offered protocols, most wanted first.
    pub alpn: Vec<String>,
    /// What the hello brings along.
    pub key_share: KeyShare,
    /// Ask for TLS in plain text first.
    pub starttls: Option<Starttls>,
    /// Certificates in DER that verification may use besides the presented ones.
    pub known_issuers: Vec<Vec<u8>>,
    /// Bound of the whole call.
    pub timeout: Duration,
    /// Take counter deltas in a quiet window.
    pub deltas: bool,
}

/// What a `ClientHello` brings along for the key exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyShare {
    /// X25519MLKEM768 and X25519: two packets.
    #[default]
    PostQuantum,
    /// X25519: one packet.
    Classical,
}

/// A protocol that begins in plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it; sdk/wit/dial.wit documents each")]
pub enum Starttls {
    Postgres,
    Mysql,
    Smtp,
    Imap,
    Ldap,
}

impl Starttls {
    /// In lower case, as people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Ldap => "ldap",
        }
    }
}

/// What came of asking for TLS in plain text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StarttlsExchange {
    /// From the first byte awaited or sent to the answer.
    pub timing: Timing,
    /// The peer agreed, and the handshake began.
    pub agreed: bool,
    /// The peer's words, escaped, at most 256 bytes.
    pub said: String,
}

/// What came of a TLS dial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsDial {
    /// The whole call.
    pub timing: Timing,
    /// The TCP facts.
    pub connection: Connection,
    /// On request, where the connection stood.
    pub starttls: Option<StarttlsExchange>,
    /// Absent when it did not begin.
    pub handshake: Option<Timing>,
    /// Also when the handshake failed.
    pub session: Option<TlsSession>,
    /// The handshake, whatever the certificate.
    pub outcome: Result<(), Failure>,
    /// On request.
    pub deltas: Option<CounterDeltas>,
}

/// Versions before TLS 1.3, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TlsVersion {
    Ssl3,
    Tls10,
    Tls11,
    Tls12,
}

impl TlsVersion {
    /// As OpenSSL names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ssl3 => "SSLv3",
            Self::Tls10 => "TLSv1",
            Self::Tls11 => "TLSv1.1",
            Self::Tls12 => "TLSv1.2",
        }
    }
}

/// `dial.tls-hello`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsHelloRequest {
    /// Whom to dial.
    pub remote: Endpoint,
    /// The SNI to send.
    pub server_name: String,
    /// False: send no SNI.
    pub send_sni: bool,
    /// The newest version offered.
    pub version: TlsVersion,
    /// Cipher suites by number; empty offers what servers of any age may choose.
    pub suites: Vec<u16>,
    /// Ask for TLS in plain text first.
    pub starttls: Option<Starttls>,
    /// Bound of the whole call.
    pub timeout: Duration,
}

/// What a server chose from a hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerHello {
    /// As OpenSSL names it.
    pub version: String,
    /// IANA name, else its number.
    pub cipher: String,
    /// As it stands on the wire.
    pub cipher_number: u16,
}

/// What came of a hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsHelloDial {
    /// The whole call.
    pub timing: Timing,
    /// The TCP facts.
    pub connection: Connection,
    /// On request, where the connection stood.
    pub starttls: Option<StarttlsExchange>,
    /// From the hello sent to its answer.
    pub handshake: Option<Timing>,
    /// The answer.
    pub chosen: Option<ServerHello>,
    /// The peer's first bytes where they were not a TLS record.
    pub plaintext: Option<Vec<u8>>,
    /// A `ServerHello`, or what came instead.
    pub outcome: Result<(), Failure>,
}
