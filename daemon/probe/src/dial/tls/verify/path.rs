//! Which certificates lead up from the leaf: one path that is told of, and all that verification may try.
//!
//! Whoever presents a chain chooses its length and its names, and verification tries every way that the names allow. So only so
//! many are looked at: of one name, and in all.

use std::iter;
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use super::Case;
use crate::dial::tls::certificate::is_signed_by;

impl Case<'_> {
    /// The certificates that lead up from the leaf; others of the chain do not matter. Names decide, and where several have one
    /// name, the signature.
    pub(super) fn path(&self) -> Vec<usize> {
        let mut path = vec![0];
        while path.len() <= MOST
            && let Some(next) = path.last().and_then(|last| self.issuer(*last, &path))
        {
            path.push(next);
        }
        path
    }

    fn issuer(&self, child: usize, path: &[usize]) -> Option<usize> {
        let link = self.links.get(child).filter(|link| link.issuer != link.subject)?;
        let (presented, known) = self.named(&link.issuer);
        let mut named = presented.chain(known).filter(|depth| !path.contains(depth));
        let first = named.next()?;
        let Some(second) = named.next() else { return Some(first) };
        let signed =
            iter::once(first).chain(iter::once(second)).chain(named).find(|issuer| self.signed(child, *issuer));
        Some(signed.unwrap_or(first))
    }

    pub(super) fn signed(&self, child: usize, issuer: usize) -> bool {
        let pair = self.chain.get(child).zip(self.chain.get(issuer));
        pair.is_some_and(|(child, issuer)| is_signed_by(child, issuer))
    }

    /// What verification may try as issuers, without the leaf. Those that are known besides come first: a chain of any length must
    /// not hide them.
    pub(super) fn reachable(&self) -> Vec<CertificateDer<'_>> {
        let mut found = vec![0];
        let mut at = 0;
        while let Some(child) = found.get(at).and_then(|depth: &usize| self.links.get(*depth)) {
            let (presented, known) = self.named(&child.issuer);
            for issuer in known.chain(presented) {
                let is_new = found.iter().all(|seen| self.chain.get(*seen) != self.chain.get(issuer));
                if is_new && found.len() <= MOST {
                    found.push(issuer);
                }
            }
            at += 1;
        }
        found.remove(0);
        found.sort_by_key(|depth| *depth < self.presented);
        found.iter().filter_map(|depth| self.chain.get(*depth)).map(|der| CertificateDer::from(der.as_ref())).collect()
    }

    /// The certificates of this name, of those that were presented and of those that are known besides.
    fn named<'a>(&'a self, name: &'a [u8]) -> (impl Iterator<Item = usize> + 'a, impl Iterator<Item = usize> + 'a) {
        let of_name = move |range: std::ops::Range<usize>| {
            let links = range.filter_map(|depth| Some((depth, self.links.get(depth)?)));
            let named = links.filter(move |(_, link)| !name.is_empty() && link.subject == name);
            named.map(|(depth, _)| depth).take(OF_ONE_NAME)
        };
        (of_name(1..self.presented), of_name(self.presented.max(1)..self.links.len()))
    }

    /// A moment at which every certificate of the path is within its dates.
    pub(super) fn common_moment(&self, path: &[usize]) -> Option<Duration> {
        let links = || path.iter().filter_map(|depth| self.links.get(*depth));
        let begin = links().map(|link| link.certificate.not_before).max()?;
        let end = links().map(|link| link.certificate.not_after).min()?;
        let moment = u64::try_from(begin).ok()?;
        (begin <= end).then_some(Duration::from_secs(moment))
    }
}

/// Above a leaf; usual chains have one or two, and verification follows six.
const MOST: usize = 16;
/// An authority that is cross-signed has two or three.
const OF_ONE_NAME: usize = 4;
