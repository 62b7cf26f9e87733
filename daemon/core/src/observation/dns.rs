//! Records of the interface `dns`: one exchange, the configuration, a runtime's resolution, a walk down the delegation.

mod config;
mod query;
mod resolution;
mod walk;

pub use config::{
    ConfigRequest, Directive, GoChoice, HostsLine, Manager, ManagerKind, Nameserver, ResolverConfig, Variable, View,
};
pub use query::{
    Answer, ClientSubnet, Cookie, Edns, EdnsOption, EdnsRequest, Exchange, ExtendedError, HeaderFlags, HttpMethod,
    Query, QueryPhases, Question, Resource, Stray, StrayKind, Transport,
};
pub use resolution::{Family, Personality, Resolution, ResolveError, ResolveRequest, Step, StepOutcome};
pub use walk::{Lameness, Security, WalkRequest, WalkResult, WalkServer, Zone};
