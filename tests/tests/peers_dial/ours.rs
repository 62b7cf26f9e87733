//! What `sonde dial -o json` says, as the facts that the peers tell.

use anyhow::{Context, Result};
use sonde_proto::v1::evidence::Call;
use sonde_proto::v1::{Certificate, Diagnosis, Evidence, HttpExchange, OcspStatus, TlsDial, TlsSession, Verification};

use super::facts::Facts;

/// The handshake of a diagnosis of one.
pub(crate) fn handshake(diagnosis: &Diagnosis) -> Result<(&Evidence, &TlsDial)> {
    let mut found = diagnosis.evidence.iter().filter_map(|evidence| match &evidence.call {
        Some(Call::TlsDial(dial)) => Some((evidence, dial)),
        _ => None,
    });
    found.next().with_context(|| format!("no handshake: {:?}", diagnosis.checks))
}

/// The exchanges of a diagnosis, in order.
pub(crate) fn exchanges(diagnosis: &Diagnosis) -> Vec<(&Evidence, &HttpExchange)> {
    let found = diagnosis.evidence.iter().filter_map(|evidence| match &evidence.call {
        Some(Call::HttpExchange(exchange)) => Some((evidence, exchange)),
        _ => None,
    });
    found.collect()
}

/// As `openssl s_client` tells them.
pub(crate) fn session(session: &TlsSession) -> Result<Facts> {
    let mut facts = Facts::new();
    facts.insert("version".to_owned(), session.version.clone());
    facts.insert("cipher".to_owned(), session.cipher.clone());
    facts.insert("alpn".to_owned(), if session.alpn.is_empty() { "none".to_owned() } else { session.alpn.clone() });
    facts.insert("client certificate asked for".to_owned(), session.client_certificate_requested.to_string());
    facts.insert("verification".to_owned(), verification(session)?.to_owned());
    facts.insert("certificates".to_owned(), session.chain.len().to_string());
    facts.insert("client certificate authorities".to_owned(), session.client_certificate_authorities.join("; "));
    facts.insert("group".to_owned(), session.group.clone());
    let status = session.staple.as_ref().map_or("none", |staple| match staple.status() {
        OcspStatus::Good => "good",
        OcspStatus::Revoked => "revoked",
        _ => "other",
    });
    facts.insert("staple".to_owned(), status.to_owned());
    let bounds = session.staple.as_ref().map(|staple| (staple.this_update.as_ref(), staple.next_update.as_ref()));
    let (this, next) = bounds.unwrap_or_default();
    for (name, at) in [("staple this update", this), ("staple next update", next)] {
        facts.extend(at.map(|at| (name.to_owned(), written(&at.to_string()))));
    }
    for (depth, presented) in session.chain.iter().enumerate() {
        certificate(depth, presented, &mut facts);
    }
    Ok(facts)
}

/// `2026-11-27T13:05:09Z` as OpenSSL writes it, `Nov 27 13:05:09 2026 GMT`.
fn written(moment: &str) -> String {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let part = |range: std::ops::Range<usize>| moment.get(range).unwrap_or_default();
    let month = part(5..7).parse().ok().and_then(|month: usize| months.get(month.wrapping_sub(1)));
    let day = part(8..10).trim_start_matches('0');
    format!("{} {day} {} {} GMT", month.copied().unwrap_or_default(), part(11..19), part(0..4))
}

fn verification(session: &TlsSession) -> Result<&'static str> {
    Ok(match session.verification() {
        Verification::Accepted => "accepted",
        Verification::Expired => "expired",
        Verification::NotYetValid => "not yet valid",
        Verification::NameMismatch => "name mismatch",
        Verification::UnknownIssuer => "unknown issuer",
        Verification::SelfSigned => "self-signed",
        other => anyhow::bail!("no peer says {other:?}: {}", session.verification_detail),
    })
}

fn certificate(depth: usize, certificate: &Certificate, facts: &mut Facts) {
    let moment = |at: &Option<prost_types::Timestamp>| at.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut put = |name: &str, value: String| facts.insert(format!("certificate {depth} {name}"), value);
    put("subject", certificate.subject.clone());
    put("issuer", certificate.issuer.clone());
    // A number to OpenSSL; sonde shows its octets, the sign's too.
    let serial = &certificate.serial_hex;
    put("serial", serial.strip_prefix("00").filter(|rest| !rest.is_empty()).unwrap_or(serial).to_owned());
    put("not before", moment(&certificate.not_before));
    put("not after", moment(&certificate.not_after));
    put("sha256", certificate.sha256_hex.clone());
    put("signature", certificate.signature_algorithm.to_ascii_lowercase());
    put("key", certificate.key.clone());
    put("ca", certificate.is_ca.to_string());
    put("dns names", certificate.dns_names.join(" "));
    put("addresses", certificate.addresses.join(" "));
}

/// As `curl -w` tells them of the last exchange of several hops.
pub(crate) fn request(hops: &[(&Evidence, &HttpExchange)]) -> Result<Facts> {
    let (_, last) = hops.last().context("no exchange")?;
    let response = last.response.as_ref().context("no answer")?;
    let mut facts = Facts::new();
    let mut put = |name: &str, value: String| facts.insert(name.to_owned(), value);
    put("http_code", response.status.to_string());
    let version = response.version.trim_start_matches("HTTP/");
    put("http_version", version.strip_suffix(".0").unwrap_or(version).to_owned());
    put("num_headers", response.headers.len().to_string());
    put("size_download", response.body_bytes.to_string());
    put("num_redirects", (hops.len() - 1).to_string());
    put("url_effective", url(last));
    let remote = last.remote.as_ref().context("no remote")?;
    put("remote_ip", remote.address.clone());
    put("remote_port", remote.port.to_string());
    let local = last.connection.as_ref().and_then(|connection| connection.local.as_ref()).context("no local")?;
    put("local_ip", local.address.clone());
    let header =
        |name: &str| response.headers.iter().find(|header| header.name == name).map(|header| header.value.clone());
    put("content_type", header("content-type").unwrap_or_default());
    put(
        "ssl_verify_result",
        match last.session.as_ref().map(TlsSession::verification) {
            // A name that does not fit is no X509_V_ERR to curl.
            None | Some(Verification::Accepted | Verification::NameMismatch) => "0",
            Some(Verification::NotYetValid) => "9",
            Some(Verification::Expired) => "10",
            Some(Verification::SelfSigned) => "18",
            Some(Verification::UnknownIssuer) => "20",
            Some(other) => anyhow::bail!("curl does not know {other:?}"),
        }
        .to_owned(),
    );
    // Where the first answer leads is where the second request went.
    if let (true, Some((_, second))) = (hops.len() > 1, hops.get(1)) {
        put("redirect_url", url(second));
    }
    Ok(facts)
}

fn url(exchange: &HttpExchange) -> String {
    let scheme = if exchange.tls_server_name.is_empty() { "http" } else { "https" };
    format!("{scheme}://{}{}", exchange.host, exchange.path)
}
