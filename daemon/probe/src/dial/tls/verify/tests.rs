//! The judgement of chains that are made for it.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, PKCS_ECDSA_P256_SHA256, date_time_ymd,
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
fn store(root: &CertificateDer<'static>) -> Result<Arc<Anchors>, String> {
    Ok(Arc::new(Anchors::of([root.clone()])))
}

fn judged(chain: &[CertificateDer<'static>], name: &str, roots: &Result<Arc<Anchors>, String>) -> Judgement {
    let links: Vec<Link> = chain.iter().map(link).collect();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let presented = chain.len();
    judge(&Case { chain, links: &links, presented, signature: None, name: &name, roots, staple: None, now: NOW })
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
fn a_root_past_its_date_is_an_expired_one_unless_another_way_leads_up() {
    let old = CertifiedIssuer::self_signed(authority("root", (2000, 2025)), key()).expect("a root");
    let middle = intermediate(&old, (2024, 2030));
    let chain = [leaf(&middle, (2025, 2027)), middle.der().clone()];

    let judgement = judged(&chain, "orders.lab", &store(old.der()));
    assert_eq!(seen(&judgement), (Verification::Expired, Some(1)), "{judgement:?}");
    assert!(judgement.detail.contains("the trusted root \"CN=root\""), "{}", judgement.detail);
    assert!(judgement.detail.contains("2025"), "{}", judgement.detail);

    // The same key under a root of its own, as an authority makes it before its cross-signature ends.
    let new = authority("intermediate", (2024, 2040)).self_signed(middle.key()).expect("a root");
    let both = Ok(Arc::new(Anchors::of([old.der().clone(), new.der().clone()])));
    let judgement = judged(&chain, "orders.lab", &both);
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
    let leaf = der(include_bytes!("../../../../fixtures/tls/ocsp-leaf.der"));
    let issuer = der(include_bytes!("../../../../fixtures/tls/ocsp-issuer.der"));
    let links: Vec<Link> = [&leaf, &issuer].map(link).into();
    let (chain, roots) = ([leaf.clone(), issuer.clone()], store(&issuer));
    let name = ServerName::try_from("orders.lab").expect("a name");
    let now = Duration::from_secs(u64::try_from(links[0].certificate.not_before + 60).expect("after 1970"));
    let at = |response: Option<&[u8]>, now: Duration| {
        let issuers = staple::Issuers { sent: std::slice::from_ref(&issuer), roots: None };
        let staple = response.map(|response| staple::judge(response, &leaf, issuers, now));
        let (signature, presented, staple) = (None, 2, staple.as_ref());
        let (chain, links, name, roots) = (&chain, &links, &name, &roots);
        judge(&Case { chain, links, presented, signature, name, roots, staple, now })
    };
    let judged = |response: Option<&[u8]>| at(response, now);
    let good = include_bytes!("../../../../fixtures/tls/ocsp-good.der");
    let revoked = include_bytes!("../../../../fixtures/tls/ocsp-revoked.der");
    assert_eq!(seen(&judged(Some(good))), (Verification::Accepted, None));
    assert_eq!(seen(&judged(Some(revoked))), (Verification::Revoked, Some(0)));
    assert_eq!(seen(&judged(None)), (Verification::StapleMissing, Some(0)));
    let mut forged = good.to_vec();
    *forged.last_mut().expect("not empty") ^= 1;
    for useless in [&forged[..], b"?"] {
        assert_eq!(seen(&judged(Some(useless))), (Verification::StapleMissing, Some(0)));
    }
    let early = at(Some(good), now.saturating_sub(Duration::from_mins(10)));
    assert!(early.detail.contains("it is not valid before"), "{}", early.detail);
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
    let der = CertificateDer::from(include_bytes!("../../../../fixtures/tls/rsa1024.der").to_vec());
    let links = [link(&der)];
    let name = ServerName::try_from("weak.lab").expect("a name");
    let error = Error::InvalidCertificate(CertificateError::BadSignature);
    let (chain, roots) = ([der.clone()], store(&der));
    let now = Duration::from_secs(u64::try_from(links[0].certificate.not_before).expect("after 1970"));
    let case = Case {
        chain: &chain,
        links: &links,
        presented: 1,
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

/// A chain of leaf, lower and upper authority below a trusted root, as these change it.
fn three(change: impl Fn(&mut CertificateParams, &mut CertificateParams, &mut CertificateParams)) -> Judgement {
    let root = root();
    let (mut upper, mut lower) = (authority("upper", (2024, 2030)), authority("lower", (2024, 2030)));
    let mut end = params("leaf", (2025, 2027), &["orders.lab"]);
    change(&mut upper, &mut lower, &mut end);
    let upper: Issuer = CertifiedIssuer::signed_by(upper, key(), &root).expect("signed");
    let lower: Issuer = CertifiedIssuer::signed_by(lower, key(), &upper).expect("signed");
    let end = end.signed_by(&key(), &lower).expect("signed").der().clone();
    judged(&[end, lower.der().clone(), upper.der().clone()], "orders.lab", &store(root.der()))
}

#[test]
fn a_fault_of_an_authority_is_told_of_that_authority() {
    let accepted = three(|_, _, _| {});
    assert_eq!(seen(&accepted), (Verification::Accepted, None), "{accepted:?}");
    let clients = || vec![ExtendedKeyUsagePurpose::ClientAuth];
    for (at, word, judgement) in [
        (1, "CA:TRUE", three(|_, lower, _| lower.is_ca = IsCa::ExplicitNoCa)),
        (2, "CA:TRUE", three(|upper, _, _| upper.is_ca = IsCa::ExplicitNoCa)),
        (2, "path length", three(|upper, _, _| upper.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)))),
        (0, "serverAuth", three(|_, _, end| end.extended_key_usages = clients())),
        (1, "serverAuth", three(|_, lower, _| lower.extended_key_usages = clients())),
        (2, "serverAuth", three(|upper, _, _| upper.extended_key_usages = clients())),
    ] {
        assert_eq!(seen(&judgement), (Verification::Unsupported, Some(at)), "{judgement:?}");
        assert!(judgement.detail.contains(word), "{judgement:?}");
    }
}

#[test]
fn of_two_authorities_of_one_name_the_one_that_signed_counts() {
    let root = root();
    let (old, new) = (intermediate(&root, (2022, 2025)), intermediate(&root, (2024, 2030)));
    let chain = [leaf(&new, (2025, 2027)), old.der().clone(), new.der().clone()];
    let judgement = judged(&chain, "orders.lab", &store(root.der()));
    assert_eq!(seen(&judgement), (Verification::Accepted, None), "{judgement:?}");
    // The first of them is to blame for nothing.
    let chain = [leaf(&new, (2024, 2025)), old.der().clone(), new.der().clone()];
    let judgement = judged(&chain, "orders.lab", &store(root.der()));
    assert_eq!(judgement.problems.len(), 1, "{judgement:?}");
}

#[test]
fn a_trusted_leaf_that_is_an_authority_is_judged_by_its_purpose_and_its_dates() {
    let judged_as = |years, usages: &[ExtendedKeyUsagePurpose]| {
        let mut params = params("orders", years, &["orders.lab"]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.extended_key_usages = usages.to_vec();
        let leaf = params.self_signed(&key()).expect("a certificate").der().clone();
        judged(std::slice::from_ref(&leaf), "orders.lab", &store(&leaf))
    };
    for fine in [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::Any] {
        assert_eq!(seen(&judged_as((2025, 2027), &[fine])), (Verification::Accepted, None));
    }
    let clients = judged_as((2025, 2027), &[ExtendedKeyUsagePurpose::ClientAuth]);
    assert_eq!(seen(&clients), (Verification::Unsupported, Some(0)), "{clients:?}");
    let expired = judged_as((2020, 2021), &[]);
    assert_eq!((seen(&expired), expired.problems.len()), ((Verification::Expired, Some(0)), 1), "{expired:?}");
}

#[test]
fn a_trusted_leaf_with_a_critical_extension_that_nobody_knows_is_not_accepted() {
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let mut params = params("orders", (2025, 2027), &["orders.lab"]);
        params.is_ca = is_ca;
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
        let leaf = params.self_signed(&key()).expect("a certificate").der().clone();
        // The store reads of a root only what it needs.
        let judgement = judged(std::slice::from_ref(&leaf), "orders.lab", &store(&leaf));
        assert_eq!(judgement.verification, Verification::Unsupported, "{judgement:?}");
    }
}

/// A leaf below authorities, all of so many names, each with a key of its own and signed by the next: every way that names allow is
/// a way that a verifier could try.
fn hostile(count: usize, names: usize) -> Vec<CertificateDer<'static>> {
    let name = |place: usize| format!("authority {}", place % names);
    let top: Issuer = CertifiedIssuer::self_signed(authority("far away", (2020, 2040)), key()).expect("a root");
    let mut issuer = top;
    let mut chain = Vec::new();
    for place in (0..count).rev() {
        issuer = CertifiedIssuer::signed_by(authority(&name(place), (2024, 2030)), key(), &issuer).expect("signed");
        chain.insert(0, issuer.der().clone());
    }
    chain.insert(0, leaf(&issuer, (2025, 2027)));
    chain
}

#[test]
fn a_chain_that_is_made_to_keep_a_verifier_busy_does_not() {
    let roots = store(root().der());
    for names in [1, 2, 4, 99] {
        let chain = hostile(99, names);
        let clock = crate::clock::RunClock::start();
        let judgement = judged(&chain, "orders.lab", &roots);
        let took = clock.now();
        assert_ne!(judgement.verification, Verification::Accepted);
        // Unoptimised, on a busy machine; without bounds it is minutes.
        assert!(took < Duration::from_secs(5), "{names} names: {took:?}");
    }
}

#[test]
fn a_known_issuer_is_found_behind_a_chain_of_any_length() {
    let root = root();
    let middle = intermediate(&root, (2024, 2030));
    let mut chain = hostile(99, 1);
    for (place, der) in chain.iter_mut().enumerate().skip(1) {
        // All of the known one's name.
        let other = authority("intermediate", (2024, 2030)).self_signed(&key()).expect("signed");
        *der = if place < 30 { other.der().clone() } else { der.clone() };
    }
    chain[0] = leaf(&middle, (2025, 2027));
    let presented = chain.len();
    chain.push(middle.der().clone());
    let links: Vec<Link> = chain.iter().map(link).collect();
    let (name, roots) = (ServerName::try_from("orders.lab").expect("a name"), store(root.der()));
    let case = Case {
        chain: &chain,
        links: &links,
        presented,
        signature: None,
        name: &name,
        roots: &roots,
        staple: None,
        now: NOW,
    };
    assert_eq!(judge(&case).verification, Verification::Accepted);
}
