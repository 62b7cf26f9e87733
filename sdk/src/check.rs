//! The exported interface: what a check is, gets and returns.

use std::future::Future;
use std::time::Duration;

use crate::arguments::Arguments;
pub use crate::bindings::exports::sonde::check::check::{
    Argument, Budget, Conclusion, CostClass, Manifest, Outcome, Parameter, ParameterType, Target, TargetKind,
};
use crate::types::{Endpoint, Property};

/// A check. [`crate::export!`] makes it the component's.
pub trait Check {
    /// What it is. Must not call the host.
    fn describe() -> Manifest;

    /// Runs it once. The arguments are already checked against the manifest's parameters.
    ///
    /// # Errors
    /// Bad arguments or a bug, in words. A broken network is an [`Outcome`].
    fn run(target: Target, arguments: Arguments, budget: Budget) -> impl Future<Output = Result<Outcome, String>>;
}

impl Manifest {
    /// A cheap check that serves no target yet. `name`: lower case, digits and `-`.
    pub fn new(name: &str, version: &str, summary: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            targets: vec![],
            parameters: vec![],
            interfaces: vec![],
            destinations: vec![],
            after: vec![],
            causes: vec![],
            cost: CostClass::Cheap,
            properties: vec![],
        }
    }

    /// The kinds of target it serves.
    #[must_use]
    pub fn serving(mut self, targets: impl IntoIterator<Item = TargetKind>) -> Self {
        self.targets.extend(targets);
        self
    }

    /// One more parameter.
    #[must_use]
    pub fn taking(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// The interfaces it calls: `dns`, `dial`, `history`, `sockets`, `system`.
    #[must_use]
    pub fn calling<'a>(mut self, interfaces: impl IntoIterator<Item = &'a str>) -> Self {
        self.interfaces.extend(interfaces.into_iter().map(str::to_owned));
        self
    }

    /// Destinations beyond the target that it wants, as `address:port` or `name:port`.
    #[must_use]
    pub fn wanting<'a>(mut self, destinations: impl IntoIterator<Item = &'a str>) -> Self {
        self.destinations.extend(destinations.into_iter().map(str::to_owned));
        self
    }

    /// The checks that must have ended before it starts.
    #[must_use]
    pub fn after<'a>(mut self, checks: impl IntoIterator<Item = &'a str>) -> Self {
        self.after.extend(checks.into_iter().map(str::to_owned));
        self
    }

    /// The causes it can support or refute.
    #[must_use]
    pub fn deciding<'a>(mut self, causes: impl IntoIterator<Item = &'a str>) -> Self {
        self.causes.extend(causes.into_iter().map(str::to_owned));
        self
    }

    /// What a run costs the network.
    #[must_use]
    pub fn costing(mut self, cost: CostClass) -> Self {
        self.cost = cost;
        self
    }

    /// It can judge a time that is over, by what was recorded of it.
    #[must_use]
    pub fn judging_the_past(self) -> Self {
        self.with("past", "true")
    }

    /// Kinds of target that it serves only then, as the contract names them: `pid`, `tcp`.
    #[must_use]
    pub fn of_the_past_alone<'a>(self, kinds: impl IntoIterator<Item = &'a str>) -> Self {
        kinds.into_iter().fold(self, |manifest, kind| manifest.with("past-target", kind))
    }

    /// One more named text, such as `homepage`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.properties.push(Property { name: name.to_owned(), value: value.to_owned() });
        self
    }
}

impl Parameter {
    /// A parameter without unit and default.
    pub fn new(name: &str, kind: ParameterType, summary: &str) -> Self {
        Self { name: name.to_owned(), summary: summary.to_owned(), kind, unit: None, default: None }
    }

    /// Its UCUM unit, where it is a number.
    #[must_use]
    pub fn in_unit(mut self, unit: &str) -> Self {
        self.unit = Some(unit.to_owned());
        self
    }

    /// Its value where none is given, in the form of a given one.
    #[must_use]
    pub fn with_default(mut self, value: &str) -> Self {
        self.default = Some(value.to_owned());
        self
    }
}

impl Target {
    /// Its addresses with its port; none where it has no port.
    pub fn endpoints(&self) -> impl Iterator<Item = Endpoint> + '_ {
        self.port.into_iter().flat_map(|port| self.addresses.iter().map(move |address| Endpoint::new(address, port)))
    }
}

impl Target {
    /// Its addresses but those whose port is known to be silent.
    pub fn answering(&self) -> Vec<String> {
        let silent = |address: &&String| {
            self.silent.iter().any(|known| known.address == **address && Some(known.port) == self.port)
        };
        self.addresses.iter().filter(|address| !silent(address)).cloned().collect()
    }
}

impl Budget {
    /// Until the run's deadline, as of the start of the check.
    pub fn remaining(&self) -> Duration {
        Duration::from_micros(self.remaining_us)
    }

    /// The bound that any one probe should keep.
    pub fn probe_timeout(&self) -> Duration {
        Duration::from_micros(self.probe_timeout_us)
    }
}

impl Outcome {
    /// What this check tests works.
    pub fn works(summary: impl Into<String>) -> Self {
        Self::concluding(Conclusion::Works, summary)
    }

    /// It does not; findings say why.
    pub fn broken(summary: impl Into<String>) -> Self {
        Self::concluding(Conclusion::Broken, summary)
    }

    /// It could not be told.
    pub fn unclear(summary: impl Into<String>) -> Self {
        Self::concluding(Conclusion::Unclear, summary)
    }

    /// Nothing to test here.
    pub fn skipped(summary: impl Into<String>) -> Self {
        Self::concluding(Conclusion::Skipped, summary)
    }

    /// Any of the four.
    pub fn concluding(conclusion: Conclusion, summary: impl Into<String>) -> Self {
        Self { conclusion, summary: summary.into(), next_step: None, notes: vec![] }
    }

    /// What to run and where, when a proof needs a privilege or a viewpoint that is missing.
    #[must_use]
    pub fn next(mut self, step: impl Into<String>) -> Self {
        self.next_step = Some(step.into());
        self
    }

    /// One more named text beside the sentence; the host keeps 64 of them.
    #[must_use]
    pub fn noting(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.notes.push(Property { name: name.into(), value: text.into() });
        self
    }
}
