//! The flight recorder's part of the configuration.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use sonde_probe::history::Bounds;

use super::quantity;

/// What is recorded, how long it is kept, and what that may cost.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recorder {
    /// Whether anything is recorded.
    pub enabled: bool,
    /// Between two steps; 100 ms to 1 min.
    #[serde(deserialize_with = "quantity::step")]
    pub step: Duration,
    /// How long those are kept; 1 min to 24 h, and two coarse steps at least.
    #[serde(deserialize_with = "quantity::fine")]
    pub fine: Duration,
    /// The length of a coarse step; 1 s to 1 h.
    #[serde(deserialize_with = "quantity::coarse_step")]
    pub coarse_step: Duration,
    /// How long those are kept; 1 min to 30 days.
    #[serde(deserialize_with = "quantity::coarse")]
    pub coarse: Duration,
    /// What all of it may take in memory; 64 KiB to 16 GiB.
    #[serde(deserialize_with = "quantity::recorder_bytes")]
    pub bytes: u64,
    /// Processor time in a second that recording may take; 100 us to 500 ms. Sockets are counted less often where it is not enough.
    #[serde(deserialize_with = "quantity::recorder_cpu")]
    pub cpu: Duration,
    /// Namespaces beside the daemon's own: names of `ip netns`, or paths.
    pub namespaces: Vec<Namespace>,
    /// How many namespaces are watched at once, with the daemon's own and those in which a diagnosis was made of late; 1 to 64, and
    /// enough for all that are to be.
    #[serde(deserialize_with = "quantity::namespaces")]
    pub most_namespaces: usize,
}

/// A network namespace, by path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Namespace(pub PathBuf);

/// It is neither a name nor a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceError(String);

impl Recorder {
    /// How much is kept.
    pub fn bounds(&self) -> Bounds {
        let coarse_step = self.coarse_step.max(self.step);
        Bounds {
            step: self.step,
            // A coarse step is kept once it is over: until then the fine ones in it must be.
            fine: self.fine.max(2 * coarse_step),
            coarse_step,
            coarse: self.coarse,
            bytes: self.bytes,
        }
    }
}

/// Reads it, and refuses what cannot be.
pub(super) fn consistent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Recorder, D::Error> {
    let recorder = Recorder::deserialize(deserializer)?;
    let distinct: HashSet<&Namespace> = recorder.namespaces.iter().collect();
    let needed = distinct.len() + 1;
    if needed > recorder.most_namespaces {
        return Err(D::Error::custom(format!(
            "recorder.most_namespaces is {}, but recorder.namespaces has {}, and the daemon's own is recorded too; give at least {needed}",
            recorder.most_namespaces,
            distinct.len()
        )));
    }
    Ok(recorder)
}

impl Default for Recorder {
    fn default() -> Self {
        let Bounds { step, fine, coarse_step, coarse, bytes } = Bounds::default();
        Self {
            enabled: true,
            step,
            fine,
            coarse_step,
            coarse,
            bytes,
            cpu: Duration::from_millis(4),
            namespaces: Vec::new(),
            most_namespaces: 8,
        }
    }
}

impl TryFrom<String> for Namespace {
    type Error = NamespaceError;

    fn try_from(text: String) -> Result<Self, NamespaceError> {
        let is_name = !text.is_empty() && !text.contains('/') && text != "." && text != "..";
        if text.contains('\0') || !(is_name || text.starts_with('/')) {
            return Err(NamespaceError(text));
        }
        Ok(Self(if is_name { Path::new("/run/netns").join(text) } else { PathBuf::from(text) }))
    }
}

impl fmt::Display for NamespaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(80).collect();
        write!(f, "watch the namespace {shown:?}: write a name of `ip netns list`, or a path such as /run/netns/blue")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_a_name_or_a_path() {
        let path = |text: &str| Namespace::try_from(text.to_owned()).map(|namespace| namespace.0);

        assert_eq!(path("blue"), Ok(PathBuf::from("/run/netns/blue")));
        assert_eq!(path("/proc/1/ns/net"), Ok(PathBuf::from("/proc/1/ns/net")));
        for wrong in ["", "a/b", "..", "/x\0"] {
            assert!(path(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_coarse_step_is_never_finer_than_a_fine_one() {
        let config =
            Recorder { step: Duration::from_mins(1), coarse_step: Duration::from_secs(1), ..Recorder::default() };

        assert_eq!(config.bounds().coarse_step, Duration::from_mins(1));
    }

    #[test]
    fn fine_steps_are_kept_until_the_coarse_one_over_them_is() {
        let hourly =
            Recorder { fine: Duration::from_mins(1), coarse_step: Duration::from_hours(1), ..Recorder::default() };

        assert_eq!(hourly.bounds().fine, Duration::from_hours(2));
        assert_eq!(Recorder::default().bounds().fine, Duration::from_hours(1));
    }

    #[test]
    fn there_is_a_place_for_every_namespace_that_is_to_be_recorded() {
        let parse = |text: &str| toml::from_str::<super::super::Config>(text);

        let error = parse("[recorder]\nmost_namespaces = 2\nnamespaces = [\"a\", \"b\", \"b\"]").expect_err("too few");
        let enough = parse("[recorder]\nmost_namespaces = 3\nnamespaces = [\"a\", \"b\", \"b\"]");

        assert!(error.message().contains("has 2") && error.message().contains("at least 3"), "{error}");
        assert_eq!(enough.map(|config| config.recorder.namespaces.len()), Ok(3));
    }
}
