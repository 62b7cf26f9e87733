//! Why a chain is not trusted, and which certificate is at fault: the verifier says only the first.

use rustls::{CertificateError, Error};
use sonde_core::observation::connection::Verification;

use super::wording::plain;
use super::{Case, Problem, is_other, of_error};
use crate::dial::tls::certificate::{LEAST_RSA_BITS, Link, Servers, is_undecidable};

impl Case<'_> {
    pub(super) fn distrust(&self, error: &Error, path: &[usize]) -> Problem {
        let top = path.last().copied().unwrap_or(0);
        if self.signs_itself(0) && !self.is_root() {
            let text = format!("{} is signed by itself and is no trusted root here", self.title(0));
            return Problem { verification: Verification::SelfSigned, depth: 0, text };
        }
        if let Err(problem) = self.roots {
            return Problem { verification: Verification::UnknownIssuer, depth: top, text: problem.clone() };
        }
        if matches!(error, Error::InvalidCertificate(CertificateError::UnknownIssuer)) {
            return self.unknown(top);
        }
        if matches!(error, Error::InvalidCertificate(CertificateError::BadSignature)) {
            // The leaf's own key signs nothing of the chain, unless it signs itself.
            let signers = if self.signs_itself(0) { path } else { path.get(1..).unwrap_or_default() };
            return self.weak_key(signers).or_else(|| self.forged(path)).unwrap_or_else(|| {
                // A root that was made anew under its old name: OpenSSL and Go call it unknown, too.
                let text = format!("{}: a trusted root has its issuer's name, but not its key", self.title(top));
                Problem { verification: Verification::UnknownIssuer, depth: top, text }
            });
        }
        let verification = of_error(error);
        let weak = (verification == Verification::Unsupported).then(|| self.weak_signature(path)).flatten();
        weak.unwrap_or_else(|| {
            let (depth, what) = self.at_fault(error, path).unwrap_or_else(|| (0, plain(error)));
            Problem { verification, depth, text: format!("{}: {what}", self.title(depth)) }
        })
    }

    fn signs_itself(&self, depth: usize) -> bool {
        self.links.get(depth).is_some_and(|link| link.certificate.self_signed)
    }

    fn unknown(&self, top: usize) -> Problem {
        let title = self.title(top);
        let text = if self.signs_itself(top) {
            format!("{title} is no trusted root here")
        } else {
            let issuer = self.links.get(top).map_or("", |link| link.certificate.issuer.as_str());
            format!("{title}: its issuer {issuer:?} was not sent and is no trusted root here")
        };
        Problem { verification: Verification::UnknownIssuer, depth: top, text }
    }

    /// The certificate that an error of the verifier is about, where that can be told, and what is wrong with it.
    fn at_fault(&self, error: &Error, path: &[usize]) -> Option<(usize, String)> {
        let first = |is_wrong: &dyn Fn(usize, &Link) -> bool| {
            let mut places = path.iter().enumerate();
            places.find(|(place, depth)| self.links.get(**depth).is_some_and(|link| is_wrong(*place, link)))
        };
        if is_other(error, "EndEntityUsedAsCa") {
            let (_, depth) = first(&|place, link| place > 0 && !link.certificate.is_ca)?;
            return Some((*depth, "it signs another, but is not marked as an authority (CA:TRUE)".to_owned()));
        }
        if is_other(error, "PathLenConstraintViolated") {
            let too_long = |place: usize, link: &Link| link.path_length.is_some_and(|most| place > most + 1);
            let (place, depth) = first(&too_long)?;
            let most = self.links.get(*depth)?.path_length?;
            let below = place - 1;
            return Some((*depth, format!("{below} authorities are below it, its path length allows {most}")));
        }
        let Error::InvalidCertificate(kind) = error else { return None };
        match kind {
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                let (_, depth) = first(&|_, link| link.servers == Servers::Excluded)
                    .or_else(|| first(&|_, link| link.servers == Servers::AsAny))?;
                Some((*depth, "its extended key usage does not name servers (serverAuth)".to_owned()))
            }
            CertificateError::ExpiredContext { not_after, .. } => {
                let end = i64::try_from(not_after.as_secs()).ok()?;
                let depth = self.links.iter().position(|link| link.certificate.not_after == end)?;
                Some((depth, format!("it expired on {}", self.links.get(depth)?.not_after)))
            }
            CertificateError::NotValidYetContext { not_before, .. } => {
                let begin = i64::try_from(not_before.as_secs()).ok()?;
                let depth = self.links.iter().position(|link| link.certificate.not_before == begin)?;
                Some((depth, format!("it is not valid before {}", self.links.get(depth)?.not_before)))
            }
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                let depth = self.signed_unreadably(path)?;
                let algorithm = &self.links.get(depth)?.certificate.signature_algorithm;
                Some((depth, format!("its signature ({algorithm}) is of a kind that is not supported")))
            }
            _ => None,
        }
    }

    /// The first certificate of the path whose signature cannot be checked; the last one's is by a root that was not sent.
    fn signed_unreadably(&self, path: &[usize]) -> Option<usize> {
        let pairs = path.iter().zip(path.iter().skip(1));
        let mut undecidable = pairs.filter(|(child, issuer)| {
            let pair = self.chain.get(**child).zip(self.chain.get(**issuer));
            pair.is_some_and(|(child, issuer)| is_undecidable(child, issuer))
        });
        undecidable.next().map(|(child, _)| *child).or(path.last().copied())
    }

    /// A key of the path that is too short for any signature by it to be accepted.
    pub(super) fn weak_key(&self, path: &[usize]) -> Option<Problem> {
        path.iter().find_map(|depth| {
            let key = self.links.get(*depth)?.certificate.key.as_str();
            let bits = key.strip_prefix("RSA ")?.parse::<usize>().ok().filter(|bits| *bits < LEAST_RSA_BITS)?;
            let text = format!("{} has an RSA key of {bits} bits; {LEAST_RSA_BITS} are needed", self.title(*depth));
            Some(Problem { verification: Verification::WeakKey, depth: *depth, text })
        })
    }

    /// A signature of the path by a hash that no client accepts any more. A root's own does not matter.
    fn weak_signature(&self, path: &[usize]) -> Option<Problem> {
        path.iter().find_map(|depth| {
            let certificate = &self.links.get(*depth).filter(|link| !link.certificate.self_signed)?.certificate;
            let algorithm = certificate.signature_algorithm.as_str();
            let name = algorithm.to_ascii_lowercase();
            (name.contains("sha1") || name.contains("md5")).then(|| {
                let text = format!("{} is signed with {algorithm}, which is no longer accepted", self.title(*depth));
                Problem { verification: Verification::WeakKey, depth: *depth, text }
            })
        })
    }

    /// A certificate of the path that the issuer which was sent with it did not sign.
    fn forged(&self, path: &[usize]) -> Option<Problem> {
        let mut pairs = path.iter().zip(path.iter().skip(1));
        pairs.find(|(child, issuer)| !self.signed(**child, **issuer)).map(|(child, issuer)| {
            let text = format!("{} is not signed by {}", self.title(*child), self.title(*issuer));
            Problem { verification: Verification::BadSignature, depth: *child, text }
        })
    }
}
