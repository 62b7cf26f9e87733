//! The verifier's errors in words. rustls has sentences for some; of others it prints the name, as webpki does of those that rustls
//! only carries along.

use rustls::{CertificateError, Error};

/// What is wrong, as a fragment that follows "the certificate ...:".
pub(super) fn plain(error: &Error) -> String {
    if let Error::InvalidCertificate(CertificateError::Other(other)) = error {
        return worded(&other.0.to_string());
    }
    let text = error.to_string();
    text.strip_prefix("invalid peer certificate: ").map_or_else(|| text.clone(), worded)
}

/// A name in words; a sentence as it is.
fn worded(text: &str) -> String {
    let name = text.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or_default();
    let rest = text.get(name.len()..).unwrap_or_default();
    let is_name = name.starts_with(|letter: char| letter.is_ascii_uppercase())
        && (rest.is_empty() || rest.starts_with('(') || rest.starts_with(" {"));
    if !is_name {
        return text.to_owned();
    }
    WORDS.iter().find(|(known, _)| *known == name).map_or_else(|| split(name), |(_, words)| (*words).to_owned())
}

/// `UnsupportedNameType` as "unsupported name type".
fn split(name: &str) -> String {
    let mut words = String::new();
    for letter in name.trim_end_matches("Context").chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// By the names of webpki and rustls.
const WORDS: &[(&str, &str)] = &[
    ("BadEncoding", "it is not encoded as a certificate is (DER)"),
    ("CaUsedAsEndEntity", "it is an authority's (CA:TRUE), not a server's"),
    ("EmptyEkuExtension", "its extended key usage is empty"),
    ("ExtensionValueInvalid", "an extension has a value that is not valid"),
    ("InvalidSerialNumber", "its serial number is not valid"),
    ("MalformedExtensions", "its extensions are malformed"),
    (
        "MaximumNameConstraintComparisonsExceeded",
        "it has more names than are compared with the constraints of its authorities",
    ),
    ("MaximumPathDepthExceeded", "more authorities are above it than are followed"),
    ("MaximumSignatureChecksExceeded", "more signatures are on the ways up from it than are checked"),
    ("NameConstraintViolation", "an authority above it may not issue for its names (name constraints)"),
    ("PathLenConstraintViolated", "more authorities are above it than the path length of one of them allows"),
    ("SignatureAlgorithmMismatch", "it names one signature algorithm inside and another outside"),
    ("UnhandledCriticalExtension", CRITICAL),
    ("UnsupportedCertVersion", "it is not of version 3"),
    ("UnsupportedCriticalExtension", CRITICAL),
];

const CRITICAL: &str = "it has a critical extension that this client does not know";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::OtherError;

    use super::*;

    #[test]
    fn names_become_words_and_sentences_stay() {
        for (text, words) in [
            ("UnsupportedCriticalExtension", CRITICAL),
            ("NameConstraintViolation", "an authority above it may not issue for its names (name constraints)"),
            ("UnsupportedNameType", "unsupported name type"),
            ("TrailingData(Certificate)", "trailing data"),
            ("UnsupportedSignatureAlgorithmContext { signature_algorithm_id: [1] }", "unsupported signature algorithm"),
            ("certificate expired: verification time 1", "certificate expired: verification time 1"),
            ("Something (else) is wrong", "Something (else) is wrong"),
            ("", ""),
        ] {
            assert_eq!(worded(text), words, "{text}");
        }
    }

    #[test]
    fn what_rustls_only_carries_along_is_worded_too() {
        let carried = OtherError(Arc::new(std::io::Error::other("UnsupportedCriticalExtension")));
        assert_eq!(plain(&Error::InvalidCertificate(CertificateError::Other(carried))), CRITICAL);
        assert_eq!(plain(&Error::InvalidCertificate(CertificateError::BadSignature)), "bad signature");
        assert_eq!(plain(&Error::NoCertificatesPresented), "peer sent no certificates");
    }
}
