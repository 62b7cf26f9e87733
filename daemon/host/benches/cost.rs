//! What the sandbox costs: starting a host, instantiating a guest, crossing the boundary, and a host call through the
//! ledger. Medians of one process; `cargo bench -p sonde-host --bench cost`.

#[path = "../tests/hostile/guest.rs"]
mod guest;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sonde_core::grant::Grants;
use sonde_core::manifest::CheckEnd;
use sonde_core::target::{Target, TargetKind};
use sonde_host::{Check, Host, HostConfig, Limits, Origin, Past, Run};
use sonde_probe::clock::RunClock;
use sonde_probe::vantage::{Selector, Vantage};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Runs of each kind.
const ROUNDS: usize = 200;

/// What mode `calls` and mode `now` of the guest do in one run.
const CALLS: u32 = 1000;
const CROSSINGS: u32 = 100_000;

#[tokio::main]
async fn main() {
    let limits = Limits { cpu: Duration::from_secs(10), ..Limits::default() };
    let mut out = std::io::stdout().lock();
    let mut tell = |what: &str, each: Duration| writeln!(out, "{what:<46} {each:>12.2?}").expect("stdout takes it");

    let clock = RunClock::start();
    let host = Host::new(HostConfig { cache_dir: None, limits }).expect("a host");
    tell("host", clock.now());
    let began = clock.now();
    let builtins = host.builtins().expect("load").len();
    tell(&format!("{builtins} built-in checks from their machine code"), clock.since(began).elapsed);

    let wasm = guest::hostile();
    let began = clock.now();
    let check = host.load(wasm, Origin::File(PathBuf::from("hostile.wasm"))).await.expect("loads");
    tell("a user's component, compiled", clock.since(began).elapsed);

    let idle = median(&host, &check, "idle").await;
    tell("a run that does nothing", idle);
    let crossings = median(&host, &check, "now").await.saturating_sub(idle);
    tell("a crossing of the boundary (timer.now)", crossings / CROSSINGS);
    let calls = median(&host, &check, "calls").await.saturating_sub(idle);
    tell("a host call through the ledger (system.clock)", calls / CALLS);
}

async fn median(host: &Host, check: &Arc<Check>, mode: &str) -> Duration {
    let rounds = if mode == "idle" { ROUNDS } else { ROUNDS / 10 };
    let mut took = Vec::with_capacity(rounds);
    let vantage = Arc::new(Vantage::open(&Selector::Own).expect("our own namespace"));
    for _ in 0..rounds {
        let clock = RunClock::start();
        let (sender, receiver) = mpsc::channel(1);
        // Nobody listens: the cost of a reader is the reader's.
        drop(receiver);
        let target = Target { text: "host".to_owned(), kind: TargetKind::ThisHost };
        let timeout = Duration::from_secs(3);
        let run = Run::new(
            target,
            Arc::clone(&vantage),
            Past::default(),
            clock,
            Grants::default(),
            timeout,
            sender,
            CancellationToken::new(),
        );
        let began = clock.now();
        let end = host.run(check, &run, vec![("mode".to_owned(), mode.to_owned())], Duration::from_mins(1)).await;
        took.push(clock.since(began).elapsed);
        assert!(matches!(end, CheckEnd::Concluded(_)), "{mode}: {end:?}");
    }
    took.sort();
    took[took.len() / 2]
}
