//! TLS in words: the dial, the hello of an older version, the certificate.

use sonde_proto::v1::{
    Certificate, Endpoint, KeyShare, OcspStatus, Starttls, TlsDial, TlsHelloDial, TlsSession, Verification,
};

use super::endpoint;
use crate::render::text::moment;

/// Whom, for which name, and how unlike an ordinary client.
pub(super) fn dialled(dial: &TlsDial) -> String {
    let mut text = named(dial.remote.as_ref(), &dial.server_name);
    if dial.starttls() != Starttls::Unspecified {
        text = format!("{text}, STARTTLS with {}", protocol(dial.starttls()));
    }
    if !dial.sni_sent {
        text = format!("{text}, without SNI");
    }
    if dial.key_share() == KeyShare::Classical {
        text = format!("{text}, without X25519MLKEM768");
    }
    text
}

pub(super) fn hello(dial: &TlsHelloDial) -> String {
    let name = named(dial.remote.as_ref(), &dial.server_name);
    match dial.suites_offered.len() {
        0 => format!("{name}, up to {}", dial.version_offered),
        suites => format!("{name}, up to {}, {suites} cipher suites", dial.version_offered),
    }
}

pub(super) fn chosen(dial: &TlsHelloDial) -> String {
    format!("chose {} with {}", dial.version, dial.cipher)
}

fn named(remote: Option<&Endpoint>, name: &str) -> String {
    let remote = endpoint(remote);
    if remote.contains(name) { remote } else { format!("{remote} for {name}") }
}

fn protocol(starttls: Starttls) -> &'static str {
    match starttls {
        Starttls::Unspecified => "nothing",
        Starttls::Postgres => "postgres",
        Starttls::Mysql => "mysql",
        Starttls::Smtp => "smtp",
        Starttls::Imap => "imap",
        Starttls::Ldap => "ldap",
    }
}

pub(super) fn session(dial: &TlsDial) -> String {
    let Some(session) = &dial.session else { return "no session".to_owned() };
    let mut parts = vec![session.version.clone()];
    parts.extend([session.group.clone(), session.alpn.clone()]);
    parts.extend(verification(session));
    parts.extend(session.chain.first().map(certificate));
    if session.staple.as_ref().is_some_and(|staple| staple.status() == OcspStatus::Revoked) {
        parts.push("revoked by its OCSP staple".to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

fn verification(session: &TlsSession) -> Option<String> {
    let word = match session.verification() {
        Verification::Unspecified | Verification::Accepted => return None,
        Verification::Expired => "expired",
        Verification::NotYetValid => "not yet valid",
        Verification::NameMismatch => "for another name",
        Verification::UnknownIssuer => "unknown issuer",
        Verification::SelfSigned => "self-signed",
        Verification::Revoked => "revoked",
        Verification::BadSignature => "bad signature",
        Verification::WeakKey => "too weak",
        Verification::StapleMissing => "without the OCSP staple that it demands",
        Verification::Unsupported => "not supported here",
        Verification::NotReached => "no certificate seen",
    };
    Some(word.to_owned())
}

pub(super) fn certificate(leaf: &Certificate) -> String {
    let name = leaf.dns_names.first().or(leaf.addresses.first()).unwrap_or(&leaf.subject);
    match &leaf.not_after {
        Some(end) => format!("certificate {name} until {}", moment(end)),
        None => format!("certificate {name}"),
    }
}
