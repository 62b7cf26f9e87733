//! Numbers that are printed by name: types, certificate types, algorithms, and the time of a signature.

use std::fmt::Write;

use hickory_proto::rr::RecordType;

/// The type as BIND writes it; `TYPE65280` where it has no name (RFC 3597 section 5).
pub(super) fn rtype(text: &mut String, number: u16) {
    let name = match number {
        3 => "MD",
        4 => "MF",
        7 => "MB",
        8 => "MG",
        9 => "MR",
        11 => "WKS",
        14 => "MINFO",
        17 => "RP",
        18 => "AFSDB",
        19 => "X25",
        20 => "ISDN",
        21 => "RT",
        22 => "NSAP",
        23 => "NSAP-PTR",
        26 => "PX",
        27 => "GPOS",
        29 => "LOC",
        30 => "NXT",
        36 => "KX",
        38 => "A6",
        39 => "DNAME",
        42 => "APL",
        45 => "IPSECKEY",
        49 => "DHCID",
        55 => "HIP",
        56 => "NINFO",
        57 => "RKEY",
        58 => "TALINK",
        63 => "ZONEMD",
        99 => "SPF",
        104 => "NID",
        105 => "L32",
        106 => "L64",
        107 => "LP",
        108 => "EUI48",
        109 => "EUI64",
        249 => "TKEY",
        256 => "URI",
        258 => "AVC",
        259 => "DOA",
        260 => "AMTRELAY",
        261 => "RESINFO",
        262 => "WALLET",
        32768 => "TA",
        32769 => "DLV",
        _ => match RecordType::from(number) {
            RecordType::Unknown(_) | RecordType::ZERO => "",
            known => {
                // Writing to a string cannot fail.
                let _ = write!(text, "{known}");
                return;
            }
        },
    };
    let _ = if name.is_empty() { write!(text, "TYPE{number}") } else { text.write_str(name) };
}

/// RFC 4398 section 2.1.
pub(super) fn certificate_type(text: &mut String, number: u16) {
    let name = match number {
        1 => "PKIX",
        2 => "SPKI",
        3 => "PGP",
        4 => "IPKIX",
        5 => "ISPKI",
        6 => "IPGP",
        7 => "ACPKIX",
        8 => "IACPKIX",
        253 => "URI",
        254 => "OID",
        _ => return super::number(text, number),
    };
    text.push_str(name);
}

/// IANA "DNS Security Algorithm Numbers".
pub(super) fn algorithm(text: &mut String, number: u8) {
    let name = match number {
        1 => "RSAMD5",
        2 => "DH",
        3 => "DSA",
        5 => "RSASHA1",
        6 => "NSEC3DSA",
        7 => "NSEC3RSASHA1",
        8 => "RSASHA256",
        10 => "RSASHA512",
        12 => "ECCGOST",
        13 => "ECDSAP256SHA256",
        14 => "ECDSAP384SHA384",
        15 => "ED25519",
        16 => "ED448",
        252 => "INDIRECT",
        253 => "PRIVATEDNS",
        254 => "PRIVATEOID",
        _ => return super::number(text, number),
    };
    text.push_str(name);
}

/// RFC 4034 section 3.2: `YYYYMMDDHHmmSS` in UTC, from 1970 to 2106.
pub(super) fn time(text: &mut String, seconds: u32) {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let _ = write!(text, "{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}");
}

/// The Gregorian date of a day since 1970. Years are counted from March, so that the leap day is a year's last.
fn date(days: u32) -> (u32, u32, u32) {
    /// From 1 March of year 0 to 1 January 1970.
    const BEFORE_1970: u32 = 719_468;
    const FOUR_HUNDRED_YEARS: u32 = 146_097;
    let days = days + BEFORE_1970;
    let (era, day) = (days / FOUR_HUNDRED_YEARS, days % FOUR_HUNDRED_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = 400 * era + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(write: impl Fn(&mut String)) -> String {
        let mut text = String::new();
        write(&mut text);
        text
    }

    #[test]
    fn times_are_dates_in_utc() {
        for (seconds, date) in [
            (0, "19700101000000"),
            (951_782_399, "20000228235959"),
            (951_782_400, "20000229000000"),
            (1_735_689_599, "20241231235959"),
            (u32::MAX, "21060207062815"),
        ] {
            assert_eq!(printed(|text| time(text, seconds)), date);
        }
    }

    #[test]
    fn types_have_their_names_and_unknown_ones_their_number() {
        for (number, name) in
            [(1, "A"), (29, "LOC"), (46, "RRSIG"), (65, "HTTPS"), (257, "CAA"), (0, "TYPE0"), (65280, "TYPE65280")]
        {
            assert_eq!(printed(|text| rtype(text, number)), name);
        }
    }
}
