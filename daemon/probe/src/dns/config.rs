//! How the vantage resolves names: resolv.conf, nsswitch.conf, the hosts file and a process' environment, what glibc, musl and Go
//! make of them, and who writes them.
//!
//! A missing resolv.conf is a problem in the answer beside the defaults that every runtime takes then; other missing files are
//! just empty. Absent on purpose: asking any daemon, and sending anything.

mod environment;
mod go;
mod hosts;
mod layout;
mod manager;
mod nsswitch;
mod resolv;
mod view;

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use sonde_core::observation::dns::{ConfigRequest, Family, HostsLine, Personality, ResolverConfig, View};
use sonde_core::observation::{Reason, Timing};

use self::environment::Environment;
pub(super) use self::hosts::HostsAnswer;
pub use self::hosts::parse_hosts;
use self::layout::Layout;
pub use self::nsswitch::parse_nsswitch;
pub(super) use self::nsswitch::{Action, Source, Status};
pub use self::resolv::parse_resolv_conf;
use self::resolv::{Readings, lines, text, until_nul};
use crate::clock::RunClock;
use crate::inspection::Problem;
use crate::vantage::{Procfs, Vantage, read_bounded};

/// Everything that says how names are resolved here.
pub async fn config(vantage: &Vantage, clock: &RunClock, request: &ConfigRequest) -> ResolverConfig {
    read_for(vantage, clock, request).await.config
}

/// As [`config`], with what a resolver needs beyond the record.
pub(super) async fn read_for(vantage: &Vantage, clock: &RunClock, request: &ConfigRequest) -> Setup {
    let at = clock.now();
    let (layout, procfs) = (Layout::of(vantage), vantage.procfs());
    let process = Process { pid: request.pid.or_else(|| vantage.pid()), asked: request.pid.is_some() };
    let name = request.name.clone();
    let read = vantage.inspect(move || Found::read(&layout, &procfs, process).setup(name.as_deref())).await;
    let (mut setup, problem) = read.unwrap_or_else(|error| {
        let problem = Problem::os("inspect the vantage", &error, "CAP_SYS_ADMIN");
        let config = ResolverConfig::unread(Timing::default(), problem.into_failure(Duration::ZERO));
        (Setup { config, ..Setup::default() }, None)
    });
    setup.config.timing = clock.since(at);
    let elapsed = setup.config.timing.elapsed;
    match &mut setup.config.problem {
        Some(failure) => failure.elapsed = elapsed,
        none => *none = problem.map(|problem| problem.into_failure(elapsed)),
    }
    setup
}

/// The configuration as a resolver works with it.
#[derive(Debug, Default)]
pub(super) struct Setup {
    pub(super) config: ResolverConfig,
    hosts: Vec<u8>,
    /// `multi on` of host.conf.
    multi: bool,
    interfaces: BTreeSet<String>,
    sources: Option<Vec<Source>>,
    aliases: Vec<u8>,
}

impl Setup {
    /// What a personality makes of it; `system` has none.
    pub(super) fn view(&self, personality: Personality) -> Option<&View> {
        self.config.views.iter().find(|view| view.personality == personality)
    }

    /// The hosts file as this personality reads it; `name` as the application passed it. `system` is read as glibc.
    pub(super) fn hosts(&self, personality: Personality, name: &str, family: Family) -> HostsAnswer {
        match personality {
            Personality::Glibc | Personality::System => hosts::as_glibc(&self.hosts, name, family, self.multi),
            Personality::Musl => {
                hosts::as_musl(&self.hosts, name, family, &|interface| self.interfaces.contains(interface))
            }
            Personality::Go => hosts::as_go(&self.hosts, name, family),
        }
    }

    /// glibc's sources of `hosts`. Absent: nsswitch.conf does not parse, and every lookup fails.
    pub(super) fn sources(&self) -> Option<&[Source]> {
        self.sources.as_deref()
    }

    /// What HOSTALIASES says of a name: `__res_context_hostalias` of `resolv/res_query.c` in glibc 2.41, which asks only for names
    /// without a dot.
    pub(super) fn host_alias(&self, name: &str) -> Option<String> {
        let aliases = lines(&self.aliases).map(|(_, line)| text(until_nul(line)));
        let mut pairs = aliases.map_while(|line| {
            // A line without a blank behind its first word ends the file.
            let (alias, target) = line.split_once(|letter: char| letter.is_ascii_whitespace())?;
            Some((alias.to_owned(), target.split_ascii_whitespace().next()?.to_owned()))
        });
        pairs.find(|(alias, _)| alias.eq_ignore_ascii_case(name)).map(|(_, target)| target)
    }
}

/// Whose environment is read.
#[derive(Clone, Copy, Debug)]
struct Process {
    /// Absent: the daemon.
    pid: Option<u32>,
    /// It was named in the request.
    asked: bool,
}

/// What was read in the vantage.
#[derive(Debug)]
struct Found {
    layout: Layout,
    resolv: io::Result<Vec<u8>>,
    nsswitch: io::Result<Vec<u8>>,
    hosts: io::Result<Vec<u8>>,
    host_conf: Vec<u8>,
    environment: io::Result<Environment>,
    process: Process,
    hostname: Option<String>,
    interfaces: BTreeSet<String>,
}

impl Found {
    fn read(layout: &Layout, procfs: &Procfs, process: Process) -> Self {
        let environment = Environment::read(procfs, process.pid);
        let host_conf = environment.as_ref().ok().and_then(|environment| environment.get("RESOLV_HOST_CONF"));
        Self {
            resolv: read_bounded(layout.resolv(), RESOLV_BYTES),
            nsswitch: read_bounded(layout.nsswitch(), RESOLV_BYTES),
            hosts: read_bounded(layout.hosts(), HOSTS_BYTES),
            host_conf: match host_conf {
                Some(path) => layout::named_file(path).unwrap_or_default(),
                None => read_bounded(layout.host_conf(), RESOLV_BYTES).unwrap_or_default(),
            },
            environment,
            process,
            hostname: layout::hostname(procfs, process.pid),
            interfaces: layout::interfaces(procfs).into_iter().collect(),
            layout: layout.clone(),
        }
    }

    fn setup(self, name: Option<&str>) -> (Setup, Option<Problem>) {
        let problem = self.problem(name.is_some());
        let empty = Vec::new();
        let resolv = self.resolv.as_ref().unwrap_or(&empty);
        let readings = Readings::of(resolv, &|interface| self.interfaces.contains(interface));
        let environment_pid = self.environment.is_ok().then(|| self.process.pid.unwrap_or_else(std::process::id));
        let environment = self.environment.unwrap_or_default();
        let nsswitch = parse_nsswitch(self.nsswitch.as_ref().unwrap_or(&empty));
        let hostname = self.hostname.as_deref();
        let go = go::Facts {
            environment: &environment,
            name,
            hostname,
            resolv: &readings.go,
            resolv_error: self.resolv.as_ref().err().map(io::Error::kind),
            nsswitch: self.nsswitch.as_deref().map_err(io::Error::kind),
            mdns_allow: self.layout.exists("etc/mdns.allow").ok(),
        };
        let choice = go.choice();
        let views = vec![
            view::of_glibc(&readings.glibc, &environment, hostname, nsswitch.sources.as_deref()),
            view::of_musl(&readings.musl),
            view::of_go(&readings.go, hostname, go.forced_order()),
        ];
        let manager =
            manager::Facts { layout: &self.layout, environment: &environment, bytes: resolv, readings: &readings };
        let manager = manager.manager();
        let hosts = self.hosts.unwrap_or_default();
        let hosts_lines = name.map_or_else(Vec::new, |name| hosts::lines_for(&hosts, name));
        let aliases = environment.get("HOSTALIASES").and_then(layout::named_file).unwrap_or_default();
        let multi = is_multi(&self.host_conf, &environment);
        let file = &readings.glibc;
        let config = ResolverConfig {
            nameservers: file.servers.iter().map(|server| server.address).collect(),
            search: file.search.iter().filter(|domain| !domain.is_empty()).cloned().collect(),
            ndots: u8::try_from(file.ndots).unwrap_or(u8::MAX),
            timeout_s: u8::try_from(file.timeout.max(0)).unwrap_or(u8::MAX),
            attempts: u8::try_from(file.attempts.max(0)).unwrap_or(u8::MAX),
            nsswitch_hosts: nsswitch.words,
            hosts_addresses: addresses(&hosts_lines),
            hosts_lines,
            environment: environment.recorded(),
            environment_pid,
            views,
            go: choice,
            manager,
            os: self.layout.os(),
            c_libraries: self.layout.c_libraries(),
            options: readings.options,
            directives: readings.directives,
            ..ResolverConfig::default()
        };
        let interfaces = self.interfaces;
        let setup = Setup { config, hosts, multi, interfaces, sources: nsswitch.sources, aliases };
        (setup, problem)
    }

    /// The first: resolv.conf's, the others', then that a process' environment cannot be read.
    fn problem(&self, hosts: bool) -> Option<Problem> {
        let absent = |error: &&io::Error| error.kind() == io::ErrorKind::NotFound;
        let optional = |read: &io::Result<Vec<u8>>, path: &Path| {
            read.as_ref().err().filter(|error| !absent(error)).map(|error| unreadable(path, error))
        };
        let resolv = self.resolv.as_ref().err().map(|error| unreadable(self.layout.resolv(), error));
        resolv
            .or_else(|| optional(&self.nsswitch, self.layout.nsswitch()))
            .or_else(|| hosts.then(|| optional(&self.hosts, self.layout.hosts())).flatten())
            .or_else(|| {
                let error = self.environment.as_ref().err()?;
                let whose = self.process.pid.map_or_else(|| "the daemon".to_owned(), |pid| format!("pid {pid}"));
                let whose = if self.process.asked { format!("{whose}, as asked") } else { whose };
                Some(Problem::os(&format!("read the environment of {whose}"), error, "CAP_SYS_PTRACE"))
            })
    }
}

/// Whether glibc reads on in the hosts file behind the first line that matches: `resolv/res_hconf.c`.
fn is_multi(host_conf: &[u8], environment: &Environment) -> bool {
    let mut multi = false;
    for (_, line) in lines(host_conf) {
        let line = text(line);
        let mut words =
            line.split(|letter: char| letter.is_ascii_whitespace() || letter == '#').filter(|word| !word.is_empty());
        let comment = line.trim_start().starts_with('#');
        if !comment && words.next().is_some_and(|word| word.eq_ignore_ascii_case("multi")) {
            multi = switch(words.next().unwrap_or_default()).unwrap_or(multi);
        }
    }
    environment.get("RESOLV_MULTI").and_then(switch).unwrap_or(multi)
}

fn switch(word: &str) -> Option<bool> {
    let begins = |with: &str| word.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    if begins("on") { Some(true) } else { begins("off").then_some(false) }
}

/// Each once, in order.
fn addresses(lines: &[HostsLine]) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for line in lines {
        if !addresses.contains(&line.address) {
            addresses.push(line.address);
        }
    }
    addresses
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let attempt = format!("read {}", path.display());
    match error.kind() {
        io::ErrorKind::FileTooLarge => Problem::malformed(&attempt, &format!("the file is {error}")),
        io::ErrorKind::InvalidInput => Problem::malformed(&attempt, "it is not a regular file"),
        io::ErrorKind::NotFound => Problem {
            reason: Reason::Other("no such file".to_owned()),
            errno: error.raw_os_error(),
            detail: format!("{attempt}: there is no such file"),
        },
        _ => Problem::os(&attempt, error, "CAP_DAC_READ_SEARCH"),
    }
}

/// resolv.conf and nsswitch.conf: larger ones are a problem in the answer, not a reason to read on.
const RESOLV_BYTES: usize = 256 << 10;
/// Lists of blocked names make hosts files of some megabytes.
const HOSTS_BYTES: usize = 16 << 20;

#[cfg(test)]
mod tests;
