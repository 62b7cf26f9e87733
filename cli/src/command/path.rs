//! `sonde path TARGET`: how far packets to a port come, how large they may be, and how many come back. A view of the check `path`;
//! nothing here measures.

use std::time::Duration;

use clap::Args;
use sonde_proto::json;
use sonde_proto::v1::Conclusion;

use crate::arguments::{Format, Global, target};
use crate::command::view::{Family, View, accepted, argument};
use crate::connection::Session;
use crate::error::CommandError;
use crate::exit;
use crate::render::out::Output;
use crate::render::path as render;

/// Trace the way to a target's port hop by hop, and measure the path MTU.
#[derive(Debug, Args)]
#[command(after_help = "Targets:
  HOST:PORT, tcp://, tls://, http://, https://   SYNs to that very port
  udp://HOST:PORT                                datagrams to it

Of a name with more addresses the first 4 are measured.

The trace needs no privilege. Echo needs CAP_NET_RAW or a group in net.ipv4.ping_group_range; without, the MTU is measured by
datagrams where the host tells that their port is closed.

JSON: the Diagnosis message; its evidence carries every measured field. Exit code 0: the packets arrive, whatever the port answers,
and none of a size that its connections use is known to vanish; where echo is filtered sizes cannot be measured, which the summary
says. 1: packets do not arrive, large ones vanish, or it could not be told.")]
pub(crate) struct Path {
    /// The target whose port is traced
    #[arg(value_name = "TARGET", value_parser = target)]
    target: String,
    /// The highest TTL to try, 1 to 64
    #[arg(short = 'm', long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u8).range(1..=64))]
    max_hops: u8,
    /// Probes of each hop, 1 to 10
    #[arg(short = 'n', long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=10))]
    probes: u8,
    /// Echo requests, 1 to 1000; many are sent faster, so that they fit into the time
    #[arg(short = 'c', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// Addresses of this family only
    #[arg(long, value_name = "4|6", value_enum)]
    family: Option<Family>,
}

impl Path {
    /// Runs the check behind the command and prints what it saw.
    pub(crate) async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        let mut arguments = vec![
            argument("max-hops", self.max_hops.to_string()),
            argument("probes", self.probes.to_string()),
            argument("count", self.count.to_string()),
        ];
        arguments.extend(self.family.map(Family::argument));
        let view = View { check: CHECK, target: self.target, arguments, endpoints: vec![], budget: BUDGET };
        let diagnosis = view.run(session, global).await?;
        accepted(&diagnosis)?;
        let wide = output.format() == Format::Wide;
        output.message(
            &diagnosis,
            |diagnosis| {
                diagnosis.evidence.iter().filter(|evidence| evidence.check == CHECK).map(json::to_string).collect()
            },
            |diagnosis, width| render::page(diagnosis, wide, width),
        )?;
        let works = diagnosis.checks.iter().any(|run| run.check == CHECK && run.conclusion() == Conclusion::Works);
        Ok(if works { exit::HEALTHY } else { exit::FAULT })
    }
}

/// The check behind the command.
const CHECK: &str = "path";

/// Where the caller names none: silent hops and rationed ICMP errors take their time.
const BUDGET: Duration = Duration::from_secs(30);
