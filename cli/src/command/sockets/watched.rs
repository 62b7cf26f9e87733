//! `sonde sockets watched`: which namespaces are recorded, how far back, and what that costs. A view of `HistoryService`.

use clap::Args;
use sonde_proto::json;
use sonde_proto::v1::ListWatchedRequest;
use sonde_proto::v1::history_service_client::HistoryServiceClient;

use crate::arguments::Global;
use crate::command::{answer, deadline};
use crate::connection::Session;
use crate::error::CommandError;
use crate::exit;
use crate::render::out::Output;
use crate::render::watched as render;

/// List the network namespaces whose past the daemon keeps.
#[derive(Debug, Args)]
#[command(
    after_help = "FINE and ALL are how far what is kept reaches back, in fine steps and in steps of any length; STEPS are the fine and the coarse ones.
CPU is what recording took since the namespace is watched; its sockets are COUNTED as often as the recorder's share of the processor
allows. Without a daemon nothing is recorded, which it says.

JSON: the ListWatchedResponse message."
)]
pub(crate) struct Watched {}

impl Watched {
    /// Asks the daemon and prints the answer.
    pub(crate) async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        let mut client = HistoryServiceClient::new(session.channel());
        let call = client.list_watched(session.request(ListWatchedRequest {}, deadline(global)));
        let watched = answer(deadline(global), call).await?;
        output.message(&watched, |watched| watched.namespaces.iter().map(json::to_string).collect(), render::table)?;
        Ok(exit::HEALTHY)
    }
}
