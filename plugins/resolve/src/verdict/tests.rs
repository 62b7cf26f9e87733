//! Whole runs, from the first question to the verdict.

mod behind;
mod host;
mod name;
mod quality;
mod server;
mod servfail;

use std::cell::Cell;

use sonde_sdk::check::Conclusion;
use sonde_sdk::dns::qtype::{A, AAAA, CNAME, NS, PTR, RRSIG, SRV};
use sonde_sdk::report::Strength;
use sonde_sdk::system::RouteKind;
use sonde_sdk::testkit::{self, is_proven, refuted, supported};
use sonde_sdk::types::{Phase, Reason};

use super::Judgement;
use super::play::{Net, Reply, code, code_with, cut, dead, failing, silence, zone};
use crate::case::{Question, Request, Variant};

const WWW: &[(&str, u16, &str)] = &[("www.example", A, "192.0.2.80"), ("www.example", AAAA, "2001:db8::80")];

#[track_caller]
fn names(judgement: &Judgement, cause: &str, look_alike: &str) {
    assert!(is_proven(&judgement.findings, cause), "{cause} is not proven: {judgement:#?}");
    assert!(refuted(&judgement.findings).contains(&look_alike), "{look_alike} is not refuted: {judgement:#?}");
    let proof: Vec<u64> =
        judgement.findings.iter().filter(|f| f.cause == cause).flat_map(|f| f.evidence.clone()).collect();
    let refutation = judgement.findings.iter().filter(|f| f.cause == look_alike).flat_map(|f| f.evidence.clone());
    assert!(refutation.into_iter().any(|id| !proof.contains(&id)), "no separate evidence: {judgement:#?}");
    assert_eq!(supported(&judgement.findings, Strength::Proof), [cause], "{judgement:#?}");
    assert_eq!(judgement.outcome.conclusion, Conclusion::Broken);
}

#[track_caller]
fn is_healthy(judgement: &Judgement) {
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works, "{judgement:#?}");
    assert!(supported(&judgement.findings, Strength::Strong).is_empty(), "{judgement:#?}");
}
