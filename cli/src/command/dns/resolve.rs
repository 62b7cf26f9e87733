//! `sonde dns resolve NAME --as glibc,musl,go,system`: what this name comes to in programs of each kind, here.

use std::time::Duration;

use clap::{Args, ValueEnum};
use sonde_proto::v1::DnsResolution;
use sonde_proto::v1::evidence::Call;

use super::{View, argument, evidence};
use crate::arguments::Global;
use crate::connection::Session;
use crate::error::CommandError;
use crate::exit;
use crate::render::dns::resolution::{self, Lookup};
use crate::render::out::Output;

/// Look a name up as programs would.
#[derive(Debug, Args)]
#[command(
    after_help = "JSON: an array with one object for each personality, in the order asked: personality, steps (at, server, transport, \
                  name, type, outcome, elapsed), result (addresses, or error with code and text), elapsed. Exit code 0: every one of \
                  them finds addresses; 1: some do not."
)]
pub(crate) struct Resolve {
    /// As an application would pass it: a short name is subject to the search list
    #[arg(value_name = "NAME", allow_hyphen_values = true)]
    name: String,
    /// Whose way, separated by commas
    #[arg(long = "as", value_name = "WHO", value_enum, value_delimiter = ',', default_values_t = Personality::ALL)]
    personalities: Vec<Personality>,
    /// IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// IPv6 addresses only
    #[arg(short = '6', long)]
    ipv6: bool,
}

/// A runtime's stub resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Personality {
    /// getaddrinfo of the GNU C library
    Glibc,
    /// getaddrinfo of musl
    Musl,
    /// Go's pure resolver
    Go,
    /// This host's own C library, in a child process
    System,
}

impl Personality {
    const ALL: [Self; 4] = [Self::Glibc, Self::Musl, Self::Go, Self::System];

    fn as_str(self) -> &'static str {
        match self {
            Self::Glibc => "glibc",
            Self::Musl => "musl",
            Self::Go => "go",
            Self::System => "system",
        }
    }
}

impl Resolve {
    pub(super) async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        let family = match (self.ipv4, self.ipv6) {
            (true, _) => "ipv4",
            (_, true) => "ipv6",
            _ => "any",
        };
        let chosen: Vec<&str> = self.personalities.iter().map(|personality| personality.as_str()).collect();
        let view = View {
            check: "dns-resolve",
            target: "host".to_owned(),
            arguments: vec![
                argument("name", self.name.as_str()),
                argument("as", chosen.join(",")),
                argument("family", family),
            ],
            endpoints: Vec::new(),
            // A lookup with three dead servers and a search list takes glibc longer than a minute.
            budget: Duration::from_mins(2),
        };
        let diagnosis = view.run(session, global).await?;
        let found = evidence(&diagnosis, |call| matches!(call, Call::DnsResolution(_)))?;
        let lookups: Vec<Lookup<'_>> = chosen
            .iter()
            .filter_map(|wanted| {
                found.iter().find_map(|evidence| match &evidence.call {
                    Some(Call::DnsResolution(lookup)) if resolution::personality(lookup) == *wanted => {
                        Some(Lookup { evidence, resolution: lookup })
                    }
                    _ => None,
                })
            })
            .collect();
        let wide = output.format() == crate::arguments::Format::Wide;
        output
            .document(&resolution::documents(&lookups), |width| resolution::page(&self.name, &lookups, width, wide))?;
        let all = lookups.len() == chosen.len() && lookups.iter().all(|lookup| has_addresses(lookup.resolution));
        Ok(if all { exit::HEALTHY } else { exit::FAULT })
    }
}

fn has_addresses(resolution: &DnsResolution) -> bool {
    !resolution.addresses.is_empty()
}
