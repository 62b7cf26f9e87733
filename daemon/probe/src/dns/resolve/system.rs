//! The vantage's own C library: what its `getent ahosts` says, run in a child process.
//!
//! `getent` is the one program of a C library's own that calls its getaddrinfo: glibc ships it (libc-bin), and so does Alpine
//! for musl (musl-utils). It hides two things: every failure is exit status 2, whatever the `EAI_` code, and the queries. It
//! also asks otherwise than most programs (nss/getent.c): with IDNA, with `AI_ADDRCONFIG`, so that a family of which there is
//! no address but loopback's is not found, and for IPv6 with `AI_V4MAPPED`, what is left out here. So the code of a failure is
//! `not-found`, and what it printed is the text.
//!
//! The program belongs to the vantage, which may be a container that is not trusted. It runs without a shell, from a fixed
//! path, as a user that nobody else is, and can neither regain privileges nor start a process; it is killed when the lookup
//! ends, however that is.

mod child;
mod surroundings;

use std::net::IpAddr;
use std::path::Path;

use sonde_core::observation::dns::{Family, ResolveError};
use sonde_core::observation::{Phase, Reason};

use self::child::{Ended, Plan};
use super::{Found, Lookup, Outcome};
use crate::failure::Fault;

/// Where C libraries install it.
const PATHS: [&str; 2] = ["/usr/bin/getent", "/bin/getent"];
/// The status that getent(1) documents for "not found".
const NOT_FOUND: i32 = 2;
/// A name is shorter (MAXDNAME of arpa/nameser.h).
const LONGEST_NAME: usize = 1025;
/// More addresses are not kept.
const MOST_ADDRESSES: usize = 256;

pub(super) async fn perform(lookup: &Lookup<'_>) -> Outcome {
    let name = argument(&lookup.request.name)?;
    let database = match lookup.request.family {
        Family::Any => "ahosts",
        Family::Ipv4 => "ahostsv4",
        Family::Ipv6 => "ahostsv6",
    };
    let found = lookup.vantage.inspect(|| PATHS.into_iter().find(|path| is_program(Path::new(path)))).await;
    let found = found.map_err(|error| Fault::os(Phase::Inspect, "look for getent in the vantage", &error))?;
    let Some(program) = found else {
        let detail = "run getent of the vantage's C library: neither /usr/bin/getent nor /bin/getent is a program here";
        return Err(Fault::new(Phase::Inspect, Reason::Unavailable("getent of a C library".to_owned()), detail));
    };
    // Go's variables do not matter to a C library.
    let variables = lookup.setup.config.environment.iter().filter(|variable| variable.name != "GODEBUG");
    let environment = variables.map(|variable| (variable.name.clone(), variable.value.clone())).collect();
    let plan = Plan { program, arguments: [database.to_owned(), name.to_owned()], environment };
    outcome(&plan.run(lookup.vantage).await?, lookup.request.family)
}

fn outcome(ended: &Ended, family: Family) -> Outcome {
    let not_found = |text: &str| Ok(Err(ResolveError { code: "not-found".to_owned(), text: text.to_owned() }));
    let mut addresses = addresses(&ended.printed);
    if family == Family::Ipv6 {
        addresses.retain(|address| address.to_canonical().is_ipv6());
    }
    match ended.status.code() {
        Some(0) if !addresses.is_empty() => Ok(Ok(Found { source: "system", addresses, canonical_name: None })),
        Some(0) if family == Family::Ipv6 => not_found("getent found no address but IPv4-mapped ones"),
        Some(NOT_FOUND) if ended.complaint.trim().is_empty() => not_found("getent found nothing (exit status 2)"),
        Some(NOT_FOUND) => not_found(ended.complaint.trim()),
        _ => {
            let detail = format!("run getent: it ended with {} and said {:?}", ended.status, ended.complaint.trim());
            Err(Fault::new(Phase::Inspect, Reason::Other(ended.status.to_string()), detail))
        }
    }
}

/// The first words of the lines, each once, in order: one line for each address and socket type.
fn addresses(printed: &str) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for line in printed.lines() {
        let word = line.split_ascii_whitespace().next().unwrap_or_default();
        let text = word.split('%').next().unwrap_or_default();
        if let Ok(address) = text.parse::<IpAddr>()
            && !addresses.contains(&address)
            && addresses.len() < MOST_ADDRESSES
        {
            addresses.push(address);
        }
    }
    addresses
}

/// What can stand among the arguments of getent as a name and as nothing else.
fn argument(name: &str) -> Result<&str, Fault> {
    let what = match name {
        "" => "is empty",
        name if name.starts_with('-') => "begins with `-`, which getent takes for an option",
        name if name.contains('\0') => "contains a NUL",
        name if name.len() > LONGEST_NAME => "is longer than 1025 bytes",
        name => return Ok(name),
    };
    Err(Fault::invalid(format!("name {:?} {what}", name.chars().take(300).collect::<String>())))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o001 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_taken_once_and_in_order() {
        let printed = "2001:db8::1     STREAM www.example\n2001:db8::1     DGRAM  \n192.0.2.1 STREAM\nfe80::1%eth0 RAW\nnonsense\n";
        let expected: Vec<IpAddr> =
            ["2001:db8::1", "192.0.2.1", "fe80::1"].iter().map(|text| text.parse().expect("an address")).collect();
        assert_eq!(addresses(printed), expected);
    }

    #[test]
    fn what_getent_would_take_for_something_else_is_refused() {
        for bad in ["", "-s", "--help", "a\0b", &"a".repeat(1026)] {
            assert!(matches!(argument(bad), Err(Fault { reason: Reason::InvalidRequest(_), .. })), "{bad:?}");
        }
        assert_eq!(argument("a-b.example. x").expect("a name"), "a-b.example. x");
    }
}
