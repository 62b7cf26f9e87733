//! The mnemonics of dig as numbers (IANA "Domain Name System (DNS) Parameters").

use anyhow::{Context, Result};

/// Of a record type, `A` or `TYPE65400`.
pub(crate) fn number(mnemonic: &str) -> Result<u16> {
    match mnemonic.strip_prefix("TYPE").and_then(|number| number.parse().ok()) {
        Some(number) => Ok(number),
        None => find(TYPES, mnemonic),
    }
}

/// Of a class, `IN` or `CLASS3`.
pub(crate) fn class(mnemonic: &str) -> Result<u16> {
    match mnemonic.strip_prefix("CLASS").and_then(|number| number.parse().ok()) {
        Some(number) => Ok(number),
        None => find(&[("IN", 1), ("CH", 3), ("HS", 4), ("NONE", 254), ("ANY", 255)], mnemonic),
    }
}

/// Of a status, with the extended ones.
pub(crate) fn rcode(status: &str) -> Result<u16> {
    match status.strip_prefix("RESERVED").and_then(|number| number.parse().ok()) {
        Some(number) => Ok(number),
        None => find(RCODES, status),
    }
}

fn find(table: &[(&str, u16)], mnemonic: &str) -> Result<u16> {
    let row = table.iter().find(|(name, _)| *name == mnemonic);
    row.map(|(_, number)| *number).with_context(|| format!("a mnemonic that this test does not know: {mnemonic:?}"))
}

const RCODES: &[(&str, u16)] = &[
    ("NOERROR", 0),
    ("FORMERR", 1),
    ("SERVFAIL", 2),
    ("NXDOMAIN", 3),
    ("NOTIMP", 4),
    ("REFUSED", 5),
    ("YXDOMAIN", 6),
    ("YXRRSET", 7),
    ("NXRRSET", 8),
    ("NOTAUTH", 9),
    ("NOTZONE", 10),
    ("BADVERS", 16),
    ("BADCOOKIE", 23),
];

const TYPES: &[(&str, u16)] = &[
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("HINFO", 13),
    ("MX", 15),
    ("TXT", 16),
    ("RP", 17),
    ("AFSDB", 18),
    ("AAAA", 28),
    ("LOC", 29),
    ("SRV", 33),
    ("NAPTR", 35),
    ("KX", 36),
    ("CERT", 37),
    ("DNAME", 39),
    ("DS", 43),
    ("SSHFP", 44),
    ("RRSIG", 46),
    ("NSEC", 47),
    ("DNSKEY", 48),
    ("DHCID", 49),
    ("NSEC3", 50),
    ("NSEC3PARAM", 51),
    ("TLSA", 52),
    ("SMIMEA", 53),
    ("CDS", 59),
    ("CDNSKEY", 60),
    ("OPENPGPKEY", 61),
    ("CSYNC", 62),
    ("SVCB", 64),
    ("HTTPS", 65),
    ("EUI48", 108),
    ("EUI64", 109),
    ("ANY", 255),
    ("URI", 256),
    ("CAA", 257),
];
