//! Records of `dial.tls` and `dial.tls-hello`.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Connection, CounterDeltas, Endpoint, Failure, Timing};

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

/// One presented certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// RFC 4514 style.
    pub subject: String,
    /// RFC 4514 style.
    pub issuer: String,
    /// Lower-case hex.
    pub serial_hex: String,
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds.
    pub not_after: i64,
    /// SAN DNS names.
    pub dns_names: Vec<String>,
    /// SAN addresses.
    pub addresses: Vec<IpAddr>,
    /// Basic constraints.
    pub is_ca: bool,
    /// `RSA 2048`, `EC P-256`.
    pub key: String,
    /// By name, else its OID.
    pub signature_algorithm: String,
    /// Of the DER.
    pub sha256_hex: String,
    /// Issuer equals subject and its own key verifies it.
    pub self_signed: bool,
    /// Empty where there is none.
    pub subject_key_id_hex: String,
    /// Empty where there is none.
    pub authority_key_id_hex: String,
    /// Where its issuer's certificate is.
    pub issuer_urls: Vec<String>,
    /// Who answers whether it is revoked.
    pub ocsp_urls: Vec<String>,
    /// Where its issuer's revocation lists are.
    pub crl_urls: Vec<String>,
    /// It demands an OCSP staple (RFC 7633).
    pub must_staple: bool,
    /// As presented.
    pub der: Vec<u8>,
}

/// Why the presented chain is not accepted here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it; sdk/wit/dial.wit documents each")]
pub enum Verification {
    Accepted,
    Expired,
    NotYetValid,
    NameMismatch,
    UnknownIssuer,
    SelfSigned,
    Revoked,
    BadSignature,
    WeakKey,
    StapleMissing,
    Unsupported,
    #[default]
    NotReached,
}

/// One thing that is wrong with a presented chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationProblem {
    /// Which kind.
    pub verification: Verification,
    /// The certificate at fault, counted from the leaf.
    pub depth: u8,
    /// In words.
    pub detail: String,
}

/// What an OCSP response says of the leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it; sdk/wit/dial.wit documents each")]
pub enum OcspStatus {
    Good,
    Revoked,
    Unknown,
    Unanswered,
    Malformed,
}

/// The OCSP response stapled to the leaf. Times are Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OcspStaple {
    /// Of the leaf.
    pub status: OcspStatus,
    /// Signed by the leaf's issuer, or by whom that issuer appointed.
    pub verified: bool,
    /// When this was known.
    pub this_update: Option<i64>,
    /// When newer knowledge is due.
    pub next_update: Option<i64>,
    /// Of a revoked one.
    pub revoked_at: Option<i64>,
    /// What is wrong with it; empty where nothing is.
    pub detail: String,
}

/// What was seen of a TLS session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSession {
    /// `TLSv1.3`.
    pub version: Option<String>,
    /// IANA name.
    pub cipher: Option<String>,
    /// Key exchange, by its IANA name.
    pub group: Option<String>,
    /// The protocol chosen.
    pub alpn: Option<String>,
    /// Leaf first.
    pub chain: Vec<Certificate>,
    /// The first of `problems`, else accepted. Separate from the handshake.
    pub verification: Verification,
    /// What the verifier said.
    pub verification_detail: String,
    /// The certificate at fault, counted from the leaf.
    pub verification_depth: Option<u8>,
    /// Validity (leaf first), trust, name, revocation.
    pub problems: Vec<VerificationProblem>,
    /// A trusted root has the name of the issuer above the chain's end.
    pub issuer_in_store: bool,
    /// Roots trusted here.
    pub trusted_roots: u32,
    /// What the server stapled.
    pub staple: Option<OcspStaple>,
    /// `CertificateRequest` seen.
    pub client_certificate_requested: bool,
    /// Whose client certificates it accepts, RFC 4514 style.
    pub client_certificate_authorities: Vec<String>,
    /// The peer's first bytes where they were not a TLS record.
    pub plaintext: Option<Vec<u8>>,
    /// The protocol that they look like.
    pub plaintext_protocol: Option<String>,
    /// Unix seconds.
    pub verified_at: i64,
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
