//! What a diagnosis is about, parsed at the edge: nothing behind it holds a host or port that makes no sense.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A parsed target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// As the user wrote it.
    pub text: String,
    /// What it says.
    pub kind: TargetKind,
}

/// The kinds of target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetKind {
    /// `https://host[:port]/path` and `http://...`.
    Http {
        /// https.
        tls: bool,
        /// Name or address.
        host: Host,
        /// 443 or 80 unless given.
        port: Port,
        /// Path and query, beginning with `/`.
        path: String,
    },
    /// `tcp://host:port` and bare `host:port`.
    Tcp {
        /// Name or address.
        host: Host,
        /// Required.
        port: Port,
    },
    /// `tls://host:port`.
    Tls {
        /// Name or address.
        host: Host,
        /// Required.
        port: Port,
    },
    /// `udp://host:port`.
    Udp {
        /// Name or address.
        host: Host,
        /// Required.
        port: Port,
    },
    /// `dns://name[?type=SRV&server=IP]` and a bare name.
    Dns {
        /// The name asked for, with its final dot if the user wrote one.
        name: String,
        /// RFC 1035 QTYPE; absent asks for A and AAAA.
        qtype: Option<u16>,
        /// The one server to ask.
        server: Option<IpAddr>,
    },
    /// `:PORT`, a listener on this host.
    Listener {
        /// Its port.
        port: Port,
    },
    /// `pid://N`.
    Process {
        /// In the daemon's pid namespace.
        pid: u32,
    },
    /// `host`, this whole host.
    ThisHost,
}

/// A name or an address. A name is ASCII (IDNA applied), lower case, at most 253 bytes, without final dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Host {
    /// A DNS name.
    Name(String),
    /// A literal address; never an IPv4-mapped IPv6 one.
    Address(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// A port that can be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Port(pub NonZeroU16);

impl Port {
    /// As a number.
    pub fn number(self) -> u16 {
        self.0.get()
    }
}

/// Why a text is no target. Messages quote the value and end with what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("parse the target {text:?}: {problem}")]
pub struct TargetError {
    /// What was given.
    pub text: String,
    /// What is wrong with it and what would be right.
    pub problem: String,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(_text: &str) -> Result<Self, TargetError> {
        unimplemented!()
    }
}

impl Target {
    /// The name or address it names, where it names one.
    pub fn host(&self) -> Option<&Host> {
        match &self.kind {
            TargetKind::Http { host, .. }
            | TargetKind::Tcp { host, .. }
            | TargetKind::Tls { host, .. }
            | TargetKind::Udp { host, .. } => Some(host),
            _ => None,
        }
    }

    /// The port it names, where it names one.
    pub fn port(&self) -> Option<Port> {
        match &self.kind {
            TargetKind::Http { port, .. }
            | TargetKind::Tcp { port, .. }
            | TargetKind::Tls { port, .. }
            | TargetKind::Udp { port, .. }
            | TargetKind::Listener { port } => Some(*port),
            _ => None,
        }
    }
}
