//! `sonde dns query|resolve|walk|config`: each runs one check and shows its evidence. Nothing here measures.

mod config;
mod query;
mod resolve;
mod walk;
mod words;

use clap::Subcommand;

use crate::arguments::Global;
use crate::command::view::{View, argument, evidence};
use crate::connection::Session;
use crate::error::CommandError;
use crate::render::out::Output;

/// Query name servers, look a name up as a program would, walk its delegation, read the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Dns {
    /// Send one query and show the answer, as dig does
    Query(query::Query),
    /// Look a name up as programs with glibc, musl or Go would, and show every step
    Resolve(resolve::Resolve),
    /// Follow the delegation of a name from the roots, and validate DNSSEC
    Walk(walk::Walk),
    /// Show how names are resolved here, and who manages that
    Config(config::Config),
}

impl Dns {
    /// Runs the check behind the command and prints what it saw.
    pub(crate) async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        match self {
            Self::Query(query) => query.run(session, global, output).await,
            Self::Resolve(resolve) => resolve.run(session, global, output).await,
            Self::Walk(walk) => walk.run(session, global, output).await,
            Self::Config(config) => config.run(session, global, output).await,
        }
    }
}
