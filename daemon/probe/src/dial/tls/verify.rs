//! Judges a presented chain against the trust store: what a strict client here would say, and of which certificate.
//!
//! Where several things are wrong, the first of this order is the verdict and the detail names all: validity (leaf first),
//! trust, name. Absent: revocation lists and OCSP.

use std::fmt::Display;
use std::time::Duration;

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use sonde_core::observation::dial::Verification;

use super::certificate::Link;

/// What is judged.
pub(super) struct Case<'a> {
    /// As presented, leaf first; never empty.
    pub(super) chain: &'a [CertificateDer<'static>],
    /// The same, decoded.
    pub(super) links: &'a [Link],
    /// What the handshake's signature check said.
    pub(super) signature: Option<&'a Error>,
    /// The name that must be covered.
    pub(super) name: &'a ServerName<'static>,
    /// The trust store, or why there is none.
    pub(super) roots: &'a Result<RootCertStore, String>,
    /// Wall clock, since the Unix epoch.
    pub(super) now: Duration,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) verification: Verification,
    pub(super) detail: String,
    pub(super) depth: Option<u8>,
}

struct Problem {
    verification: Verification,
    depth: usize,
    text: String,
}

pub(super) fn judge(case: &Case<'_>) -> Judgement {
    let problems = case.problems();
    let detail = problems.iter().map(|problem| problem.text.as_str()).collect::<Vec<_>>().join("; also: ");
    match problems.first() {
        None => Judgement { verification: Verification::Accepted, detail: "accepted".to_owned(), depth: None },
        Some(problem) => {
            let depth = u8::try_from(problem.depth).ok();
            Judgement { verification: problem.verification, detail, depth }
        }
    }
}

impl Case<'_> {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let leaf = self.chain.first().map(ParsedCertificate::try_from);
        let leaf = match leaf {
            Some(Ok(leaf)) => Some(leaf),
            Some(Err(_)) | None => None,
        };
        let path = self.path();
        if let Err(first) = self.trusted(leaf.as_ref(), self.now) {
            problems.extend(path.iter().filter_map(|depth| self.validity(*depth)));
            // With the dates out of the way: is the chain trusted otherwise?
            let trust = match (problems.is_empty(), self.common_moment(&path)) {
                (true, _) => Some(first),
                (false, Some(moment)) => self.trusted(leaf.as_ref(), moment).err(),
                (false, None) => None,
            };
            problems.extend(trust.map(|error| self.distrust(&error, &path)));
        }
        if let Some(error) = self.signature {
            let text = format!("the handshake's signature is not by the key of {}: {error}", self.title(0));
            problems.push(Problem { verification: of_error(error), depth: 0, text });
        }
        if let Some(leaf) = &leaf
            && verify_server_name(leaf, self.name).is_err()
        {
            problems.push(self.mismatch());
        }
        problems
    }

    /// Whether the chain leads to a trusted root at `moment`; names aside.
    fn trusted(&self, leaf: Option<&ParsedCertificate<'_>>, moment: Duration) -> Result<(), Error> {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        let leaf = match leaf {
            Some(leaf) => leaf,
            None => &ParsedCertificate::try_from(self.chain.first().ok_or(Error::NoCertificatesPresented)?)?,
        };
        let empty = RootCertStore::empty();
        let roots = self.roots.as_ref().unwrap_or(&empty);
        let issuers = self.chain.get(1..).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(moment);
        match verify_server_cert_signed_by_trust_anchor(leaf, roots, issuers, now, algorithms.all) {
            // webpki takes no CA certificate as a leaf; OpenSSL and Go accept one that is itself a trusted root.
            Err(error) if self.is_root(roots) && !is_validity(&error) && self.validity(0).is_none() => {
                tracing::debug!(%error, "the leaf is itself a trusted root");
                Ok(())
            }
            result => result,
        }
    }

    /// The leaf signs itself and is in the trust store.
    fn is_root(&self, roots: &RootCertStore) -> bool {
        self.links.first().filter(|leaf| leaf.certificate.self_signed).is_some_and(|leaf| {
            // Anchors hold the contents of both, without the outer header.
            let mut anchors = roots.roots.iter();
            anchors
                .any(|root| leaf.subject.ends_with(&root.subject) && leaf.key.ends_with(&root.subject_public_key_info))
        })
    }

    /// The certificates that lead up from the leaf by their names; others of the chain do not matter.
    fn path(&self) -> Vec<usize> {
        let mut path = vec![0];
        let mut last = self.links.first();
        while let Some(link) = last
            && link.issuer != link.subject
        {
            let next = self.links.iter().enumerate();
            let next = next.skip(1).find(|(depth, next)| next.subject == link.issuer && !path.contains(depth));
            path.extend(next.map(|(depth, _)| depth));
            last = next.map(|(_, link)| link);
        }
        path
    }

    fn validity(&self, depth: usize) -> Option<Problem> {
        let link = self.links.get(depth).filter(|link| !link.subject.is_empty())?;
        let now = i64::try_from(self.now.as_secs()).unwrap_or(i64::MAX);
        let title = self.title(depth);
        let (verification, text) = if now > link.certificate.not_after {
            (Verification::Expired, format!("{title} expired on {}", link.not_after))
        } else if now < link.certificate.not_before {
            (Verification::NotYetValid, format!("{title} is not valid before {}", link.not_before))
        } else {
            return None;
        };
        Some(Problem { verification, depth, text })
    }

    /// A moment at which every certificate of the path is within its dates.
    fn common_moment(&self, path: &[usize]) -> Option<Duration> {
        let links = || path.iter().filter_map(|depth| self.links.get(*depth));
        let begin = links().map(|link| link.certificate.not_before).max()?;
        let end = links().map(|link| link.certificate.not_after).min()?;
        let moment = u64::try_from(begin).ok()?;
        (begin <= end).then_some(Duration::from_secs(moment))
    }

    fn distrust(&self, error: &Error, path: &[usize]) -> Problem {
        let top = path.last().copied().unwrap_or(0);
        let signs_itself = |depth: usize| self.links.get(depth).is_some_and(|link| link.certificate.self_signed);
        let unknown = matches!(error, Error::InvalidCertificate(CertificateError::UnknownIssuer));
        if signs_itself(0) {
            let text = format!("{} is signed by itself and is no trusted root here", self.title(0));
            return Problem { verification: Verification::SelfSigned, depth: 0, text };
        }
        if let Err(problem) = self.roots {
            return Problem { verification: Verification::UnknownIssuer, depth: top, text: problem.clone() };
        }
        if unknown {
            let title = self.title(top);
            let text = if signs_itself(top) {
                format!("{title} is no trusted root here")
            } else {
                let issuer = self.links.get(top).map_or("", |link| link.certificate.issuer.as_str());
                format!("{title}: its issuer {issuer:?} was not sent and is no trusted root here")
            };
            return Problem { verification: Verification::UnknownIssuer, depth: top, text };
        }
        let text = format!("{}: {}", self.title(0), plain(error));
        Problem { verification: of_error(error), depth: 0, text }
    }

    fn mismatch(&self) -> Problem {
        let covered: Vec<String> = self.links.first().map_or_else(Vec::new, |leaf| {
            let certificate = &leaf.certificate;
            let addresses = certificate.addresses.iter().map(ToString::to_string);
            certificate.dns_names.iter().cloned().chain(addresses).take(10).collect()
        });
        let covered = if covered.is_empty() { "no names".to_owned() } else { covered.join(", ") };
        let text = format!("{} does not cover {:?}, it covers {covered}", self.title(0), self.name.to_str());
        Problem { verification: Verification::NameMismatch, depth: 0, text }
    }

    fn title(&self, depth: usize) -> String {
        let subject = self.links.get(depth).map_or("", |link| link.certificate.subject.as_str());
        let subject = if subject.is_empty() { "(no subject)" } else { subject };
        match depth {
            0 => format!("the leaf {subject}"),
            _ => format!("certificate {depth} {subject}"),
        }
    }
}

/// rustls words an invalid certificate as "invalid peer certificate: ...".
fn plain(error: &impl Display) -> String {
    let text = error.to_string();
    text.strip_prefix("invalid peer certificate: ").map(str::to_owned).unwrap_or(text)
}

fn is_validity(error: &Error) -> bool {
    matches!(of_error(error), Verification::Expired | Verification::NotYetValid)
}

fn of_error(error: &Error) -> Verification {
    let Error::InvalidCertificate(error) = error else { return Verification::Unsupported };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Verification::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Verification::NotYetValid,
        CertificateError::Revoked => Verification::Revoked,
        CertificateError::UnknownIssuer => Verification::UnknownIssuer,
        CertificateError::BadSignature => Verification::BadSignature,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Verification::NameMismatch
        }
        _ => Verification::Unsupported,
    }
}
