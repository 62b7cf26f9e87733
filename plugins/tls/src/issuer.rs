//! The certificate that a chain ends below: where to fetch it (RFC 5280 section 4.2.2.1), and what it is.
//!
//! Pure. Bytes of a server are only compared here, never trusted: the host verifies.

use sonde_sdk::dial::{HttpExchange, TlsDial};
use sonde_sdk::types::Endpoint;

use crate::case::{Case, Step};
use crate::chain;

/// An `http` URL whose host is an address, or the target's own name: others would have to be resolved first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) host: String,
    pub(crate) remote: Endpoint,
    pub(crate) path: String,
}

/// Where the issuer of the topmost certificate of the path is, where it says so in a way that can be followed.
pub(crate) fn place(case: &Case, first: &TlsDial) -> Option<Place> {
    let top = chain::top(first.session.as_ref()?).filter(|top| !top.self_signed)?;
    top.issuer_urls.iter().find_map(|url| parsed(case, url))
}

fn parsed(case: &Case, url: &str) -> Option<Place> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()?),
        _ => (host, 80),
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let address = if bare.parse::<std::net::IpAddr>().is_ok() {
        bare.to_owned()
    } else if bare.eq_ignore_ascii_case(&case.host) {
        case.addresses.first()?.clone()
    } else {
        return None;
    };
    Some(Place {
        url: url.to_owned(),
        host: host.to_owned(),
        remote: Endpoint::new(&address, port),
        path: path.to_owned(),
    })
}

/// The request that fetched it, and the certificate in DER; none where the answer is no certificate, or not whole.
pub(crate) fn fetched(case: &Case) -> Option<(&HttpExchange, &[u8])> {
    let exchange = case.request(&Step::Issuer)?;
    let response = exchange.response.as_ref().filter(|response| response.status == 200 && response.body_complete)?;
    let whole = usize::try_from(response.body_bytes).is_ok_and(|bytes| bytes == response.body_prefix.len());
    let der = response.body_prefix.as_slice();
    (whole && names(der).is_some()).then_some((exchange, der))
}

/// The certificate names itself as its issuer: a root, above which nothing can be missing.
pub(crate) fn is_root(der: &[u8]) -> bool {
    names(der).is_some_and(|(issuer, subject)| issuer == subject)
}

/// Issuer and subject of a certificate, in DER (RFC 5280 section 4.1).
fn names(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (certificate, _) = element(der, 0x30)?;
    let (mut rest, _) = element(certificate, 0x30)?;
    // The version, which only the oldest lack.
    if let Some((_, after)) = element(rest, 0xa0) {
        rest = after;
    }
    let (_, rest) = element(rest, 0x02)?;
    let (_, rest) = element(rest, 0x30)?;
    let (issuer, rest) = element(rest, 0x30)?;
    let (_, rest) = element(rest, 0x30)?;
    let (subject, _) = element(rest, 0x30)?;
    Some((issuer, subject))
}

/// The contents of the element of this tag at the begin, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (_, rest) = bytes.split_first().filter(|(first, _)| **first == tag)?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0, |number, digit| number << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case() -> Case {
        Case::new("www.shop.example", 443, true, &["192.0.2.80".to_owned()])
    }

    #[test]
    fn a_place_is_an_address_or_the_targets_own_name() {
        let place = parsed(&case(), "http://192.0.2.7:8080/ca.der").expect("a place");
        assert_eq!((place.remote, place.path.as_str()), (Endpoint::new("192.0.2.7", 8080), "/ca.der"));
        let own = parsed(&case(), "http://www.shop.example/ca").expect("a place");
        assert_eq!((own.remote, own.host.as_str()), (Endpoint::new("192.0.2.80", 80), "www.shop.example"));
        let six = parsed(&case(), "http://[2001:db8::1]/x").expect("a place");
        assert_eq!(six.remote, Endpoint::new("2001:db8::1", 80));
    }

    #[test]
    fn other_names_other_schemes_and_nonsense_are_no_place() {
        for url in ["http://ca.example/x", "https://192.0.2.7/x", "ldap://192.0.2.7/", "http://192.0.2.7:x/", ""] {
            assert_eq!(parsed(&case(), url), None, "{url}");
        }
    }

    #[test]
    fn a_root_names_itself() {
        let name = |letter: u8| [0x30, 1, letter];
        let certificate = |issuer: u8, subject: u8| {
            let tbs =
                [&[0xa0, 3, 2, 1, 2][..], &[2, 1, 9], &[0x30, 0], &name(issuer), &[0x30, 0], &name(subject)].concat();
            let inner = [&[0x30, u8::try_from(tbs.len()).expect("short")][..], &tbs].concat();
            [&[0x30, u8::try_from(inner.len()).expect("short")][..], &inner].concat()
        };
        assert!(is_root(&certificate(7, 7)));
        assert!(!is_root(&certificate(7, 8)));
        assert!(!is_root(b"-----BEGIN CERTIFICATE-----") && !is_root(&[0x30, 0x84, 1]) && !is_root(&[]));
    }
}
