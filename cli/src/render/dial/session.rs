//! The TLS sessions: version, suite, protocol, and the presented chain certificate by certificate.

use sonde_proto::v1::{Certificate, OcspStaple, OcspStatus, TlsSession, Verification};

use super::Dialled;
use crate::render::page::Page;
use crate::render::style::{Mark, STRONG, paint};
use crate::render::text::{clean, count, moment, socket};

/// The presented chain is accepted here, or there was none to judge.
pub(super) fn is_accepted(session: &TlsSession) -> bool {
    matches!(session.verification(), Verification::Accepted | Verification::NotReached | Verification::Unspecified)
}

/// Each distinct session once, with the addresses that it was seen at.
pub(super) fn draw(page: &mut Page, dials: &[Dialled<'_>], wide: bool) {
    let mut shown: Vec<(&TlsSession, Vec<String>)> = Vec::new();
    for dial in dials {
        let Some(session) = dial.session else { continue };
        let remote = socket(&dial.remote.address, dial.remote.port);
        match shown.iter_mut().find(|(known, _)| same(known, session)) {
            Some((_, remotes)) if remotes.contains(&remote) => {}
            Some((_, remotes)) => remotes.push(remote),
            None => shown.push((session, vec![remote])),
        }
    }
    for (session, remotes) in shown {
        page.gap();
        page.line(&format!("{} {}", paint(STRONG, "tls"), clean(&remotes.join(", "))));
        agreed(page, session);
        for (depth, certificate) in session.chain.iter().enumerate() {
            presented(page, session, depth, certificate, wide);
        }
    }
}

fn same(one: &TlsSession, other: &TlsSession) -> bool {
    let prints = |session: &TlsSession| -> Vec<String> {
        session.chain.iter().map(|certificate| certificate.sha256_hex.clone()).collect()
    };
    let agreed = |session: &TlsSession| (session.version.clone(), session.cipher.clone(), session.alpn.clone());
    agreed(one) == agreed(other) && one.verification == other.verification && prints(one) == prints(other)
}

fn agreed(page: &mut Page, session: &TlsSession) {
    page.field("version", &session.version);
    page.field("suite", &session.cipher);
    page.field("group", &session.group);
    page.field("ALPN", &session.alpn);
    if session.client_certificate_requested {
        page.field("asks for", "a client certificate");
        page.list("of", &session.client_certificate_authorities);
    }
    if let Some(staple) = &session.staple {
        page.field("OCSP", &stapled(staple));
    }
    if !session.plaintext.is_empty() {
        let like = match session.plaintext_protocol.as_str() {
            "" => String::new(),
            protocol => format!(", which looks like {protocol}"),
        };
        page.field("no TLS", &format!("the peer began with {:?}{like}", String::from_utf8_lossy(&session.plaintext)));
    }
    let mark = if is_accepted(session) { Mark::Works } else { Mark::Broken };
    let said = match (session.verification(), session.verification_detail.as_str()) {
        (Verification::NotReached | Verification::Unspecified, _) => return,
        (Verification::Accepted, _) => "the chain is accepted here".to_owned(),
        (_, detail) => format!("the chain is not accepted here: {detail}"),
    };
    page.headline(mark, &said);
}

fn presented(page: &mut Page, session: &TlsSession, depth: usize, certificate: &Certificate, wide: bool) {
    let problems: Vec<&str> = session
        .problems
        .iter()
        .filter(|problem| problem.depth as usize == depth)
        .map(|problem| problem.detail.as_str())
        .collect();
    let at_fault = session.verification_depth.is_some_and(|fault| fault as usize == depth);
    let mark = if at_fault || !problems.is_empty() { Mark::Broken } else { Mark::Works };
    let sign = paint(mark.style(), mark.sign());
    let subject = if certificate.subject.is_empty() { "(no subject)" } else { &certificate.subject };
    page.line(&format!("{sign} {depth}  {}", clean(subject)));
    page.list("wrong", problems);
    let issuer = if certificate.self_signed { "itself" } else { &certificate.issuer };
    page.field("issuer", issuer);
    let names: Vec<&str> = certificate.dns_names.iter().chain(&certificate.addresses).map(String::as_str).collect();
    page.field("names", &names.join(", "));
    page.field("valid", &validity(session, certificate));
    page.field("key", &format!("{}, signed by {}", certificate.key, certificate.signature_algorithm));
    if certificate.is_ca {
        page.field("is", "a certificate authority");
    }
    if certificate.must_staple {
        page.field("demands", "an OCSP staple");
    }
    if wide {
        page.list("issuer at", &certificate.issuer_urls);
        page.list("OCSP at", &certificate.ocsp_urls);
        page.list("CRL at", &certificate.crl_urls);
        page.field("key id", &certificate.subject_key_id_hex);
        page.field("issuer key", &certificate.authority_key_id_hex);
        page.field("serial", &certificate.serial_hex);
        page.field("sha256", &certificate.sha256_hex);
    }
}

/// What the staple says, by whom, and how long it holds.
fn stapled(staple: &OcspStaple) -> String {
    let status = match staple.status() {
        OcspStatus::Good => "good",
        OcspStatus::Revoked => "revoked",
        OcspStatus::Unknown => "unknown to its responder",
        OcspStatus::Unanswered => "no answer",
        OcspStatus::Malformed => "not decodable",
        OcspStatus::Unspecified => "?",
    };
    let since = staple.revoked_at.as_ref().map_or_else(String::new, |at| format!(" since {}", moment(at)));
    let until = staple.next_update.as_ref().map_or_else(String::new, |at| format!(", until {}", moment(at)));
    let signed = if staple.verified { "" } else { ", its signature not verified" };
    let detail = if staple.detail.is_empty() { String::new() } else { format!(": {}", staple.detail) };
    format!("{status}{since}{until}{signed}{detail}")
}

/// Its bounds, and how many days are left at the time of the verification.
fn validity(session: &TlsSession, certificate: &Certificate) -> String {
    let (Some(begin), Some(end)) = (&certificate.not_before, &certificate.not_after) else { return String::new() };
    let now = session.verified_at.as_ref().map_or(0, |at| at.seconds);
    let days = |seconds: i64| count(usize::try_from(seconds / SECONDS_OF_A_DAY).unwrap_or(usize::MAX), "day", "days");
    let left = match (end.seconds - now, begin.seconds - now) {
        (_, until) if until > 0 => format!("begins in {}", days(until)),
        (left, _) if left < 0 => format!("expired {} ago", days(-left)),
        (left, _) => format!("{} left", days(left)),
    };
    format!("{} to {} ({left})", moment(begin), moment(end))
}

const SECONDS_OF_A_DAY: i64 = 86_400;
