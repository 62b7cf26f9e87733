//! How a vantage resolves names: the files, the environment, who manages them, and what each runtime makes of them.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Personality;
use crate::observation::{Failure, Timing};

/// `dns.config`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigRequest {
    /// Looked up in the hosts file, and heeded by Go's rules.
    pub name: Option<String>,
    /// Whose environment; absent: the process the vantage was opened by, else the daemon.
    pub pid: Option<u32>,
}

/// One line of resolv.conf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directive {
    /// Counted from 1.
    pub line: u32,
    /// As written.
    pub keyword: String,
    /// As written.
    pub words: Vec<String>,
    /// Those that take it into account.
    pub heeded_by: Vec<Personality>,
}

/// A name server as one personality uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nameserver {
    /// Never IPv4-mapped.
    pub address: IpAddr,
    /// 53.
    pub port: u16,
    /// The zone of a link-local address: an interface's name or index.
    pub scope: Option<String>,
}

/// What one personality makes of the files and the environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Whose.
    pub personality: Personality,
    /// With the defaults it fills in, and without those it drops (a fourth server).
    pub nameservers: Vec<Nameserver>,
    /// In the order tried, without final dots; with the defaults it fills in.
    pub search: Vec<String>,
    /// Clamped as it clamps.
    pub ndots: u32,
    /// Of one attempt, clamped as it clamps.
    pub timeout: Duration,
    /// Clamped as it clamps.
    pub attempts: u32,
    /// Those in force, by their resolv.conf names.
    pub options: Vec<String>,
    /// In order, with actions.
    pub sources: Vec<String>,
}

/// Who writes resolv.conf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it; sdk/wit/dns.wit documents each")]
pub enum ManagerKind {
    #[default]
    None,
    SystemdResolvedStub,
    SystemdResolvedUplink,
    NetworkManager,
    Resolvconf,
    Docker,
    Kubernetes,
    DhcpClient,
}

/// Who writes resolv.conf, and how that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manager {
    /// Who.
    pub kind: ManagerKind,
    /// What it was told by.
    pub because: String,
    /// The servers behind a local stub, where its files tell.
    pub upstreams: Vec<IpAddr>,
    /// Kubernetes: `ClusterFirst`, `Default`, `None`.
    pub dns_policy: Option<String>,
    /// The server is a node-local DNS cache.
    pub node_local: bool,
}

/// Which of Go's two resolvers a program built with both takes here (net/conf.go).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoChoice {
    /// False: cgo.
    pub netgo: bool,
    /// The rule that decided.
    pub because: String,
    /// `files,dns`, `dns,files`, `files`, `dns`, `cgo`.
    pub order: String,
}

/// One line of the hosts file that names the name asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostsLine {
    /// Counted from 1.
    pub line: u32,
    /// Its address.
    pub address: IpAddr,
    /// Its names as written.
    pub names: Vec<String>,
}

/// A variable that a resolver heeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// `LOCALDOMAIN`, `RES_OPTIONS`, `HOSTALIASES`, `GODEBUG`.
    pub name: String,
    /// As set; bytes that are not UTF-8 are replaced.
    pub value: String,
}

/// How this vantage resolves names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolverConfig {
    /// Reading it.
    pub timing: Timing,
    /// `nameserver` lines in order.
    pub nameservers: Vec<IpAddr>,
    /// Without final dots.
    pub search: Vec<String>,
    /// 1 when absent.
    pub ndots: u8,
    /// Seconds, 5 when absent.
    pub timeout_s: u8,
    /// 2 when absent.
    pub attempts: u8,
    /// Every `options` word as written.
    pub options: Vec<String>,
    /// Every line that is not a comment.
    pub directives: Vec<Directive>,
    /// Words of the `hosts:` line.
    pub nsswitch_hosts: Vec<String>,
    /// What the hosts file says of the name asked for.
    pub hosts_addresses: Vec<IpAddr>,
    /// Where it says so.
    pub hosts_lines: Vec<HostsLine>,
    /// The variables that are set.
    pub environment: Vec<Variable>,
    /// Whose environment; absent: unreadable.
    pub environment_pid: Option<u32>,
    /// glibc, musl, Go.
    pub views: Vec<View>,
    /// Go's rules.
    pub go: GoChoice,
    /// Who writes it.
    pub manager: Manager,
    /// `PRETTY_NAME`.
    pub os: Option<String>,
    /// `glibc`, `musl`.
    pub c_libraries: Vec<String>,
    /// What could not be read.
    pub problem: Option<Failure>,
}

impl ResolverConfig {
    /// One of which nothing was read: resolv.conf(5)'s defaults and the problem.
    pub fn unread(timing: Timing, problem: Failure) -> Self {
        Self { timing, ndots: 1, timeout_s: 5, attempts: 2, problem: Some(problem), ..Self::default() }
    }
}
