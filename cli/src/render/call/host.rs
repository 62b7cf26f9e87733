//! Facts of this host, its processes and settings.

use sonde_proto::v1::{CgroupFacts, Environment, HostFacts, ProcessFacts, Sysctls, Variable};

use crate::render::text::{count, elapsed, micros};

/// Of settings so many are named.
const NAMED: usize = 3;

pub(super) fn settings(asked: &Sysctls) -> String {
    match asked.settings.as_slice() {
        few if few.len() <= NAMED => few.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(" "),
        many => count(many.len(), "kernel setting", "kernel settings"),
    }
}

pub(super) fn values(found: &Sysctls) -> String {
    match found.settings.as_slice() {
        few if few.len() <= NAMED => few
            .iter()
            .map(|one| match (&one.value, one.needs.as_str()) {
                (Some(value), _) => value.clone(),
                (None, "") => "absent".to_owned(),
                (None, needs) => format!("needs {needs}"),
            })
            .collect::<Vec<_>>()
            .join(", "),
        many => format!("{} of them are there", many.iter().filter(|one| one.value.is_some()).count()),
    }
}

pub(super) fn variables(asked: &Environment) -> String {
    let whose = if asked.pid == 0 { String::new() } else { format!(" of process {}", asked.pid) };
    format!("{}{whose}", count(asked.names.len(), "variable", "variables"))
}

pub(super) fn set(variables: &[Variable]) -> String {
    match variables {
        [] => "none".to_owned(),
        set => set.iter().map(|set| format!("{}={}", set.name, set.value)).collect::<Vec<_>>().join(" "),
    }
}

pub(super) fn of_table(total: u64, one: &str, many: &str) -> String {
    count(usize::try_from(total).unwrap_or(usize::MAX), one, many)
}

pub(super) fn process(facts: &ProcessFacts) -> String {
    let files = match (facts.open_files, facts.open_files_soft) {
        (Some(open), Some(soft)) => format!(", {open} of {soft} files open"),
        (Some(open), None) => format!(", {open} files open"),
        (None, _) => String::new(),
    };
    format!("{} in state {}{files}", facts.command, facts.state)
}

pub(super) fn cgroup(facts: &CgroupFacts) -> String {
    let limit = match (&facts.quota, &facts.period) {
        (Some(quota), Some(period)) => format!(
            ", {} of CPU in {}, throttled in {} of {} periods",
            elapsed(micros(Some(quota))),
            elapsed(micros(Some(period))),
            facts.throttled_periods,
            facts.periods
        ),
        _ => ", no limit of CPU".to_owned(),
    };
    let frozen = if facts.frozen { ", frozen" } else { "" };
    format!("{}{limit}{frozen}", facts.path)
}

pub(super) fn machine(facts: &HostFacts) -> String {
    let available = facts.memory_available_bytes.saturating_mul(100).checked_div(facts.memory_bytes).unwrap_or(0);
    format!(
        "Linux {}, {}, {available} % of memory available, {} files open",
        facts.kernel,
        count(facts.processors as usize, "processor", "processors"),
        facts.open_files
    )
}

#[cfg(test)]
mod tests {
    use sonde_proto::v1::Sysctl;

    use super::*;

    fn setting(name: &str, value: Option<&str>, needs: &str) -> Sysctl {
        Sysctl { name: name.to_owned(), value: value.map(str::to_owned), needs: needs.to_owned() }
    }

    #[test]
    fn few_settings_are_shown_and_many_are_counted() {
        let few = Sysctls {
            settings: vec![setting("net.a", Some("1"), ""), setting("net.b", None, ""), setting("net.c", None, "root")],
        };
        assert_eq!(
            (settings(&few), values(&few)),
            ("net.a net.b net.c".to_owned(), "1, absent, needs root".to_owned())
        );
        let many = Sysctls { settings: vec![setting("net.a", Some("1"), ""); 4] };
        assert_eq!(
            (settings(&many), values(&many)),
            ("4 kernel settings".to_owned(), "4 of them are there".to_owned())
        );
    }

    #[test]
    fn a_process_shows_what_is_known_of_it() {
        let facts = ProcessFacts {
            command: "nginx".to_owned(),
            state: "T".to_owned(),
            open_files: Some(9),
            open_files_soft: Some(1024),
            ..ProcessFacts::default()
        };
        assert_eq!(process(&facts), "nginx in state T, 9 of 1024 files open");
        assert_eq!(process(&ProcessFacts { open_files: None, ..facts }), "nginx in state T");
    }
}
