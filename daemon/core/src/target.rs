//! What a diagnosis is about, parsed at the edge: nothing behind it holds a host or port that makes no sense.
//!
//! Refuses credentials, zone ids and everything it would have to guess. Fragments are dropped: they never leave a client.

mod parse;
mod record_type;

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::manifest::Scheme;

pub use record_type::{record_type_name, record_type_number};

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
    /// `grpc://host:port[/service]` in plain text and `grpcs://...`: the health of a gRPC server, or of one service of it.
    Grpc {
        /// grpcs.
        tls: bool,
        /// Name or address.
        host: Host,
        /// Required.
        port: Port,
        /// As the health protocol names it, `orders.v1.Orders`; empty for the server as a whole.
        service: String,
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

    fn from_str(text: &str) -> Result<Self, TargetError> {
        match parse::parse(text) {
            Ok(kind) => Ok(Self { text: text.trim().to_owned(), kind }),
            Err(problem) => Err(TargetError { text: parse::shorten(text), problem }),
        }
    }
}

impl Target {
    /// The kind of target, as checks name it.
    pub fn scheme(&self) -> Scheme {
        match self.kind {
            TargetKind::Http { tls: true, .. } => Scheme::Https,
            TargetKind::Http { tls: false, .. } => Scheme::Http,
            TargetKind::Grpc { tls: true, .. } => Scheme::Grpcs,
            TargetKind::Grpc { tls: false, .. } => Scheme::Grpc,
            TargetKind::Tcp { .. } => Scheme::Tcp,
            TargetKind::Tls { .. } => Scheme::Tls,
            TargetKind::Udp { .. } => Scheme::Udp,
            TargetKind::Dns { .. } => Scheme::Dns,
            TargetKind::Listener { .. } => Scheme::Listener,
            TargetKind::Process { .. } => Scheme::Pid,
            TargetKind::ThisHost => Scheme::Host,
        }
    }

    /// The DNS name that a run on this target resolves, without final dot: its host's, or that of a `dns://` target.
    pub fn name(&self) -> Option<&str> {
        match (&self.kind, self.host()) {
            (TargetKind::Dns { name, .. }, _) => Some(name.strip_suffix('.').unwrap_or(name)),
            (_, Some(Host::Name(name))) => Some(name),
            _ => None,
        }
    }

    /// The name or address it names, where it names one.
    pub fn host(&self) -> Option<&Host> {
        match &self.kind {
            TargetKind::Http { host, .. }
            | TargetKind::Grpc { host, .. }
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
            | TargetKind::Grpc { port, .. }
            | TargetKind::Tcp { port, .. }
            | TargetKind::Tls { port, .. }
            | TargetKind::Udp { port, .. }
            | TargetKind::Listener { port } => Some(*port),
            _ => None,
        }
    }
}

/// The canonical form; it parses to the same [`TargetKind`].
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TargetKind::Http { tls, host, port, path } => {
                let (scheme, usual) = if *tls { ("https", 443) } else { ("http", 80) };
                let host = Bracketed(host);
                if port.number() == usual {
                    write!(f, "{scheme}://{host}{path}")
                } else {
                    write!(f, "{scheme}://{host}:{port}{path}")
                }
            }
            TargetKind::Grpc { tls, host, port, service } => {
                let (scheme, slash) = (if *tls { "grpcs" } else { "grpc" }, if service.is_empty() { "" } else { "/" });
                write!(f, "{scheme}://{}:{port}{slash}{service}", Bracketed(host))
            }
            TargetKind::Tcp { host, port } => write!(f, "tcp://{}:{port}", Bracketed(host)),
            TargetKind::Tls { host, port } => write!(f, "tls://{}:{port}", Bracketed(host)),
            TargetKind::Udp { host, port } => write!(f, "udp://{}:{port}", Bracketed(host)),
            TargetKind::Dns { name, qtype, server } => {
                write!(f, "dns://{name}")?;
                if let Some(qtype) = qtype {
                    match record_type_name(*qtype) {
                        Some(mnemonic) => write!(f, "?type={mnemonic}")?,
                        None => write!(f, "?type={qtype}")?,
                    }
                }
                match server {
                    Some(server) => write!(f, "{}server={server}", if qtype.is_some() { '&' } else { '?' }),
                    None => Ok(()),
                }
            }
            TargetKind::Listener { port } => write!(f, ":{port}"),
            TargetKind::Process { pid } => write!(f, "pid://{pid}"),
            TargetKind::ThisHost => f.write_str("host"),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A host as it stands before a port (RFC 3986 section 3.2.2).
struct Bracketed<'a>(&'a Host);

impl fmt::Display for Bracketed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            other => other.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
