//! `sonde sockets`: the socket table, or a census of it. A view of `SocketService`: the daemon filters, in the kernel where that can.

mod filter;
mod heatmap;
mod watched;

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use sonde_proto::json;
use sonde_proto::v1::socket_service_client::SocketServiceClient;
use sonde_proto::v1::{CensusKey, CountSocketsRequest, ListSocketsRequest, ListSocketsResponse};
use tokio::time::{Instant, timeout_at};

use self::filter::Filter;
use crate::arguments::{Format, Global};
use crate::command::{GRACE, LARGEST_MESSAGE_BYTES, answer, vantage, watch};
use crate::connection::Session;
use crate::error::CommandError;
use crate::exit;
use crate::render::census;
use crate::render::out::Output;
use crate::render::sockets::{Document, Lines, Rows, Show, Table};
use crate::status::StatusError;

/// List sockets as ss does, or count them.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Without -t, -u or -x: TCP and UDP. Conditions must all hold; states are alternatives.

Columns: of a listener, RECV-Q are connections that wait to be accepted and SEND-Q is their limit, else both are bytes.

JSON: the ListSocketsResponse message; each element of `sockets` has at least protocol, state, local and peer. With --top: the
CountSocketsResponse message.

  sonde sockets -t --state established --peer 10.0.0.0/8 -i
  sonde sockets --port 5432 -p
  sonde sockets --top state,peer --port 443
  sonde sockets heatmap --since 10m
  sonde sockets watched"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub(crate) struct Sockets {
    #[command(subcommand)]
    picture: Option<Picture>,
    #[command(flatten)]
    filter: Filter,
    /// With what the kernel measures: round trips, windows, retransmissions, rates
    #[arg(short, long)]
    info: bool,
    /// With the processes that hold them
    #[arg(short, long)]
    processes: bool,
    /// With what they hold of memory
    #[arg(short, long)]
    memory: bool,
    /// With timers, owner, inode, cookie, mark and cgroup
    #[arg(short, long)]
    details: bool,
    /// Count by these, the largest first, in place of a list
    #[arg(long, value_name = "KEY", value_enum, value_delimiter = ',', num_args = 1, conflicts_with_all = ["info", "processes", "memory", "details"])]
    top: Vec<Key>,
    /// Stop after so many
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Again and again, with this between two looks, from 100ms on
    #[arg(long, value_name = "DURATION", value_parser = watch)]
    watch: Option<Duration>,
}

/// Other views of the table.
#[derive(Debug, Subcommand)]
enum Picture {
    /// Draw how many there were over time, by state and peer port
    Heatmap(heatmap::Heatmap),
    /// List the namespaces whose past is kept, how far back, and what that costs
    Watched(watched::Watched),
}

/// What to count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Key {
    /// tcp, udp or unix
    Protocol,
    /// Its state
    State,
    /// The local address
    Local,
    /// The local port
    Port,
    /// The peer's address
    Peer,
    /// The peer's port
    PeerPort,
    /// The process that holds it, by id
    Pid,
    /// The process that holds it, by name
    Command,
    /// Its cgroup
    Cgroup,
}

impl Key {
    fn wire(self) -> CensusKey {
        match self {
            Self::Protocol => CensusKey::Protocol,
            Self::State => CensusKey::State,
            Self::Local => CensusKey::LocalAddress,
            Self::Port => CensusKey::LocalPort,
            Self::Peer => CensusKey::PeerAddress,
            Self::PeerPort => CensusKey::PeerPort,
            Self::Pid => CensusKey::Pid,
            Self::Command => CensusKey::Command,
            Self::Cgroup => CensusKey::Cgroup,
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Protocol => "NETID",
            Self::State => "STATE",
            Self::Local => "LOCAL",
            Self::Port => "PORT",
            Self::Peer => "PEER",
            Self::PeerPort => "PEER PORT",
            Self::Pid => "PID",
            Self::Command => "COMMAND",
            Self::Cgroup => "CGROUP",
        }
    }
}

impl Sockets {
    /// Whether it draws a picture, which has forms of its own.
    pub(crate) fn draws(&self) -> bool {
        matches!(self.picture, Some(Picture::Heatmap(_)))
    }

    /// Whether it looks at one network namespace, and so from somewhere.
    pub(crate) fn measures(&self) -> bool {
        !matches!(self.picture, Some(Picture::Watched(_)))
    }

    /// Asks and prints, once or again and again.
    pub(crate) async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        match self.picture {
            Some(Picture::Heatmap(heatmap)) => return heatmap.run(session, global, output).await,
            Some(Picture::Watched(watched)) => return watched.run(session, global, output).await,
            None => {}
        }
        let mut next = Instant::now();
        loop {
            if self.top.is_empty() {
                self.list(session, global, output).await?;
            } else {
                self.count(session, global, output).await?;
            }
            let Some(interval) = self.watch else { return Ok(exit::HEALTHY) };
            next = (next + interval).max(Instant::now());
            tokio::time::sleep_until(next).await;
            output.gap()?;
        }
    }

    async fn list(&self, session: &Session, global: &Global, output: &Output) -> Result<(), CommandError> {
        let show = Show { info: self.info, processes: self.processes, memory: self.memory, details: self.details };
        match output.format() {
            Format::Table | Format::Html | Format::Svg => self.stream(session, global, Table::new(show)).await,
            Format::Wide => self.stream(session, global, Table::new(Show { details: true, ..show })).await,
            Format::Json => self.stream(session, global, Document::default()).await,
            Format::Jsonl => self.stream(session, global, Lines).await,
            Format::Yaml => {
                let whole = self.stream_into(session, global, ListSocketsResponse::default()).await?;
                output.message(&whole, |whole| Ok(vec![json::to_string(whole)?]), |_, _| String::new())
            }
        }
    }

    async fn stream(&self, session: &Session, global: &Global, rows: impl Rows) -> Result<(), CommandError> {
        self.stream_into(session, global, rows).await.map(drop)
    }

    /// Hands every message to `rows` as it comes, and returns them at the end.
    async fn stream_into<R: Rows>(&self, session: &Session, global: &Global, mut rows: R) -> Result<R, CommandError> {
        let deadline = global.timeout.unwrap_or(PATIENCE);
        let request = ListSocketsRequest {
            vantage: vantage(global)?,
            filter: Some(self.filter.wire()),
            with_info: self.info,
            with_details: self.details || self.memory || global.output == Format::Wide,
            with_processes: self.processes,
            limit: self.limit.unwrap_or(0),
        };
        let late = Instant::now() + deadline + GRACE;
        let too_late = || CommandError::NoAnswer(humantime::format_duration(deadline));
        let mut client = SocketServiceClient::new(session.channel()).max_decoding_message_size(LARGEST_MESSAGE_BYTES);
        let call = client.list_sockets(session.request(request, deadline));
        let opened = timeout_at(late, call).await.map_err(|_| too_late())?;
        let mut stream = opened.map_err(StatusError::from)?.into_inner();
        let mut complete = false;
        while let Some(batch) =
            timeout_at(late, stream.message()).await.map_err(|_| too_late())?.map_err(StatusError::from)?
        {
            complete |= batch.summary.is_some();
            rows.take(&batch)?;
        }
        rows.end()?;
        if complete { Ok(rows) } else { Err(CommandError::Cut) }
    }

    async fn count(&self, session: &Session, global: &Global, output: &Output) -> Result<(), CommandError> {
        let deadline = global.timeout.unwrap_or(PATIENCE);
        let request = CountSocketsRequest {
            vantage: vantage(global)?,
            filter: Some(self.filter.wire()),
            by: self.top.iter().map(|key| key.wire().into()).collect(),
            limit: self.limit.unwrap_or(0),
        };
        let mut client = SocketServiceClient::new(session.channel()).max_decoding_message_size(LARGEST_MESSAGE_BYTES);
        let census = answer(deadline, client.count_sockets(session.request(request, deadline))).await?;
        let headings: Vec<&str> = self.top.iter().map(|key| key.heading()).collect();
        output.message(
            &census,
            |census| census.groups.iter().map(json::to_string).collect(),
            |census, width| census::table(census, &headings, width),
        )
    }
}

/// A million sockets take seconds to be read, carried and printed.
const PATIENCE: Duration = Duration::from_mins(1);
