//! The key exchange X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem), which ring lacks: ML-KEM-768 (FIPS 203) beside ring's X25519.
//!
//! Both shares and both secrets are written one after the other, the post-quantum one first. Of a client; absent is a server's side
//! other than in tests.

use fips203::ml_kem_768::{CT_LEN, CipherText, DecapsKey, KG};
use fips203::traits::{Decaps, KeyGen, SerDes};
use rustls::crypto::ring::kx_group::X25519;
use rustls::crypto::{ActiveKeyExchange, GetRandomFailed, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved, ProtocolVersion};

/// For [`rustls::crypto::CryptoProvider::kx_groups`].
pub(super) static X25519MLKEM768: &dyn SupportedKxGroup = &Hybrid;

#[derive(Debug)]
struct Hybrid;

impl SupportedKxGroup for Hybrid {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let (mut d, mut z) = ([0; 32], [0; 32]);
        getrandom::fill(&mut d).and_then(|()| getrandom::fill(&mut z)).map_err(|_| GetRandomFailed)?;
        let (public, post_quantum) = KG::keygen_from_seed(d, z);
        let classical = X25519.start()?;
        let mut share = public.into_bytes().to_vec();
        share.extend_from_slice(classical.pub_key());
        Ok(Box::new(Active { classical, post_quantum, share }))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}

struct Active {
    classical: Box<dyn ActiveKeyExchange>,
    post_quantum: DecapsKey,
    share: Vec<u8>,
}

impl ActiveKeyExchange for Active {
    fn complete(self: Box<Self>, share: &[u8]) -> Result<SharedSecret, Error> {
        let wrong = || Error::from(PeerMisbehaved::InvalidKeyShare);
        let (ciphertext, classical) = share.split_first_chunk::<CT_LEN>().ok_or_else(wrong)?;
        let ciphertext = CipherText::try_from_bytes(*ciphertext).map_err(|_| wrong())?;
        let mut secret = self.post_quantum.try_decaps(&ciphertext).map_err(|_| wrong())?.into_bytes().to_vec();
        secret.extend_from_slice(self.classical.complete(classical)?.secret_bytes());
        Ok(SharedSecret::from(secret))
    }

    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((self.classical.group(), self.classical.pub_key()))
    }

    fn complete_hybrid_component(self: Box<Self>, share: &[u8]) -> Result<SharedSecret, Error> {
        self.classical.complete(share)
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}

#[cfg(test)]
mod tests {
    use fips203::ml_kem_768::{EK_LEN, EncapsKey};
    use fips203::traits::Encaps;

    use super::*;

    /// As a server answers (FIPS 203 section 7.2).
    fn answered(share: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (key, classical) = share.split_first_chunk::<EK_LEN>().expect("1184 bytes");
        let (post_quantum, ciphertext) = EncapsKey::try_from_bytes(*key).expect("a key").encaps_from_seed(&[7; 32]);
        let other = X25519.start_and_complete(classical).expect("a share of X25519");
        let secret = [&post_quantum.into_bytes(), other.secret.secret_bytes()].concat();
        ([&ciphertext.into_bytes()[..], &other.pub_key].concat(), secret)
    }

    #[test]
    fn both_sides_come_to_one_secret() {
        let active = X25519MLKEM768.start().expect("it starts");
        assert_eq!(active.pub_key().len(), 1184 + 32);
        let (share, secret) = answered(active.pub_key());
        assert_eq!(active.complete(&share).expect("a share").secret_bytes(), secret);
    }

    #[test]
    fn a_server_may_choose_the_classical_part() {
        let active = X25519MLKEM768.start().expect("it starts");
        let (group, share) = active.hybrid_component().expect("a part");
        assert_eq!(group, NamedGroup::X25519);
        let other = X25519.start_and_complete(share).expect("a share of X25519");
        let secret = active.complete_hybrid_component(&other.pub_key).expect("a share");
        assert_eq!(secret.secret_bytes(), other.secret.secret_bytes());
    }

    #[test]
    fn a_share_of_the_wrong_length_is_the_peers_fault() {
        for length in [0, 32, 1088, 1119, 1121, 4096] {
            let active = X25519MLKEM768.start().expect("it starts");
            let error = active.complete(&vec![1; length]).err().expect("no share");
            assert!(matches!(error, Error::PeerMisbehaved(_)), "{length}: {error}");
        }
    }
}
