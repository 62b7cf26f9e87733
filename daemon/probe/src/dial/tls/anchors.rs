//! Trusted roots with their dates. A trust anchor has none for webpki, as RFC 5280 leaves it; OpenSSL and Go look at those of the
//! certificate that it comes from.

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Trusted roots.
#[derive(Clone, Debug)]
pub(super) struct Anchors {
    store: RootCertStore,
    /// The last second of each, in the order of the store.
    ends: Vec<i64>,
}

impl Anchors {
    /// Those of the certificates that can be roots.
    pub(super) fn of(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        let mut anchors = Self { store: RootCertStore::empty(), ends: Vec::new() };
        for certificate in certificates {
            let end = X509Certificate::from_der(&certificate)
                .map_or(i64::MAX, |(_, certificate)| certificate.validity().not_after.timestamp());
            if anchors.store.add(certificate).is_ok() {
                anchors.ends.push(end);
            }
        }
        anchors
    }

    /// As the verifier takes them.
    pub(super) fn store(&self) -> &RootCertStore {
        &self.store
    }

    /// Those that are not past their dates; none where that is all.
    pub(super) fn current(&self, now: i64) -> Option<RootCertStore> {
        let old = self.ends.iter().any(|end| *end < now);
        let current = || self.store.roots.iter().zip(&self.ends).filter(|(_, end)| **end >= now);
        old.then(|| RootCertStore { roots: current().map(|(root, _)| root.clone()).collect() })
    }

    /// When the last root with this subject, a name in DER, ends.
    pub(super) fn end(&self, subject: &[u8]) -> Option<i64> {
        let pairs = self.store.roots.iter().zip(&self.ends);
        pairs.filter(|(root, _)| is_named(root, subject)).map(|(_, end)| *end).max()
    }
}

/// The roots whose subject is this name in DER.
pub(super) fn named<'a>(roots: &'a RootCertStore, name: &'a [u8]) -> impl Iterator<Item = &'a TrustAnchor<'static>> {
    roots.roots.iter().filter(|root| is_named(root, name))
}

/// Anchors hold the contents of a name only, without the outer header of 2 to 4 bytes.
fn is_named(root: &TrustAnchor<'_>, name: &[u8]) -> bool {
    let header = name.len().saturating_sub(root.subject.len());
    !root.subject.is_empty() && (2..=4).contains(&header) && name.ends_with(&root.subject)
}
