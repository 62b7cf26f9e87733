//! How much the findings say for each cause: which are named, which are mere candidates. Owns the formula of confidence.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::{Catalogue, is_vendor};
use crate::finding::{CauseId, Finding, Stance, Strength};
use crate::observation::EvidenceId;

use super::explain::Scene;
use super::subject::Subject;

/// The most that a candidate can reach, below [`super::CONFIDENT`].
pub(super) const CANDIDATE_LIMIT: f64 = 0.79;

/// The most that a named cause can reach: nothing is certain.
const NAMED_LIMIT: f64 = 0.99;

/// A cause that at least one finding supports.
#[derive(Clone, Debug)]
pub(super) struct Weighed<'a> {
    pub(super) cause: CauseId,
    pub(super) named: bool,
    pub(super) confidence: f64,
    /// What names it, or of a candidate what speaks for it; the strongest first.
    pub(super) support: Vec<&'a Finding>,
    /// One refutation for each look-alike; the strongest first.
    pub(super) ruled_out: Vec<&'a Finding>,
    /// Of `support`, in its order.
    pub(super) subjects: Vec<Subject>,
}

/// A finding with its subject read.
struct Read<'a> {
    finding: &'a Finding,
    subject: Subject,
    evidence: BTreeSet<EvidenceId>,
}

/// All findings of a run, and those refutations that stand: what they rule out is not proven about the same subject.
struct Findings<'a> {
    all: Vec<Read<'a>>,
    standing: Vec<bool>,
}

impl<'a> Findings<'a> {
    /// In the order of the run, whatever the order given.
    fn read(findings: &'a [Finding]) -> Self {
        let mut sorted: Vec<&Finding> = findings.iter().collect();
        sorted.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
        let read = |finding: &'a Finding| Read {
            subject: Subject::parse(&finding.subject),
            evidence: finding.evidence.iter().copied().collect(),
            finding,
        };
        let all: Vec<Read<'_>> = sorted.into_iter().map(read).collect();
        let standing =
            all.iter().map(|read| read.finding.stance == Stance::Refutes && !proven_all_the_same(read, &all)).collect();
        Self { all, standing }
    }

    fn standing(&self) -> impl Iterator<Item = &Read<'a>> {
        self.all.iter().zip(&self.standing).filter(|(_, standing)| **standing).map(|(read, _)| read)
    }
}

/// Every supported cause, in the order of its id. The order of the findings does not matter.
pub(super) fn weigh<'a>(findings: &'a [Finding], catalogue: &Catalogue) -> Vec<Weighed<'a>> {
    let all = Findings::read(findings);
    let mut supports: BTreeMap<&CauseId, Vec<&Read<'_>>> = BTreeMap::new();
    for read in all.all.iter().filter(|read| read.finding.stance == Stance::Supports) {
        supports.entry(&read.finding.cause).or_default().push(read);
    }
    supports
        .into_values()
        .filter_map(|supports| named(&supports, &all, catalogue).or_else(|| candidate(&supports, &all, catalogue)))
        .collect()
}

/// Two look-alikes named about one subject, neither of which explains the other, weaken each other.
pub(super) fn lower_rivals(named: &mut [Weighed<'_>], scene: &Scene<'_>) {
    let rivals: Vec<u32> =
        named.iter().map(|one| named.iter().map(|other| u32::from(scene.rivals(one, other))).sum()).collect();
    for (cause, rivals) in named.iter_mut().zip(rivals) {
        cause.confidence = (cause.confidence - 0.15 * f64::from(rivals)).max(0.05);
    }
}

fn named<'a>(supports: &[&Read<'a>], all: &Findings<'a>, catalogue: &Catalogue) -> Option<Weighed<'a>> {
    let mut proofs: Vec<&Read<'a>> = Vec::new();
    let mut refuters: Vec<&Read<'a>> = Vec::new();
    for proof in supports.iter().copied().filter(|read| read.finding.strength == Strength::Proof) {
        if contradictions(proof, all).any(|read| read.finding.strength == Strength::Proof) {
            continue;
        }
        let separating = refutations(proof, all, catalogue);
        if !separating.is_empty() {
            proofs.push(proof);
            refuters.extend(separating);
        }
    }
    let ruled_out = one_for_each_cause(refuters);
    let best = ruled_out.first()?;
    let base = match best.finding.strength {
        Strength::Weak => 0.70,
        Strength::Strong => 0.86,
        Strength::Proof => 0.90,
    };
    let further = ruled_out[1..].iter().filter(|read| read.finding.strength >= Strength::Strong).count().min(3);
    let confidence = base + 0.03 * small(further)
        - 0.15 * doubts(&proofs, all, Strength::Strong)
        - 0.05 * doubts(&proofs, all, Strength::Weak);
    Some(Weighed {
        cause: proofs.first()?.finding.cause.clone(),
        named: true,
        confidence: confidence.clamp(0.05, NAMED_LIMIT),
        subjects: proofs.iter().map(|read| read.subject.clone()).collect(),
        support: proofs.into_iter().map(|read| read.finding).collect(),
        ruled_out: ruled_out.into_iter().map(|read| read.finding).collect(),
    })
}

fn candidate<'a>(supports: &[&Read<'a>], all: &Findings<'a>, catalogue: &Catalogue) -> Option<Weighed<'a>> {
    let disproved = |read: &Read<'_>| contradictions(read, all).any(|other| other.finding.strength == Strength::Proof);
    let mut live: Vec<&Read<'a>> = supports.iter().copied().filter(|read| !disproved(read)).collect();
    // Two proofs that contradict each other leave a doubt, not nothing.
    let contradicted = live.is_empty();
    if contradicted {
        live = supports.iter().copied().filter(|read| read.finding.strength == Strength::Proof).collect();
    }
    live.sort_by_key(|read| std::cmp::Reverse(read.finding.strength));
    let base = match live.first()?.finding.strength {
        _ if contradicted => 0.30,
        Strength::Weak => 0.25,
        Strength::Strong => 0.45,
        Strength::Proof => 0.60,
    };
    let ruled_out = one_for_each_cause(live.iter().flat_map(|read| refutations(read, all, catalogue)).collect());
    let checks: BTreeSet<&str> = live.iter().map(|read| read.finding.check.as_str()).collect();
    let agreed = if checks.len() > 1 { 0.05 } else { 0.0 };
    let confidence = base + 0.05 * small(ruled_out.len().min(3)) + agreed
        - 0.20 * doubts(&live, all, Strength::Strong)
        - 0.05 * doubts(&live, all, Strength::Weak);
    Some(Weighed {
        cause: live.first()?.finding.cause.clone(),
        named: false,
        confidence: confidence.clamp(0.01, CANDIDATE_LIMIT),
        subjects: live.iter().map(|read| read.subject.clone()).collect(),
        support: live.into_iter().map(|read| read.finding).collect(),
        ruled_out: ruled_out.into_iter().map(|read| read.finding).collect(),
    })
}

/// Refutations of the same cause about the same subject.
fn contradictions<'r, 'a>(support: &'r Read<'a>, all: &'r Findings<'a>) -> impl Iterator<Item = &'r Read<'a>> {
    all.all.iter().filter(|read| {
        read.finding.stance == Stance::Refutes
            && read.finding.cause == support.finding.cause
            && read.subject.same(&support.subject)
    })
}

/// The refutations of look-alikes that rest on something which this support does not, and that stand themselves.
fn refutations<'r, 'a>(support: &Read<'a>, all: &'r Findings<'a>, catalogue: &Catalogue) -> Vec<&'r Read<'a>> {
    let cause = &support.finding.cause;
    all.standing()
        .filter(|read| {
            let finding = read.finding;
            (catalogue.resemble(cause, &finding.cause)
                || (is_vendor(cause) && finding.cause != *cause && finding.check == support.finding.check))
                && !(of_one_port(&finding.cause) && read.subject.other_port(&support.subject))
                && !read.evidence.is_subset(&support.evidence)
        })
        .collect()
}

/// The cause that is refuted here is proven about the same subject elsewhere: neither stands.
fn proven_all_the_same(refutation: &Read<'_>, all: &[Read<'_>]) -> bool {
    all.iter().any(|read| {
        read.finding.stance == Stance::Supports
            && read.finding.strength == Strength::Proof
            && read.finding.cause == refutation.finding.cause
            && read.subject.same(&refutation.subject)
    })
}

/// Layers whose causes are about one port, so that ruling one out says nothing about another port.
fn of_one_port(cause: &CauseId) -> bool {
    matches!(cause.layer(), "tcp" | "udp" | "tls" | "http" | "lb" | "app")
}

/// The strongest refutation of each cause, the strongest first, else in the order of the run.
fn one_for_each_cause<'r, 'a>(mut refutations: Vec<&'r Read<'a>>) -> Vec<&'r Read<'a>> {
    refutations.sort_by_key(|read| (std::cmp::Reverse(read.finding.strength), sort_key(read.finding)));
    let mut seen = BTreeSet::new();
    refutations.retain(|read| seen.insert(&read.finding.cause));
    refutations
}

/// How many refutations of this strength speak against the cause itself.
fn doubts(supports: &[&Read<'_>], all: &Findings<'_>, strength: Strength) -> f64 {
    let indices: BTreeSet<u32> = supports
        .iter()
        .flat_map(|support| contradictions(support, all))
        .filter(|read| read.finding.strength == strength)
        .map(|read| read.finding.index)
        .collect();
    small(indices.len())
}

fn small(count: usize) -> f64 {
    f64::from(u16::try_from(count).unwrap_or(u16::MAX))
}

/// Total for the findings of a run, whose index is unique; the rest keeps any other input deterministic.
fn sort_key(finding: &Finding) -> impl Ord + '_ {
    let refutes = finding.stance == Stance::Refutes;
    (
        finding.index,
        &finding.check,
        &finding.cause,
        &finding.subject,
        &finding.summary,
        refutes,
        finding.strength,
        &finding.evidence,
    )
}
