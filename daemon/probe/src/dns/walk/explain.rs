//! Why a chain is bogus: the first fault from the root down, with its RFC 8914 INFO-CODE.
//!
//! hickory's validator says only that something does not hold. Here each set of the chain is held against its keys and the
//! clock once more, to name the set, the key and the dates. The verdict stays the validator's.

use std::time::Duration;

use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS, RRSIG};
use hickory_proto::dnssec::{Algorithm, PublicKey, Verifier};
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use x509_parser::time::ASN1Time;

use super::ask::text;
use super::roots::Anchor;
use super::secure::Evidence;

/// RFC 8914 section 4.
pub(super) const BOGUS: u16 = 6;
const EXPIRED: u16 = 7;
const NOT_YET_VALID: u16 = 8;
const DNSKEY_MISSING: u16 = 9;
const RRSIGS_MISSING: u16 = 10;
pub(super) const NSEC_MISSING: u16 = 12;

/// Signatures looked at per set of records.
const MOST_SIGNATURES: usize = 8;

/// An INFO-CODE and a sentence.
pub(super) type Fault = (u16, String);

/// The first fault of the chain down to the keys of `zone`; `now` is since the Unix epoch.
pub(super) fn chain(evidence: &Evidence, zone: &Name, now: Duration) -> Option<Fault> {
    let mut parent: Option<&Name> = None;
    for name in evidence.zones().iter().filter(|name| name.zone_of(zone)) {
        let fault = match parent {
            None => root(evidence, now),
            Some(parent) => delegation(evidence, parent, name, now),
        };
        if fault.is_some() {
            return fault;
        }
        if parent.is_some() && !evidence.signed(name) {
            return None;
        }
        parent = Some(name);
    }
    None
}

/// The first fault of an answer whose zone's keys hold.
pub(super) fn answer(evidence: &Evidence, zone: &Name, message: &Message, now: Duration) -> Option<Fault> {
    let keys: Vec<&DNSKEY> = evidence.keys(zone).collect();
    let positive = sets(&message.answers, zone, &keys, now);
    if positive.is_some() || !message.answers.is_empty() {
        return positive;
    }
    denial(message, zone, &keys, now)
}

fn root(evidence: &Evidence, now: Duration) -> Option<Fault> {
    let root = Name::root();
    let keys: Vec<&DNSKEY> = evidence.keys(&root).collect();
    let vouched = |key: &&&DNSKEY| evidence.anchors().iter().any(|anchor| anchor.vouches(key));
    let trusted: Vec<&DNSKEY> = keys.iter().filter(vouched).copied().collect();
    if trusted.is_empty() {
        let wanted = evidence.anchors().iter().filter_map(Anchor::tag);
        let text = format!(
            "no DNSKEY of the root matches a trust anchor (key tags {}; the root has {})",
            tags(wanted),
            tags_of(&keys)
        );
        return Some((DNSKEY_MISSING, text));
    }
    let message = evidence.get(&root, RecordType::DNSKEY)?;
    sets(&message.answers, &root, &trusted, now)
}

fn delegation(evidence: &Evidence, parent: &Name, zone: &Name, now: Duration) -> Option<Fault> {
    let parent_keys: Vec<&DNSKEY> = evidence.keys(parent).collect();
    let ds_message = evidence.get(zone, RecordType::DS)?;
    let all: Vec<&DS> = ds_message
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::DNSSEC(DNSSECRData::DS(ds)) => Some(ds),
            _ => None,
        })
        .collect();
    if all.is_empty() {
        return denial(ds_message, parent, &parent_keys, now);
    }
    if let Some(fault) = sets(&ds_message.answers, parent, &parent_keys, now) {
        return Some(fault);
    }
    let keys: Vec<&DNSKEY> = evidence.keys(zone).collect();
    let covered = |key: &&&DNSKEY| all.iter().any(|ds| ds.covers(zone, key).unwrap_or(false));
    let entry: Vec<&DNSKEY> = keys.iter().filter(covered).copied().collect();
    let name = text(zone);
    let wanted = tags(all.iter().map(|ds| ds.key_tag()));
    if keys.is_empty() {
        return Some((DNSKEY_MISSING, format!("{name} has no DNSKEY, but its parent has a DS (key tags {wanted})")));
    }
    if entry.is_empty() {
        let text = format!(
            "no DNSKEY of {name} matches a DS of its parent (key tags {wanted}; {name} has {})",
            tags_of(&keys)
        );
        return Some((DNSKEY_MISSING, text));
    }
    let message = evidence.get(zone, RecordType::DNSKEY)?;
    sets(&message.answers, zone, &entry, now)
}

/// The first set in `records` that no key signs as it should.
fn sets(records: &[Record], zone: &Name, keys: &[&DNSKEY], now: Duration) -> Option<Fault> {
    let mut seen: Vec<(&Name, RecordType)> = Vec::new();
    for record in records.iter().filter(|record| record.record_type() != RecordType::RRSIG) {
        let set = (&record.name, record.record_type());
        if !seen.contains(&set) {
            seen.push(set);
            if let Some(fault) = one_set(records, set, zone, keys, now) {
                return Some(fault);
            }
        }
    }
    None
}

fn one_set(
    records: &[Record],
    (owner, rtype): (&Name, RecordType),
    zone: &Name,
    keys: &[&DNSKEY],
    now: Duration,
) -> Option<Fault> {
    let what = format!("{} {rtype}", text(owner));
    let signatures = records.iter().filter(|record| record.name == *owner).filter_map(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) if rrsig.input().type_covered == rtype => Some(rrsig),
        _ => None,
    });
    let mut worst: Option<Fault> = None;
    for rrsig in signatures.take(MOST_SIGNATURES) {
        let set = records.iter().filter(|record| record.name == *owner && record.record_type() == rtype);
        let fault = signature(rrsig, &what, owner, set, zone, keys, now)?;
        // Of several, the one that came furthest: dates before mathematics before a foreign key.
        let rank = |code: u16| [DNSKEY_MISSING, BOGUS, NOT_YET_VALID, EXPIRED].iter().position(|known| *known == code);
        if worst.as_ref().is_none_or(|(code, _)| rank(fault.0) > rank(*code)) {
            worst = Some(fault);
        }
    }
    Some(worst.unwrap_or_else(|| (RRSIGS_MISSING, format!("no RRSIG over {what}, though {} is signed", text(zone)))))
}

/// What is wrong with one signature; nothing when it holds.
fn signature<'r>(
    rrsig: &RRSIG,
    what: &str,
    owner: &Name,
    set: impl Iterator<Item = &'r Record>,
    zone: &Name,
    keys: &[&DNSKEY],
    now: Duration,
) -> Option<Fault> {
    let input = rrsig.input();
    let by = format!("the RRSIG over {what} by key {} ({})", input.key_tag, algorithm(input.algorithm));
    if input.signer_name != *zone {
        return Some((BOGUS, format!("{by} names {} as its signer, not {}", text(&input.signer_name), text(zone))));
    }
    let matching: Vec<&&DNSKEY> = keys
        .iter()
        .filter(|key| key.calculate_key_tag().ok() == Some(input.key_tag))
        .filter(|key| key.public_key().algorithm() == input.algorithm)
        .collect();
    if matching.is_empty() {
        let text = format!("{by} needs a key that is not among the trusted keys of {} ({})", text(zone), tags_of(keys));
        return Some((DNSKEY_MISSING, text));
    }
    let set: Vec<&Record> = set.collect();
    let class = set.first().map(|record| record.dns_class)?;
    let holds = matching.iter().any(|key| key.verify_rrsig(owner, class, rrsig, set.iter().copied()).is_ok());
    if !holds {
        return Some((BOGUS, format!("{by} does not match the data{}", wildcard(rrsig, owner))));
    }
    let now_text = date(now.as_secs());
    let (from, until) = (moment(input.sig_inception.get(), now), moment(input.sig_expiration.get(), now));
    if now.as_secs() > until {
        return Some((EXPIRED, format!("{by} expired at {} (it is {now_text} here)", date(until))));
    }
    if now.as_secs() < from {
        return Some((NOT_YET_VALID, format!("{by} is not valid before {} (it is {now_text} here)", date(from))));
    }
    None
}

fn wildcard(rrsig: &RRSIG, owner: &Name) -> &'static str {
    if rrsig.input().num_labels < owner.num_labels() { ", which a wildcard is said to have made" } else { "" }
}

/// Why a denial of existence does not hold.
fn denial(message: &Message, zone: &Name, keys: &[&DNSKEY], now: Duration) -> Option<Fault> {
    let proofs = |record: &&Record| matches!(record.record_type(), RecordType::NSEC | RecordType::NSEC3);
    if !message.authorities.iter().any(|record| proofs(&record)) {
        let asked = message.queries.first().map(|query| format!("{} {}", text(query.name()), query.query_type()));
        let asked = asked.unwrap_or_else(|| "this".to_owned());
        return Some((
            NSEC_MISSING,
            format!("no NSEC or NSEC3 proves the denial of {asked}, though {} is signed", text(zone)),
        ));
    }
    sets(&message.authorities, zone, keys, now)
}

fn tags_of(keys: &[&DNSKEY]) -> String {
    tags(keys.iter().filter_map(|key| key.calculate_key_tag().ok()))
}

fn tags(tags: impl Iterator<Item = u16>) -> String {
    let all: Vec<String> = tags.take(16).map(|tag| tag.to_string()).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

/// As dig prints algorithms that have no name here: by number.
pub(super) fn algorithm(algorithm: Algorithm) -> String {
    match algorithm {
        Algorithm::Unknown(number) => format!("algorithm {number}"),
        known => known.to_string(),
    }
}

/// A 32-bit time in RFC 1982 arithmetic around now (RFC 4034 section 3.1.5), since the Unix epoch.
fn moment(serial: u32, now: Duration) -> u64 {
    let low = u32::try_from(now.as_secs() & u64::from(u32::MAX)).unwrap_or(0);
    let distance = i64::from(serial.wrapping_sub(low).cast_signed());
    now.as_secs().saturating_add_signed(distance)
}

/// `2026-01-31T12:00:00Z`.
fn date(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok().and_then(|seconds| ASN1Time::from_timestamp(seconds).ok());
    let Some(at) = moment.map(|moment| moment.to_datetime()) else { return format!("second {seconds}") };
    let (hour, minute, second) = at.to_hms();
    format!("{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", at.year(), u8::from(at.month()), at.day())
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Query;

    use super::*;

    #[test]
    fn a_denial_without_any_proof_lacks_its_nsec() {
        let zone = Name::from_ascii("leaf.lab.").expect("a name");
        let mut message = Message::query();
        message.add_query(Query::query(zone.clone(), RecordType::TXT));
        let (code, text) = answer(&Evidence::new(Vec::new()), &zone, &message, Duration::ZERO).expect("a fault");
        assert_eq!(code, NSEC_MISSING);
        assert_eq!(text, "no NSEC or NSEC3 proves the denial of leaf.lab. TXT, though leaf.lab. is signed");
    }

    #[test]
    fn times_of_signatures_are_read_around_now() {
        let now = Duration::from_hours(500_000);
        assert_eq!(moment(1_800_000_060, now), 1_800_000_060);
        assert_eq!(moment(1_799_999_000, now), 1_799_999_000);
        // After the wrap in 2106 a time before it is in the past.
        let late = Duration::from_secs(u64::from(u32::MAX) + 100);
        assert_eq!(moment(u32::MAX - 10, late), u64::from(u32::MAX) - 10);
        assert_eq!(date(1_800_000_000), "2027-01-15T08:00:00Z");
    }
}
