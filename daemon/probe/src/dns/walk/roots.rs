//! Where a walk begins: the root servers and the root's trust anchors.
//!
//! Both are IANA's unless the caller names its own; neither is ever fetched.

use std::net::IpAddr;

use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS};
use hickory_proto::dnssec::{PublicKey, TrustAnchors};
use hickory_proto::rr::{Name, RData, RecordType};

/// <https://www.internic.net/domain/named.root>, serial 2024041801 and later; b.root-servers.net. has its addresses of 2023-11-27.
pub(super) const HINTS: [(&str, &str, &str); 13] = [
    ("a.root-servers.net.", "198.41.0.4", "2001:503:ba3e::2:30"),
    ("b.root-servers.net.", "170.247.170.2", "2801:1b8:10::b"),
    ("c.root-servers.net.", "192.33.4.12", "2001:500:2::c"),
    ("d.root-servers.net.", "199.7.91.13", "2001:500:2d::d"),
    ("e.root-servers.net.", "192.203.230.10", "2001:500:a8::e"),
    ("f.root-servers.net.", "192.5.5.241", "2001:500:2f::f"),
    ("g.root-servers.net.", "192.112.36.4", "2001:500:12::d0d"),
    ("h.root-servers.net.", "198.97.190.53", "2001:500:1::53"),
    ("i.root-servers.net.", "192.36.148.17", "2001:7fe::53"),
    ("j.root-servers.net.", "192.58.128.30", "2001:503:c27::2:30"),
    ("k.root-servers.net.", "193.0.14.129", "2001:7fd::1"),
    ("l.root-servers.net.", "199.7.83.42", "2001:500:9f::42"),
    ("m.root-servers.net.", "202.12.27.33", "2001:dc3::35"),
];

/// <https://data.iana.org/root-anchors/root-anchors.xml>: KSK-2017 and KSK-2024.
const ANCHORS: [&str; 2] = [
    "20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
    "38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
];

/// More than the root has ever had at one time.
const MOST_ANCHORS: usize = 16;

/// Every address of IANA's root servers, with its server's name.
pub(super) fn hints() -> impl Iterator<Item = (&'static str, IpAddr)> {
    HINTS.iter().flat_map(|(name, v4, v6)| [v4, v6].into_iter().filter_map(|text| Some((*name, text.parse().ok()?))))
}

/// What is trusted of the root before anything was asked.
#[derive(Clone, Debug)]
pub(super) enum Anchor {
    Ds(DS),
    Key(DNSKEY),
}

impl Anchor {
    /// The caller's, or IANA's; the error quotes what is no anchor.
    pub(super) fn parse_all(texts: &[String]) -> Result<Vec<Self>, String> {
        if texts.len() > MOST_ANCHORS {
            return Err(format!("{} trust anchors; at most {MOST_ANCHORS} are taken", texts.len()));
        }
        if texts.is_empty() {
            return ANCHORS.iter().map(|text| Self::parse(text)).collect();
        }
        texts.iter().map(|text| Self::parse(text)).collect()
    }

    /// The data of a DS or DNSKEY record, or the whole record as a zone file has it.
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            let shown: String = text.chars().take(200).collect();
            format!("trust anchor {shown:?}; a DS or DNSKEY record of the root in presentation format is needed")
        };
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let of_type = |word: &str| {
            [RecordType::DS, RecordType::DNSKEY].into_iter().find(|rtype| word.eq_ignore_ascii_case(&rtype.to_string()))
        };
        let typed = words.iter().enumerate().find_map(|(place, word)| Some((place, of_type(word)?)));
        let (rtype, data) = match typed {
            Some((place, rtype)) => {
                if place > 0 && words.first() != Some(&".") {
                    return Err(wrong());
                }
                (rtype, words.get(place + 1..).unwrap_or_default())
            }
            // Flags 256, 257 or 385 and protocol 3 begin a DNSKEY; no algorithm 3 (DSA) is supported in a DS.
            None if words.get(1) == Some(&"3") => (RecordType::DNSKEY, words.as_slice()),
            None => (RecordType::DS, words.as_slice()),
        };
        let data = data.join(" ");
        if rtype == RecordType::DNSKEY {
            let flags = data.split(' ').next().and_then(|flags| flags.parse().ok()).ok_or_else(wrong)?;
            // hickory reads the text of a DNSKEY nowhere else.
            let file: TrustAnchors = format!(". 3600 IN DNSKEY {data}\n").parse().map_err(|_| wrong())?;
            let key = file.get(0).ok_or_else(wrong)?;
            return Ok(Self::Key(DNSKEY::with_flags(flags, key.clone())));
        }
        match RData::try_from_str(rtype, &data) {
            Ok(RData::DNSSEC(DNSSECRData::DS(ds))) => Ok(Self::Ds(ds)),
            _ => Err(wrong()),
        }
    }

    /// Whether it vouches for `key` of the root.
    pub(super) fn vouches(&self, key: &DNSKEY) -> bool {
        match self {
            Self::Ds(ds) => ds.covers(&Name::root(), key).unwrap_or(false),
            Self::Key(anchor) => {
                anchor.public_key().algorithm() == key.public_key().algorithm()
                    && anchor.public_key().public_bytes() == key.public_key().public_bytes()
            }
        }
    }

    /// Its key tag, for people.
    pub(super) fn tag(&self) -> Option<u16> {
        match self {
            Self::Ds(ds) => Some(ds.key_tag()),
            Self::Key(key) => key.calculate_key_tag().ok(),
        }
    }
}

/// Those keys of the root that the anchors vouch for, as the validator wants them.
pub(super) fn trusted<'k>(anchors: &[Anchor], keys: impl Iterator<Item = &'k DNSKEY>) -> TrustAnchors {
    let mut trusted = TrustAnchors::empty();
    for key in keys.filter(|key| key.zone_key() && !key.revoke()) {
        if anchors.iter().any(|anchor| anchor.vouches(key)) {
            trusted.insert(key.public_key());
        }
    }
    trusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ianas_anchors_vouch_for_the_keys_that_hickory_carries() {
        let anchors = Anchor::parse_all(&[]).expect("IANA's");
        let carried = TrustAnchors::default();
        for (index, tag) in [(0, 20326), (1, 38696)] {
            let key = DNSKEY::with_flags(257, carried.get(index).expect("a key").clone());
            assert_eq!(key.calculate_key_tag().expect("a tag"), tag);
            assert!(anchors[index].vouches(&key) && !anchors[1 - index].vouches(&key));
        }
    }

    #[test]
    fn an_anchor_may_be_a_whole_record() {
        let whole = format!(". 172800 IN DS {}", ANCHORS[0]);
        let anchor = Anchor::parse(&whole).expect("a record");
        assert_eq!(anchor.tag(), Some(20326));
        let key = "257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
        for text in [key.to_owned(), format!(". IN DNSKEY {key}")] {
            assert!(matches!(Anchor::parse(&text), Ok(Anchor::Key(_))), "{text}");
        }
    }

    #[test]
    fn what_is_no_anchor_of_the_root_is_quoted() {
        for text in ["", "20326", "example. IN DS 20326 8 2 E06D", "20326 8 2 xyz", "\"", "(", "257 3 8"] {
            let error = Anchor::parse(text).expect_err(text);
            assert!(error.starts_with("trust anchor \""), "{error}");
        }
    }

    #[test]
    fn every_root_server_has_both_families() {
        let all: Vec<_> = hints().collect();
        assert_eq!(all.len(), 26);
        assert_eq!(all.iter().filter(|(_, address)| address.is_ipv6()).count(), 13);
    }
}
