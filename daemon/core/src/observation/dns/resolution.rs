//! What a runtime's resolver would do with a name here: the queries it would send, at its times, and what its user reads.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{GoChoice, Transport};
use crate::observation::{Endpoint, Failure, Timing};

/// A runtime's stub resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Personality {
    /// getaddrinfo of the GNU C library.
    Glibc,
    /// getaddrinfo of musl.
    Musl,
    /// Go's pure resolver.
    Go,
    /// The vantage's own C library in a child process.
    System,
}

impl Personality {
    /// In lower case: `glibc`, `musl`, `go`, `system`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Glibc => "glibc",
            Self::Musl => "musl",
            Self::Go => "go",
            Self::System => "system",
        }
    }
}

/// Which addresses are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Family {
    /// `AF_UNSPEC`.
    #[default]
    Any,
    /// `AF_INET`.
    Ipv4,
    /// `AF_INET6`.
    Ipv6,
}

/// `dns.resolve`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolveRequest {
    /// As an application would pass it.
    pub name: String,
    /// Which addresses.
    pub family: Family,
    /// Whose way.
    pub personality: Personality,
    /// Whose environment; absent: the process the vantage was opened by, else the daemon.
    pub pid: Option<u32>,
    /// The whole lookup is cut off there.
    pub timeout: Duration,
}

/// How one query of a resolver ended, in that resolver's eyes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepOutcome {
    /// A response with this code was taken.
    Answered(u16),
    /// TC was set and the resolver goes on over TCP.
    Truncated,
    /// The resolver's own timeout ran out.
    TimedOut,
    /// A response that this resolver discards or gives up on, and why.
    Rejected(String),
    /// The network failed.
    Failed(Failure),
    /// Nobody waited for it any more.
    Abandoned,
}

/// One query that the resolver sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When it was sent, since the run began, and until its outcome.
    pub timing: Timing,
    /// To whom.
    pub server: Endpoint,
    /// UDP or TCP.
    pub transport: Transport,
    /// With final dot.
    pub name: String,
    /// RFC 1035 QTYPE.
    pub qtype: u16,
    /// How it ended.
    pub outcome: StepOutcome,
    /// Of the answer.
    pub addresses: Vec<IpAddr>,
}

/// Why a runtime gives no address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolveError {
    /// `EAI_NONAME`, ...; for Go `NotFound`, `Timeout`, `Temporary`, `Other`.
    pub code: String,
    /// As that runtime prints it.
    pub text: String,
}

/// What came of a resolution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// The whole of it.
    pub timing: Timing,
    /// In the order sent.
    pub steps: Vec<Step>,
    /// `dns`, `files`, `literal`, `localhost`, `system`; empty where there is no result.
    pub source: String,
    /// In the order of the answers.
    pub addresses: Vec<IpAddr>,
    /// Why there is none.
    pub error: Option<ResolveError>,
    /// The end of the CNAME chain, with final dot.
    pub canonical_name: Option<String>,
    /// Of `go`.
    pub go: Option<GoChoice>,
    /// Why it could not be done at all.
    pub failure: Option<Failure>,
}

impl Resolution {
    /// How many steps are kept; a resolver with the longest lists sends fewer.
    pub const STEPS: usize = 512;

    /// One that could not begin.
    pub fn failed(timing: Timing, failure: Failure) -> Self {
        Self { timing, failure: Some(failure), ..Self::default() }
    }
}
