//! Which checks a run makes, in which order. Refuses what no check serves, before anything touches the network.

mod argument;

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::{CostClass, Manifest, Scheme};
use crate::nearest::nearest;
use crate::target::Target;

/// A check asked for by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Of the check.
    pub name: String,
    /// Its arguments, name and text.
    pub arguments: Vec<(String, String)>,
}

/// The checks of a run.
///
/// Invariant: every check stands behind those that it waits for, and each is there once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    target: Target,
    checks: Vec<PlannedCheck>,
}

/// One check of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedCheck {
    /// Its name.
    pub name: String,
    /// The given arguments, each of its parameter's kind.
    pub arguments: Vec<(String, String)>,
    /// The checks of this plan that must have ended before it starts.
    pub after: Vec<String>,
    /// Named by the caller, or chosen because it serves the target; false for one that another waits for.
    pub wanted: bool,
}

/// Why there is no plan. Messages complete "failed to ..." and end with what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each field is")]
pub enum PlanError {
    #[error("find the check {name:?}{}; the checks here are {}", hint(nearest), list(known))]
    UnknownCheck { name: String, nearest: Vec<String>, known: Vec<String> },
    #[error("select the check {name:?} twice; name it once")]
    SelectedTwice { name: String },
    #[error("load two checks named {name:?}; rename one of them")]
    LoadedTwice { name: String },
    #[error("run the check {name:?} on {target:?}: it serves {}", list(serves))]
    DoesNotServe { name: String, target: String, serves: Vec<String> },
    #[error("test {target:?}: no check serves a target of kind {kind:?}; targets that work are {}", list(forms))]
    NothingServes { target: String, kind: String, forms: Vec<String> },
    #[error("use the parameter {name:?} of the check {check:?}{}; its parameters are {}", hint(nearest), list(known))]
    UnknownParameter { check: String, name: String, nearest: Vec<String>, known: Vec<String> },
    #[error("use the parameter {name:?} of the check {check:?} twice; give it once")]
    GivenTwice { check: String, name: String },
    #[error("use {value:?} for the parameter {name:?} of the check {check:?}; give {right}")]
    WrongValue { check: String, name: String, value: String, right: String },
    #[error(
        "judge the past of {target:?}: no check judges what is recorded of a target of kind {kind:?}; those with a past are {}",
        list(forms)
    )]
    NoPast { target: String, kind: String, forms: Vec<String> },
    #[error("judge the past with the check {name:?}: it measures the present; those that can are {}", list(able))]
    NotOfThePast { name: String, able: Vec<String> },
    #[error("order the checks {}: each waits for another of them; change \"after\" in one manifest", list(names))]
    Cycle { names: Vec<String> },
}

impl Plan {
    /// Plans a run.
    ///
    /// With nothing selected, every check that serves the target and is not heavy. Otherwise those selected and, because a
    /// check on a name cannot work before it is resolved, those that they wait for.
    pub fn new<M: Borrow<Manifest>>(
        target: Target,
        manifests: &[M],
        selected: &[Selection],
    ) -> Result<Self, PlanError> {
        let manifests: Vec<&Manifest> = manifests.iter().map(Borrow::borrow).collect();
        let known = by_name(&manifests)?;
        let chosen =
            if selected.is_empty() { default_choice(&target, &manifests)? } else { choice(&target, &known, selected)? };
        let mut names: BTreeSet<&str> = chosen.keys().copied().collect();
        let mut open: Vec<&str> = names.iter().copied().collect();
        while let Some(name) = open.pop() {
            for before in &known[name].after {
                if let Some(manifest) =
                    known.get(before.as_str()).filter(|manifest| wants(manifest, &target, !selected.is_empty()))
                    && names.insert(&manifest.name)
                {
                    open.push(&manifest.name);
                }
            }
        }
        let members: Vec<&Manifest> =
            manifests.iter().copied().filter(|manifest| names.contains(manifest.name.as_str())).collect();
        let checks = ordered(&members)?
            .into_iter()
            .map(|manifest| PlannedCheck {
                name: manifest.name.clone(),
                arguments: chosen.get(manifest.name.as_str()).cloned().unwrap_or_default(),
                after: before(manifest, &names),
                wanted: chosen.contains_key(manifest.name.as_str()),
            })
            .collect();
        Ok(Self { target, checks })
    }

    /// Plans a run that judges a time which is over: as [`Plan::new`], of the checks that can, as they are then.
    pub fn of_the_past<M: Borrow<Manifest>>(
        target: Target,
        manifests: &[M],
        selected: &[Selection],
    ) -> Result<Self, PlanError> {
        let able: Vec<Manifest> = manifests.iter().filter_map(|manifest| manifest.borrow().of_the_past()).collect();
        let known = |name: &str| manifests.iter().any(|manifest| manifest.borrow().name == name);
        let unable = |selection: &&Selection| !able.iter().any(|manifest| manifest.name == selection.name);
        match selected.iter().find(unable) {
            Some(selection) if known(&selection.name) => Err(PlanError::NotOfThePast {
                name: selection.name.clone(),
                able: able.iter().map(|manifest| manifest.name.clone()).collect(),
            }),
            _ => Self::new(target, &able, selected).map_err(|error| match error {
                PlanError::NothingServes { target, kind, forms } => PlanError::NoPast { target, kind, forms },
                error => error,
            }),
        }
    }

    /// What the run is about.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// In an order in which they may run one by one.
    pub fn checks(&self) -> &[PlannedCheck] {
        &self.checks
    }
}

fn by_name<'a>(manifests: &[&'a Manifest]) -> Result<BTreeMap<&'a str, &'a Manifest>, PlanError> {
    let mut known = BTreeMap::new();
    for &manifest in manifests {
        if known.insert(manifest.name.as_str(), manifest).is_some() {
            return Err(PlanError::LoadedTwice { name: manifest.name.clone() });
        }
    }
    Ok(known)
}

/// Names with arguments.
type Choice<'a> = BTreeMap<&'a str, Vec<(String, String)>>;

fn default_choice<'a>(target: &Target, manifests: &[&'a Manifest]) -> Result<Choice<'a>, PlanError> {
    let chosen: Choice<'_> = manifests
        .iter()
        .filter(|manifest| wants(manifest, target, false))
        .map(|manifest| (manifest.name.as_str(), Vec::new()))
        .collect();
    if chosen.is_empty() {
        let served: BTreeSet<&str> = manifests
            .iter()
            .filter(|manifest| manifest.cost < CostClass::Heavy)
            .flat_map(|manifest| manifest.targets.iter().map(|scheme| scheme.form()))
            .collect();
        return Err(PlanError::NothingServes {
            target: target.text.clone(),
            kind: target.scheme().as_str().to_owned(),
            forms: served.into_iter().map(str::to_owned).collect(),
        });
    }
    Ok(chosen)
}

fn choice<'a>(
    target: &Target,
    known: &BTreeMap<&'a str, &'a Manifest>,
    selected: &[Selection],
) -> Result<Choice<'a>, PlanError> {
    let mut chosen = Choice::new();
    for selection in selected {
        let Some(manifest) = known.get(selection.name.as_str()) else {
            return Err(PlanError::UnknownCheck {
                name: selection.name.clone(),
                nearest: owned(&nearest(&selection.name, known.keys().copied())),
                known: known.keys().map(|&name| name.to_owned()).collect(),
            });
        };
        if !manifest.targets.contains(&target.scheme()) {
            return Err(PlanError::DoesNotServe {
                name: manifest.name.clone(),
                target: target.text.clone(),
                serves: manifest.targets.iter().map(|scheme| scheme.form().to_owned()).collect(),
            });
        }
        argument::verify(manifest, &selection.arguments)?;
        if chosen.insert(&manifest.name, selection.arguments.clone()).is_some() {
            return Err(PlanError::SelectedTwice { name: manifest.name.clone() });
        }
    }
    Ok(chosen)
}

/// Serves the target, and is not too costly to be run unasked.
fn wants(manifest: &Manifest, target: &Target, named: bool) -> bool {
    manifest.targets.contains(&target.scheme()) && (named || manifest.cost < CostClass::Heavy)
}

fn before(manifest: &Manifest, names: &BTreeSet<&str>) -> Vec<String> {
    let unique: BTreeSet<&str> =
        manifest.after.iter().map(String::as_str).filter(|name| names.contains(name)).collect();
    owned(&unique.into_iter().collect::<Vec<_>>())
}

/// Kahn's algorithm; among those that are free, in the order of the manifests.
fn ordered<'a>(members: &[&'a Manifest]) -> Result<Vec<&'a Manifest>, PlanError> {
    let names: BTreeSet<&str> = members.iter().map(|manifest| manifest.name.as_str()).collect();
    let mut waiting: Vec<&Manifest> = members.to_vec();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut order = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let free = waiting.iter().position(|manifest| {
            manifest.after.iter().all(|name| done.contains(name.as_str()) || !names.contains(name.as_str()))
        });
        let Some(free) = free else {
            return Err(PlanError::Cycle { names: waiting.iter().map(|manifest| manifest.name.clone()).collect() });
        };
        let manifest = waiting.remove(free);
        done.insert(&manifest.name);
        order.push(manifest);
    }
    Ok(order)
}

impl Scheme {
    /// As in the guest contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Udp => "udp",
            Self::Dns => "dns",
            Self::Listener => "listener",
            Self::Pid => "pid",
            Self::Host => "host",
            Self::Grpc => "grpc",
            Self::Grpcs => "grpcs",
        }
    }

    /// How a target of this kind is written.
    pub fn form(self) -> &'static str {
        match self {
            Self::Https => "https://HOST/PATH",
            Self::Http => "http://HOST/PATH",
            Self::Tcp => "tcp://HOST:PORT",
            Self::Tls => "tls://HOST:PORT",
            Self::Udp => "udp://HOST:PORT",
            Self::Dns => "dns://NAME",
            Self::Listener => ":PORT",
            Self::Pid => "pid://N",
            Self::Host => "host",
            Self::Grpc => "grpc://HOST:PORT[/SERVICE]",
            Self::Grpcs => "grpcs://HOST:PORT[/SERVICE]",
        }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn hint(nearest: &[String]) -> String {
    nearest.first().map(|name| format!(", perhaps {name:?}")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
