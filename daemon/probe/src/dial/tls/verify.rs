//! Judges a presented chain against the trust store: what a strict client here would say, and of which certificate.
//!
//! Where several things are wrong, the first of this order is the verdict and all are told: validity (leaf first), trust, name,
//! revocation as far as the server itself staples it. Absent: revocation lists, and asking OCSP responders. The work is bounded,
//! whatever the chain, but a hostile one can make it a thousand times that of a usual one: not for a runtime's worker.

mod distrust;
mod path;
#[cfg(test)]
mod tests;
mod wording;

use std::sync::Arc;
use std::time::Duration;

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use sonde_core::observation::connection::{OcspStaple, OcspStatus, Verification, VerificationProblem};
use sonde_core::observation::dial::KeyShare;
use x509_parser::time::ASN1Time;

use super::anchors::{self, Anchors};
use super::certificate::{Link, Servers};
use super::{provider, staple};
use wording::plain;

/// What is judged.
pub(super) struct Case<'a> {
    /// As presented, leaf first, then those that are known besides; never empty.
    pub(super) chain: &'a [CertificateDer<'static>],
    /// The same, decoded.
    pub(super) links: &'a [Link],
    /// How many of them were presented.
    pub(super) presented: usize,
    /// What the handshake's signature check said.
    pub(super) signature: Option<&'a Error>,
    /// The name that must be covered.
    pub(super) name: &'a ServerName<'static>,
    /// The trust store, or why there is none.
    pub(super) roots: &'a Result<Arc<Anchors>, String>,
    /// What the server stapled, judged.
    pub(super) staple: Option<&'a OcspStaple>,
    /// Wall clock, since the Unix epoch.
    pub(super) now: Duration,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) verification: Verification,
    pub(super) detail: String,
    pub(super) depth: Option<u8>,
    pub(super) problems: Vec<VerificationProblem>,
    pub(super) issuer_in_store: bool,
}

impl Judgement {
    /// There is nothing to judge, or it was not judged.
    pub(super) fn none(why: String) -> Self {
        Self {
            verification: Verification::NotReached,
            detail: why,
            depth: None,
            problems: Vec::new(),
            issuer_in_store: false,
        }
    }
}

struct Problem {
    verification: Verification,
    depth: usize,
    text: String,
}

pub(super) fn judge(case: &Case<'_>) -> Judgement {
    let path = case.path();
    let problems = case.problems(&path);
    let detail = match problems.as_slice() {
        [] => "accepted".to_owned(),
        problems => problems.iter().map(|problem| problem.text.as_str()).collect::<Vec<_>>().join("; also: "),
    };
    let problems: Vec<VerificationProblem> = problems
        .into_iter()
        .map(|problem| VerificationProblem {
            verification: problem.verification,
            depth: u8::try_from(problem.depth).unwrap_or(u8::MAX),
            detail: problem.text,
        })
        .collect();
    let first = problems.first();
    Judgement {
        verification: first.map_or(Verification::Accepted, |problem| problem.verification),
        detail,
        depth: first.map(|problem| problem.depth),
        issuer_in_store: case.issuer_in_store(path.last().copied().unwrap_or_default()),
        problems,
    }
}

impl Case<'_> {
    fn problems(&self, path: &[usize]) -> Vec<Problem> {
        let mut problems = Vec::new();
        let leaf = self.chain.first().map(ParsedCertificate::try_from);
        let leaf = match leaf {
            Some(Ok(leaf)) => Some(leaf),
            Some(Err(_)) | None => None,
        };
        if let Err(first) = self.trusted(leaf.as_ref(), self.now) {
            problems.extend(path.iter().filter_map(|depth| self.validity(*depth)));
            // With the dates out of the way: is the chain trusted otherwise?
            let trust = match (problems.is_empty(), self.common_moment(path)) {
                (true, _) => Some(first),
                (false, Some(moment)) => self.trusted(leaf.as_ref(), moment).err(),
                (false, None) => None,
            };
            problems.extend(trust.map(|error| self.distrust(&error, path)));
        } else {
            problems.extend(self.past_root(leaf.as_ref(), path));
        }
        // A leaf that the verifier cannot read was told of above; of its key that says nothing.
        if let Some(error) = self.signature.filter(|_| leaf.is_some()) {
            problems.push(self.weak_key(&[0]).unwrap_or_else(|| {
                let text =
                    format!("the handshake's signature is not by the key of {}: {}", self.title(0), plain(error));
                Problem { verification: of_error(error), depth: 0, text }
            }));
        }
        if let Some(leaf) = &leaf
            && verify_server_name(leaf, self.name).is_err()
        {
            problems.push(self.mismatch());
        }
        problems.extend(self.revocation(path));
        problems
    }

    /// What the server itself says of revocation, or owes.
    fn revocation(&self, path: &[usize]) -> Option<Problem> {
        let leaf = &self.links.first()?.certificate;
        let owed = |text: String| {
            leaf.must_staple.then_some(Problem { verification: Verification::StapleMissing, depth: 0, text })
        };
        let Some(staple) = self.staple else {
            return owed(format!("{} demands an OCSP staple (RFC 7633), and none came", self.title(0)));
        };
        if staple.verified && staple.status == OcspStatus::Revoked {
            let text = format!("{} is revoked, says the OCSP response that its issuer signed", self.title(0));
            return Some(Problem { verification: Verification::Revoked, depth: 0, text });
        }
        // Whose signature would count is not known where the issuer is not.
        let known = path.len() > 1 || self.issuer_in_store(0);
        let problem = staple::problem(staple, self.now).filter(|_| staple.verified || known)?;
        owed(format!(
            "{} demands an OCSP staple (RFC 7633), and the one that came is of no use: {problem}",
            self.title(0)
        ))
    }

    /// Whether a trusted root has the name of this certificate's issuer.
    fn issuer_in_store(&self, depth: usize) -> bool {
        let issuer = self.links.get(depth).map_or(&[][..], |link| link.issuer.as_slice());
        self.roots.as_ref().is_ok_and(|roots| anchors::named(roots.store(), issuer).next().is_some())
    }

    /// Whether the chain leads to a trusted root at `moment`; names aside.
    fn trusted(&self, leaf: Option<&ParsedCertificate<'_>>, moment: Duration) -> Result<(), Error> {
        let empty = RootCertStore::empty();
        self.leads_to(self.roots.as_deref().map_or(&empty, Anchors::store), leaf, moment)
    }

    fn leads_to(
        &self,
        roots: &RootCertStore,
        leaf: Option<&ParsedCertificate<'_>>,
        moment: Duration,
    ) -> Result<(), Error> {
        let algorithms = provider::of(KeyShare::Classical).signature_verification_algorithms;
        let leaf = match leaf {
            Some(leaf) => leaf,
            None => &ParsedCertificate::try_from(self.chain.first().ok_or(Error::NoCertificatesPresented)?)?,
        };
        let now = UnixTime::since_unix_epoch(moment);
        match verify_server_cert_signed_by_trust_anchor(leaf, roots, &self.reachable(), now, algorithms.all) {
            // webpki takes no CA certificate as a leaf; OpenSSL and Go accept one that is itself a trusted root. The dates were
            // looked at before that, what it may be used for was not.
            Err(error) if is_other(&error, "CaUsedAsEndEntity") && self.is_root() => {
                tracing::debug!(%error, "the leaf is itself a trusted root");
                match self.links.first().map(|leaf| leaf.servers) {
                    Some(Servers::Excluded) => Err(Error::InvalidCertificate(CertificateError::InvalidPurpose)),
                    _ => Ok(()),
                }
            }
            result => result,
        }
    }

    /// The verifier takes a root whatever its dates. No other way leads to one that is still within them.
    fn past_root(&self, leaf: Option<&ParsedCertificate<'_>>, path: &[usize]) -> Option<Problem> {
        let roots = self.roots.as_ref().ok()?;
        let now = i64::try_from(self.now.as_secs()).unwrap_or(i64::MAX);
        let current = roots.current(now)?;
        self.leads_to(&current, leaf, self.now).err()?;
        let depth = path.last().copied().unwrap_or_default();
        let link = self.links.get(depth)?;
        let end = roots.end(&link.issuer).and_then(|end| ASN1Time::from_timestamp(end).ok());
        let end = end.map_or_else(String::new, |end| format!(" on {end}"));
        let text = format!(
            "the trusted root {:?} above {} expired{end}; OpenSSL, GnuTLS and Go refuse it",
            link.certificate.issuer,
            self.title(depth)
        );
        Some(Problem { verification: Verification::Expired, depth, text })
    }

    /// The leaf signs itself and is in the trust store.
    fn is_root(&self) -> bool {
        let Ok(roots) = self.roots else { return false };
        self.links.first().filter(|leaf| leaf.certificate.self_signed).is_some_and(|leaf| {
            // Anchors hold the contents of a key, without the outer header.
            anchors::named(roots.store(), &leaf.subject).any(|root| leaf.key.ends_with(&root.subject_public_key_info))
        })
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

/// An error of webpki that rustls has no word of its own for, by its name there.
fn is_other(error: &Error, name: &str) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Other(other)) if other.0.to_string() == name)
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
