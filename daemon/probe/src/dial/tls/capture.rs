//! What the handshake shows on its way: the chain, the signature check, the version, the wish for a client certificate.
//!
//! It accepts every certificate: judging comes afterwards and never ends a handshake. So nothing that needs secrecy may be
//! sent over such a connection.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

/// What was seen so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) version: Option<&'static str>,
    /// The handshake's signature does not fit the leaf's key.
    pub(super) bad_signature: Option<Error>,
    pub(super) client_certificate_requested: bool,
    /// Distinguished names in DER, at most [`AUTHORITIES`].
    pub(super) authorities: Vec<Vec<u8>>,
    /// The stapled OCSP response; empty where none came.
    pub(super) staple: Vec<u8>,
}

/// Both a verifier and a client-certificate resolver, sharing what they saw.
#[derive(Debug)]
pub(super) struct Capture {
    provider: Arc<CryptoProvider>,
    seen: Mutex<Seen>,
}

impl Capture {
    pub(super) fn new(provider: Arc<CryptoProvider>) -> Self {
        Self { provider, seen: Mutex::default() }
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn note_signature(&self, version: &'static str, result: Result<HandshakeSignatureValid, Error>) {
        self.note(|seen| {
            seen.version = Some(version);
            seen.bad_signature = result.err();
        });
    }
}

impl ServerCertVerifier for Capture {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        staple: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        let chain = chain.take(MOST_CERTIFICATES).map(|certificate| certificate.clone().into_owned()).collect();
        self.note(|seen| {
            seen.chain = chain;
            seen.staple = staple.to_vec();
        });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.note_signature("TLSv1.2", verify_tls12_signature(message, certificate, signature, algorithms));
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.note_signature("TLSv1.3", verify_tls13_signature(message, certificate, signature, algorithms));
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl ResolvesClientCert for Capture {
    fn resolve(&self, authorities: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.note(|seen| {
            seen.client_certificate_requested = true;
            seen.authorities = authorities.iter().take(AUTHORITIES).map(|name| name.to_vec()).collect();
        });
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A server that trusts every public authority would name 150.
const AUTHORITIES: usize = 64;

/// As deep as OpenSSL follows a chain. One message may hold thousands of tiny ones, and each becomes a record.
const MOST_CERTIFICATES: usize = 100;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

    use super::*;

    #[test]
    fn of_a_chain_without_end_a_hundred_are_kept() {
        let capture = Capture::new(Arc::new(rustls::crypto::ring::default_provider()));
        let one = CertificateDer::from(vec![0x30, 0]);
        let others = vec![one.clone(); 5000];
        let name = ServerName::try_from("orders.example").expect("a name");
        let now = UnixTime::since_unix_epoch(Duration::ZERO);
        capture.verify_server_cert(&one, &others, &name, &[], now).expect("every chain is taken");
        assert_eq!(capture.seen().chain.len(), MOST_CERTIFICATES);
    }
}
