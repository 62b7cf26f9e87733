//! What a check says of itself, and what its run ends in.

use serde::de::IntoDeserializer as _;
use serde::de::value::Error as Unknown;
use serde::{Deserialize, Serialize};

/// The kinds of target, without their content; the names are those of the guest contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the target's schemes")]
pub enum Scheme {
    Https,
    Http,
    Tcp,
    Tls,
    Udp,
    Dns,
    Listener,
    Pid,
    Host,
    Grpc,
    Grpcs,
}

/// What a parameter's text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ParameterKind {
    Text,
    Integer,
    Number,
    Boolean,
    /// `250ms`, `3s`, `1m30s`.
    Duration,
    Address,
}

/// One parameter of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// `--param NAME=...`.
    pub name: String,
    /// One line.
    pub summary: String,
    /// What its text must be.
    pub kind: ParameterKind,
    /// UCUM.
    pub unit: Option<String>,
    /// In the same form as a given value.
    pub default: Option<String>,
}

/// What a run costs the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CostClass {
    /// A few packets.
    Cheap,
    /// Tens.
    Moderate,
    /// Only when named.
    Heavy,
}

/// A check's description of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Lower case, digits and `-`.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// One line.
    pub summary: String,
    /// The kinds of target it serves.
    pub targets: Vec<Scheme>,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// Interfaces it calls.
    pub interfaces: Vec<String>,
    /// Destinations beyond the target.
    pub destinations: Vec<String>,
    /// Checks that must have ended before it starts.
    pub after: Vec<String>,
    /// Causes it can support or refute.
    pub causes: Vec<String>,
    /// What a run costs.
    pub cost: CostClass,
    /// Open list.
    pub properties: Vec<(String, String)>,
}

impl Scheme {
    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        let named: Result<Self, Unknown> = Self::deserialize(name.into_deserializer());
        named.ok()
    }
}

impl Manifest {
    /// Names a kind of target that is served only in a time that is over.
    pub const PAST_TARGET: &str = "past-target";

    /// As it is for a time that is over: with the kinds of target that it serves then alone. None where it measures the present.
    pub fn of_the_past(&self) -> Option<Self> {
        self.property("past").any(|value| value == "true").then(|| {
            let more = self.property(Self::PAST_TARGET).filter_map(Scheme::named);
            Self { targets: self.targets.iter().copied().chain(more).collect(), ..self.clone() }
        })
    }

    /// Its values of one name.
    fn property<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a str> {
        self.properties.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }
}

/// What a check says of what it tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Conclusion {
    /// It works.
    Works,
    /// It does not.
    Broken,
    /// It could not be told.
    Unclear,
    /// Nothing to test here.
    Skipped,
}

/// How a check ended by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// In one word.
    pub conclusion: Conclusion,
    /// In one sentence.
    pub summary: String,
    /// What to run and where, when a privilege or viewpoint is missing.
    pub next_step: Option<String>,
    /// Named texts beside the sentence, for who asked for this check by name; the verdict rests on none of them.
    pub notes: Vec<(String, String)>,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckEnd {
    /// By its own word.
    Concluded(Outcome),
    /// The host stopped it, or it failed by itself.
    Stopped(Stop),
}

/// Why a guest did not end by its own word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// It used up its share of CPU time.
    CpuBudget,
    /// It asked for more memory than it may have.
    Memory,
    /// Wall clock.
    Deadline,
    /// It passed more data to or from the host than it may.
    DataLimit,
    /// It trapped: panic, stack overflow, unreachable. The text is the trap and, from the SDK, the panic message.
    Trap(String),
    /// It returned an error: bad arguments or a bug. The text is its own.
    Error(String),
    /// The run was cancelled.
    Cancelled,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_target_has_the_name_that_the_contract_gives_it() {
        for scheme in [Scheme::Https, Scheme::Udp, Scheme::Listener, Scheme::Pid, Scheme::Host, Scheme::Grpcs] {
            assert_eq!(Scheme::named(scheme.as_str()), Some(scheme));
        }
        assert_eq!((Scheme::named("Pid"), Scheme::named("process")), (None, None));
    }
}
