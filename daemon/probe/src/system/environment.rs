//! The variables of a process, as it was started with them: what it set later, the kernel does not show.
//!
//! What is a secret by its name, and user and password of a URL, never leave this module.

use sonde_core::observation::system::Variable;

use crate::inspection::Problem;
use crate::process;
use crate::vantage::{Procfs, read_at};

/// Larger environments are unreadable; Linux allows 6 MiB, and 128 KiB for one variable.
const LIMIT_BYTES: usize = 6 << 20;
/// What lies beyond is cut off: long lists of `NO_PROXY` exist, but none is as long as this.
const VALUE_BYTES: usize = 8 << 10;
const HIDDEN: &str = "***";
/// Of a name in upper case.
const SECRETS: [&str; 10] = ["SECRET", "TOKEN", "PASS", "PWD", "CREDENTIAL", "KEY", "AUTH", "COOKIE", "DSN", "PRIVATE"];

/// The variables of these names that are set, in that order.
pub(super) fn read(procfs: &Procfs, pid: Option<u32>, names: &[String]) -> Result<Vec<Variable>, Problem> {
    let found = variables(&bytes(procfs, pid)?, |name| names.iter().any(|wanted| wanted == name));
    Ok(names.iter().filter_map(|name| found.iter().find(|variable| variable.name == *name).cloned()).collect())
}

/// What the kernel shows of the daemon's environment, or of a process's.
pub(super) fn bytes(procfs: &Procfs, pid: Option<u32>) -> Result<Vec<u8>, Problem> {
    let Some(pid) = pid else {
        let path = "self/environ";
        return procfs
            .read(path, LIMIT_BYTES)
            .map_err(|error| Problem::os(&format!("read /proc/{path}"), &error, NEEDS));
    };
    let folder = process::open(procfs, pid)?;
    let attempt = format!("read /proc/{pid}/environ");
    read_at(&folder, "environ", LIMIT_BYTES).map_err(|error| match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => Problem::os(&attempt, &error, NEEDS),
        _ => process::missing(&error, pid, &attempt),
    })
}

/// Those that are wanted, redacted, of `NAME=value`, each ended by a NUL. Where a name stands twice, getenv(3) finds the first.
pub(super) fn variables(bytes: &[u8], is_wanted: impl Fn(&str) -> bool) -> Vec<Variable> {
    let mut variables: Vec<Variable> = Vec::new();
    for entry in bytes.split(|byte| *byte == 0) {
        let Some(equals) = entry.iter().position(|byte| *byte == b'=') else { continue };
        let (name, value) = entry.split_at(equals);
        let Ok(name) = std::str::from_utf8(name) else { continue };
        let value = value.get(1..).unwrap_or_default();
        if is_wanted(name) && !variables.iter().any(|known| known.name == name) {
            let value = String::from_utf8_lossy(value.get(..VALUE_BYTES).unwrap_or(value));
            let value = if is_secret(name) { HIDDEN.to_owned() } else { redacted(&value) };
            variables.push(Variable { name: name.to_owned(), value });
        }
    }
    variables
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    if matches!(name.as_str(), "PWD" | "OLDPWD") {
        return false;
    }
    SECRETS.iter().any(|word| name.contains(word))
}

/// Without what stands before the last `@` of the authority, without a query that holds a secret, and without control characters.
fn redacted(value: &str) -> String {
    let value: String = value.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    // `host=x password=y`: no form that could be taken apart.
    if !value.contains("://") && value.contains('=') && is_secret(&value) {
        return HIDDEN.to_owned();
    }
    let (scheme, rest) = match value.find("://") {
        Some(at) => value.split_at(at + "://".len()),
        None => ("", value.as_str()),
    };
    // A password may hold a slash or a question mark that nobody encoded: rather hide too much.
    let (hidden, rest) = match rest.rsplit_once('@') {
        Some((_, host)) => (format!("{HIDDEN}@"), host),
        None => (String::new(), rest),
    };
    match rest.split_once('?') {
        Some((before, _)) => format!("{scheme}{hidden}{before}?{HIDDEN}"),
        None => format!("{scheme}{hidden}{rest}"),
    }
}

const NEEDS: &str = "CAP_SYS_PTRACE, or the user of that process";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(environ: &[u8], name: &str) -> Option<String> {
        variables(environ, |found| found == name).pop().map(|variable| variable.value)
    }

    #[test]
    fn the_first_of_a_name_counts_and_no_other_name_is_told() {
        assert_eq!(value(b"PATH=/bin\0A=1\0A=2\0AB=3\0A\0", "A"), Some("1".to_owned()));
        assert_eq!(value(b"PATH=/bin\0", "A"), None);
    }

    #[test]
    fn a_secret_is_known_by_its_name() {
        for name in [
            "DB_PASSWORD",
            "api_token",
            "AWS_SECRET_ACCESS_ID",
            "SSH_KEY",
            "GOOGLE_CREDENTIALS",
            "DB_PASS",
            "MYSQL_PWD",
        ] {
            assert_eq!(value(format!("{name}=hunter2\0").as_bytes(), name), Some("***".to_owned()));
        }
        assert_eq!(value(b"GODEBUG=netdns=go\0", "GODEBUG"), Some("netdns=go".to_owned()));
        assert_eq!(value(b"PWD=/srv\0", "PWD"), Some("/srv".to_owned()));
    }

    #[test]
    fn credentials_are_hidden_however_they_are_written() {
        for secret in ["http://me:secret@proxy:3128", "me:secret@proxy:3128", "http://me:sec/re@t@proxy:3128/"] {
            let shown = redacted(secret);
            assert!(shown.contains("***@proxy:3128") && !shown.contains("sec") && !shown.contains("me:"), "{shown}");
        }
        assert_eq!(redacted("http://proxy:3128"), "http://proxy:3128");
        assert_eq!(redacted("postgres://db/x?sslmode=on&password=secret"), "postgres://db/x?***");
        assert_eq!(redacted("postgres://me:se?ret@db/x?sslmode=on"), "postgres://***@db/x?***");
        assert_eq!(redacted("host=db user=me password=secret"), "***");
    }

    #[test]
    fn the_environment_of_the_daemon_can_be_read_and_that_of_no_process_cannot() {
        let procfs = Procfs::open().expect("/proc");
        let names = ["NO_SUCH_VARIABLE_ANYWHERE".to_owned(), "PATH".to_owned()];
        let found = read(&procfs, None, &names).expect("its own");
        assert_eq!(found.iter().map(|variable| variable.name.as_str()).collect::<Vec<_>>(), ["PATH"]);
        assert_eq!(read(&procfs, Some(std::process::id()), &names).expect("the same"), found);
        read(&procfs, Some(u32::MAX), &names).expect_err("there is no such process");
    }

    proptest! {
        #[test]
        fn any_environment_is_survived_and_bounded(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let mut environ = b"http_proxy=".to_vec();
            environ.extend(bytes);
            for variable in variables(&environ, |_| true) {
                prop_assert!(variable.value.len() <= 3 * VALUE_BYTES);
                prop_assert!(!variable.value.chars().any(char::is_control));
            }
        }
    }
}
