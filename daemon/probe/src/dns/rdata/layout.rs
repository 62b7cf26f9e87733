//! What the data of each type consists of (IANA "Resource Record (RR) TYPEs").

/// One field of a record's data, and so how it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    U8,
    U16,
    U32,
    /// Seconds since 1970 as `YYYYMMDDHHmmSS`.
    Time,
    /// A type by its mnemonic.
    Type,
    CertificateType,
    /// A DNSSEC algorithm by its mnemonic, as CERT has it.
    Algorithm,
    /// The bitmap of NSEC.
    Types,
    Name,
    Ipv4,
    Ipv6,
    /// 64 bits as four groups (RFC 6742).
    Locator,
    Eui48,
    Eui64,
    /// A character string.
    Text,
    /// A character string without quotes.
    Word,
    /// Character strings to the end.
    Texts,
    /// The rest as one string.
    RestText,
    RestHex,
    RestBase64,
    /// Counted by a byte; none is `-`.
    CountedHex,
    CountedBase32,
    /// SVCB's.
    Parameters,
    /// LOC.
    Location,
    /// WKS behind its address.
    Ports,
    /// APL.
    Prefixes,
    /// IPSECKEY.
    Gateway,
    /// AMTRELAY.
    Relay,
    /// HIP.
    Identity,
}

/// The fields of a type; nothing for types whose data has no form of its own.
#[expect(clippy::match_same_arms, reason = "one line for each RFC")]
pub(super) fn layout(rtype: u16) -> Option<&'static [Field]> {
    use Field::{
        Algorithm, CertificateType, CountedBase32, CountedHex, Eui48, Eui64, Gateway, Identity, Ipv4, Ipv6, Location,
        Locator, Name, Parameters, Ports, Prefixes, Relay, RestBase64, RestHex, RestText, Text, Texts, Time, Type,
        Types, U8, U16, U32, Word,
    };
    Some(match rtype {
        1 => &[Ipv4],
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, NSAP-PTR, DNAME.
        2..=5 | 7..=9 | 12 | 23 | 39 => &[Name],
        // SOA.
        6 => &[Name, Name, U32, U32, U32, U32, U32],
        // WKS.
        11 => &[Ipv4, U8, Ports],
        // HINFO, MINFO, MX, TXT.
        13 => &[Text, Text],
        14 => &[Name, Name],
        15 => &[U16, Name],
        16 => &[Texts],
        // RP, AFSDB, X25, ISDN, RT.
        17 => &[Name, Name],
        18 | 21 => &[U16, Name],
        19 => &[Text],
        20 => &[Texts],
        // SIG and RRSIG.
        24 | 46 => &[Type, U8, U8, U32, Time, Time, U16, Name, RestBase64],
        // KEY, DNSKEY, RKEY, CDNSKEY.
        25 | 48 | 57 | 60 => &[U16, U8, U8, RestBase64],
        // PX, GPOS.
        26 => &[U16, Name, Name],
        27 => &[Text, Text, Text],
        28 => &[Ipv6],
        29 => &[Location],
        // SRV, NAPTR, KX.
        33 => &[U16, U16, U16, Name],
        35 => &[U16, U16, Text, Text, Text, Name],
        36 => &[U16, Name],
        37 => &[CertificateType, U16, Algorithm, RestBase64],
        42 => &[Prefixes],
        // DS, CDS, TA, DLV.
        43 | 59 | 32768 | 32769 => &[U16, U8, U8, RestHex],
        // SSHFP, IPSECKEY.
        44 => &[U8, U8, RestHex],
        45 => &[Gateway],
        47 => &[Name, Types],
        // DHCID, OPENPGPKEY.
        49 | 61 => &[RestBase64],
        // NSEC3, NSEC3PARAM.
        50 => &[U8, U8, U16, CountedHex, CountedBase32, Types],
        51 => &[U8, U8, U16, CountedHex],
        // TLSA, SMIMEA.
        52 | 53 => &[U8, U8, U8, RestHex],
        55 => &[Identity],
        // NINFO, SPF, AVC, RESINFO, WALLET.
        56 | 99 | 258 | 261 | 262 => &[Texts],
        // TALINK, CSYNC, ZONEMD.
        58 => &[Name, Name],
        62 => &[U32, U16, Types],
        63 => &[U32, U8, U8, RestHex],
        // SVCB, HTTPS.
        64 | 65 => &[U16, Name, Parameters],
        // NID, L32, L64, LP.
        104 | 106 => &[U16, Locator],
        105 => &[U16, Ipv4],
        107 => &[U16, Name],
        108 => &[Eui48],
        109 => &[Eui64],
        // URI, CAA, DOA, AMTRELAY.
        256 => &[U16, U16, RestText],
        257 => &[U8, Word, RestText],
        259 => &[U32, U32, U8, Text, RestBase64],
        260 => &[Relay],
        _ => return None,
    })
}
