//! `sonde dns walk NAME`: the delegation from the roots down, every server of every zone, and the DNSSEC chain.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;
use sonde_proto::json;
use sonde_proto::v1::evidence::Call;
use sonde_proto::v1::{Conclusion, DnsLameness, DnsSecurity, DnsWalk};

use super::{View, argument, evidence};
use crate::arguments::Global;
use crate::connection::Session;
use crate::error::CommandError;
use crate::exit;
use crate::render::dns::walk as render;
use crate::render::out::Output;

/// Follow the delegation of a name.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 0: every server of every zone serves it and no signature fails; 1: some do not. It asks servers all over \
                  the internet unless --root names others."
)]
pub(crate) struct Walk {
    /// The name
    #[arg(value_name = "NAME")]
    name: String,
    /// Its type
    #[arg(value_name = "TYPE", default_value = "A")]
    kind: String,
    /// Begin at this server instead of IANA's; can be repeated
    #[arg(long = "root", value_name = "ADDRESS[:PORT]", value_parser = endpoint)]
    roots: Vec<SocketAddr>,
    /// Trust this DS or DNSKEY record of the root instead of IANA's; can be repeated
    #[arg(long = "anchor", value_name = "RECORD")]
    anchors: Vec<String>,
    /// The port of servers found on the way
    #[arg(short = 'p', long, value_name = "PORT", default_value_t = 53)]
    port: u16,
    /// Ask over IPv4 only
    #[arg(short = '4', long)]
    ipv4: bool,
}

impl Walk {
    pub(super) async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        let roots: Vec<String> = self.roots.iter().map(ToString::to_string).collect();
        let mut arguments = vec![argument("port", self.port.to_string()), argument("ipv6", (!self.ipv4).to_string())];
        if !roots.is_empty() {
            arguments.push(argument("roots", roots.join(",")));
        }
        if !self.anchors.is_empty() {
            arguments.push(argument("anchors", self.anchors.join(";")));
        }
        let view = View {
            check: "dns-walk",
            target: format!("dns://{}?type={}", self.name, self.kind),
            arguments,
            endpoints: roots,
            budget: Duration::from_secs(30),
        };
        let diagnosis = view.run(session, global).await?;
        let found = evidence(&diagnosis, |call| matches!(call, Call::DnsWalk(_)))?;
        let Some(&walked) = found.first() else { return Err(CommandError::NoDiagnosis) };
        output.message(walked, |walked| Ok(vec![json::to_string(walked)?]), render::page)?;
        let Some(Call::DnsWalk(walk)) = &walked.call else { return Err(CommandError::NoDiagnosis) };
        let works = diagnosis.checks.iter().any(|run| run.check == "dns-walk" && run.conclusion() == Conclusion::Works);
        Ok(if works && is_sound(walk) { exit::HEALTHY } else { exit::FAULT })
    }
}

fn is_sound(walk: &DnsWalk) -> bool {
    let servers = walk.zones.iter().flat_map(|zone| &zone.servers);
    walk.security() != DnsSecurity::Bogus && servers.into_iter().all(|server| server.lameness() == DnsLameness::None)
}

fn endpoint(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
    address.or_else(|_| text.parse()).map_err(|_| "write ADDRESS or ADDRESS:PORT".to_owned())
}
