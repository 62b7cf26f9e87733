//! The numbers of the wire by their names: types of records, response codes.

/// QTYPEs (RFC 1035 section 3.2.2 and the IANA registry).
#[expect(missing_docs, reason = "the names are the types' own")]
pub mod qtype {
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const PTR: u16 = 12;
    pub const HINFO: u16 = 13;
    pub const MX: u16 = 15;
    pub const TXT: u16 = 16;
    pub const AAAA: u16 = 28;
    pub const LOC: u16 = 29;
    pub const SRV: u16 = 33;
    pub const NAPTR: u16 = 35;
    pub const DNAME: u16 = 39;
    pub const OPT: u16 = 41;
    pub const DS: u16 = 43;
    pub const SSHFP: u16 = 44;
    pub const RRSIG: u16 = 46;
    pub const NSEC: u16 = 47;
    pub const DNSKEY: u16 = 48;
    pub const NSEC3: u16 = 50;
    pub const NSEC3PARAM: u16 = 51;
    pub const TLSA: u16 = 52;
    pub const CDS: u16 = 59;
    pub const CDNSKEY: u16 = 60;
    pub const SVCB: u16 = 64;
    pub const HTTPS: u16 = 65;
    pub const AXFR: u16 = 252;
    pub const ANY: u16 = 255;
    pub const CAA: u16 = 257;

    const NAMES: [(u16, &str); 29] = [
        (A, "A"),
        (NS, "NS"),
        (CNAME, "CNAME"),
        (SOA, "SOA"),
        (PTR, "PTR"),
        (HINFO, "HINFO"),
        (MX, "MX"),
        (TXT, "TXT"),
        (AAAA, "AAAA"),
        (LOC, "LOC"),
        (SRV, "SRV"),
        (NAPTR, "NAPTR"),
        (DNAME, "DNAME"),
        (OPT, "OPT"),
        (DS, "DS"),
        (SSHFP, "SSHFP"),
        (RRSIG, "RRSIG"),
        (NSEC, "NSEC"),
        (DNSKEY, "DNSKEY"),
        (NSEC3, "NSEC3"),
        (NSEC3PARAM, "NSEC3PARAM"),
        (TLSA, "TLSA"),
        (CDS, "CDS"),
        (CDNSKEY, "CDNSKEY"),
        (SVCB, "SVCB"),
        (HTTPS, "HTTPS"),
        (AXFR, "AXFR"),
        (ANY, "ANY"),
        (CAA, "CAA"),
    ];

    /// The type's name, `TYPE65280` (RFC 3597) where it has none here.
    pub fn name(qtype: u16) -> String {
        let known = NAMES.iter().find(|(number, _)| *number == qtype);
        known.map_or_else(|| format!("TYPE{qtype}"), |(_, name)| (*name).to_owned())
    }

    /// The number of a name in any case, also of one as [`name`] writes the unknown.
    pub fn number(text: &str) -> Option<u16> {
        let known = NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(number, _)| *number);
        known.or_else(|| text.to_ascii_uppercase().strip_prefix("TYPE")?.parse().ok())
    }
}

/// Response codes (RFC 6895 section 2.3).
#[expect(missing_docs, reason = "the names are the codes' own")]
pub mod rcode {
    pub const NOERROR: u16 = 0;
    pub const FORMERR: u16 = 1;
    pub const SERVFAIL: u16 = 2;
    pub const NXDOMAIN: u16 = 3;
    pub const NOTIMP: u16 = 4;
    pub const REFUSED: u16 = 5;
    pub const NOTAUTH: u16 = 9;
    pub const NOTZONE: u16 = 10;
    pub const BADVERS: u16 = 16;
    pub const BADCOOKIE: u16 = 23;

    const NAMES: [(u16, &str); 10] = [
        (NOERROR, "NOERROR"),
        (FORMERR, "FORMERR"),
        (SERVFAIL, "SERVFAIL"),
        (NXDOMAIN, "NXDOMAIN"),
        (NOTIMP, "NOTIMP"),
        (REFUSED, "REFUSED"),
        (NOTAUTH, "NOTAUTH"),
        (NOTZONE, "NOTZONE"),
        (BADVERS, "BADVERS"),
        (BADCOOKIE, "BADCOOKIE"),
    ];

    /// The code's name, `RCODE11` where it has none here.
    pub fn name(rcode: u16) -> String {
        let known = NAMES.iter().find(|(number, _)| *number == rcode);
        known.map_or_else(|| format!("RCODE{rcode}"), |(_, name)| (*name).to_owned())
    }

    /// The number of a name in any case, also of one as [`name`] writes the unknown.
    pub fn number(text: &str) -> Option<u16> {
        let known = NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(number, _)| *number);
        known.or_else(|| text.to_ascii_uppercase().strip_prefix("RCODE")?.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::{qtype, rcode};

    #[test]
    fn a_number_and_its_name_belong_together() {
        assert_eq!(qtype::name(qtype::HTTPS), "HTTPS");
        assert_eq!(qtype::number("https"), Some(65));
        assert_eq!((qtype::name(65_280).as_str(), qtype::number("type65280")), ("TYPE65280", Some(65_280)));
        assert_eq!((rcode::name(9).as_str(), rcode::name(11).as_str()), ("NOTAUTH", "RCODE11"));
        assert_eq!(qtype::number("nonsense"), None);
    }
}
