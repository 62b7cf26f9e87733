//! IANA's names of DNS numbers: record types, classes, response codes, opcodes, extended errors.

/// RFC 1035 section 3.2.2 and later; `TYPE65400` (RFC 3597) where it has no name here.
pub(crate) fn record_type(number: u32) -> String {
    named(TYPES, number).unwrap_or_else(|| format!("TYPE{number}"))
}

/// RFC 1035 section 3.2.4.
pub(crate) fn class(number: u32) -> String {
    named(&[(1, "IN"), (3, "CH"), (4, "HS"), (254, "NONE"), (255, "ANY")], number)
        .unwrap_or_else(|| format!("CLASS{number}"))
}

/// RFC 6895 section 2.3; `RESERVED11`, as dig says it, where it has no name.
pub(crate) fn response_code(number: u32) -> String {
    named(CODES, number).unwrap_or_else(|| format!("RESERVED{number}"))
}

/// RFC 6895 section 2.2.
pub(crate) fn opcode(number: u32) -> String {
    named(&[(0, "QUERY"), (1, "IQUERY"), (2, "STATUS"), (4, "NOTIFY"), (5, "UPDATE"), (6, "DSO")], number)
        .unwrap_or_else(|| format!("OPCODE{number}"))
}

/// RFC 8914 section 4 and the IANA registry.
pub(crate) fn extended_error(number: u32) -> &'static str {
    EXTENDED_ERRORS.get(usize::try_from(number).unwrap_or(usize::MAX)).copied().unwrap_or("Unassigned")
}

fn named(table: &[(u32, &str)], number: u32) -> Option<String> {
    table.iter().find(|(known, _)| *known == number).map(|(_, name)| (*name).to_owned())
}

const TYPES: &[(u32, &str)] = &[
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (12, "PTR"),
    (13, "HINFO"),
    (15, "MX"),
    (16, "TXT"),
    (17, "RP"),
    (18, "AFSDB"),
    (28, "AAAA"),
    (29, "LOC"),
    (33, "SRV"),
    (35, "NAPTR"),
    (37, "CERT"),
    (39, "DNAME"),
    (41, "OPT"),
    (43, "DS"),
    (44, "SSHFP"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (50, "NSEC3"),
    (51, "NSEC3PARAM"),
    (52, "TLSA"),
    (53, "SMIMEA"),
    (59, "CDS"),
    (60, "CDNSKEY"),
    (61, "OPENPGPKEY"),
    (62, "CSYNC"),
    (63, "ZONEMD"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (99, "SPF"),
    (249, "TKEY"),
    (250, "TSIG"),
    (251, "IXFR"),
    (252, "AXFR"),
    (255, "ANY"),
    (256, "URI"),
    (257, "CAA"),
];

const CODES: &[(u32, &str)] = &[
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
    (16, "BADVERS"),
    (23, "BADCOOKIE"),
];

const EXTENDED_ERRORS: &[&str] = &[
    "Other",
    "Unsupported DNSKEY Algorithm",
    "Unsupported DS Digest Type",
    "Stale Answer",
    "Forged Answer",
    "DNSSEC Indeterminate",
    "DNSSEC Bogus",
    "Signature Expired",
    "Signature Not Yet Valid",
    "DNSKEY Missing",
    "RRSIGs Missing",
    "No Zone Key Bit Set",
    "NSEC Missing",
    "Cached Error",
    "Not Ready",
    "Blocked",
    "Censored",
    "Filtered",
    "Prohibited",
    "Stale NXDOMAIN Answer",
    "Not Authoritative",
    "Not Supported",
    "No Reachable Authority",
    "Network Error",
    "Invalid Data",
    "Signature Expired before Valid",
    "Too Early",
    "Unsupported NSEC3 Iterations Value",
    "Unable to conform to policy",
    "Synthesized",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_numbers_keep_their_number() {
        assert_eq!(record_type(65400), "TYPE65400");
        assert_eq!(class(7), "CLASS7");
        assert_eq!(response_code(11), "RESERVED11");
        assert_eq!(opcode(9), "OPCODE9");
        assert_eq!(extended_error(9999), "Unassigned");
    }

    #[test]
    fn known_numbers_have_their_names() {
        assert_eq!(
            (record_type(65), response_code(23), extended_error(22)),
            ("HTTPS".into(), "BADCOOKIE".into(), "No Reachable Authority")
        );
    }
}
