//! What recording costs: processor time of the flight recorder in a namespace with ten thousand sockets, as the kernel counts it for
//! this whole process, at its usual pace and at a pace without a bound; and the memory of what it keeps.
//!
//! `cargo bench --workspace --bench recorder` (as root)

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sonde_probe::history::{Archive, Bounds, Recorder};
use sonde_probe::vantage::Selector;
use sonde_tests::binaries::can_make_namespaces;
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
    if std::env::var_os("SONDE_BENCH_HELPER").is_some() {
        return populate();
    }
    if !can_make_namespaces() {
        return;
    }
    let _namespace = Namespace::new();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    println!("{:<34} {:>10} {:>10} {:>12} {:>12}", "", "CPU ms/s", "of a core", "counted each", "bytes/step");
    runtime.block_on(measure("no socket", SHARE));
    let _helper = Helper::start();
    runtime.block_on(measure("10,000 sockets", SHARE));
    runtime.block_on(measure("10,000 sockets, without a bound", Duration::from_secs(1)));
}

/// Records for a while.
async fn measure(name: &str, share: Duration) {
    let archive = Archive::new(Bounds::default());
    let selector = Selector::Netns(format!("/run/netns/{NETNS}").into());
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

/// Connects to itself and waits to be ended.
fn populate() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("its address");
    let mut held = Vec::with_capacity(2 * CONNECTIONS);
    for _ in 0..CONNECTIONS {
        held.push(TcpStream::connect(address).expect("a connection"));
        held.push(listener.accept().expect("accepted").0);
    }
    println!("ready");
    std::io::stdout().flush().expect("a pipe");
    std::io::stdin().read_to_end(&mut Vec::new()).expect("a pipe");
    drop(held);
}

struct Namespace;

impl Namespace {
    fn new() -> Self {
        drop(Command::new("ip").args(["netns", "del", NETNS]).output());
        for arguments in [&["netns", "add", NETNS][..], &["-n", NETNS, "link", "set", "lo", "up"]] {
            assert!(Command::new("ip").args(arguments).status().expect("ip runs").success(), "{arguments:?}");
        }
        Self
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(Command::new("ip").args(["netns", "del", NETNS]).output());
    }
}

struct Helper(Child);

impl Helper {
    fn start() -> Self {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{NETNS}")).arg(std::env::current_exe().expect("a path"));
        command.env("SONDE_BENCH_HELPER", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n", "the helper did not connect");
        Self(child)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
