//! What the servers of a zone said, judged: who is lame, and who disagrees. Pure functions of the answers.

use std::collections::{BTreeMap, BTreeSet};

use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use sonde_core::observation::dns::{Answer, Lameness};

use super::ask::{Reply, text};
use super::servers::Survey;

/// SOA, CNAME, RRSIG by number (RFC 1035, RFC 4034).
const RRSIG: u16 = 46;

/// The cut below `zone` that an answer refers to.
pub(super) fn referral(zone: &Name, reply: &Reply) -> Option<Name> {
    let message = reply.message.as_ref()?;
    let owner = referred(message)?;
    (zone.zone_of(owner) && owner != zone).then(|| owner.clone())
}

/// The owner of the NS records of a message that is a referral, wherever it points (RFC 1034 section 4.3.2).
fn referred(message: &Message) -> Option<&Name> {
    let metadata = &message.metadata;
    let plain = !metadata.authoritative && message.answers.is_empty() && u16::from(metadata.response_code) == 0;
    let mut authorities = message.authorities.iter();
    authorities.find(|record| plain && record.record_type() == RecordType::NS).map(|record| &record.name)
}

/// By its answer about the zone's own SOA, and where none came by its answer about the name.
pub(super) fn lameness(zone: &Name, name: &Reply, soa: &Reply) -> Lameness {
    let (reply, of_zone) = if soa.message.is_some() { (soa, true) } else { (name, false) };
    let (Some(message), Some(rcode)) = (&reply.message, reply.rcode()) else { return Lameness::Silent };
    if rcode != 0 && rcode != 3 {
        return Lameness::ErrorRcode;
    }
    if let Some(owner) = referred(message) {
        let downwards = zone.zone_of(owner) && owner != zone;
        // Of its own SOA no server of the zone refers anywhere; one of the parent's refers to the zone itself.
        return if downwards && !of_zone { Lameness::None } else { Lameness::UpwardReferral };
    }
    let served = if of_zone { reply.answers(zone, RecordType::SOA).next().is_some() } else { true };
    if reply.authoritative() && served { Lameness::None } else { Lameness::NotAuthoritative }
}

/// The NS names at `owner` in an answer or a referral.
pub(super) fn ns_names(message: &Message, owner: &Name) -> BTreeSet<Name> {
    let records = message.answers.iter().chain(&message.authorities);
    let targets = records.filter(|record| record.name == *owner).filter_map(|record| match &record.data {
        RData::NS(ns) => Some(ns.0.to_lowercase()),
        _ => None,
    });
    targets.collect()
}

/// The addresses of `name` in the additional section.
pub(super) fn glue<'m>(message: &'m Message, name: &'m Name) -> impl Iterator<Item = std::net::IpAddr> + 'm {
    message.additionals.iter().filter(move |record| record.name == *name).filter_map(|record| record.data.ip_addr())
}

/// `a.example., b.example.`, or `nobody`.
pub(super) fn list(names: &BTreeSet<Name>) -> String {
    if names.is_empty() {
        return "nobody".to_owned();
    }
    names.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// Groups the servers by what they say; a sentence where they say different things.
fn differing<'s>(what: &str, said: impl Iterator<Item = (&'s Survey, String)>) -> Option<String> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (survey, said) in said {
        groups.entry(said).or_default().push(survey.who());
    }
    let groups = (groups.len() > 1).then_some(groups)?;
    let parts: Vec<String> = groups.into_iter().map(|(said, who)| format!("{said} from {}", who.join(", "))).collect();
    Some(format!("{what}: {}", parts.join("; ")))
}

/// Where the servers of one zone say different things of its SOA serial, its NS set, and the name.
pub(super) fn within(zone: &Name, qname: &Name, qtype: RecordType, surveys: &[Survey]) -> Vec<String> {
    let zone_text = text(zone);
    let serving = || surveys.iter().filter(|survey| survey.lameness == Lameness::None);
    let serials = serving().filter_map(|survey| Some((survey, survey.serial()?.to_string())));
    let sets = serving().filter_map(|survey| {
        let names = ns_names(survey.ns.message.as_ref()?, zone);
        survey.ns.authoritative().then(|| (survey, list(&names)))
    });
    let answers = serving().filter_map(|survey| Some((survey, shape(survey.name.answer()?, zone, survey))));
    [
        differing(&format!("the servers of {zone_text} have different SOA serials"), serials),
        differing(&format!("the servers of {zone_text} name different servers for it"), sets),
        differing(&format!("the servers of {zone_text} say different things of {} {qtype}", text(qname)), answers),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What an answer says, without what may differ: order, case, TTLs and signatures.
fn shape(answer: &Answer, zone: &Name, survey: &Survey) -> String {
    if let Some(cut) = referral(zone, &survey.name) {
        let names = survey.name.message.as_ref().map(|message| ns_names(message, &cut)).unwrap_or_default();
        return format!("a referral to {} at {}", text(&cut), list(&names));
    }
    let records: BTreeSet<String> = answer
        .answers
        .iter()
        .filter(|record| record.rtype != RRSIG)
        .map(|record| {
            let rtype = RecordType::from(record.rtype);
            // Names in the data compare without case, text does not.
            let data = match rtype {
                RecordType::TXT => record.rdata.clone(),
                _ => record.rdata.to_ascii_lowercase(),
            };
            format!("{rtype} {data}")
        })
        .collect();
    match (answer.rcode, records.is_empty()) {
        (0, true) => "no such data".to_owned(),
        (0, false) => records.into_iter().collect::<Vec<_>>().join(", "),
        (code, _) => hickory_proto::op::ResponseCode::from((code >> 4).to_be_bytes()[1], (code & 15).to_be_bytes()[1])
            .to_str()
            .to_owned(),
    }
}

/// The answer that most servers give; the first of those.
pub(super) fn majority<'s>(zone: &Name, surveys: &'s [Survey]) -> Option<&'s Survey> {
    let serving: Vec<(&Survey, String)> = surveys
        .iter()
        .filter(|survey| survey.lameness == Lameness::None)
        .filter_map(|survey| Some((survey, shape(survey.name.answer()?, zone, survey))))
        .collect();
    let votes = |shape: &str| serving.iter().filter(|(_, other)| other == shape).count();
    let good = |survey: &Survey| matches!(survey.name.rcode(), Some(0 | 3));
    // The first of the best: `max_by_key` would take the last.
    let mut best: Option<(&Survey, (bool, usize))> = None;
    for (survey, shape) in &serving {
        let rank = (good(survey), votes(shape));
        if best.is_none_or(|(_, so_far)| rank > so_far) {
            best = Some((survey, rank));
        }
    }
    best.map(|(survey, _)| survey)
}

/// Where an alias leads that this answer of `zone` leaves to the caller.
pub(super) fn continues_at(message: &Message, zone: &Name, qname: &Name, qtype: RecordType) -> Option<Name> {
    if matches!(qtype, RecordType::CNAME | RecordType::ANY) {
        return None;
    }
    let end = chain(message, zone, qname);
    let answered = message.answers.iter().any(|record| record.name == end && record.record_type() == qtype);
    let denied = message
        .authorities
        .iter()
        .any(|record| record.record_type() == RecordType::SOA && record.name == *zone && zone.zone_of(&end));
    (end != *qname && !(answered && zone.zone_of(&end)) && !denied).then_some(end)
}

/// The end of the chain of aliases that begins at `qname`, as far as `zone` can speak of it.
pub(super) fn chain(message: &Message, zone: &Name, qname: &Name) -> Name {
    let mut end = qname.clone();
    // Each alias once: a loop ends at its begin.
    for _ in 0..message.answers.len() {
        let target = |record: &Record| match &record.data {
            RData::CNAME(cname) if record.name == end && zone.zone_of(&end) => Some(cname.0.clone()),
            _ => None,
        };
        match message.answers.iter().find_map(target) {
            Some(next) => end = next,
            None => break,
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hickory_proto::op::ResponseCode;
    use hickory_proto::rr::rdata::{NS, SOA};
    use sonde_core::observation::dns::HeaderFlags;

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).expect("a name")
    }

    fn record(owner: &str, data: RData) -> Record {
        Record::from_rdata(name(owner), 60, data)
    }

    fn reply(code: u16, authoritative: bool, answers: &[Record], authorities: &[Record]) -> Reply {
        let mut message = Message::query().into_response();
        message.metadata.authoritative = authoritative;
        message.metadata.response_code = ResponseCode::from(0, code.to_be_bytes()[1]);
        message.answers = answers.to_vec();
        message.authorities = authorities.to_vec();
        let flags = HeaderFlags { authoritative, ..HeaderFlags::default() };
        let answer = Answer { rcode: code, flags, ..Answer::default() };
        Reply { elapsed: Duration::ZERO, outcome: Some(Ok(answer)), message: Some(message) }
    }

    fn none() -> Reply {
        Reply { elapsed: Duration::ZERO, outcome: None, message: None }
    }

    fn soa() -> Record {
        record("leaf.lab.", RData::SOA(SOA::new(name("ns."), name("root."), 1, 2, 3, 4, 5)))
    }

    fn ns(owner: &str) -> Record {
        record(owner, RData::NS(NS(name("ns.lab."))))
    }

    #[test]
    fn each_kind_of_lameness_is_told_from_the_others() {
        let zone = name("leaf.lab.");
        for (soa, expected) in [
            (reply(0, true, &[soa()], &[]), Lameness::None),
            (reply(0, false, &[soa()], &[]), Lameness::NotAuthoritative),
            (reply(0, true, &[], &[]), Lameness::NotAuthoritative),
            (reply(0, false, &[], &[]), Lameness::NotAuthoritative),
            (reply(3, true, &[], &[]), Lameness::NotAuthoritative),
            (reply(5, false, &[], &[]), Lameness::ErrorRcode),
            (reply(2, false, &[], &[]), Lameness::ErrorRcode),
            (reply(9, false, &[], &[]), Lameness::ErrorRcode),
            (reply(0, false, &[], &[ns(".")]), Lameness::UpwardReferral),
            (reply(0, false, &[], &[ns("leaf.lab.")]), Lameness::UpwardReferral),
            (reply(0, false, &[], &[ns("other.lab.")]), Lameness::UpwardReferral),
            (none(), Lameness::Silent),
        ] {
            assert_eq!(lameness(&zone, &none(), &soa), expected, "{soa:?}");
        }
    }

    #[test]
    fn a_server_whose_soa_is_lost_is_judged_by_the_name() {
        let zone = name("leaf.lab.");
        for (of_name, expected) in [
            (reply(0, false, &[], &[ns("sub.leaf.lab.")]), Lameness::None),
            (reply(3, true, &[], &[]), Lameness::None),
            (reply(0, false, &[], &[ns("lab.")]), Lameness::UpwardReferral),
            (reply(0, false, &[], &[]), Lameness::NotAuthoritative),
            (reply(2, false, &[], &[]), Lameness::ErrorRcode),
        ] {
            assert_eq!(lameness(&zone, &of_name, &none()), expected, "{of_name:?}");
        }
    }

    #[test]
    fn only_a_referral_below_the_zone_leads_on() {
        let zone = name("lab.");
        let referred = |owner: &str, aa| referral(&zone, &reply(0, aa, &[], &[ns(owner)]));
        assert_eq!(referred("leaf.lab.", false), Some(name("leaf.lab.")));
        for (owner, aa) in [("lab.", false), (".", false), ("other.", false), ("leaf.lab.", true)] {
            assert_eq!(referred(owner, aa), None, "{owner}");
        }
    }
}
