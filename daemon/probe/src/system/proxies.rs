//! The variables that tell a client which proxy to use, as a process was started with them.

use sonde_core::observation::system::Variable;

use super::environment::{bytes, variables};
use crate::inspection::Problem;
use crate::vantage::Procfs;

/// Reads those of the daemon, or of a process.
pub(super) fn read(procfs: &Procfs, pid: Option<u32>) -> Result<Vec<Variable>, Problem> {
    Ok(variables(&bytes(procfs, pid)?, is_kept))
}

fn is_kept(name: &str) -> bool {
    // As the CGI variable it is, only in upper case.
    name == "REQUEST_METHOD" || KEPT.iter().any(|kept| *kept == name || kept.to_ascii_lowercase() == name)
}

const KEPT: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_cases_are_kept_as_they_are_spelled_and_nothing_else() {
        let environ = b"PATH=/bin\0https_proxy=http://p:1\0NO_PROXY=.lab\0HTTPS_PROXY=q\0http_proxy\0Http_Proxy=x\0";
        let found: Vec<_> =
            variables(environ, is_kept).into_iter().map(|variable| (variable.name, variable.value)).collect();
        let expected = [("https_proxy", "http://p:1"), ("NO_PROXY", ".lab"), ("HTTPS_PROXY", "q")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn the_environment_of_the_daemon_can_be_read_and_that_of_no_process_cannot() {
        let procfs = Procfs::open().expect("/proc");
        read(&procfs, None).expect("its own");
        read(&procfs, Some(u32::MAX)).expect_err("there is no such process");
    }
}
