//! The handshake did not complete: the peer, the path, or what the two could not agree on.

use sonde_sdk::dial::{HttpExchange, HttpResponse, TlsDial};
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;
use sonde_sdk::types::{Endpoint, Reason};

use super::{ours, size, stall, version};
use crate::case::{self, Case, End, Sni};
use crate::starttls;

/// Judges a handshake that failed after the connection stood.
pub(super) fn judge(case: &Case, address: &str, first: &TlsDial) -> Vec<Finding> {
    let at = case.endpoint(address);
    match case::end(first) {
        End::Stalled => stalled(case, &at, first),
        End::Plaintext => plaintext(case, &at, first).unwrap_or_default(),
        End::Malformed(text) => malformed(case, &at, first, &text),
        End::Reset => reset(case, &at, first),
        End::Closed => closed(case, &at, first),
        End::ClientCertificate => client_certificate(case, &at, first),
        End::Alert(code) => alert(case, &at, first, code),
        End::Good | End::Certificate(_) | End::NoConnection | End::Untested => Vec::new(),
    }
}

/// TLS 1.3: the handshake succeeds, and the demand for a certificate is enforced on the first read.
pub(super) fn client_certificate_later(case: &Case, address: &str, first: &TlsDial) -> Vec<Finding> {
    let demanded = first.session.as_ref().is_some_and(|session| session.client_certificate_requested);
    let Some(http) = case.http(address).filter(|_| demanded) else { return Vec::new() };
    let at = case.endpoint(address);
    let how = match &http.outcome {
        Err(failure) => match failure.reason {
            Reason::TlsAlert(code) if case::is_client_certificate_alert(code) || code == 40 => {
                "ends the session by a TLS alert without one"
            }
            // A server of another protocol may close on an HTTP request for reasons of its own.
            Reason::Closed | Reason::Reset if case.https && http.response.is_none() => {
                "ends the session by closing the connection without one"
            }
            _ => return Vec::new(),
        },
        Ok(()) if http.response.as_ref().is_some_and(misses_certificate) => {
            "answers a request that came without one so"
        }
        Ok(()) => return Vec::new(),
    };
    vec![
        supports("tls.client_cert_required")
            .proof()
            .about(&at)
            .because(format!("{at} demands a client certificate and {how}"))
            .citing([first.evidence, http.evidence])
            .build(),
        refutes("tcp.rst_linger0")
            .proof()
            .about(&at)
            .because("every handshake carries a request for a client certificate")
            .citing(demands(case, address))
            .build(),
    ]
    .into_iter()
    .filter(|finding| !finding.evidence.is_empty())
    .collect()
}

/// nginx takes the handshake and answers 400 (its own 495 and 496 are turned into it); others answer 403. The page says why.
fn misses_certificate(response: &HttpResponse) -> bool {
    let page = String::from_utf8_lossy(&response.body_prefix).to_ascii_lowercase();
    matches!(response.status, 400 | 403 | 495 | 496)
        && ["ssl certificate", "client certificate"].iter().any(|words| page.contains(words))
}

fn client_certificate(case: &Case, at: &Endpoint, first: &TlsDial) -> Vec<Finding> {
    let support = supports("tls.client_cert_required")
        .about(at)
        .because(format!("{at} demands a client certificate and ends the handshake without one"))
        .citing([first.evidence]);
    let again: Vec<u64> = case
        .later(&at.address)
        .filter(|(_, dial)| case::end(dial) == End::ClientCertificate)
        .map(|(_, dial)| dial.evidence)
        .collect();
    if again.is_empty() {
        return vec![support.strong().build()];
    }
    vec![
        support.proof().build(),
        refutes("tcp.rst_linger0")
            .proof()
            .about(at)
            .because("it ends the same way again, after a request for a client certificate")
            .citing(again)
            .build(),
    ]
}

fn demands(case: &Case, address: &str) -> Vec<u64> {
    case.later(address)
        .filter(|(_, dial)| dial.session.as_ref().is_some_and(|session| session.client_certificate_requested))
        .map(|(_, dial)| dial.evidence)
        .collect()
}

/// Something other than TLS answers on this port.
fn plaintext(case: &Case, at: &Endpoint, first: &TlsDial) -> Option<Vec<Finding>> {
    let plain = case.plain(&at.address);
    // What speaks TLS to another hello is a TLS server, whatever it says to plain text.
    let speaks = case.later(&at.address).any(|(_, dial)| case::spoke_tls(dial));
    let spoken = plain.filter(|_| !speaks).and_then(spoken_in_plain);
    let bytes =
        first.session.as_ref().and_then(|session| session.plaintext.as_deref()).filter(|bytes| !bytes.is_empty());
    let refused = first.starttls.as_ref().filter(|exchange| !exchange.agreed && !exchange.said.is_empty());
    if spoken.is_none() && bytes.is_none() && refused.is_none() {
        return None;
    }
    let protocol = first.session.as_ref().and_then(|session| session.plaintext_protocol.as_deref());
    let what = match (&spoken, bytes, refused, protocol) {
        (Some(spoken), ..) => spoken.clone(),
        (None, Some(bytes), _, Some(protocol)) => format!("{protocol}: {:?}", printable(bytes)),
        (None, Some(bytes), _, None) => format!("{:?}", printable(bytes)),
        (None, None, refused, _) => {
            let asked = case.starttls.map_or("STARTTLS", starttls::name);
            format!("{:?} when asked for TLS ({asked})", refused.map_or("", |exchange| exchange.said.as_str()))
        }
    };
    let support = supports("tls.plaintext_peer")
        .proof()
        .about(at)
        .because(format!("{at} does not speak TLS: it answers with {what}"))
        .citing([first.evidence])
        .build();
    let mut witnesses: Vec<u64> = plain.filter(|_| spoken.is_some()).map(|plain| plain.evidence).into_iter().collect();
    let again =
        case.later(&at.address).filter(|(_, dial)| case::end(dial) == End::Plaintext).map(|(_, dial)| dial.evidence);
    witnesses.extend(again);
    if witnesses.is_empty() {
        return Some(vec![Finding { strength: sonde_sdk::report::Strength::Strong, ..support }]);
    }
    let why = if spoken.is_some() {
        format!("a request in plain text is answered with {what}, not with a TLS alert")
    } else {
        "asked again it answers in plain text, not with a TLS alert".to_owned()
    };
    Some(vec![support, refutes("tls.version_mismatch").proof().about(at).because(why).citing(witnesses).build()])
}

/// What a plain request was answered with, where that was not TLS: a TLS server sends an alert, or a 400 that says so.
fn spoken_in_plain(plain: &HttpExchange) -> Option<String> {
    if let Some(response) = &plain.response {
        let body = String::from_utf8_lossy(&response.body_prefix).to_ascii_lowercase();
        let complains =
            response.status == 400 && body.contains("http") && (body.contains("https") || body.contains("tls"));
        return (!complains).then(|| format!("HTTP status {}", response.status));
    }
    let bytes = plain.not_http.as_deref().filter(|bytes| !bytes.is_empty())?;
    (!matches!(bytes, [20..=23, 3, ..])).then(|| format!("{:?}", printable(bytes)))
}

fn printable(bytes: &[u8]) -> String {
    bytes.iter().take(60).map(|b| if b.is_ascii_graphic() || *b == b' ' { char::from(*b) } else { '.' }).collect()
}

fn stalled(case: &Case, at: &Endpoint, first: &TlsDial) -> Vec<Finding> {
    if let Some(findings) = plaintext(case, at, first) {
        return findings;
    }
    stall::judge(case, at, first)
}

fn reset(case: &Case, at: &Endpoint, first: &TlsDial) -> Vec<Finding> {
    if let Some(findings) = plaintext(case, at, first) {
        return findings;
    }
    let others: Vec<(&Sni, &TlsDial)> = case.later(&at.address).collect();
    let own: Vec<u64> = others
        .iter()
        .filter(|(sni, dial)| **sni == Sni::Own && case::end(dial) == End::Reset)
        .map(|(_, d)| d.evidence)
        .collect();
    let passing: Vec<u64> = others
        .iter()
        .filter(|(sni, dial)| **sni != Sni::Own && case::spoke_tls(dial))
        .map(|(_, d)| d.evidence)
        .collect();
    if !passing.is_empty() && !own.is_empty() {
        let by_name = |cause: &str, why: &str| {
            refutes(cause).proof().about(at).because(why).citing(passing.iter().copied()).build()
        };
        return vec![
            supports("fw.dpi_reset")
                .proof()
                .about(at)
                .because(format!(
                    "every handshake that names {} is reset, while other names pass on the same address",
                    case.host
                ))
                .citing([first.evidence])
                .citing(own)
                .build(),
            by_name("tls.sni_required", "another name is answered by TLS, ours by a reset and not by an alert"),
            by_name("tls.handshake_stall", "it is a reset, not silence, and another name is answered"),
        ];
    }
    if let Some(findings) = size::judge(case, at, first).or_else(|| version::judge(case, at, first)) {
        return findings;
    }
    let evidence: Vec<u64> = std::iter::once(first.evidence).chain(own).collect();
    let because = format!("{at} resets the connection after the ClientHello, whatever name it carries");
    vec![
        supports("tcp.rst_linger0").strong().about(at).because(&because).citing(evidence.iter().copied()).build(),
        supports("tcp.rst_unread_data").about(at).because(because).citing(evidence).build(),
    ]
}

fn closed(case: &Case, at: &Endpoint, first: &TlsDial) -> Vec<Finding> {
    if let Some(findings) = plaintext(case, at, first) {
        return findings;
    }
    let others: Vec<(&Sni, &TlsDial)> = case.later(&at.address).collect();
    let own: Vec<u64> = others
        .iter()
        .filter(|(sni, dial)| **sni == Sni::Own && case::end(dial) == End::Closed)
        .map(|(_, d)| d.evidence)
        .collect();
    let passing: Vec<u64> = others
        .iter()
        .filter(|(sni, dial)| **sni != Sni::Own && case::spoke_tls(dial))
        .map(|(_, d)| d.evidence)
        .collect();
    if let Some(findings) = size::judge(case, at, first).or_else(|| version::judge(case, at, first)) {
        return findings;
    }
    if own.is_empty() || passing.is_empty() {
        return vec![
            supports("tls.plaintext_peer")
                .about(at)
                .because(format!("{at} closes the connection on the ClientHello without a word"))
                .citing([first.evidence])
                .build(),
        ];
    }
    sni_required(case, at, std::iter::once(first.evidence).chain(own).collect(), passing, "closes the connection")
}

fn sni_required(case: &Case, at: &Endpoint, own: Vec<u64>, passing: Vec<u64>, how: &str) -> Vec<Finding> {
    vec![
        supports("tls.sni_required")
            .proof()
            .about(at)
            .because(format!("{at} does not know the server name {} and {how}", case.host))
            .citing(own)
            .build(),
        refutes("tls.version_mismatch")
            .proof()
            .about(at)
            .because("with another server name, and the same versions, the handshake goes on")
            .citing(passing)
            .build(),
    ]
}

fn alert(case: &Case, at: &Endpoint, first: &TlsDial, code: u8) -> Vec<Finding> {
    let others: Vec<(&Sni, &TlsDial)> = case.later(&at.address).collect();
    let again: Vec<u64> =
        others.iter().filter(|(_, dial)| case::end(dial) == End::Alert(code)).map(|(_, dial)| dial.evidence).collect();
    let completes = |dial: &TlsDial| matches!(case::end(dial), End::Good | End::Certificate(_));
    let by_name: Vec<u64> = others
        .iter()
        .filter(|(sni, dial)| **sni != Sni::Own && completes(dial))
        .map(|(_, dial)| dial.evidence)
        .collect();
    let pair = |cause: &str, sentence: String, look_alikes: &[&str], why: &str, witnesses: &[u64]| {
        let support = supports(cause).about(at).because(sentence).citing([first.evidence]);
        if witnesses.is_empty() {
            return vec![support.strong().build()];
        }
        let mut findings = vec![support.proof().build()];
        findings.extend(
            look_alikes
                .iter()
                .map(|id| refutes(id).proof().about(at).because(why).citing(witnesses.iter().copied()).build()),
        );
        findings
    };
    if !matches!(code, 112 | 120) && by_name.is_empty() {
        let found = version::judge(case, at, first).or_else(|| size::judge(case, at, first));
        if let Some(findings) = found {
            return findings;
        }
    }
    match code {
        112 => {
            let witnesses: Vec<u64> = by_name.iter().chain(&again).copied().collect();
            let why = if by_name.is_empty() {
                "the alert is unrecognized_name (112) every time, not protocol_version (70)"
            } else {
                "with another server name, and the same versions, the handshake succeeds"
            };
            pair(
                "tls.sni_required",
                format!("{at} does not know the server name {} (alert 112)", case.host),
                &["tls.version_mismatch"],
                why,
                &witnesses,
            )
        }
        40 | 80 if !by_name.is_empty() => {
            sni_required(case, at, vec![first.evidence], by_name, "ends the handshake (alert)")
        }
        70 => pair(
            "tls.version_mismatch",
            format!("{at} shares no TLS version with this client, which offers 1.2 and 1.3 (alert 70)"),
            &["tls.cipher_mismatch", "fw.dpi_reset"],
            "asked again the server itself answers with alert 70, neither with alert 40 nor with a reset",
            &again,
        ),
        120 => {
            let without: Vec<u64> =
                others.iter().filter(|(_, dial)| completes(dial)).map(|(_, dial)| dial.evidence).collect();
            let why = if without.is_empty() {
                "the alert is 120 again, not 70"
            } else {
                "without ALPN the same versions succeed"
            };
            let witnesses = if without.is_empty() { again } else { without };
            pair(
                "tls.alpn_mismatch",
                format!("{at} speaks none of the offered protocols h2 and http/1.1 (alert 120)"),
                &["tls.version_mismatch"],
                why,
                &witnesses,
            )
        }
        // Both have a suite, so it is none that is missing.
        40 if ours::shared_suite(case, &at.address, first).is_some() => Vec::new(),
        // Alert 40 says that something cannot be agreed on, and not what; no older hello found it.
        40 => vec![
            supports("tls.cipher_mismatch")
                .strong()
                .about(at)
                .because(format!("{at} shares no cipher suite or signature with this client (alert 40)"))
                .citing([first.evidence])
                .citing(again)
                .build(),
        ],
        code if case::is_client_certificate_alert(code) => vec![
            supports("tls.client_cert_required")
                .strong()
                .about(at)
                .because(format!("{at} ends the handshake over the client's certificate (alert {code})"))
                .citing([first.evidence])
                .citing(again)
                .build(),
        ],
        _ => Vec::new(),
    }
}

/// Bytes that make no sense: another protocol, or a version that this client no longer speaks.
fn malformed(case: &Case, at: &Endpoint, first: &TlsDial, text: &str) -> Vec<Finding> {
    if let Some(findings) = plaintext(case, at, first) {
        return findings;
    }
    if let Some(findings) = version::judge(case, at, first) {
        return findings;
    }
    let old = first
        .session
        .as_ref()
        .and_then(|session| session.version.as_deref())
        .filter(|version| version::OLD_VERSIONS.contains(version));
    let about_version = old.is_some() || text.to_ascii_lowercase().contains("version");
    let again: Vec<u64> = case
        .later(&at.address)
        .filter(|(_, dial)| matches!(case::end(dial), End::Malformed(_)))
        .map(|(_, dial)| dial.evidence)
        .collect();
    if !about_version {
        return Vec::new();
    }
    let support = supports("tls.version_mismatch")
        .about(at)
        .because(format!("{at} chooses {}, which this client does not speak", old.unwrap_or("a TLS version")))
        .citing([first.evidence]);
    if again.is_empty() {
        return vec![support.strong().build()];
    }
    vec![
        support.proof().build(),
        refutes("tls.cipher_mismatch")
            .proof()
            .about(at)
            .because("asked again it is the version, not alert 40")
            .citing(again)
            .build(),
    ]
}
