//! The chain of trust from the root's anchors to an answer (RFC 4035), by hickory's validator.
//!
//! The validator never touches the network: it reads what the walk has kept of each zone. What it asks for and the walk does
//! not have makes the result indeterminate, never bogus.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::future::{Ready, ready};
use futures_util::stream::{Once, once};
use hickory_net::dnssec::DnssecDnsHandle;
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_net::xfer::DnsHandle;
use hickory_net::{DnsError, NetError};
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData};
use hickory_proto::dnssec::{Proof, TrustAnchors};
use hickory_proto::op::{DnsRequest, DnsRequestOptions, DnsResponse, Message, OpCode, Query};
use hickory_proto::rr::rdata::{NS, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use sonde_core::observation::dns::Security;

use super::ask::text;
use super::roots::{self, Anchor};
use super::wildcard;

/// A chain of 24 zones needs two questions each, and as many again for denials.
const DEEPEST: usize = 100;

/// What the walk has kept for the validator.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    anchors: Vec<Anchor>,
    messages: HashMap<(Name, RecordType), Message>,
    /// Every zone met, from the root down.
    zones: Vec<Name>,
}

/// What the validator makes of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) security: Security,
    /// The validator wanted it, and no server gave it.
    pub(super) missing: Option<String>,
}

impl Evidence {
    pub(super) fn new(anchors: Vec<Anchor>) -> Self {
        Self { anchors, messages: HashMap::new(), zones: Vec::new() }
    }

    /// The next zone down.
    pub(super) fn enter(&mut self, zone: &Name) {
        self.zones.push(zone.clone());
    }

    /// Keeps what a server said of a zone's DNSKEY or DS.
    pub(super) fn keep(&mut self, name: &Name, rtype: RecordType, message: &Message) {
        self.messages.insert((name.clone(), rtype), relevant(message));
    }

    pub(super) fn get(&self, name: &Name, rtype: RecordType) -> Option<&Message> {
        self.messages.get(&(name.clone(), rtype))
    }

    pub(super) fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }

    pub(super) fn zones(&self) -> &[Name] {
        &self.zones
    }

    /// The DNSKEYs of a zone as given, validated or not.
    pub(super) fn keys(&self, zone: &Name) -> impl Iterator<Item = &DNSKEY> {
        let message = self.get(zone, RecordType::DNSKEY);
        message.into_iter().flat_map(|message| &message.answers).filter_map(|record| match &record.data {
            RData::DNSSEC(DNSSECRData::DNSKEY(key)) => Some(key),
            _ => None,
        })
    }

    /// Whether the parent has a DS of this zone; of the root, whether it has keys.
    pub(super) fn signed(&self, zone: &Name) -> bool {
        if zone.is_root() {
            return self.keys(zone).next().is_some();
        }
        let message = self.get(zone, RecordType::DS);
        message.is_some_and(|message| message.answers.iter().any(|record| record.record_type() == RecordType::DS))
    }

    /// Of a zone's keys.
    pub(super) async fn zone(&self, zone: &Name) -> Verdict {
        let mut subject = self.get(zone, RecordType::DNSKEY).cloned();
        let mut rtype = RecordType::DNSKEY;
        if !self.signed(zone) && !zone.is_root() {
            // An unsigned record at the apex: the validator then looks for the proof that it may be unsigned.
            let mut message = Message::query().into_response();
            let soa = SOA::new(zone.clone(), zone.clone(), 0, 0, 0, 0, 0);
            message.add_answer(Record::from_rdata(zone.clone(), 0, RData::SOA(soa)));
            (subject, rtype) = (Some(message), RecordType::SOA);
        }
        match subject {
            Some(message) => self.judge(zone, rtype, message).await,
            None => {
                Verdict { security: Security::Indeterminate, missing: Some(format!("the DNSKEYs of {}", text(zone))) }
            }
        }
    }

    /// Of an answer of the last zone.
    pub(super) async fn judge(&self, name: &Name, rtype: RecordType, message: Message) -> Verdict {
        let query = Query::query(name.clone(), rtype);
        let mut options = DnsRequestOptions::default();
        options.max_request_depth = DEEPEST;
        let stored = Stored(Arc::new(Held {
            messages: self.messages.clone(),
            subject: (query.clone(), relevant(&message)),
            cuts: self.zones.iter().cloned().collect(),
            missing: Mutex::new(None),
        }));
        let validator = DnssecDnsHandle::with_trust_anchor(stored.clone(), Arc::new(self.trusted()));
        let outcome = validator.lookup(query, options).next().await;
        let security = match outcome {
            Some(Ok(response)) => weakest(&response),
            // hickory wants the wildcard itself denied, too.
            Some(Err(NetError::Dns(DnsError::Nsec { response, .. }))) if wildcard::proven(&response) => {
                weakest(&response)
            }
            Some(Err(NetError::Dns(DnsError::Nsec { proof, .. }))) => of_proof(proof),
            Some(Err(_)) | None => Security::Indeterminate,
        };
        let missing = stored.0.missing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match missing {
            Some(missing) if security != Security::Secure => {
                Verdict { security: Security::Indeterminate, missing: Some(missing) }
            }
            _ => Verdict { security, missing: None },
        }
    }

    fn trusted(&self) -> TrustAnchors {
        roots::trusted(&self.anchors, self.keys(&Name::root()))
    }
}

/// The sections without what is no part of the proof: additionals, and the apex's NS beside an answer.
fn relevant(message: &Message) -> Message {
    let mut kept = message.clone();
    kept.additionals.clear();
    kept.authorities.retain(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) => proves(rrsig.input().type_covered),
        _ => proves(record.record_type()),
    });
    kept
}

fn proves(rtype: RecordType) -> bool {
    matches!(rtype, RecordType::SOA | RecordType::NSEC | RecordType::NSEC3)
}

/// Of the records that were judged; signatures are not.
fn weakest(response: &Message) -> Security {
    let section = if response.answers.is_empty() { &response.authorities } else { &response.answers };
    let judged = section.iter().filter(|record| record.record_type() != RecordType::RRSIG);
    let all: HashSet<Security> = judged.map(|record| of_proof(record.proof)).collect();
    [Security::Bogus, Security::Indeterminate, Security::Insecure, Security::Secure]
        .into_iter()
        .find(|security| all.contains(security))
        .unwrap_or(Security::Indeterminate)
}

fn of_proof(proof: Proof) -> Security {
    match proof {
        Proof::Secure => Security::Secure,
        Proof::Insecure => Security::Insecure,
        Proof::Bogus => Security::Bogus,
        Proof::Indeterminate => Security::Indeterminate,
    }
}

/// The validator's upstream: what was kept, and nothing else.
#[derive(Clone)]
struct Stored(Arc<Held>);

struct Held {
    messages: HashMap<(Name, RecordType), Message>,
    subject: (Query, Message),
    cuts: HashSet<Name>,
    missing: Mutex<Option<String>>,
}

impl Held {
    fn answer(&self, query: &Query) -> Result<DnsResponse, NetError> {
        let (name, rtype) = (query.name(), query.query_type());
        let (subject, message) = &self.subject;
        if subject == query {
            return response(message.clone(), query);
        }
        if let Some(message) = self.messages.get(&(name.clone(), rtype)) {
            return response(message.clone(), query);
        }
        if rtype == RecordType::NS {
            // The validator asks where the cuts are, without validating; the walk knows.
            let mut message = Message::query();
            if self.cuts.contains(name) {
                message.add_answer(Record::from_rdata(name.clone(), 0, RData::NS(NS(name.clone()))));
            }
            return response(message, query);
        }
        let missing = format!("the {rtype} of {}", text(name));
        *self.missing.lock().unwrap_or_else(PoisonError::into_inner) = Some(missing.clone());
        Err(NetError::from(missing))
    }
}

fn response(mut message: Message, query: &Query) -> Result<DnsResponse, NetError> {
    message.metadata.op_code = OpCode::Query;
    message.queries = vec![query.clone()];
    Ok(DnsResponse::from_message(message.into_response())?)
}

impl DnsHandle for Stored {
    type Response = Once<Ready<Result<DnsResponse, NetError>>>;
    /// Of which only the wall clock is used: nothing is opened or spawned.
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Self::Response {
        once(ready(match request.queries.first() {
            Some(query) => self.0.answer(query),
            None => Err(NetError::from("no question")),
        }))
    }
}
