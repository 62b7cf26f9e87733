//! `sonde listeners [PORT]`: who listens, and how full the queues are. A view of `SocketService`.

use clap::Args;
use sonde_proto::json;
use sonde_proto::v1::ListListenersRequest;
use sonde_proto::v1::socket_service_client::SocketServiceClient;

use crate::arguments::{Format, Global};
use crate::command::{LARGEST_MESSAGE_BYTES, answer, deadline, vantage};
use crate::connection::Session;
use crate::error::CommandError;
use crate::exit;
use crate::render::listeners as render;
use crate::render::out::Output;

/// List TCP listeners with their accept queues, half-open connections and processes.
#[derive(Debug, Args)]
#[command(
    after_help = "QUEUED connections wait to be accepted; more than BACKLOG overflow. A backlog marked * equals net.core.somaxconn: the program may
have asked for more. HALF-OPEN ones have not completed their handshake. Processes of other users need root.

JSON: the ListListenersResponse message."
)]
pub(crate) struct Listeners {
    /// The port; all without
    #[arg(value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
}

impl Listeners {
    /// Asks the daemon and prints the answer.
    pub(crate) async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        let request = ListListenersRequest { vantage: vantage(global)?, port: self.port.unwrap_or(0).into() };
        let mut client = SocketServiceClient::new(session.channel()).max_decoding_message_size(LARGEST_MESSAGE_BYTES);
        let found = answer(deadline(global), client.list_listeners(session.request(request, deadline(global)))).await?;
        let wide = output.format() == Format::Wide;
        output.message(
            &found,
            |found| found.listeners.iter().map(json::to_string).collect(),
            |found, width| render::table(found, wide, width),
        )?;
        Ok(exit::HEALTHY)
    }
}
