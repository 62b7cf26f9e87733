//! The keys of the configuration, for those who ask for help.

/// Every key of the configuration file, each with one line of help.
pub const KEYS: &[(&str, &str)] = &[
    (
        "listen",
        "list of unix:PATH or loopback ADDRESS:PORT, [\"unix:/run/sonde/sonde.sock\"] unless given; for users other than root, \
         where it is set, $XDG_RUNTIME_DIR/sonde/sonde.sock",
    ),
    ("checks_directory", "a folder of further checks, *.wasm"),
    ("cache_directory", "where compiled components are kept, the XDG cache folder unless given"),
    ("runs.budget", "of a run whose request names none, \"15s\" unless given"),
    ("runs.probe_timeout", "of a single probe, \"3500ms\" unless given"),
    ("runs.concurrent", "how many runs may go on at once, 16 unless given"),
    ("runs.history", "how many finished runs are kept, 1000 unless given"),
    ("runs.history_bytes", "what they may take together, 268435456 unless given"),
    ("limits.memory_bytes", "memory of a check in a run, 67108864 unless given"),
    ("limits.cpu", "CPU time of a check in a run, \"500ms\" unless given"),
    ("limits.host_calls", "host calls of a check in a run, 2000 unless given"),
    ("recorder.enabled", "whether counters, queues and sockets are recorded, true unless given"),
    ("recorder.step", "between two steps, \"1s\" unless given"),
    ("recorder.fine", "how long steps are kept, two coarse ones at least, \"1h\" unless given"),
    ("recorder.coarse_step", "the length of a coarse step, \"1m\" unless given"),
    ("recorder.coarse", "how long coarse steps are kept, \"1day\" unless given"),
    ("recorder.bytes", "what all of it may take in memory, 67108864 unless given"),
    ("recorder.cpu", "processor time in a second that it may take, \"4ms\" unless given"),
    ("recorder.namespaces", "names or paths of network namespaces to record beside the daemon's own"),
    ("recorder.most_namespaces", "how many namespaces are recorded at once, the daemon's own counted, 8 unless given"),
];

/// The environment variables that stand in for keys or for files of the system, each with one line of help.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "SSL_CERT_FILE, SSL_CERT_DIR",
        "certificates to trust, a file or folders of them, instead of the trust store that is found there",
    ),
    (
        "XDG_CACHE_HOME, HOME",
        "where compiled components are kept unless cache_directory says so: in sonde, or .cache/sonde",
    ),
];

/// As a paragraph of `--help`.
pub fn help() -> String {
    let width = KEYS.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    let lines = KEYS.iter().map(|(key, meaning)| format!("\n  {key:width$}  {meaning}"));
    format!(
        "Configuration (TOML; {} where it exists, unless --config names another):{}",
        super::DEFAULT_PATH,
        lines.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::Config;
    use super::*;

    /// Those that a table knows, from the error about one that it does not.
    fn known(prefix: &str) -> BTreeSet<String> {
        let text = format!("{prefix}no_such_key = 1");
        let error = toml::from_str::<Config>(&text).expect_err("there is no such key").to_string();
        let (_, listed) = error.split_once("expected one of ").expect("it lists the keys");
        listed
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|key| !matches!(*key, "runs" | "limits" | "recorder"))
            .map(|key| format!("{prefix}{key}"))
            .collect()
    }

    #[test]
    fn every_key_is_listed_and_no_other() {
        let listed: BTreeSet<String> = KEYS.iter().map(|(key, _)| (*key).to_owned()).collect();
        let all: BTreeSet<String> = ["", "runs.", "limits.", "recorder."].into_iter().flat_map(known).collect();

        assert_eq!(listed, all);
    }

    #[test]
    fn the_defaults_are_those_in_force() {
        let config = Config::default();
        let limits = sonde_host::Limits::default();
        let said = |key: &str| {
            let (_, meaning) = KEYS.iter().find(|(listed, _)| *listed == key).expect("listed");
            meaning
                .strip_suffix(" unless given")
                .and_then(|text| text.rsplit_once(", "))
                .expect("a default")
                .1
                .to_owned()
        };
        let quoted =
            |duration: std::time::Duration| format!("\"{}\"", humantime::format_duration(duration)).replace(' ', "");

        assert_eq!(said("runs.budget"), quoted(config.runs.budget));
        assert_eq!(said("runs.probe_timeout"), format!("\"{}ms\"", config.runs.probe_timeout.as_millis()));
        assert_eq!(said("runs.concurrent"), config.runs.concurrent.to_string());
        assert_eq!(said("runs.history"), config.runs.history.to_string());
        assert_eq!(said("runs.history_bytes"), config.runs.history_bytes.to_string());
        assert_eq!(said("limits.memory_bytes"), limits.memory_bytes.to_string());
        assert_eq!(said("limits.cpu"), quoted(limits.cpu));
        assert_eq!(said("limits.host_calls"), limits.host_calls.to_string());
        assert_eq!(said("recorder.enabled"), config.recorder.enabled.to_string());
        assert_eq!(said("recorder.step"), quoted(config.recorder.step));
        assert_eq!(said("recorder.fine"), quoted(config.recorder.fine));
        assert_eq!(said("recorder.coarse_step"), quoted(config.recorder.coarse_step));
        assert_eq!(said("recorder.coarse"), quoted(config.recorder.coarse));
        assert_eq!(said("recorder.bytes"), config.recorder.bytes.to_string());
        assert_eq!(said("recorder.cpu"), quoted(config.recorder.cpu));
        assert_eq!(said("recorder.most_namespaces"), config.recorder.most_namespaces.to_string());
    }
}
