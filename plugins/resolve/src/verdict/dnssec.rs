//! SERVFAIL: the resolver could not get the data, or did not believe them. The CD bit tells which.

use sonde_sdk::dns::qtype::RRSIG;
use sonde_sdk::dns::rcode::{NOERROR, NXDOMAIN, SERVFAIL};
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::report::Finding;

use super::{called, ids};
use crate::case::{Asked, Case, Variant};
use crate::names;

/// Judges the SERVFAILs of one server for one name.
pub(super) fn servfail(case: &Case, server: usize, name: &str) -> Vec<Finding> {
    let who = called(case, server);
    let failed: Vec<&Asked> = case
        .of_server(server)
        .filter(|a| {
            a.question.variant == Variant::Udp && a.rcode() == Some(SERVFAIL) && names::same(&a.question.name, name)
        })
        .collect();
    let unchecked: Vec<&Asked> = case
        .of_server(server)
        .filter(|a| a.question.variant == Variant::CheckingDisabled && a.answer().is_some())
        .collect();
    let answered: Vec<&Asked> =
        unchecked.iter().copied().filter(|asked| matches!(asked.rcode(), Some(NOERROR | NXDOMAIN))).collect();
    if !answered.is_empty() {
        return bogus(case, server, name, &failed, &answered);
    }
    let why = extended(&failed);
    let mut findings = vec![
        supports("dns.servfail_upstream")
            .proof()
            .about(name)
            .because(format!("{who} could not get an answer for {name} (SERVFAIL{why})"))
            .citing(ids(failed))
            .build(),
    ];
    if unchecked.is_empty() {
        // Without the second observation it only fits.
        findings[0].strength = sonde_sdk::report::Strength::Strong;
    } else {
        findings.push(
            refutes("dns.dnssec_bogus")
                .proof()
                .about(name)
                .because("it fails with validation switched off (CD=1) as well")
                .citing(ids(unchecked))
                .build(),
        );
    }
    findings
}

fn bogus(case: &Case, server: usize, name: &str, failed: &[&Asked], unchecked: &[&Asked]) -> Vec<Finding> {
    let who = called(case, server);
    let codes: Vec<u16> = failed
        .iter()
        .filter_map(|asked| asked.answer()?.edns.as_ref())
        .flat_map(|edns| edns.extended_errors.iter().map(|error| error.info_code))
        .collect();
    let signatures: Vec<Validity> = unchecked.iter().flat_map(|asked| validities(asked)).collect();
    let clock = case.clock.as_ref().and_then(|answer| Some((answer.evidence, answer.outcome.as_ref().ok()?)));
    let now = clock.map(|(_, clock)| clock.wall_us / 1_000_000);
    let expired = now.and_then(|now| signatures.iter().find(|s| s.expiration < now));
    let early = now.and_then(|now| signatures.iter().find(|s| s.inception > now));
    let (kind, words) = match () {
        () if codes.contains(&7) || expired.is_some() => ("dns.dnssec_expired", "its signature has expired"),
        () if codes.contains(&8) || early.is_some() => ("dns.dnssec_not_yet_valid", "its signature is not valid yet"),
        // A server says the same of keys whose signature is out of date: only dates that hold leave the keys themselves.
        () if codes.contains(&9) && now.is_some() && !signatures.is_empty() => {
            ("dns.dnssec_anchor_mismatch", "its keys do not match the trust anchor or DS record")
        }
        () => ("dns.dnssec_bogus", "its data and signature do not fit"),
    };
    let because =
        format!("{who} rejects {name} because {words}: SERVFAIL, but an answer with validation switched off (CD=1)");
    let support = |cause: &str| supports(cause).about(name).because(&because).citing(ids(failed.iter().copied()));
    let by_answer =
        |cause: &str, why: &str| refutes(cause).proof().about(name).because(why).citing(ids(unchecked.iter().copied()));
    let upstream =
        by_answer("dns.servfail_upstream", "with CD=1 the same server gives the data, so it can get them").build();
    let by_clock = |past: bool| {
        clock.filter(|_| if past { expired.is_some() } else { early.is_some() }).map(|(evidence, _)| {
            refutes("host.clock_skew")
                .strong()
                .about(name)
                .because("the signature's dates are wrong by this host's clock as well as by the resolver's")
                .citing([evidence])
                .citing(ids(unchecked.iter().copied()))
                .build()
        })
    };
    let separated = match kind {
        "dns.dnssec_expired" => by_clock(true),
        "dns.dnssec_not_yet_valid" => by_clock(false),
        "dns.dnssec_anchor_mismatch" => Some(
            by_answer("dns.dnssec_bogus", "the server names the keys, not the data, as what does not fit")
                .strong()
                .build(),
        ),
        _ => None,
    };
    match (kind, separated) {
        ("dns.dnssec_bogus", _) => vec![support(kind).proof().build(), upstream],
        (_, Some(refutation)) => vec![support(kind).proof().build(), refutation, upstream],
        // What kind of mismatch it is cannot be shown twice; that it is one can.
        (_, None) => vec![support("dns.dnssec_bogus").proof().build(), support(kind).strong().build(), upstream],
    }
}

/// The extended errors of some answers, for a sentence.
fn extended(failed: &[&Asked]) -> String {
    let mut found: Vec<String> = failed
        .iter()
        .filter_map(|asked| asked.answer()?.edns.as_ref())
        .flat_map(|edns| &edns.extended_errors)
        .map(|error| {
            let text = error.extra_text.trim();
            if text.is_empty() {
                format!("EDE {}", error.info_code)
            } else {
                format!("EDE {}: {text}", error.info_code)
            }
        })
        .collect();
    found.sort();
    found.dedup();
    if found.is_empty() { String::new() } else { format!(", {}", found.join("; ")) }
}

/// When a signature holds, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Validity {
    inception: i64,
    expiration: i64,
}

/// The dates of the RRSIG records of an answer.
fn validities(asked: &Asked) -> Vec<Validity> {
    asked.answer().map_or_else(Vec::new, |answer| {
        let records = answer.answers.iter().chain(&answer.authorities).filter(|record| record.rtype == RRSIG);
        records.filter_map(|record| validity(&record.rdata)).collect()
    })
}

/// The dates of one RRSIG (RFC 4034 section 3): in its own presentation form - type, algorithm, labels, TTL, expiration,
/// inception - or in the generic one of RFC 3597 section 5, `\# LENGTH HEX`.
fn validity(rdata: &str) -> Option<Validity> {
    let mut words = rdata.split_whitespace();
    if let Some(generic) = rdata.strip_prefix("\\#") {
        let hex: String = generic.split_whitespace().skip(1).collect();
        let number = |from: usize| Some(i64::from(u32::from_str_radix(hex.get(from..from + 8)?, 16).ok()?));
        return Some(Validity { expiration: number(16)?, inception: number(24)? });
    }
    let expiration = instant(words.nth(4)?)?;
    Some(Validity { expiration, inception: instant(words.next()?)? })
}

/// `YYYYMMDDHHMMSS` or Unix seconds, both allowed by RFC 4034 section 3.2.
fn instant(text: &str) -> Option<i64> {
    if text.len() != 14 || !text.is_ascii() {
        return text.parse().ok();
    }
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    if !(1..=12).contains(&month) {
        return None;
    }
    // Days from civil, H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some(days * 86_400 + part(8, 10)? * 3_600 + part(10, 12)? * 60 + part(12, 14)?)
}

#[cfg(test)]
mod tests {
    use super::{Validity, instant, validity};

    #[test]
    fn both_spellings_of_a_signature_date_are_read() {
        assert_eq!(instant("20261121023700"), Some(1_795_228_620));
        assert_eq!(instant("1795228620"), Some(1_795_228_620));
        assert_eq!(instant("19700101000000"), Some(0));
        assert_eq!(instant("20269921023700"), None);
        assert_eq!(instant("soon"), None);
    }

    #[test]
    fn both_forms_of_a_signature_record_are_read() {
        let dates = Some(Validity { expiration: 0x6afe_6fa7, inception: 0x6ad9_85a7 });
        assert_eq!(validity("\\# 91 00010d030000003c6afe6fa76ad985a7faf9 03736563036c616200"), dates);
        assert_eq!(validity("A 13 3 60 1795059623 1792640423 64249 sec.example. AAAA"), dates);
        for broken in ["", "\\#", "\\# 4 00010d03", "\\# 91 00010d030000003czzzzzzzz6ad985a7", "A 13 3 60 1795059623"] {
            assert_eq!(validity(broken), None, "{broken}");
        }
    }
}
