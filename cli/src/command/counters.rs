//! `sonde counters [NAMES..]`: the kernel's network counters, or what moved of them, as rates. A view of `CounterService`.

use std::time::Duration;

use clap::Args;
use sonde_proto::json;
use sonde_proto::v1::WatchCountersRequest;
use sonde_proto::v1::counter_service_client::CounterServiceClient;
use tokio::time::{Instant, timeout_at};

use crate::arguments::{Format, Global};
use crate::command::{GRACE, LARGEST_MESSAGE_BYTES, vantage, watch};
use crate::connection::Session;
use crate::error::CommandError;
use crate::exit;
use crate::follow::wire;
use crate::render::counters as render;
use crate::render::out::Output;
use crate::status::StatusError;

/// Show the kernel's network counters, or what moves of them.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --watch: the counters as they are; those at zero are left out of the table unless they are named. With it: what moved in
each interval, as rates; gauges are marked ~.

JSON: the WatchCountersResponse message, one for each look; values are of the namespace, except those of softnet and of
sockstat's memory, which are the machine's.

  sonde counters ListenOverflows ListenDrops
  sonde counters --watch=2s -n 5 retrans"
)]
pub(crate) struct Counters {
    /// Only names that hold one of these, such as retrans or Tcp.; whatever the case
    #[arg(value_name = "NAMES")]
    names: Vec<String>,
    /// What moves, again and again, with this between two looks, from 100ms to 1h
    #[arg(
        long,
        value_name = "INTERVAL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1s",
        value_parser = watch
    )]
    watch: Option<Duration>,
    /// End after so many intervals
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
}

impl Counters {
    /// Asks the daemon and prints each look.
    pub(crate) async fn run(self, session: &Session, global: &Global, output: &Output) -> Result<u8, CommandError> {
        let interval = self.watch.or(self.count.map(|_| Duration::from_secs(1)));
        let request = WatchCountersRequest {
            vantage: vantage(global)?,
            interval: interval.map(wire),
            count: self.count.unwrap_or(0),
            names: self.names.clone(),
        };
        // Whoever watches decides when it is enough.
        let deadline = global.timeout.unwrap_or(if interval.is_some() { ENDLESS } else { PATIENCE });
        let late = Instant::now() + deadline + GRACE;
        let too_late = || CommandError::NoAnswer(humantime::format_duration(deadline));
        let mut client = CounterServiceClient::new(session.channel()).max_decoding_message_size(LARGEST_MESSAGE_BYTES);
        let call = client.watch_counters(session.request(request, deadline));
        let opened = timeout_at(late, call).await.map_err(|_| too_late())?;
        let mut looks = opened.map_err(StatusError::from)?.into_inner();
        let all = !self.names.is_empty() || output.format() == Format::Wide;
        while let Some(look) =
            timeout_at(late, looks.message()).await.map_err(|_| too_late())?.map_err(StatusError::from)?
        {
            let first = look.elapsed.is_none();
            if interval.is_some() && first {
                continue;
            }
            output.message(
                &look,
                |look| look.readings.iter().map(json::to_string).collect(),
                |look, width| if first { render::values(look, all, width) } else { render::moved(look, width) },
            )?;
            if interval.is_none() {
                break;
            }
        }
        Ok(exit::HEALTHY)
    }
}

/// Of one look.
const PATIENCE: Duration = Duration::from_secs(10);

/// A year: gRPC has no word for "for ever" that the daemon would not have to guess.
const ENDLESS: Duration = Duration::from_hours(365 * 24);
