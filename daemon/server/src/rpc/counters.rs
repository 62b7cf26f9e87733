//! `CounterService`: the counters of a vantage, and what moved since the look before.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use sonde_core::observation::sockets::Counters as Look;
use sonde_probe::clock::RunClock;
use sonde_probe::sockets::{self, Reading, readings};
use sonde_probe::vantage::Vantage;
use sonde_proto::v1;
use sonde_proto::v1::counter_service_server::CounterService;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::vantages::Vantages;
use super::{deadline, refusal};
use crate::convert;

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Counters(pub(super) Arc<Vantages>);

#[tonic::async_trait]
impl CounterService for Counters {
    type WatchCountersStream = Pin<Box<dyn Stream<Item = Result<v1::WatchCountersResponse, Status>> + Send>>;

    async fn watch_counters(
        &self,
        request: Request<v1::WatchCountersRequest>,
    ) -> Result<Response<Self::WatchCountersStream>, Status> {
        let deadline = deadline::of(request.metadata()).and_then(|patience| Instant::now().checked_add(patience));
        let request = request.into_inner();
        let interval = interval(request.interval)?;
        if request.names.len() > MOST_NAMES {
            let problem = format!("{} names are too many; at most {MOST_NAMES} are allowed", request.names.len());
            return Err(refusal::invalid("names", problem));
        }
        let vantage = self.0.open(request.vantage.as_ref()).await?;
        let watch = Watch {
            vantage,
            clock: RunClock::start(),
            interval,
            names: request.names.iter().map(|name| name.to_ascii_lowercase()).collect(),
            left: (request.count != 0).then_some(u64::from(request.count) + 1),
            deadline,
            next: Instant::now(),
            before: None,
        };
        let looks = stream::unfold(Some(watch), |watch| async move {
            let mut watch = watch?;
            match watch.step().await? {
                Ok(look) => Some((Ok(look), Some(watch))),
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(Response::new(Box::pin(looks)))
    }
}

/// What a client watches.
struct Watch {
    vantage: Arc<Vantage>,
    clock: RunClock,
    interval: Duration,
    /// In lower case.
    names: Vec<String>,
    /// Looks to come; absent for no end.
    left: Option<u64>,
    deadline: Option<Instant>,
    next: Instant,
    before: Option<Look>,
}

impl Watch {
    /// The next look; none after the last.
    async fn step(&mut self) -> Option<Result<v1::WatchCountersResponse, Status>> {
        if self.left == Some(0) {
            return None;
        }
        let deadline = self.deadline;
        let look = self.look();
        let outcome = match deadline {
            Some(deadline) => timeout_at(deadline, look).await.unwrap_or_else(|_| Err(refusal::deadline())),
            None => look.await,
        };
        Some(outcome)
    }

    async fn look(&mut self) -> Result<v1::WatchCountersResponse, Status> {
        sleep_until(self.next).await;
        let now = sockets::all_counters(&self.vantage, &self.clock).await;
        let now = now.map_err(|failure| refusal::failure(&failure))?;
        // A reader that is late gets its next look an interval after this one, not a burst.
        self.next = (self.next + self.interval).max(Instant::now());
        self.left = self.left.map(|left| left.saturating_sub(1));
        let elapsed = self.before.as_ref().map(|before| now.taken_at.saturating_sub(before.taken_at));
        let before = self.before.as_ref().map(|before| before.counters.as_slice());
        let found = readings(before, &now.counters, elapsed.unwrap_or_default());
        let response = v1::WatchCountersResponse {
            taken_at: Some(convert::timestamp(self.clock.wall(now.taken_at))),
            elapsed: elapsed.map(convert::duration),
            readings: found.into_iter().filter(|reading| self.wants(&reading.name)).map(message).collect(),
        };
        self.before = Some(now);
        Ok(response)
    }

    fn wants(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.names.is_empty() || self.names.iter().any(|part| name.contains(part))
    }
}

fn message(reading: Reading) -> v1::CounterReading {
    let Reading { name, value, delta, rate, gauge } = reading;
    v1::CounterReading { name, value, delta, rate, gauge }
}

fn interval(asked: Option<prost_types::Duration>) -> Result<Duration, Status> {
    let Some(asked) = asked else { return Ok(Duration::from_secs(1)) };
    let problem = || {
        let shown = format!("{}.{:09}s", asked.seconds, asked.nanos.unsigned_abs());
        refusal::invalid("interval", format!("an interval of {shown} is out of range; give 100ms to 1h"))
    };
    let nanos = u32::try_from(asked.nanos).ok().filter(|nanos| *nanos < 1_000_000_000).ok_or_else(problem)?;
    let interval = Duration::new(u64::try_from(asked.seconds).map_err(|_| problem())?, nanos);
    if (SHORTEST..=LONGEST).contains(&interval) { Ok(interval) } else { Err(problem()) }
}

/// Of the contract.
const SHORTEST: Duration = Duration::from_millis(100);

/// Of the contract.
const LONGEST: Duration = Duration::from_hours(1);

/// Far above what a person asks for.
const MOST_NAMES: usize = 64;
