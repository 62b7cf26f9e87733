//! DNS: one exchange with one server, how this vantage resolves names, what a runtime's resolver would do here, and what the
//! delegation says.
//!
//! [`query`] is one exchange: no cache, no hidden retry, no search list. [`resolve`] and [`walk`] are procedures whose every
//! step is measured and told.

mod codes;
mod query;
mod race;
mod resolve;
mod walk;

pub use crate::bindings::sonde::check::dns::{
    Answer, ClientSubnet, ConfigRequest, Cookie, Directive, Edns, EdnsOption, EdnsRequest, Exchange, ExtendedError,
    Family, GoChoice, HeaderFlags, HostsLine, HttpMethod, Lameness, Manager, ManagerKind, Nameserver, Personality,
    QueryPhases, QueryRequest as Query, Question, Resolution, ResolveError, ResolveRequest, ResolverConfig, Resource,
    Security, Step, StepOutcome, Stray, StrayKind, Transport, Variable, View, WalkRequest, WalkResult, WalkServer,
    Zone, config as config_of, query, resolve, walk,
};

pub use self::codes::{qtype, rcode};
pub use self::query::DEFAULT_TIMEOUT;
pub use self::race::{Race, UDP_PATIENCE};

/// How this vantage resolves names, with what its hosts file says of `name`; [`config_of`] takes a process, too.
pub async fn config(name: Option<&str>) -> ResolverConfig {
    config_of(ConfigRequest { name: name.map(str::to_owned), pid: None }).await
}

impl ResolverConfig {
    /// What one personality makes of it; `system` has no view of its own.
    pub fn view(&self, personality: Personality) -> Option<&View> {
        self.views.iter().find(|view| view.personality == personality)
    }
}

impl View {
    /// Whether an option is in force, by its resolv.conf name: `rotate`.
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|word| word == option)
    }
}
