//! A presented certificate as the ledger shows it (RFC 5280), and the little that verification needs beyond it.

use std::fmt::Write;
use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use sonde_core::observation::dial::Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2abbrev, oid2sn};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

/// One link of the presented chain.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) certificate: Certificate,
    /// Names in DER, for comparing. Empty when it cannot be decoded.
    pub(super) subject: Vec<u8>,
    pub(super) issuer: Vec<u8>,
    /// Subject public key info in DER.
    pub(super) key: Vec<u8>,
    /// The validity as people write it.
    pub(super) not_before: String,
    pub(super) not_after: String,
}

/// Decodes a certificate; what is no certificate keeps its place with a subject that says so. Never panics.
pub(super) fn link(der: &CertificateDer<'_>) -> Link {
    let sha256_hex = hex(&Sha256::digest(der));
    match X509Certificate::from_der(der) {
        Ok((_, certificate)) => decoded(&certificate, sha256_hex),
        Err(error) => Link {
            certificate: Certificate {
                subject: format!("(not decodable: {error})"),
                issuer: String::new(),
                serial_hex: String::new(),
                not_before: 0,
                not_after: 0,
                dns_names: Vec::new(),
                addresses: Vec::new(),
                is_ca: false,
                key: String::new(),
                signature_algorithm: String::new(),
                sha256_hex,
                self_signed: false,
            },
            subject: Vec::new(),
            issuer: Vec::new(),
            key: Vec::new(),
            not_before: String::new(),
            not_after: String::new(),
        },
    }
}

fn decoded(certificate: &X509Certificate<'_>, sha256_hex: String) -> Link {
    let (subject, issuer) = (certificate.subject(), certificate.issuer());
    let mut dns_names = Vec::new();
    let mut addresses = Vec::new();
    if let Ok(Some(names)) = certificate.subject_alternative_name() {
        for name in &names.value.general_names {
            match name {
                GeneralName::DNSName(name) => dns_names.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => addresses.extend(address(bytes)),
                _ => {}
            }
        }
    }
    let algorithm = &certificate.signature_algorithm.algorithm;
    let validity = certificate.validity();
    Link {
        certificate: Certificate {
            subject: name(subject),
            issuer: name(issuer),
            serial_hex: hex(certificate.raw_serial()),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            dns_names,
            addresses,
            is_ca: certificate.is_ca(),
            key: key(certificate.public_key()),
            signature_algorithm: oid2sn(algorithm, oid_registry())
                .map_or_else(|_| algorithm.to_id_string(), str::to_owned),
            sha256_hex,
            self_signed: subject.as_raw() == issuer.as_raw() && verified(&certificate.verify_signature(None)),
        },
        subject: subject.as_raw().to_vec(),
        issuer: issuer.as_raw().to_vec(),
        key: certificate.public_key().raw.to_vec(),
        not_before: validity.not_before.to_string(),
        not_after: validity.not_after.to_string(),
    }
}

/// Whether the key of `issuer` signed `child`, as far as we can tell.
pub(super) fn is_signed_by(child: &CertificateDer<'_>, issuer: &CertificateDer<'_>) -> bool {
    match (X509Certificate::from_der(child), X509Certificate::from_der(issuer)) {
        (Ok((_, child)), Ok((_, issuer))) => verified(&child.verify_signature(Some(issuer.public_key()))),
        _ => false,
    }
}

/// An algorithm that we lack leaves the names to decide.
fn verified(result: &Result<(), X509Error>) -> bool {
    matches!(result, Ok(()) | Err(X509Error::SignatureUnsupportedAlgorithm))
}

/// RFC 4514: the last relative name first.
fn name(name: &X509Name<'_>) -> String {
    let mut sets: Vec<String> = Vec::new();
    for set in name.iter_rdn() {
        let attributes = set.iter().map(|attribute| {
            let oid = attribute.attr_type();
            let kind = oid2abbrev(oid, oid_registry()).map_or_else(|_| oid.to_id_string(), str::to_owned);
            let value = attribute
                .as_str()
                .map_or_else(|_| String::from_utf8_lossy(attribute.as_slice()).into_owned(), str::to_owned);
            format!("{kind}={}", escaped(&value))
        });
        sets.push(attributes.collect::<Vec<_>>().join("+"));
    }
    sets.reverse();
    sets.join(",")
}

/// RFC 4514 section 2.4.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.len().saturating_sub(1);
    for (at, letter) in value.char_indices() {
        match letter {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', letter]),
            ' ' if at == 0 || at == last => text.push_str("\\ "),
            '#' if at == 0 => text.push_str("\\#"),
            letter if letter.is_control() => {
                for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "\\{byte:02x}");
                }
            }
            _ => text.push(letter),
        }
    }
    text
}

/// "RSA 2048", "EC P-256", "Ed25519", else the algorithm's name.
fn key(info: &SubjectPublicKeyInfo<'_>) -> String {
    let algorithm = &info.algorithm.algorithm;
    match info.parsed() {
        Ok(PublicKey::RSA(rsa)) => format!("RSA {}", rsa.key_size()),
        Ok(PublicKey::EC(_)) => {
            let curve = info.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
            match curve.map(|curve| curve.to_id_string()).as_deref() {
                Some("1.2.840.10045.3.1.7") => "EC P-256".to_owned(),
                Some("1.3.132.0.34") => "EC P-384".to_owned(),
                Some("1.3.132.0.35") => "EC P-521".to_owned(),
                Some(other) => format!("EC {other}"),
                None => "EC".to_owned(),
            }
        }
        // RFC 8410.
        _ => match algorithm.to_id_string().as_str() {
            "1.3.101.112" => "Ed25519".to_owned(),
            "1.3.101.113" => "Ed448".to_owned(),
            id => oid2sn(algorithm, oid_registry()).map_or_else(|_| id.to_owned(), str::to_owned),
        },
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => bytes.first_chunk::<4>().map(|bytes| IpAddr::from(*bytes)),
        16 => bytes.first_chunk::<16>().map(|bytes| IpAddr::from(*bytes)),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn self_signed() -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["orders.lab".to_owned(), "10.0.0.5".to_owned()]).expect("names");
        params.distinguished_name.push(DnType::OrganizationName, "A, B");
        params.distinguished_name.push(DnType::CommonName, "orders.lab");
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().clone()
    }

    #[test]
    fn the_fields_of_a_certificate_are_shown() {
        let link = link(&self_signed());
        let certificate = &link.certificate;
        assert!(certificate.subject.contains("O=A\\, B") && certificate.subject.contains("CN="), "{certificate:?}");
        assert_eq!(certificate.subject, certificate.issuer);
        assert_eq!(certificate.dns_names, ["orders.lab"]);
        assert_eq!(certificate.addresses, ["10.0.0.5".parse::<IpAddr>().expect("an address")]);
        assert_eq!((certificate.key.as_str(), certificate.self_signed), ("EC P-256", true));
        assert_eq!(certificate.signature_algorithm, "ecdsa-with-SHA256");
        assert_eq!(certificate.sha256_hex.len(), 64);
    }

    #[test]
    fn a_broken_signature_is_not_self_signed() {
        let mut der = self_signed().to_vec();
        let last = der.len() - 1;
        der[last] ^= 1;
        assert!(!link(&CertificateDer::from(der)).certificate.self_signed);
    }

    #[test]
    fn special_letters_are_escaped() {
        assert_eq!(escaped(" a,b#c\u{1} "), "\\ a\\,b#c\\01\\ ");
        assert_eq!(escaped("#a"), "\\#a");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            link(&CertificateDer::from(bytes));
        }

        #[test]
        fn any_change_of_a_certificate_is_survived(at in 0_usize..300, byte: u8) {
            let mut der = self_signed().to_vec();
            if let Some(place) = der.get_mut(at) {
                *place = byte;
            }
            link(&CertificateDer::from(der));
        }
    }
}
