//! The end of a walk: what the last zone says, and whether the chain down to it holds.

use std::time::Duration;

use hickory_proto::dnssec::rdata::{DNSSECRData, DS};
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, RecordType};
use sonde_core::observation::dns::{Lameness, Security, WalkResult};

use super::ask::text;
use super::explain;
use super::judge;
use super::secure::Verdict;
use super::servers::Survey;
use super::{Last, Walk};
use crate::clock::RunClock;

/// A verdict in words.
#[derive(Clone, Debug)]
struct Judged {
    security: Security,
    code: Option<u16>,
    detail: String,
}

impl Judged {
    fn indeterminate(detail: impl Into<String>) -> Self {
        Self { security: Security::Indeterminate, code: None, detail: detail.into() }
    }
}

impl Walk<'_> {
    /// Validates the zones and the answer, and gathers the result; timing, queries and failure are the caller's.
    pub(super) async fn conclude(&mut self, last: Option<Last>) -> WalkResult {
        let now = RunClock::wall_now();
        let names: Vec<Name> = self.evidence.zones().to_vec();
        let mut lowest: Option<Judged> = None;
        for (index, name) in names.iter().enumerate() {
            let judged = self.judge_zone(name, lowest.as_ref(), now).await;
            if let Some(zone) = self.zones.get_mut(index) {
                (zone.security, zone.security_detail) = (judged.security, judged.detail.clone());
            }
            lowest = Some(judged);
        }
        let mut result = WalkResult::default();
        let chosen = last.as_ref().and_then(|last| judge::majority(&last.zone, &last.surveys));
        let judged = if let (Some(last), Some(chosen)) = (&last, chosen) {
            let judged = self.judge_answer(&last.zone, chosen, lowest.as_ref(), now).await;
            self.compare(last, chosen, &judged, lowest.as_ref(), now).await;
            result.answer = chosen.name.answer().cloned();
            let own = chosen.name.message.as_ref().map(|message| own_part(message, &last.zone));
            let target = own.and_then(|own| judge::continues_at(&own, &last.zone, &self.name, self.rtype));
            result.continues_at = target.map(|name| text(&name));
            judged
        } else {
            if last.is_some() {
                self.problem = Some(format!("no server says anything of {}", text(&self.name)));
            }
            // Where the chain broke, that is what is known.
            let broken = lowest.filter(|lowest| lowest.security == Security::Bogus);
            broken.unwrap_or_else(|| Judged::indeterminate("there is no answer to validate"))
        };
        result.zones = std::mem::take(&mut self.zones);
        result.disagreements = std::mem::take(&mut self.disagreements);
        (result.security, result.security_code, result.security_detail) = (judged.security, judged.code, judged.detail);
        result
    }

    async fn judge_zone(&self, zone: &Name, parent: Option<&Judged>, now: Duration) -> Judged {
        let Verdict { security, missing } = self.evidence.zone(zone).await;
        let name = text(zone);
        // hickory takes keys that are all vouched for without a signature over their set (0.26); RFC 4035 section 5.2 does not.
        if security == Security::Secure
            && let Some((code, detail)) = explain::chain(&self.evidence, zone, now)
        {
            return Judged { security: Security::Bogus, code: Some(code), detail };
        }
        let plain = |detail: String| Judged { security, code: None, detail };
        match security {
            Security::Secure if zone.is_root() => plain("the keys of the root hold by a trust anchor".to_owned()),
            Security::Secure => plain(format!("the keys of {name} hold by the DS of its parent")),
            Security::Insecure => plain(match parent {
                Some(parent) if parent.security == Security::Insecure => parent.detail.clone(),
                _ if self.evidence.signed(zone) => {
                    format!("the DS of {name} uses nothing that can be validated here ({})", self.algorithms(zone))
                }
                _ => format!("the parent proves that {name} has no DS"),
            }),
            Security::Indeterminate => {
                plain(format!("no server gave {}", missing.unwrap_or_else(|| "what the validator needs".to_owned())))
            }
            Security::Bogus => {
                let fault = explain::chain(&self.evidence, zone, now);
                let (code, detail) = fault.unwrap_or_else(|| {
                    if self.evidence.signed(zone) {
                        return (explain::BOGUS, format!("the validator rejects the keys of {name}"));
                    }
                    (explain::NSEC_MISSING, format!("the parent does not prove that {name} has no DS"))
                });
                Judged { security, code: Some(code), detail }
            }
        }
    }

    /// The algorithms and digest types of a zone's DS.
    fn algorithms(&self, zone: &Name) -> String {
        let message = self.evidence.get(zone, RecordType::DS);
        let records = message.into_iter().flat_map(|message| &message.answers);
        let all: Vec<String> = records
            .filter_map(|record| match &record.data {
                RData::DNSSEC(DNSSECRData::DS(ds)) => Some(described(ds)),
                _ => None,
            })
            .take(8)
            .collect();
        all.join(", ")
    }

    async fn judge_answer(&self, zone: &Name, survey: &Survey, chain: Option<&Judged>, now: Duration) -> Judged {
        let Some(message) = &survey.name.message else {
            return Judged::indeterminate("there is no answer to validate");
        };
        if let Some(broken) = chain.filter(|chain| matches!(chain.security, Security::Bogus | Security::Indeterminate))
        {
            return broken.clone();
        }
        if !matches!(u16::from(message.metadata.response_code), 0 | 3) {
            return Judged::indeterminate(format!("{} answered {}", survey.who(), message.metadata.response_code));
        }
        let secure = chain.is_some_and(|chain| chain.security == Security::Secure);
        if secure && message.answers.iter().any(|record| record.record_type() == RecordType::DNAME) {
            return Judged::indeterminate("an alias made from a DNAME record is not validated here");
        }
        let parts = parts(message, zone, &self.name, self.rtype);
        let mut judged = Judged::indeterminate("there is nothing in the answer that could be validated");
        for (index, (name, rtype, part)) in parts.into_iter().enumerate() {
            let verdict = self.evidence.judge(&name, rtype, part.clone()).await;
            let one = self.explained(zone, &part, verdict, chain, now);
            if index == 0 || rank(one.security) > rank(judged.security) {
                judged = one;
            }
        }
        judged
    }

    fn explained(
        &self,
        zone: &Name,
        part: &Message,
        verdict: Verdict,
        chain: Option<&Judged>,
        now: Duration,
    ) -> Judged {
        let Verdict { security, missing } = verdict;
        let (code, detail) = match security {
            Security::Secure => (None, format!("it holds from the root's trust anchor down to {}", text(zone))),
            Security::Insecure => (None, chain.map(|chain| chain.detail.clone()).unwrap_or_default()),
            Security::Indeterminate => {
                (None, format!("no server gave {}", missing.unwrap_or_else(|| "what the validator needs".to_owned())))
            }
            Security::Bogus => match explain::answer(&self.evidence, zone, part, now) {
                Some((code, detail)) => (Some(code), detail),
                None if part.answers.is_empty() => (
                    Some(explain::NSEC_MISSING),
                    "the signed NSEC or NSEC3 records do not prove this denial".to_owned(),
                ),
                None => {
                    (Some(explain::BOGUS), "the validator rejects the answer, though each signature holds".to_owned())
                }
            },
        };
        Judged { security, code, detail }
    }

    /// Names the servers whose answer fares otherwise than the one that was taken.
    async fn compare(&mut self, last: &Last, chosen: &Survey, judged: &Judged, chain: Option<&Judged>, now: Duration) {
        let serving = last.surveys.iter().filter(|survey| survey.lameness == Lameness::None);
        for survey in serving.filter(|survey| survey.server != chosen.server && survey.name.message.is_some()) {
            let other = self.judge_answer(&last.zone, survey, chain, now).await;
            if other.security != judged.security {
                let sentence = format!(
                    "the answer of {} is {}, that of {} is {}: {}",
                    survey.who(),
                    word(other.security),
                    chosen.who(),
                    word(judged.security),
                    if rank(other.security) > rank(judged.security) { &other.detail } else { &judged.detail }
                );
                self.note([sentence]);
            }
        }
    }
}

fn described(ds: &DS) -> String {
    format!(
        "key tag {}, {}, digest type {}",
        ds.key_tag(),
        explain::algorithm(ds.algorithm()),
        u8::from(ds.digest_type())
    )
}

/// Worse is higher.
fn rank(security: Security) -> u8 {
    match security {
        Security::Secure => 0,
        Security::Insecure => 1,
        Security::Indeterminate => 2,
        Security::Bogus => 3,
    }
}

fn word(security: Security) -> &'static str {
    match security {
        Security::Secure => "secure",
        Security::Insecure => "insecure",
        Security::Indeterminate => "indeterminate",
        Security::Bogus => "bogus",
    }
}

/// Without what another zone on the same server adds: only this zone's keys are at hand.
fn own_part(message: &Message, zone: &Name) -> Message {
    let foreign: Vec<(Name, RecordType)> = message
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) => {
                let signer = &rrsig.input().signer_name;
                let below = zone.zone_of(signer) && signer != zone && signer.zone_of(&record.name);
                below.then(|| (record.name.clone(), rrsig.input().type_covered))
            }
            _ => None,
        })
        .collect();
    let mut own = message.clone();
    own.answers.retain(|record| {
        let covered = match &record.data {
            RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) => rrsig.input().type_covered,
            _ => record.record_type(),
        };
        zone.zone_of(&record.name) && !foreign.iter().any(|(name, rtype)| *name == record.name && *rtype == covered)
    });
    own
}

/// An answer as questions that the validator takes: what is there, and what is denied at the end of its aliases.
fn parts(message: &Message, zone: &Name, qname: &Name, rtype: RecordType) -> Vec<(Name, RecordType, Message)> {
    let own = own_part(message, zone);
    let end = judge::chain(&own, zone, qname);
    let answered = own
        .answers
        .iter()
        .any(|record| record.name == end && (record.record_type() == rtype || rtype == RecordType::ANY));
    let mut parts = Vec::new();
    if !own.answers.is_empty() {
        let mut there = own.clone();
        let expanded = there.answers.iter().any(|record| match &record.data {
            RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) => rrsig.input().num_labels < record.name.num_labels(),
            _ => false,
        });
        // Denials belong to an answer only where a wildcard made it (RFC 4035 section 3.1.3.3).
        if !expanded {
            there.authorities.clear();
        }
        there.metadata.response_code = hickory_proto::op::ResponseCode::NoError;
        parts.push((qname.clone(), rtype, there));
    }
    let denies = own
        .authorities
        .iter()
        .any(|record| matches!(record.record_type(), RecordType::SOA | RecordType::NSEC | RecordType::NSEC3));
    if !answered && zone.zone_of(&end) && (own.answers.is_empty() || denies) {
        let mut negative = own;
        negative.answers.clear();
        negative.queries = vec![hickory_proto::op::Query::query(end.clone(), rtype)];
        parts.push((end, rtype, negative));
    }
    parts
}
