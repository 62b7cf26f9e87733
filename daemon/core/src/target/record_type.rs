//! Names and numbers of DNS record types (IANA, RFC 1035 section 3.2.2 and later). Refuses meta types that only servers use.

/// The number of a record type: a mnemonic in any case, `TYPE257` (RFC 3597) or a plain number.
pub fn record_type_number(text: &str) -> Option<u16> {
    let upper = text.to_ascii_uppercase();
    if let Some((_, number)) = KNOWN.iter().find(|(name, _)| *name == upper) {
        return Some(*number);
    }
    let digits = upper.strip_prefix("TYPE").unwrap_or(&upper);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| plain && *number != 0)
}

/// The mnemonic of a record type.
pub fn record_type_name(number: u16) -> Option<&'static str> {
    KNOWN.iter().find(|(_, known)| *known == number).map(|(name, _)| *name)
}

const KNOWN: &[(&str, u16)] = &[
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("HINFO", 13),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
    ("NAPTR", 35),
    ("DNAME", 39),
    ("DS", 43),
    ("SSHFP", 44),
    ("RRSIG", 46),
    ("NSEC", 47),
    ("DNSKEY", 48),
    ("NSEC3", 50),
    ("NSEC3PARAM", 51),
    ("TLSA", 52),
    ("CDS", 59),
    ("CDNSKEY", 60),
    ("SVCB", 64),
    ("HTTPS", 65),
    ("ANY", 255),
    ("CAA", 257),
];
