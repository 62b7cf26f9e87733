//! The variables that tell a client which proxy to use, as a process was started with them.
//!
//! User and password of a proxy never leave this module. What a process set later, the kernel does not show.

use sonde_core::observation::system::ProxyVariable;

use crate::inspection::Problem;
use crate::vantage::Procfs;

/// Reads those of the daemon, or of a process.
pub(super) fn read(procfs: &Procfs, pid: Option<u32>) -> Result<Vec<ProxyVariable>, Problem> {
    let path = format!("{}/environ", pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string()));
    match procfs.read(&path, LIMIT_BYTES) {
        Ok(bytes) => Ok(parse(&bytes)),
        Err(error) => {
            Err(Problem::os(&format!("read /proc/{path}"), &error, "CAP_SYS_PTRACE, or the user of that process"))
        }
    }
}

/// `NAME=value`, each ended by a NUL. Where a name stands twice, getenv(3) finds the first.
fn parse(bytes: &[u8]) -> Vec<ProxyVariable> {
    let mut variables: Vec<ProxyVariable> = Vec::new();
    for entry in bytes.split(|byte| *byte == 0) {
        let Some(equals) = entry.iter().position(|byte| *byte == b'=') else { continue };
        let (name, value) = entry.split_at(equals);
        let Ok(name) = std::str::from_utf8(name) else { continue };
        let value = value.get(1..).unwrap_or_default();
        if is_kept(name) && !variables.iter().any(|known| known.name == name) {
            let value = String::from_utf8_lossy(value.get(..VALUE_BYTES).unwrap_or(value));
            variables.push(ProxyVariable { name: name.to_owned(), value: redacted(&value) });
        }
    }
    variables
}

fn is_kept(name: &str) -> bool {
    // As the CGI variable it is, only in upper case.
    name == "REQUEST_METHOD" || KEPT.iter().any(|kept| *kept == name || kept.to_ascii_lowercase() == name)
}

/// Without what stands before the last `@` of the authority, and without control characters.
fn redacted(value: &str) -> String {
    let value: String = value.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    let (scheme, rest) = match value.find("://") {
        Some(at) => value.split_at(at + "://".len()),
        None => ("", value.as_str()),
    };
    // A password may hold a slash that nobody encoded: rather hide too much.
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}***@{host}"),
        None => value,
    }
}

const KEPT: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];
/// Larger environments are unreadable; Linux allows 6 MiB, and 128 KiB for one variable.
const LIMIT_BYTES: usize = 6 << 20;
/// What lies beyond is cut off: long lists of `NO_PROXY` exist, but none is as long as this.
const VALUE_BYTES: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vantage::{Selector, Vantage};

    fn parsed(environ: &[u8]) -> Vec<(String, String)> {
        parse(environ).into_iter().map(|variable| (variable.name, variable.value)).collect()
    }

    #[test]
    fn both_cases_are_kept_as_they_are_spelled_and_nothing_else() {
        let found =
            parsed(b"PATH=/bin\0https_proxy=http://p:1\0NO_PROXY=.lab\0HTTPS_PROXY=q\0http_proxy\0Http_Proxy=x\0");
        let expected = [("https_proxy", "http://p:1"), ("NO_PROXY", ".lab"), ("HTTPS_PROXY", "q")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn the_first_of_a_name_counts() {
        assert_eq!(parsed(b"http_proxy=a\0http_proxy=b\0"), [("http_proxy".to_owned(), "a".to_owned())]);
    }

    #[test]
    fn credentials_are_hidden_however_they_are_written() {
        for secret in ["http://me:secret@proxy:3128", "me:secret@proxy:3128", "http://me:sec/re@t@proxy:3128/"] {
            let shown = redacted(secret);
            assert!(shown.contains("***@proxy:3128") && !shown.contains("sec") && !shown.contains("me:"), "{shown}");
        }
        assert_eq!(redacted("http://proxy:3128"), "http://proxy:3128");
    }

    #[test]
    fn the_environment_of_the_daemon_can_be_read_and_that_of_no_process_cannot() {
        let procfs = Vantage::open(&Selector::Own).expect("own").procfs();
        read(&procfs, None).expect("its own");
        read(&procfs, Some(u32::MAX)).expect_err("there is no such process");
    }

    proptest! {
        #[test]
        fn any_environment_is_survived_and_bounded(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let mut environ = b"http_proxy=".to_vec();
            environ.extend(bytes);
            for variable in parse(&environ) {
                prop_assert!(variable.value.len() <= 3 * VALUE_BYTES);
                prop_assert!(!variable.value.chars().any(char::is_control));
            }
        }
    }
}
