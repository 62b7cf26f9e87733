//! Messages of the interface `dns`.

mod answer;
mod config;
mod query;
mod resolution;
mod walk;

use sonde_core::observation::dns as core;
use sonde_proto::v1;

pub(super) use self::config::config;
pub(super) use self::query::query;
pub(super) use self::resolution::resolution;
pub(super) use self::walk::walk;

fn transport(transport: core::Transport) -> v1::DnsTransport {
    match transport {
        core::Transport::Udp => v1::DnsTransport::Udp,
        core::Transport::Tcp => v1::DnsTransport::Tcp,
        core::Transport::Tls => v1::DnsTransport::Tls,
        core::Transport::Https => v1::DnsTransport::Https,
        core::Transport::Quic => v1::DnsTransport::Quic,
    }
}

fn personality(personality: core::Personality) -> v1::DnsPersonality {
    match personality {
        core::Personality::Glibc => v1::DnsPersonality::Glibc,
        core::Personality::Musl => v1::DnsPersonality::Musl,
        core::Personality::Go => v1::DnsPersonality::Go,
        core::Personality::System => v1::DnsPersonality::System,
    }
}

fn go(choice: &core::GoChoice) -> v1::DnsGoChoice {
    v1::DnsGoChoice { netgo: choice.netgo, because: choice.because.clone(), order: choice.order.clone() }
}

#[cfg(test)]
mod tests;
