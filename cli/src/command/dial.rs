//! `sonde dial TARGET [-n N] [--family 4|6] [--bind IP]`: every address dialled side by side, and how each phase went. A view of the
//! check `dial`; nothing here measures.

use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use sonde_proto::json;
use sonde_proto::v1::{CheckArgument, Conclusion, Diagnosis};

use crate::arguments::{Format, Global, target};
use crate::command::view::{Family, View, accepted, argument};
use crate::connection::Session;
use crate::error::CommandError;
use crate::exit;
use crate::render::dial as render;
use crate::render::out::Output;

/// Dial every address of a target, and show how each phase went.
#[derive(Debug, Args)]
#[command(after_help = "Targets:
  tcp://HOST:PORT, HOST:PORT               TCP connections
  tls://HOST:PORT                          TLS handshakes, with the chain that was presented
  https://HOST[:PORT]/PATH, http://...     HTTP requests; redirects are followed, each hop with its own phases

JSON: the Diagnosis message; its evidence carries every measured field. Exit code 0: every dial succeeded, whatever an HTTP server
answered, and every chain is accepted here; 1: some did not.")]
pub(crate) struct Dial {
    /// What to dial
    #[arg(value_name = "TARGET", value_parser = target)]
    target: String,
    /// Dial each address so often, one dial after another: at most 10000 times (TCP targets) or 1000 times
    #[arg(short = 'n', long = "count", value_name = "N", allow_hyphen_values = true)]
    count: Option<String>,
    /// From the begin of one to the begin of the next, 200ms unless given; one that takes longer is waited for
    #[arg(long, value_name = "DURATION")]
    interval: Option<String>,
    /// How long one dial may take, as long as any probe of the daemon unless given; with -n at most half of the run's time
    #[arg(long, value_name = "DURATION")]
    patience: Option<String>,
    /// Addresses of this family only
    #[arg(long, value_name = "4|6", value_enum)]
    family: Option<Family>,
    /// Dial from this local address, and addresses of its family only
    #[arg(long, value_name = "IP")]
    bind: Option<IpAddr>,
    /// Dial through this network device (below Linux 5.7 it needs `CAP_NET_RAW`)
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// End established connections by FIN or by RST (TCP targets)
    #[arg(long, value_name = "HOW", value_parser = ["fin", "rst"])]
    close: Option<String>,
    /// Keep connections open so long after the handshake, and see whether the peer ends them (TCP targets)
    #[arg(long, value_name = "DURATION")]
    hold: Option<String>,
    /// Send and verify this server name instead of the target's host (TLS and https targets)
    #[arg(long, value_name = "NAME")]
    sni: Option<String>,
    /// Verify the server name, but do not send it (TLS targets)
    #[arg(long)]
    no_sni: bool,
    /// Offer these protocols, separated by commas (TLS targets)
    #[arg(long, value_name = "NAMES")]
    alpn: Option<String>,
    /// Say hello with X25519MLKEM768 as browsers do, or classically in one packet (TLS targets)
    #[arg(long, value_name = "KIND", value_parser = ["post-quantum", "classical"])]
    hello: Option<String>,
    /// Ask for TLS in this protocol's words first (TLS targets)
    #[arg(long, value_name = "PROTOCOL", value_parser = ["postgres", "mysql", "smtp", "imap", "ldap"])]
    starttls: Option<String>,
    /// Which HTTP to speak; as TLS agrees on when absent (HTTP targets)
    #[arg(long, value_name = "1|2", value_parser = ["1", "2"])]
    protocol: Option<String>,
    /// The request's method (HTTP targets)
    #[arg(short = 'X', long, value_name = "METHOD")]
    method: Option<String>,
    /// A further header of the request, or its Host; can be repeated (HTTP targets)
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// How many redirects to follow, 10 unless given, at most 20; 0 follows none (HTTP targets)
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    redirects: Option<String>,
    /// Take what moved in the kernel's counters around each dial; they then run one at a time, each within the daemon's probe timeout
    #[arg(long)]
    deltas: bool,
    /// A further destination that redirects may lead to; can be repeated
    #[arg(long = "allow", value_name = "ADDRESS:PORT")]
    endpoints: Vec<String>,
}

impl Dial {
    /// Runs the check behind the command and prints what it saw.
    pub(crate) async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        let arguments = self.arguments()?;
        let view = View { check: CHECK, target: self.target, arguments, endpoints: self.endpoints, budget: BUDGET };
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
        Ok(exit_code(&diagnosis))
    }

    fn arguments(&self) -> Result<Vec<CheckArgument>, CommandError> {
        // A line break would begin another header.
        if let Some(header) = self.headers.iter().find(|header| header.contains(['\r', '\n'])) {
            return Err(CommandError::Usage(format!("header {header:?} has a line break; write NAME: VALUE")));
        }
        let given = [
            ("count", self.count.clone()),
            ("interval", self.interval.clone()),
            ("timeout", self.patience.clone()),
            ("bind", self.bind.map(|address| address.to_string())),
            ("device", self.device.clone()),
            ("close", self.close.clone()),
            ("hold", self.hold.clone()),
            ("sni", self.sni.clone()),
            ("send-sni", self.no_sni.then(|| "false".to_owned())),
            ("alpn", self.alpn.clone()),
            ("hello", self.hello.clone()),
            ("starttls", self.starttls.clone()),
            ("protocol", self.protocol.clone()),
            ("method", self.method.clone()),
            ("headers", (!self.headers.is_empty()).then(|| self.headers.join("\n"))),
            ("redirects", self.redirects.clone()),
            ("deltas", self.deltas.then(|| "true".to_owned())),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some(argument(name, value?)));
        Ok(given.chain(self.family.map(Family::argument)).collect())
    }
}

fn exit_code(diagnosis: &Diagnosis) -> u8 {
    let works = |run: &sonde_proto::v1::CheckRun| run.check == CHECK && run.conclusion() == Conclusion::Works;
    if diagnosis.checks.iter().any(works) { exit::HEALTHY } else { exit::FAULT }
}

/// The check behind the command.
const CHECK: &str = "dial";

/// Where the caller names none: many dials of an address that is silent take long.
const BUDGET: Duration = Duration::from_mins(1);
