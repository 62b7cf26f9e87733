//! `sonde dns config [NAME]`: how names are resolved here. With the global `--pid N`: in that process' namespaces and environment.

use std::time::Duration;

use clap::Args;
use sonde_proto::json;
use sonde_proto::v1::evidence::Call;

use super::{View, argument, evidence};
use crate::arguments::Global;
use crate::connection::Session;
use crate::error::CommandError;
use crate::exit;
use crate::render::dns::config as render;
use crate::render::out::Output;

/// Show how names are resolved here.
#[derive(Debug, Args)]
#[command(
    after_help = "With --pid N: as the process N sees it, with its files and its environment. Exit code 0: it could be read; 1: not all."
)]
pub(crate) struct Config {
    /// Looked up in the hosts file
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

impl Config {
    pub(super) async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        let view = View {
            check: "dns-config",
            target: "host".to_owned(),
            arguments: self.name.iter().map(|name| argument("name", name.as_str())).collect(),
            endpoints: Vec::new(),
            budget: Duration::from_secs(10),
        };
        let diagnosis = view.run(session, global).await?;
        let found = evidence(&diagnosis, |call| matches!(call, Call::DnsConfig(_)))?;
        let Some(&config) = found.first() else { return Err(CommandError::NoDiagnosis) };
        output.message(config, |config| Ok(vec![json::to_string(config)?]), render::page)?;
        Ok(if config.failure.is_none() { exit::HEALTHY } else { exit::FAULT })
    }
}
