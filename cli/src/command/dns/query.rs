//! `sonde dns query [@SERVER] NAME [TYPE] [+OPTION]...`: one query, exactly as asked for.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;
use sonde_proto::json;
use sonde_proto::v1::evidence::Call;

use super::words::{OPTIONS, Question};
use super::{View, evidence};
use crate::arguments::Global;
use crate::connection::Session;
use crate::error::CommandError;
use crate::exit;
use crate::render::dns::query as render;
use crate::render::out::Output;

/// Send one query and show the answer.
#[derive(Debug, Args)]
#[command(
    after_help = format!("Options, as dig's: {OPTIONS}\n\nWithout @SERVER the first name server of resolv.conf is asked. Exit code 0: an \
                          answer came, whatever it says; 1: none came.")
)]
pub(crate) struct Query {
    /// As for dig: @SERVER, NAME, TYPE, CLASS, +OPTION; a NAME is enough
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// The server's port
    #[arg(short = 'p', long, value_name = "PORT")]
    port: Option<u16>,
    /// Ask for the name of this address
    #[arg(short = 'x', long, value_name = "ADDRESS")]
    reverse: Option<IpAddr>,
}

impl Query {
    pub(super) async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        let mut question = Question::parse(&self.words, self.reverse).map_err(CommandError::Usage)?;
        question.port = self.port.or(question.port);
        let short = question.short;
        let endpoints = question.server.map(|server| SocketAddr::new(server, question.effective_port()).to_string());
        let view = View {
            check: "dns-query",
            target: "host".to_owned(),
            endpoints: endpoints.into_iter().collect(),
            arguments: question.into_arguments(),
            budget: Duration::from_secs(10),
        };
        let diagnosis = view.run(session, global).await?;
        let found = evidence(&diagnosis, |call| matches!(call, Call::DnsQuery(_)))?;
        let Some(&exchange) = found.first() else { return Err(CommandError::NoDiagnosis) };
        output.message(
            exchange,
            |exchange| Ok(vec![json::to_string(exchange)?]),
            |exchange, _| if short { render::short(exchange) } else { render::page(exchange) },
        )?;
        Ok(if exchange.failure.is_none() { exit::HEALTHY } else { exit::FAULT })
    }
}
