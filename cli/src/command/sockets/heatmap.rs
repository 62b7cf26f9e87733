//! `sonde sockets heatmap`: how many sockets there were over time. A view of `HistoryService`.

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use sonde_proto::json;
use sonde_proto::v1::history_service_client::HistoryServiceClient;
use sonde_proto::v1::{GetHeatmapRequest, HistoryKey};

use crate::arguments::{Format, Global};
use crate::command::past::Past;
use crate::command::{LARGEST_MESSAGE_BYTES, answer, deadline, vantage};
use crate::connection::Session;
use crate::error::CommandError;
use crate::exit;
use crate::render::heatmap as render;
use crate::render::out::{Output, raw};

/// Draw how many TCP sockets there were over time.
#[derive(Debug, Args)]
#[command(
    after_help = "Of the last ten minutes unless --at or --since says another time. Where nothing is recorded (a daemon that does is started with
`sonde daemon run`) it shows the present alone, and says so; with --at or --since it is an error.

A row is a state and a peer's port; ? stands for peers that came to a port of ours, and for all that has no group of its own.

JSON: the GetHeatmapResponse message. -o svg is a picture, -o html a page around it.

  sonde sockets heatmap --since 1h
  sonde sockets heatmap --by state,port --state CLOSE-WAIT -o html >report.html"
)]
pub(crate) struct Heatmap {
    #[command(flatten)]
    past: Past,
    /// What makes a row, state,peer-port unless given; peers and local ports are counted apart
    #[arg(long, value_name = "KEY", value_enum, value_delimiter = ',', num_args = 1)]
    by: Vec<Key>,
    /// In this state, as ss names it; can be repeated
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<String>,
    /// So many rows, the largest
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    rows: Option<u32>,
    /// So many columns at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1_000))]
    columns: Option<u32>,
}

/// What makes a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Key {
    /// The state
    State,
    /// The peer's address
    Peer,
    /// The peer's port
    PeerPort,
    /// The local port, of those that came to it
    Port,
}

impl Heatmap {
    /// Asks and draws.
    pub(crate) async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        let deadline = deadline(global);
        let by = self.by.iter().map(|key| {
            let key = match key {
                Key::State => HistoryKey::State,
                Key::Peer => HistoryKey::PeerAddress,
                Key::PeerPort => HistoryKey::PeerPort,
                Key::Port => HistoryKey::LocalPort,
            };
            key.into()
        });
        let request = GetHeatmapRequest {
            vantage: vantage(global)?,
            period: self.past.period(),
            by: by.collect(),
            states: self.state,
            columns: self.columns.unwrap_or(0),
            rows: self.rows.unwrap_or(0),
        };
        let mut client = HistoryServiceClient::new(session.channel()).max_decoding_message_size(LARGEST_MESSAGE_BYTES);
        let map = answer(deadline, client.get_heatmap(session.request(request, deadline))).await?;
        let zone = TimeZone::system();
        match output.format() {
            Format::Html => raw(&render::page(&map, &zone))?,
            Format::Svg => raw(&render::picture(&map, &zone))?,
            _ => output.message(
                &map,
                |map| map.rows.iter().map(json::to_string).collect(),
                |map, width| render::shades(map, &zone, width),
            )?,
        }
        Ok(exit::HEALTHY)
    }
}
