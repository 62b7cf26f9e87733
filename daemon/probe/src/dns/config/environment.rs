//! The variables that a resolver heeds, of the daemon or of another process.
//!
//! They are those the process was started with: what it set later, the kernel does not show.

use std::io;

use sonde_core::observation::dns::Variable;

use super::resolv::text;
use crate::vantage::Procfs;

/// The environment of one process.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    variables: Vec<(String, String)>,
}

impl Environment {
    /// Of the process that the daemon sees under this number; `None`: the daemon itself.
    pub(super) fn read(procfs: &Procfs, pid: Option<u32>) -> io::Result<Self> {
        let process = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
        let bytes = procfs.read(&format!("{process}/environ"), LIMIT_BYTES)?;
        Ok(Self::parse(&bytes))
    }

    /// `NAME=value`, each ended by a NUL. Where a name stands twice, getenv(3) finds the first.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut variables: Vec<(String, String)> = Vec::new();
        for entry in bytes.split(|byte| *byte == 0) {
            let Some(equals) = entry.iter().position(|byte| *byte == b'=') else { continue };
            let name = text(&entry[..equals]);
            if KEPT.contains(&name.as_str()) && !variables.iter().any(|(known, _)| *known == name) {
                let value = &entry[equals + 1..];
                variables.push((name, text(&value[..value.len().min(VALUE_BYTES)])));
            }
        }
        Self { variables }
    }

    /// As getenv(3).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Those of the record, in its order.
    pub(super) fn recorded(&self) -> Vec<Variable> {
        let recorded = KEPT[..RECORDED].iter();
        recorded
            .filter_map(|name| {
                self.get(name).map(|value| Variable { name: (*name).to_owned(), value: value.to_owned() })
            })
            .collect()
    }

    /// The value of one setting in GODEBUG: the last one counts, and what follows a `#` in it is not its (`parse` of Go's
    /// src/internal/godebug/godebug.go).
    pub(super) fn godebug(&self, setting: &str) -> Option<&str> {
        let settings = self.get("GODEBUG")?.rsplit(',');
        let found = settings.filter_map(|word| word.split_once('=')).find(|(name, _)| *name == setting);
        found.map(|(_, value)| value.split('#').next().unwrap_or_default())
    }
}

/// The first four are recorded; the others decide something here.
const KEPT: [&str; 7] = [
    "LOCALDOMAIN",
    "RES_OPTIONS",
    "HOSTALIASES",
    "GODEBUG",
    // resolv/res_hconf.c
    "RESOLV_MULTI",
    "RESOLV_HOST_CONF",
    // Set by kubelet in every container.
    "KUBERNETES_SERVICE_HOST",
];
const RECORDED: usize = 4;
/// Larger environments are unreadable; Linux allows 6 MiB, and 128 KiB for one variable.
const LIMIT_BYTES: usize = 6 << 20;
/// What lies beyond is cut off: no resolver's variable is as long as this.
const VALUE_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vantage::{Selector, Vantage};

    #[test]
    fn the_first_of_a_name_counts_and_others_are_not_kept() {
        let environment = Environment::parse(b"PATH=/bin\0GODEBUG=a=1\0LOCALDOMAIN=\0GODEBUG=b\0=x\0broken\0");
        assert_eq!(environment.get("GODEBUG"), Some("a=1"));
        assert_eq!(environment.get("LOCALDOMAIN"), Some(""));
        assert_eq!(environment.get("PATH"), None);
        let names: Vec<String> = environment.recorded().into_iter().map(|variable| variable.name).collect();
        assert_eq!(names, ["LOCALDOMAIN", "GODEBUG"]);
    }

    #[test]
    fn the_last_setting_of_godebug_counts_without_its_pattern() {
        let of = |value: &str| Environment::parse(format!("GODEBUG={value}").as_bytes());
        assert_eq!(of("netdns=go,x=1,netdns=cgo+2").godebug("netdns"), Some("cgo+2"));
        assert_eq!(of("netdns=go#1010").godebug("netdns"), Some("go"));
        assert_eq!(of("gctrace=1,netdns").godebug("netdns"), None);
    }

    #[test]
    fn a_long_value_is_cut_and_bytes_that_are_not_text_are_replaced() {
        let mut bytes = b"RES_OPTIONS=\xff".to_vec();
        bytes.extend(std::iter::repeat_n(b'a', 2 * VALUE_BYTES));
        let environment = Environment::parse(&bytes);
        let value = environment.get("RES_OPTIONS").expect("it is there");
        assert_eq!(value.chars().count(), VALUE_BYTES);
        assert!(value.starts_with("\u{fffd}aa"), "{value}");
    }

    #[test]
    fn the_environment_of_the_daemon_can_be_read_and_that_of_no_process_cannot() {
        let procfs = Vantage::open(&Selector::Own).expect("own").procfs();
        Environment::read(&procfs, None).expect("its own");
        Environment::read(&procfs, Some(u32::MAX)).expect_err("there is no such process");
    }
}
