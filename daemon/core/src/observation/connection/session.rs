//! What is seen of a TLS session, and what a strict verifier says of it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

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
#[expect(missing_docs, reason = "the names say it; sdk/wit/connection.wit documents each")]
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
#[expect(missing_docs, reason = "the names say it; sdk/wit/connection.wit documents each")]
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
