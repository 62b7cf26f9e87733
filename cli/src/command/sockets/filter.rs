//! Which sockets, in the words of ss where it has some. The daemon says what an address or a state is; here only the forms are told apart.

use clap::{Args, ValueEnum};
use sonde_proto::v1::SocketFilter;

/// Which sockets.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which sockets")]
pub(crate) struct Filter {
    /// TCP sockets
    #[arg(short, long)]
    tcp: bool,
    /// UDP sockets
    #[arg(short, long)]
    udp: bool,
    /// Unix sockets
    #[arg(short = 'x', long)]
    unix: bool,
    /// In this state, as ss names it: ESTAB or established, TIME-WAIT, LISTEN, connected, ...; can be repeated
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<String>,
    /// The local end: an address or prefix, a port behind a colon, or both
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = end)]
    local: Option<End>,
    /// The peer's end, in the same form
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = end)]
    peer: Option<End>,
    /// This port, at either end
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Bound to this device
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Addresses of this family only
    #[arg(long, value_name = "4|6", value_enum)]
    family: Option<Family>,
    /// Held by this process (--pid is where to look from)
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    of: Option<u32>,
}

/// Which addresses.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Family {
    /// IPv4
    #[value(name = "4")]
    Ipv4,
    /// IPv6
    #[value(name = "6")]
    Ipv6,
}

/// One end of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    /// Empty for any.
    address: String,
    /// 0 for any.
    port: u16,
}

impl Filter {
    /// As the daemon reads it.
    pub(crate) fn wire(&self) -> SocketFilter {
        let protocols = [("tcp", self.tcp), ("udp", self.udp), ("unix", self.unix)];
        let address = |end: &Option<End>| end.as_ref().map(|end| end.address.clone()).unwrap_or_default();
        let port = |end: &Option<End>| end.as_ref().map_or(0, |end| end.port).into();
        SocketFilter {
            protocols: protocols.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| name.to_owned()).collect(),
            family: match self.family {
                None => 0,
                Some(Family::Ipv4) => 4,
                Some(Family::Ipv6) => 6,
            },
            states: self.state.clone(),
            local_address: address(&self.local),
            local_port: port(&self.local),
            peer_address: address(&self.peer),
            peer_port: port(&self.peer),
            device: self.device.clone().unwrap_or_default(),
            pid: self.of.unwrap_or(0),
            port: self.port.unwrap_or(0).into(),
        }
    }
}

/// `10.0.0.5`, `10.0.0.0/8`, `10.0.0.5:443`, `:443`, `fd00::5`, `[fd00::5]:443`, `*:443`.
fn end(text: &str) -> Result<End, String> {
    let (address, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => (address, None),
        Some((address, rest)) => (address, Some(rest.strip_prefix(':').ok_or_else(malformed)?)),
        None => match text.rsplit_once(':') {
            // More colons are an IPv6 address.
            Some((address, port)) if !address.contains(':') => (address, Some(port)),
            _ => (text, None),
        },
    };
    let port = match port {
        None | Some("*") => 0,
        Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(malformed)?,
    };
    let address = if address == "*" { "" } else { address };
    if address.is_empty() && port == 0 { Err(malformed()) } else { Ok(End { address: address.to_owned(), port }) }
}

fn malformed() -> String {
    "write an address or prefix, a port, or both, such as 10.0.0.5, 10.0.0.0/8:443, :443 or [fd00::5]:443".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_end_is_understood() {
        for (text, address, port) in [
            ("10.0.0.5", "10.0.0.5", 0),
            ("10.0.0.0/8", "10.0.0.0/8", 0),
            ("10.0.0.0/8:443", "10.0.0.0/8", 443),
            (":443", "", 443),
            ("*:443", "", 443),
            ("10.0.0.5:*", "10.0.0.5", 0),
            ("fd00::5", "fd00::5", 0),
            ("fd00::/64", "fd00::/64", 0),
            ("[fd00::5]", "fd00::5", 0),
            ("[fd00::5]:443", "fd00::5", 443),
        ] {
            assert_eq!(end(text), Ok(End { address: address.to_owned(), port }), "{text}");
        }
    }

    #[test]
    fn what_is_no_end_says_what_would_be_one() {
        for text in ["", ":", "*", "10.0.0.5:", "10.0.0.5:0", "10.0.0.5:99999", "[fd00::5]443", ":x"] {
            assert!(end(text).is_err_and(|problem| problem.contains(":443")), "{text}");
        }
    }
}
