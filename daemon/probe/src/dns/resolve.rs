//! What a runtime's resolver would do with a name here: the one entry, which cuts a lookup off at its deadline.
//!
//! Each personality is one module. It reads the configuration that this vantage has for it, sends its queries itself at its own
//! times, and hands every one of them to the recorder.

mod glibc;
mod go;
mod musl;
mod steps;
mod system;

use std::net::IpAddr;
use std::time::Duration;

use sonde_core::observation::dns::{ConfigRequest, Personality, Resolution, ResolveError, ResolveRequest, View};
use sonde_core::observation::{Failure, Phase, Reason};

use self::steps::Steps;
use super::config::{Setup, read_for};
use crate::clock::RunClock;
use crate::failure::Fault;
use crate::vantage::Vantage;

/// What a personality works with.
struct Lookup<'a> {
    vantage: &'a Vantage,
    clock: &'a RunClock,
    request: &'a ResolveRequest,
    /// For `request.name` and `request.pid`: the views, the hosts file, the environment, Go's choice.
    setup: &'a Setup,
    /// Every query goes in here.
    steps: &'a Steps,
}

impl Lookup<'_> {
    /// What this personality makes of the files.
    fn view(&self) -> Result<&View, Fault> {
        let of = self.request.personality;
        self.setup.view(of).ok_or_else(|| {
            Fault::new(
                Phase::Inspect,
                Reason::Unavailable(of.as_str().to_owned()),
                "find its view of the configuration",
            )
        })
    }
}

/// A name that was found.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    /// `dns`, `files`, `literal`, `localhost`.
    source: &'static str,
    /// In the order of the answers.
    addresses: Vec<IpAddr>,
    /// The end of the CNAME chain.
    canonical_name: Option<String>,
}

/// What the runtime's user gets. The outer error says that the lookup could not be done at all.
type Outcome = Result<Result<Found, ResolveError>, Fault>;

/// Sends what the personality's resolver would send here, at its times, and says what its user would read.
///
/// The lookup is cut off at `request.timeout`; the failure then stands beside the steps so far.
pub async fn resolve(vantage: &Vantage, clock: &RunClock, request: &ResolveRequest) -> Resolution {
    let _announced = vantage.probing().await;
    let at = clock.now();
    let asked = ConfigRequest { name: Some(request.name.clone()), pid: request.pid };
    let steps = Steps::begin(clock);
    let timeout = request.timeout.min(LONGEST);
    let work = async {
        let setup = read_for(vantage, clock, &asked).await;
        let outcome = perform(&Lookup { vantage, clock, request, setup: &setup, steps: &steps }).await;
        (setup.config.go, outcome)
    };
    let ended = tokio::time::timeout(timeout, Box::pin(work)).await;
    let timing = clock.since(at);
    let mut resolution = Resolution { timing, steps: steps.finish(), ..Resolution::default() };
    let failed = |Fault { phase, reason, errno, detail }: Fault| {
        Some(Failure { phase, reason, errno, icmp: None, elapsed: timing.elapsed, detail })
    };
    match ended {
        Err(_) => resolution.failure = failed(cut_off(request)),
        Ok((go, outcome)) => {
            resolution.go = (request.personality == Personality::Go).then_some(go);
            match outcome {
                Err(fault) => resolution.failure = failed(fault),
                Ok(Err(error)) => resolution.error = Some(error),
                Ok(Ok(Found { source, addresses, canonical_name })) => {
                    source.clone_into(&mut resolution.source);
                    resolution.addresses = addresses;
                    resolution.canonical_name = canonical_name;
                }
            }
        }
    }
    resolution
}

async fn perform(lookup: &Lookup<'_>) -> Outcome {
    match lookup.request.personality {
        Personality::Glibc => glibc::perform(lookup).await,
        Personality::Musl => musl::perform(lookup).await,
        Personality::Go => go::perform(lookup).await,
        Personality::System => system::perform(lookup).await,
    }
}

fn cut_off(request: &ResolveRequest) -> Fault {
    let doing = format!("look {:?} up as {} does", request.name, request.personality.as_str());
    let detail = format!("{doing}: cut off, it would go on for longer than {:?}", request.timeout);
    Fault::new(Phase::Wait, Reason::TimedOut, detail)
}

/// No runtime is waited for longer, whatever is asked.
const LONGEST: Duration = Duration::from_mins(10);
