//! Records of the interface `dns`.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CounterDeltas, Endpoint, Failure, Timing};

/// How a query travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Transport {
    Udp,
    Tcp,
}

/// One query to one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "header bits of RFC 1035 and RFC 6891")]
pub struct Query {
    /// The server asked.
    pub server: Endpoint,
    /// UDP or TCP.
    pub transport: Transport,
    /// As it goes on the wire, without search list; the final dot is optional.
    pub name: String,
    /// RFC 1035 QTYPE.
    pub qtype: u16,
    /// RFC 1035 QCLASS.
    pub qclass: u16,
    /// RD.
    pub recursion_desired: bool,
    /// CD.
    pub checking_disabled: bool,
    /// AD.
    pub authentic_data: bool,
    /// Present: an OPT record with this UDP payload size.
    pub edns_size: Option<u16>,
    /// DO.
    pub dnssec_ok: bool,
    /// Bound of the whole exchange.
    pub timeout: Duration,
    /// Take counter deltas in a quiet window.
    pub deltas: bool,
}

/// One resource record in presentation format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Owner name with final dot.
    pub name: String,
    /// RFC 1035 TYPE.
    pub rtype: u16,
    /// Seconds.
    pub ttl: u32,
    /// Presentation format.
    pub rdata: String,
}

/// RFC 8914.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendedError {
    /// INFO-CODE.
    pub info_code: u16,
    /// EXTRA-TEXT.
    pub extra_text: String,
}

/// What the answer's OPT record said (RFC 6891).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edns {
    /// The server's UDP payload size.
    pub udp_size: u16,
    /// EDNS version.
    pub version: u8,
    /// DO.
    pub dnssec_ok: bool,
    /// EDE options in order.
    pub extended_errors: Vec<ExtendedError>,
}

/// A decoded answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "header bits of RFC 1035")]
pub struct Answer {
    /// Extended response code.
    pub rcode: u16,
    /// AA.
    pub authoritative: bool,
    /// TC.
    pub truncated: bool,
    /// RD.
    pub recursion_desired: bool,
    /// RA.
    pub recursion_available: bool,
    /// AD.
    pub authentic_data: bool,
    /// CD.
    pub checking_disabled: bool,
    /// Answer section.
    pub answers: Vec<Resource>,
    /// Authority section.
    pub authorities: Vec<Resource>,
    /// Additional section without OPT.
    pub additionals: Vec<Resource>,
    /// OPT.
    pub edns: Option<Edns>,
    /// Of the message, without the TCP length prefix.
    pub size_bytes: u32,
}

/// What came of one query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The whole exchange.
    pub timing: Timing,
    /// TCP only.
    pub kernel_rtt: Option<Duration>,
    /// Datagrams that came but were not the answer.
    pub strays: u32,
    /// The answer, or why there is none.
    pub outcome: Result<Answer, Failure>,
    /// On request.
    pub deltas: Option<CounterDeltas>,
}

/// How this vantage resolves names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Words of the `hosts:` line.
    pub nsswitch_hosts: Vec<String>,
    /// What /etc/hosts says of the name asked for.
    pub hosts_addresses: Vec<IpAddr>,
    /// What could not be read.
    pub problem: Option<Failure>,
}
