//! What the delegation says of a name, from the roots down, and whether its signatures hold.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Answer;
use crate::observation::{Endpoint, Failure, Timing};

/// `dns.walk`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkRequest {
    /// As it goes on the wire.
    pub name: String,
    /// RFC 1035 QTYPE.
    pub qtype: u16,
    /// Empty: IANA's.
    pub roots: Vec<Endpoint>,
    /// DS or DNSKEY records of the root in presentation format; empty: IANA's.
    pub trust_anchors: Vec<String>,
    /// Of servers found on the way.
    pub port: u16,
    /// Ask over IPv6, too.
    pub ipv6: bool,
    /// Of each query.
    pub query_timeout: Duration,
    /// Of the whole walk.
    pub timeout: Duration,
}

/// Whether a server serves the zone it is said to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it; sdk/wit/dns.wit documents each")]
pub enum Lameness {
    None,
    ErrorRcode,
    NotAuthoritative,
    UpwardReferral,
    Silent,
    NoAddress,
}

/// One server of one zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkServer {
    /// With final dot.
    pub name: String,
    /// Absent: its name has none.
    pub address: Option<IpAddr>,
    /// Whether it serves.
    pub lameness: Lameness,
    /// Of its answer.
    pub elapsed: Duration,
    /// Absent: it was not asked.
    pub outcome: Option<Result<Answer, Failure>>,
    /// SOA serial.
    pub serial: Option<u32>,
}

/// RFC 4035 section 4.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub enum Security {
    Secure,
    Insecure,
    Bogus,
    #[default]
    Indeterminate,
}

/// One zone on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// With final dot.
    pub name: String,
    /// NS names as the parent gives them.
    pub parent_servers: Vec<String>,
    /// NS names as the zone itself gives them.
    pub child_servers: Vec<String>,
    /// All of them, each address once.
    pub servers: Vec<WalkServer>,
    /// Has a DS at its parent.
    pub signed: bool,
    /// Of its keys.
    pub security: Security,
    /// Why.
    pub security_detail: String,
}

/// What came of a walk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkResult {
    /// The whole of it.
    pub timing: Timing,
    /// From the root down.
    pub zones: Vec<Zone>,
    /// Of one of the last zone's servers that agree.
    pub answer: Option<Answer>,
    /// Each a sentence.
    pub disagreements: Vec<String>,
    /// Of the answer.
    pub security: Security,
    /// RFC 8914 INFO-CODE that fits best.
    pub security_code: Option<u16>,
    /// Why.
    pub security_detail: String,
    /// CNAME target left to the caller.
    pub continues_at: Option<String>,
    /// How many were sent.
    pub queries: u32,
    /// Where it could not go on.
    pub failure: Option<Failure>,
}

impl WalkResult {
    /// One that could not begin.
    pub fn failed(timing: Timing, failure: Failure) -> Self {
        Self { timing, failure: Some(failure), ..Self::default() }
    }
}
