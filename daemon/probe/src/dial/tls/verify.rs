//! Judges a presented chain against the trust store: what a strict client here would say, and of which certificate.
//!
//! Where several things are wrong, the first of this order is the verdict and all are told: validity (leaf first), trust, name,
//! revocation as far as the server itself staples it. Absent: revocation lists, and asking OCSP responders.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use sonde_core::observation::dial::{KeyShare, OcspStaple, OcspStatus, Verification, VerificationProblem};

use super::certificate::{Link, is_signed_by};
use super::provider;

/// ring verifies no shorter ones, as the CA/Browser Forum's baseline requirements demand (section 6.1.5).
const LEAST_RSA_BITS: u32 = 2048;

/// What is judged.
pub(super) struct Case<'a> {
    /// As presented, leaf first, then those that are known besides; never empty.
    pub(super) chain: &'a [CertificateDer<'static>],
    /// The same, decoded.
    pub(super) links: &'a [Link],
    /// What the handshake's signature check said.
    pub(super) signature: Option<&'a Error>,
    /// The name that must be covered.
    pub(super) name: &'a ServerName<'static>,
    /// The trust store, or why there is none.
    pub(super) roots: &'a Result<Arc<RootCertStore>, String>,
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
        issuer_in_store: case.issuer_in_store(&path),
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
        }
        if let Some(error) = self.signature {
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
        problems.extend(self.revocation());
        problems
    }

    /// What the server itself says of revocation, or owes.
    fn revocation(&self) -> Option<Problem> {
        let leaf = &self.links.first()?.certificate;
        match self.staple {
            Some(staple) if staple.verified && staple.status == OcspStatus::Revoked => {
                let text = format!("{} is revoked, says the OCSP response that its issuer signed", self.title(0));
                Some(Problem { verification: Verification::Revoked, depth: 0, text })
            }
            None if leaf.must_staple => {
                let text = format!("{} demands an OCSP staple (RFC 7633), and none came", self.title(0));
                Some(Problem { verification: Verification::StapleMissing, depth: 0, text })
            }
            _ => None,
        }
    }

    /// Whether a trusted root has the name of the issuer that the path ends below.
    fn issuer_in_store(&self, path: &[usize]) -> bool {
        let issuer = path.last().and_then(|top| self.links.get(*top)).map_or(&[][..], |top| top.issuer.as_slice());
        // Anchors hold the contents of a name, without the outer header of 2 to 4 bytes.
        let mut anchors = self.roots.iter().flat_map(|store| &store.roots);
        anchors.any(|root| {
            let header = issuer.len().saturating_sub(root.subject.len());
            !root.subject.is_empty() && (2..=4).contains(&header) && issuer.ends_with(&root.subject)
        })
    }

    /// Whether the chain leads to a trusted root at `moment`; names aside.
    fn trusted(&self, leaf: Option<&ParsedCertificate<'_>>, moment: Duration) -> Result<(), Error> {
        let algorithms = provider::of(KeyShare::Classical).signature_verification_algorithms;
        let leaf = match leaf {
            Some(leaf) => leaf,
            None => &ParsedCertificate::try_from(self.chain.first().ok_or(Error::NoCertificatesPresented)?)?,
        };
        let empty = RootCertStore::empty();
        let roots = self.roots.as_deref().unwrap_or(&empty);
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
        let bad_signature = matches!(error, Error::InvalidCertificate(CertificateError::BadSignature));
        if bad_signature {
            return self.weak_key(path).or_else(|| self.forged(path)).unwrap_or_else(|| {
                // A root that was made anew under its old name: OpenSSL and Go call it unknown, too.
                let text = format!("{}: a trusted root has its issuer's name, but not its key", self.title(top));
                Problem { verification: Verification::UnknownIssuer, depth: top, text }
            });
        }
        let text = format!("{}: {}", self.title(0), plain(error));
        let other = Problem { verification: of_error(error), depth: 0, text };
        match other.verification {
            Verification::Unsupported => self.weak_signature(path).unwrap_or(other),
            _ => other,
        }
    }

    /// A key of the path that is too short for any signature by it to be accepted.
    fn weak_key(&self, path: &[usize]) -> Option<Problem> {
        path.iter().find_map(|depth| {
            let key = self.links.get(*depth)?.certificate.key.as_str();
            let bits = key.strip_prefix("RSA ")?.parse::<u32>().ok().filter(|bits| *bits < LEAST_RSA_BITS)?;
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
        let pairs = path.iter().zip(path.iter().skip(1));
        let mut unsigned = pairs.filter(|(child, issuer)| {
            let pair = self.chain.get(**child).zip(self.chain.get(**issuer));
            pair.is_some_and(|(child, issuer)| !is_signed_by(child, issuer))
        });
        unsigned.next().map(|(child, issuer)| {
            let text = format!("{} is not signed by {}", self.title(*child), self.title(*issuer));
            Problem { verification: Verification::BadSignature, depth: *child, text }
        })
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

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
        date_time_ymd,
    };

    use super::super::certificate::link;
    use super::*;

    /// 2026-01-01.
    const NOW: Duration = Duration::from_hours(490_896);

    type Issuer = CertifiedIssuer<'static, KeyPair>;

    fn params(name: &str, years: (i32, i32), covers: &[&str]) -> CertificateParams {
        let covers: Vec<String> = covers.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(covers).expect("names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        params
    }

    fn authority(name: &str, years: (i32, i32)) -> CertificateParams {
        let mut params = params(name, years, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    fn key() -> KeyPair {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key")
    }

    fn root() -> Issuer {
        CertifiedIssuer::self_signed(authority("root", (2020, 2040)), key()).expect("a root")
    }

    fn intermediate(root: &Issuer, years: (i32, i32)) -> Issuer {
        CertifiedIssuer::signed_by(authority("intermediate", years), key(), root).expect("an intermediate")
    }

    fn leaf(issuer: &Issuer, years: (i32, i32)) -> CertificateDer<'static> {
        let params = params("leaf", years, &["orders.lab"]);
        params.signed_by(&key(), issuer).expect("a leaf").der().clone()
    }

    #[expect(clippy::unnecessary_wraps, reason = "as a case has it")]
    fn store(root: &CertificateDer<'static>) -> Result<Arc<RootCertStore>, String> {
        let mut store = RootCertStore::empty();
        store.add(root.clone()).expect("a root");
        Ok(Arc::new(store))
    }

    fn judged(chain: &[CertificateDer<'static>], name: &str, roots: &Result<Arc<RootCertStore>, String>) -> Judgement {
        let links: Vec<Link> = chain.iter().map(link).collect();
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        judge(&Case { chain, links: &links, signature: None, name: &name, roots, staple: None, now: NOW })
    }

    fn seen(judgement: &Judgement) -> (Verification, Option<u8>) {
        (judgement.verification, judgement.depth)
    }

    #[test]
    fn a_chain_to_a_trusted_root_is_accepted() {
        let root = root();
        let middle = intermediate(&root, (2024, 2030));
        let chain = [leaf(&middle, (2025, 2027)), middle.der().clone()];
        let judgement = judged(&chain, "orders.lab", &store(root.der()));
        assert_eq!(seen(&judgement), (Verification::Accepted, None), "{judgement:?}");
    }

    #[test]
    fn an_expired_leaf_is_named_and_otherwise_trusted() {
        let root = root();
        let judgement = judged(&[leaf(&root, (2024, 2025))], "orders.lab", &store(root.der()));
        assert_eq!(seen(&judgement), (Verification::Expired, Some(0)));
        assert!(judgement.detail.starts_with("the leaf CN=leaf expired on "), "{}", judgement.detail);
        assert!(!judgement.detail.contains("also"), "{}", judgement.detail);
    }

    #[test]
    fn an_expired_intermediate_has_its_depth() {
        let root = root();
        let middle = intermediate(&root, (2022, 2025));
        let chain = [leaf(&middle, (2024, 2027)), middle.der().clone()];
        let judgement = judged(&chain, "orders.lab", &store(root.der()));
        assert_eq!(seen(&judgement), (Verification::Expired, Some(1)), "{judgement:?}");
    }

    #[test]
    fn a_leaf_of_the_future_is_not_yet_valid() {
        let root = root();
        let judgement = judged(&[leaf(&root, (2027, 2028))], "orders.lab", &store(root.der()));
        assert_eq!(seen(&judgement), (Verification::NotYetValid, Some(0)));
    }

    #[test]
    fn a_wrong_name_is_told_with_the_names_that_are_covered() {
        let root = root();
        let judgement = judged(&[leaf(&root, (2025, 2027))], "other.lab", &store(root.der()));
        assert_eq!(seen(&judgement), (Verification::NameMismatch, Some(0)));
        assert!(judgement.detail.contains("\"other.lab\", it covers orders.lab"), "{}", judgement.detail);
    }

    #[test]
    fn validity_comes_before_trust_and_trust_before_the_name_and_all_are_told() {
        let (root, other) = (root(), root());
        let judgement = judged(&[leaf(&root, (2024, 2025))], "other.lab", &store(other.der()));
        assert_eq!(seen(&judgement), (Verification::Expired, Some(0)));
        let detail = &judgement.detail;
        assert!(detail.contains("expired") && detail.contains("does not cover"), "{detail}");
        let judgement = judged(&[leaf(&root, (2025, 2027))], "other.lab", &store(other.der()));
        assert_ne!(judgement.verification, Verification::NameMismatch);
        assert!(judgement.detail.contains("does not cover"), "{}", judgement.detail);
    }

    #[test]
    fn every_problem_is_told_with_its_certificate() {
        let root = root();
        let middle = intermediate(&root, (2022, 2025));
        let chain = [leaf(&middle, (2024, 2025)), middle.der().clone()];
        let judgement = judged(&chain, "other.lab", &store(root.der()));
        let problems: Vec<_> = judgement.problems.iter().map(|problem| (problem.verification, problem.depth)).collect();
        let expected = [(Verification::Expired, 0), (Verification::Expired, 1), (Verification::NameMismatch, 0)];
        assert_eq!(problems, expected, "{judgement:?}");
    }

    #[test]
    fn a_known_intermediate_completes_the_chain() {
        let root = root();
        let middle = intermediate(&root, (2024, 2030));
        let leaf = leaf(&middle, (2025, 2027));
        let alone = judged(std::slice::from_ref(&leaf), "orders.lab", &store(root.der()));
        assert!(!alone.issuer_in_store, "{alone:?}");
        let judgement = judged(&[leaf, middle.der().clone()], "orders.lab", &store(root.der()));
        assert_eq!(seen(&judgement), (Verification::Accepted, None), "{judgement:?}");
        assert!(judgement.issuer_in_store, "{judgement:?}");
    }

    #[test]
    fn what_the_staple_says_and_what_is_owed_are_problems() {
        let der = |bytes: &[u8]| CertificateDer::from(bytes.to_vec());
        let leaf = der(include_bytes!("../../../fixtures/tls/ocsp-leaf.der"));
        let issuer = der(include_bytes!("../../../fixtures/tls/ocsp-issuer.der"));
        let links: Vec<Link> = [&leaf, &issuer].map(link).into();
        let (chain, roots) = ([leaf.clone(), issuer.clone()], store(&issuer));
        let name = ServerName::try_from("orders.lab").expect("a name");
        let now = Duration::from_secs(u64::try_from(links[0].certificate.not_before + 60).expect("after 1970"));
        let judged = |response: Option<&[u8]>| {
            let staple =
                response.map(|response| super::super::staple::judge(response, &leaf, std::slice::from_ref(&issuer)));
            let staple = staple.as_ref();
            judge(&Case { chain: &chain, links: &links, signature: None, name: &name, roots: &roots, staple, now })
        };
        let good = include_bytes!("../../../fixtures/tls/ocsp-good.der");
        let revoked = include_bytes!("../../../fixtures/tls/ocsp-revoked.der");
        assert_eq!(seen(&judged(Some(good))), (Verification::Accepted, None));
        assert_eq!(seen(&judged(Some(revoked))), (Verification::Revoked, Some(0)));
        assert_eq!(seen(&judged(None)), (Verification::StapleMissing, Some(0)));
    }

    #[test]
    fn a_missing_intermediate_is_an_unknown_issuer() {
        let root = root();
        let middle = intermediate(&root, (2024, 2030));
        let judgement = judged(&[leaf(&middle, (2025, 2027))], "orders.lab", &store(root.der()));
        assert_eq!(seen(&judgement), (Verification::UnknownIssuer, Some(0)));
        assert!(judgement.detail.contains("\"CN=intermediate\" was not sent"), "{}", judgement.detail);
    }

    #[test]
    fn a_private_root_that_was_sent_is_an_unknown_issuer_at_its_depth() {
        let (private, public) = (root(), authority("public", (2020, 2040)));
        let public = CertifiedIssuer::self_signed(public, key()).expect("a root");
        let chain = [leaf(&private, (2025, 2027)), private.der().clone()];
        let judgement = judged(&chain, "orders.lab", &store(public.der()));
        assert_eq!(seen(&judgement), (Verification::UnknownIssuer, Some(1)));
    }

    #[test]
    fn a_self_signed_leaf_is_accepted_only_where_it_is_trusted() {
        for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
            let mut params = params("orders", (2025, 2027), &["orders.lab"]);
            params.is_ca = is_ca;
            let leaf = params.self_signed(&key()).expect("a certificate").der().clone();
            let trusted = judged(std::slice::from_ref(&leaf), "orders.lab", &store(&leaf));
            assert_eq!(seen(&trusted), (Verification::Accepted, None), "{trusted:?}");
            let unknown = judged(std::slice::from_ref(&leaf), "orders.lab", &store(root().der()));
            assert_eq!(seen(&unknown), (Verification::SelfSigned, Some(0)), "{unknown:?}");
        }
    }

    #[test]
    fn an_expired_self_signed_leaf_is_expired_first() {
        let params = params("orders", (2020, 2021), &["orders.lab"]);
        let leaf = params.self_signed(&key()).expect("a certificate").der().clone();
        let judgement = judged(&[leaf], "orders.lab", &store(root().der()));
        assert_eq!(seen(&judgement), (Verification::Expired, Some(0)));
        assert!(judgement.detail.contains("also: the leaf CN=orders is signed by itself"), "{}", judgement.detail);
    }

    #[test]
    fn a_forged_signature_is_a_bad_signature() {
        let root = root();
        let middle = intermediate(&root, (2024, 2030));
        let mut der = leaf(&middle, (2025, 2027)).to_vec();
        let last = der.len() - 1;
        der[last] ^= 1;
        let chain = [CertificateDer::from(der), middle.der().clone()];
        let judgement = judged(&chain, "orders.lab", &store(root.der()));
        assert_eq!(seen(&judgement), (Verification::BadSignature, Some(0)), "{judgement:?}");
    }

    #[test]
    fn a_root_made_anew_under_its_old_name_is_an_unknown_issuer() {
        let (old, new) = (root(), root());
        let judgement = judged(&[leaf(&new, (2025, 2027))], "orders.lab", &store(old.der()));
        assert_eq!(seen(&judgement), (Verification::UnknownIssuer, Some(0)), "{judgement:?}");
        assert!(judgement.detail.contains("but not its key"), "{}", judgement.detail);
    }

    #[test]
    fn a_short_rsa_key_is_unsupported() {
        // RSA 1024 with SHA-256, self-signed, 2026 to 2126.
        let der = CertificateDer::from(include_bytes!("../../../fixtures/tls/rsa1024.der").to_vec());
        let links = [link(&der)];
        let name = ServerName::try_from("weak.lab").expect("a name");
        let error = Error::InvalidCertificate(CertificateError::BadSignature);
        let (chain, roots) = ([der.clone()], store(&der));
        let now = Duration::from_secs(u64::try_from(links[0].certificate.not_before).expect("after 1970"));
        let case = Case {
            chain: &chain,
            links: &links,
            signature: Some(&error),
            name: &name,
            roots: &roots,
            staple: None,
            now,
        };
        let judgement = judge(&case);
        assert_eq!(seen(&judgement), (Verification::WeakKey, Some(0)), "{judgement:?}");
        assert!(judgement.detail.contains("1024 bits; 2048 are needed"), "{}", judgement.detail);
    }

    #[test]
    fn an_empty_trust_store_says_so() {
        let judgement = judged(&[leaf(&root(), (2025, 2027))], "orders.lab", &Err("no store".to_owned()));
        assert_eq!(seen(&judgement), (Verification::UnknownIssuer, Some(0)));
        assert!(judgement.detail.contains("no store"), "{}", judgement.detail);
    }

    #[test]
    fn bytes_that_are_no_certificate_are_unsupported() {
        let judgement = judged(&[CertificateDer::from(vec![1, 2, 3])], "orders.lab", &store(root().der()));
        assert_eq!(seen(&judgement), (Verification::Unsupported, Some(0)), "{judgement:?}");
    }
}
