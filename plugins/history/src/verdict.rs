//! Judges a recorded time. Pure.
//!
//! Thresholds: a count of drops above one a second over a minute is a fault, less is a doubt. Of the present only what is proven and
//! still goes on counts: trouble that is over, or may be none, is a note with its time.

mod connections;
mod datagrams;
mod limits;
mod peer;
mod queues;
#[cfg(test)]
mod tests;

use sonde_sdk::check::Outcome;
use sonde_sdk::finding::{refutes, supports};
use sonde_sdk::judgement::Judgement;
use sonde_sdk::report::{Finding, Strength};
use sonde_sdk::types::{EvidenceId, Measure};

use crate::moment::clock;
use crate::past::{Growth, Past};
use crate::whose::Whose;

/// Causes that this check can support or refute.
pub(crate) const CAUSES: &[&str] = &[
    "host.ephemeral_ports_connect",
    "host.tcp_mem_pressure",
    "l3.packet_loss",
    "l3.rp_filter_drop",
    "fw.drop_remote",
    "nf.conntrack_full",
    "tcp.accept_queue_overflow",
    "tcp.close_wait_leak",
    "tcp.fin_wait_stuck",
    "tcp.rcvbuf_prune",
    "tcp.syn_flood",
    "tcp.syn_queue_full",
    "tcp.timewait_overflow",
    "tcp.timewait_storm",
    "udp.rcvbuf_overflow",
];

/// What all in a namespace share; other troubles are those of whoever owns the sockets.
const SHARED: &[&str] =
    &["host.tcp_mem_pressure", "l3.packet_loss", "l3.rp_filter_drop", "nf.conntrack_full", "tcp.timewait_overflow"];

/// Drops in a minute, from which on they are a fault: one a second.
pub(crate) const MINUTELY: f64 = 60.0;

/// Drops in all, below which they are nothing.
pub(crate) const FEW: f64 = 10.0;

/// Something that went wrong.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) cause: &'static str,
    pub(crate) strength: Strength,
    pub(crate) subject: String,
    /// With its onset and rate.
    pub(crate) sentence: String,
    pub(crate) evidence: Vec<EvidenceId>,
    /// Look-alikes that it is not: cause, why, and what that rests on.
    pub(crate) ruled_out: Vec<(&'static str, String, Vec<EvidenceId>)>,
    pub(crate) measures: Vec<Measure>,
    /// When it was last seen, in Unix microseconds.
    pub(crate) last_us: i64,
}

/// The judgement.
pub(crate) fn judge(past: &Past) -> Judgement {
    let troubles = troubles(past);
    let counts =
        |trouble: &Trouble| !past.live || (trouble.strength == Strength::Proof && past.is_ongoing(trouble.last_us));
    let (present, over): (Vec<Trouble>, Vec<Trouble>) = troubles.into_iter().partition(counts);
    let findings = present.iter().flat_map(Trouble::findings).collect();
    let told = |troubles: &[Trouble]| {
        let sentences: Vec<&str> = troubles.iter().map(|trouble| trouble.sentence.as_str()).collect();
        sentences.join("; ")
    };
    let mut outcome = if present.iter().any(|trouble| trouble.strength == Strength::Proof) {
        Outcome::broken(told(&present))
    } else if !present.is_empty() {
        Outcome::unclear(told(&present))
    } else if over.is_empty() {
        quiet(past)
    } else {
        Outcome::works(format!("nothing that is proven goes on; recorded was: {}", told(&over)))
    };
    for trouble in over {
        outcome = outcome.noting(trouble.cause, trouble.sentence);
    }
    if let Whose::Process(pid) = past.whose {
        let of = format!(
            "the recorder keeps network namespaces, not processes: this is of all that were in that of process {pid}"
        );
        outcome = outcome.noting("of", of);
    }
    if let Some(recording) = past.accepts.recording().filter(|recording| !recording.gaps.is_empty()) {
        let missing: f64 = recording.gaps.iter().map(sonde_sdk::types::Period::seconds).sum();
        outcome = outcome.noting("gaps", format!("{} are not recorded", length(missing)));
    }
    Judgement { findings, outcome }
}

fn troubles(past: &Past) -> Vec<Trouble> {
    let common = [connections::judge(past), limits::judge(past)].concat();
    match &past.whose {
        Whose::Namespace => [queues::judge(past), common].concat(),
        Whose::Process(pid) => {
            let place = format!("in the network namespace of process {pid}");
            [queues::judge(past), common].concat().into_iter().map(|trouble| trouble.beside(&place)).collect()
        }
        Whose::Peer(peer) => [peer::judge(past, peer), common].concat(),
        Whose::Datagrams(_) => {
            let all = limits::judge(past).into_iter().filter(|trouble| datagrams::CONCERNED.contains(&trouble.cause));
            all.map(|trouble| trouble.beside("in this network namespace")).collect()
        }
    }
}

fn quiet(past: &Past) -> Outcome {
    let length = length(past.seconds());
    match &past.whose {
        Whose::Namespace => Outcome::works(format!("nothing went wrong in {length} of recording")),
        Whose::Process(pid) => Outcome::works(format!(
            "nothing went wrong in {length} of recording of the network namespace of process {pid}"
        )),
        Whose::Peer(peer) => peer::seen(peer),
        Whose::Datagrams(datagrams) => datagrams::seen(datagrams, &length),
    }
}

impl Trouble {
    /// As one of the namespace that a process is in, or datagrams were sent from: whose sockets they were is not recorded, so that
    /// nothing is proven of it but what all share.
    fn beside(self, place: &str) -> Self {
        let strength = match self.strength {
            Strength::Proof if !SHARED.contains(&self.cause) => Strength::Strong,
            strength => strength,
        };
        Self { strength, sentence: format!("{place} {}", self.sentence), ..self }
    }

    fn findings(&self) -> Vec<Finding> {
        let mut support = supports(self.cause)
            .strength(self.strength)
            .about(&self.subject)
            .because(&self.sentence)
            .citing(self.evidence.iter().copied());
        for measure in &self.measures {
            support = support.measuring(measure.clone());
        }
        let refutations = self.ruled_out.iter().map(|(cause, why, evidence)| {
            refutes(cause).proof().about(&self.subject).because(why).citing(evidence.iter().copied()).build()
        });
        std::iter::once(support.build()).chain(refutations).collect()
    }
}

/// `began 14:03:12 UTC, last 14:05:00 UTC, up to 120/s`.
pub(crate) fn course(growth: &Growth) -> String {
    let rate = growth.rate;
    let rate = if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") };
    format!("began {}, last {}, up to {rate}/s", clock(growth.first_us), clock(growth.last_us))
}

/// A minute of more than one a second is a fault.
pub(crate) fn weight_of(growth: &Growth) -> Strength {
    if growth.minute >= MINUTELY { Strength::Proof } else { Strength::Strong }
}

pub(crate) fn length(seconds: f64) -> String {
    if seconds < 120.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) }
}
