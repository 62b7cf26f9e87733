//! What recording costs: processor time of the flight recorder in a namespace with ten thousand sockets, as the kernel counts it for
//! this whole process, at its usual pace and at a pace without a bound; and the memory of what it keeps.
//!
//! `cargo bench --workspace --bench recorder` (as root)

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::time::Duration;

use sonde_probe::history::{Archive, Bounds, Recorder};
use sonde_probe::vantage::Selector;
use sonde_tests::binaries::can_make_namespaces;
use sonde_tests::crowd::{Namespace, was_helper};
use tokio::time::{Instant, sleep_until};

/// Connections; each is two sockets.
const CONNECTIONS: usize = 5_000;
/// Steps of a second that are measured, and before them some to find the pace.
const STEPS: u32 = 40;
const WARM: u32 = 15;
const NETNS: &str = "sonde-bench-recorder";
/// The default of `recorder.cpu`, for a step of a second.
const SHARE: Duration = Duration::from_millis(4);

fn main() {
    if was_helper().expect("connections") || !can_make_namespaces() {
        return;
    }
    let namespace = Namespace::new(NETNS).expect("a namespace");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    println!("{:<34} {:>10} {:>10} {:>12} {:>12}", "", "CPU ms/s", "of a core", "counted each", "bytes/step");
    runtime.block_on(measure(&namespace, "no socket", SHARE));
    let _helper = namespace.connect(CONNECTIONS).expect("connections");
    runtime.block_on(measure(&namespace, "10,000 sockets", SHARE));
    runtime.block_on(measure(&namespace, "10,000 sockets, without a bound", Duration::from_secs(1)));
}

/// Records for a while.
async fn measure(namespace: &Namespace, name: &str, share: Duration) {
    let archive = Archive::new(Bounds::default());
    let selector = Selector::Netns(namespace.path());
    let mut recorder = Recorder::begin(std::sync::Arc::clone(&archive), selector, share).expect("the namespace");
    let mut next = Instant::now();
    let mut began = (Duration::ZERO, next);
    for step in 0..WARM + STEPS {
        if step == WARM {
            began = (cpu(), Instant::now());
        }
        recorder.step().await.expect("a step");
        next += Duration::from_secs(1);
        sleep_until(next).await;
    }
    let (spent, elapsed) = (cpu().saturating_sub(began.0), began.1.elapsed());
    let watched = archive.watched().remove(0);
    #[expect(clippy::cast_precision_loss, reason = "bytes of a minute")]
    let bytes = watched.bytes as f64 / watched.steps.0 as f64;
    println!(
        "{name:<34} {:>10.2} {:>8.2} % {:>11.0}s {bytes:>12.0}",
        spent.as_secs_f64() * 1e3 / elapsed.as_secs_f64(),
        spent.as_secs_f64() / elapsed.as_secs_f64() * 100.0,
        watched.walk_every.as_secs_f64(),
    );
}

/// Of this process.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
