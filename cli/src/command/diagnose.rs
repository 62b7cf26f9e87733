//! `sonde diagnose [TARGET]`: one run, followed to its verdict.

use clap::Args;
use sonde_proto::v1::diagnosis_service_client::DiagnosisServiceClient;
use sonde_proto::v1::{CheckArgument, CheckSelection, DiagnoseRequest, Diagnosis, OnDisconnect};

use crate::arguments::{Global, target};
use crate::command::parameter::parameter;
use crate::command::past::Past;
use crate::command::{LARGEST_MESSAGE_BYTES, vantage};
use crate::connection::Session;
use crate::error::CommandError;
use crate::follow::{self, budget};
use crate::render::out::Output;

/// Diagnose a target, this whole host when none is given.
#[derive(Debug, Args)]
#[command(after_help = "Targets:
  https://HOST[:PORT]/PATH, http://...     an HTTP request, and every layer below it
  grpc://HOST:PORT[/SERVICE], grpcs://...  the health of a gRPC server (grpc.health.v1), in plain text or over TLS
  tcp://HOST:PORT, HOST:PORT               a TCP connection
  tls://HOST:PORT                          a TLS handshake
  udp://HOST:PORT                          datagrams: DNS and NTP by their ports, else numbered ones
  dns://NAME[?type=TYPE&server=IP], NAME   a name
  :PORT                                    a listener on this host
  pid://N                                  a process: its connections, from its own namespaces unless --netns or --pid says otherwise
  host                                     this whole host: resolvers, default route, every listener's queue, its connections

With --at or --since it judges what a running daemon recorded of that time (`sonde daemon run`), of host and :PORT, of the namespace
of pid://N, of connections to ADDRESS:PORT, and for udp and dns of what was in the way. It asks nothing of the network:
  sonde diagnose --since 10m
  sonde diagnose --at 14:03:12 :8080")]
pub(crate) struct Diagnose {
    /// What to diagnose
    #[arg(value_name = "TARGET", default_value = "host", value_parser = target)]
    target: String,
    /// Run only this check and what it builds on; can be repeated
    #[arg(long = "check", value_name = "NAME")]
    checks: Vec<String>,
    /// An argument of the check, of which there is exactly one then, `NAME=@FILE` to read it from a file; can be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<CheckArgument>,
    /// A further destination that the run may touch; can be repeated
    #[arg(long = "allow", value_name = "ADDRESS:PORT")]
    endpoints: Vec<String>,
    #[command(flatten)]
    past: Past,
}

impl Diagnose {
    /// Refuses arguments of which it is not clear whose they are.
    pub(crate) fn coherent(&self) -> Result<(), CommandError> {
        match (self.parameters.as_slice(), self.checks.len()) {
            ([], _) | (_, 1) => Ok(()),
            ([first, ..], checks) => Err(CommandError::Usage(format!(
                "\"{}\" of --param is an argument of one check: give exactly one --check NAME with it, not {checks}",
                first.name
            ))),
        }
    }

    /// Follows the run and prints it.
    pub(crate) async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        let budget = budget(global);
        let arguments = self.parameters;
        let alone = self.checks.first().filter(|_| self.checks.len() == 1).cloned();
        let accepted = move |diagnosis: &Diagnosis| match &alone {
            Some(check) => follow::arguments_taken(diagnosis, Some(check)),
            None => Ok(()),
        };
        let checks = self.checks.into_iter().map(|name| CheckSelection { name, arguments: arguments.clone() });
        let request = DiagnoseRequest {
            target: self.target,
            checks: checks.collect(),
            vantage: vantage(global)?,
            budget: Some(follow::wire(budget)),
            on_disconnect: OnDisconnect::Cancel.into(),
            endpoints: self.endpoints,
            omit_evidence: false,
            period: self.past.period(),
        };
        let mut client =
            DiagnosisServiceClient::new(session.channel()).max_decoding_message_size(LARGEST_MESSAGE_BYTES);
        let call = client.diagnose(session.request(request, follow::deadline(budget)));
        follow::run(session, call, budget, global.verbose, output, accepted).await
    }
}
