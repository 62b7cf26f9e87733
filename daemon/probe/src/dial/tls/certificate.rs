//! A presented certificate as the ledger shows it (RFC 5280), and the little that verification needs beyond it.

use std::fmt::Write;
use std::net::IpAddr;

use data_encoding::HEXLOWER;
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use sonde_core::observation::connection::Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension, X509Extension};
use x509_parser::objects::{oid_registry, oid2abbrev, oid2sn};
use x509_parser::oid_registry::{OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS, OID_PKIX_ACCESS_DESCRIPTOR_OCSP};
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
    /// How many authorities may be below it (RFC 5280 section 4.2.1.9).
    pub(super) path_length: Option<usize>,
    pub(super) servers: Servers,
}

/// Whether it may be used for servers (RFC 5280 section 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Servers {
    /// It says so, or says nothing of what it is for.
    Named,
    /// For whatever it may be used, which not every verifier takes for servers.
    AsAny,
    Excluded,
}

/// Decodes a certificate; what is no certificate keeps its place with a subject that says so. Never panics.
pub(super) fn link(der: &CertificateDer<'_>) -> Link {
    let sha256_hex = hex(&Sha256::digest(der));
    match X509Certificate::from_der(der) {
        Ok((_, certificate)) => decoded(&certificate, der, sha256_hex),
        Err(error) => Link {
            certificate: Certificate {
                subject: format!("(not decodable: {error})"),
                sha256_hex,
                der: der.to_vec(),
                ..Certificate::default()
            },
            subject: Vec::new(),
            issuer: Vec::new(),
            key: Vec::new(),
            not_before: String::new(),
            not_after: String::new(),
            path_length: None,
            servers: Servers::Named,
        },
    }
}

fn decoded(certificate: &X509Certificate<'_>, der: &CertificateDer<'_>, sha256_hex: String) -> Link {
    let (subject, issuer) = (certificate.subject(), certificate.issuer());
    let algorithm = &certificate.signature_algorithm.algorithm;
    let validity = certificate.validity();
    let mut shown = Certificate {
        subject: name(subject),
        issuer: name(issuer),
        serial_hex: hex(certificate.raw_serial()),
        not_before: validity.not_before.timestamp(),
        not_after: validity.not_after.timestamp(),
        key: key(certificate.public_key()),
        signature_algorithm: oid2sn(algorithm, oid_registry()).map_or_else(|_| algorithm.to_id_string(), str::to_owned),
        sha256_hex,
        self_signed: subject.as_raw() == issuer.as_raw()
            && checked(certificate, certificate.public_key()) != Signed::No,
        der: der.to_vec(),
        ..Certificate::default()
    };
    for extension in certificate.extensions() {
        extend(&mut shown, extension);
    }
    Link {
        certificate: shown,
        subject: subject.as_raw().to_vec(),
        issuer: issuer.as_raw().to_vec(),
        key: certificate.public_key().raw.to_vec(),
        not_before: validity.not_before.to_string(),
        not_after: validity.not_after.to_string(),
        path_length: path_length(certificate),
        servers: servers(certificate),
    }
}

fn path_length(certificate: &X509Certificate<'_>) -> Option<usize> {
    let constraints = certificate.basic_constraints().ok()??;
    constraints.value.path_len_constraint.and_then(|most| usize::try_from(most).ok())
}

fn servers(certificate: &X509Certificate<'_>) -> Servers {
    match certificate.extended_key_usage() {
        Ok(Some(usage)) if usage.value.server_auth => Servers::Named,
        Ok(Some(usage)) if usage.value.any => Servers::AsAny,
        Ok(Some(_)) => Servers::Excluded,
        Ok(None) | Err(_) => Servers::Named,
    }
}

/// What an extension says, as far as it is shown.
fn extend(shown: &mut Certificate, extension: &X509Extension<'_>) {
    match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(names) => {
            for name in &names.general_names {
                match name {
                    GeneralName::DNSName(name) => shown.dns_names.push((*name).to_owned()),
                    GeneralName::IPAddress(bytes) => shown.addresses.extend(address(bytes)),
                    _ => {}
                }
            }
        }
        ParsedExtension::BasicConstraints(constraints) => shown.is_ca = constraints.ca,
        ParsedExtension::SubjectKeyIdentifier(id) => shown.subject_key_id_hex = hex(bounded(id.0)),
        ParsedExtension::AuthorityKeyIdentifier(id) => {
            shown.authority_key_id_hex = id.key_identifier.as_ref().map_or_else(String::new, |id| hex(bounded(id.0)));
        }
        ParsedExtension::AuthorityInfoAccess(access) => {
            for access in &access.accessdescs {
                if access.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS {
                    add_url(&mut shown.issuer_urls, &access.access_location);
                } else if access.access_method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP {
                    add_url(&mut shown.ocsp_urls, &access.access_location);
                }
            }
        }
        ParsedExtension::CRLDistributionPoints(points) => {
            let points = points.points.iter().filter_map(|point| point.distribution_point.as_ref());
            for name in points.filter_map(|point| match point {
                DistributionPointName::FullName(names) => Some(names),
                DistributionPointName::NameRelativeToCRLIssuer(_) => None,
            }) {
                for name in name {
                    add_url(&mut shown.crl_urls, name);
                }
            }
        }
        // RFC 7633: a sequence of TLS extension numbers; 5 is status_request.
        _ if extension.oid.to_id_string() == TLS_FEATURE => {
            shown.must_staple = Vec::<u32>::from_der(extension.value).is_ok_and(|(_, features)| features.contains(&5));
        }
        _ => {}
    }
}

fn add_url(urls: &mut Vec<String>, name: &GeneralName<'_>) {
    if let GeneralName::URI(url) = name
        && urls.len() < URLS
        && url.len() <= URL_BYTES
    {
        urls.push((*url).to_owned());
    }
}

/// Key identifiers have 20 bytes.
fn bounded(id: &[u8]) -> &[u8] {
    id.get(..64).unwrap_or(id)
}

/// Whether the key of `issuer` signed `child`, as far as we can tell: an algorithm or a key that we lack leaves the names to decide.
pub(super) fn is_signed_by(child: &CertificateDer<'_>, issuer: &CertificateDer<'_>) -> bool {
    signed(child, issuer) != Signed::No
}

/// Whether we cannot tell.
pub(super) fn is_undecidable(child: &CertificateDer<'_>, issuer: &CertificateDer<'_>) -> bool {
    signed(child, issuer) == Signed::Undecidable
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signed {
    Yes,
    No,
    Undecidable,
}

fn signed(child: &CertificateDer<'_>, issuer: &CertificateDer<'_>) -> Signed {
    match (X509Certificate::from_der(child), X509Certificate::from_der(issuer)) {
        (Ok((_, child)), Ok((_, issuer))) => checked(&child, issuer.public_key()),
        _ => Signed::No,
    }
}

fn checked(child: &X509Certificate<'_>, key: &SubjectPublicKeyInfo<'_>) -> Signed {
    match child.verify_signature(Some(key)) {
        Ok(()) => Signed::Yes,
        Err(X509Error::SignatureUnsupportedAlgorithm) => Signed::Undecidable,
        Err(_) => match key.parsed() {
            Ok(PublicKey::RSA(rsa)) if !(LEAST_RSA_BITS..=MOST_RSA_BITS).contains(&rsa.key_size()) => {
                Signed::Undecidable
            }
            _ => Signed::No,
        },
    }
}

/// ring verifies no shorter ones, as the CA/Browser Forum's baseline requirements demand (section 6.1.5), and no longer ones.
pub(super) const LEAST_RSA_BITS: usize = 2048;
const MOST_RSA_BITS: usize = 8192;

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

/// The name in DER as the ledger shows it; nothing where it is none.
pub(super) fn distinguished(der: &[u8]) -> Option<String> {
    X509Name::from_der(der).ok().map(|(_, shown)| name(&shown))
}

/// RFC 7633 section 4.
const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";
/// Of one kind; certificates have one or two.
const URLS: usize = 8;
const URL_BYTES: usize = 1024;

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    #[test]
    fn the_places_around_a_certificate_are_told() {
        let der = include_bytes!("../../../fixtures/tls/ocsp-leaf.der");
        let leaf = link(&CertificateDer::from(der.to_vec())).certificate;
        assert_eq!(leaf.issuer_urls, ["http://ca.lab/issuing.der"]);
        assert_eq!(leaf.ocsp_urls, ["http://ocsp.lab/"]);
        assert_eq!(leaf.crl_urls, ["http://ca.lab/issuing.crl"]);
        assert!(leaf.must_staple);
        let issuer = link(&CertificateDer::from(include_bytes!("../../../fixtures/tls/ocsp-issuer.der").to_vec()));
        assert_eq!(leaf.authority_key_id_hex, issuer.certificate.subject_key_id_hex);
        assert_eq!(leaf.authority_key_id_hex.len(), 40);
        assert!(issuer.certificate.is_ca && !issuer.certificate.must_staple);
        assert_eq!(leaf.der, der);
    }

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
    fn a_key_that_is_too_short_to_be_checked_still_signs_itself() {
        let der = include_bytes!("../../../fixtures/tls/rsa1024.der");
        let certificate = link(&CertificateDer::from(der.to_vec())).certificate;
        assert_eq!((certificate.key.as_str(), certificate.self_signed), ("RSA 1024", true));
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
