//! Socket tables: a floor that asks `sock_diag` and looks at every record once, sonde's reader in one process, and the whole
//! command with its daemon beside ss. Populations are made by helper processes on loopback in a namespace of their own.
//!
//! The floor asks for one family after the other, as ss and others do; sonde asks for both in one walk, and may be below it.
//!
//! CPU is user and system time: of this process for the readers, of the command and of the daemon for `sonde`. Ratios are of one run,
//! interleaved, medians; nothing is asserted, since machines are noisy.
//!
//! `cargo build --release --workspace && cargo bench --workspace --bench sockets` (as root)

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::ops::ControlFlow;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, netlink, recv, send, socket};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use sonde_probe::clock::RunClock;
use sonde_probe::sockets::{Filter, Listing, Protocol, Row, States, visit};
use sonde_probe::vantage::{Selector, Vantage};
use sonde_tests::binaries::{binary, can_make_namespaces};
use sonde_tests::crowd::{Helper, Namespace, was_helper};

/// Connections; each is two sockets.
const POPULATIONS: [usize; 3] = [500, 5_000, 50_000];
/// A process may open 20,000 descriptors.
const OF_A_HELPER: usize = 9_000;
const ROUNDS: usize = 7;
/// A bit of `idiag_states`.
const SYN_SENT: u32 = 1 << 2;
const NETNS: &str = "sonde-bench-sockets";

fn main() {
    if was_helper().expect("connections") || !can_make_namespaces() {
        return;
    }
    let namespace = Namespace::new(NETNS).expect("a namespace");
    let mut helpers = Vec::new();
    let mut there = 0;
    for wanted in POPULATIONS {
        while there < wanted {
            let count = (wanted - there).min(OF_A_HELPER);
            helpers.push(namespace.connect(count).expect("connections"));
            there += count;
        }
        readers(&namespace, 2 * there);
        commands(&namespace, 2 * there);
    }
    drop(helpers);
}

/// In this process: the floor beside sonde's reader and its filters.
fn readers(namespace: &Namespace, sockets: usize) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let vantage = Vantage::open(&Selector::Netns(namespace.path())).expect("the namespace");
    let tcp = |filter: Filter, info| Listing {
        filter: Filter { protocols: vec![Protocol::Tcp], ..filter },
        info,
        ..Listing::default()
    };
    let states = |name: &str| States::named(&[name]).expect("a state");
    let port = runtime.block_on(one_port(&vantage));
    let listings = [
        ("sonde", tcp(Filter::default(), false)),
        ("sonde + tcp_info", tcp(Filter::default(), true)),
        ("sonde, one port", tcp(Filter { port, ..Filter::default() }, false)),
        ("sonde, one state (no row)", tcp(Filter { states: states("SYN-SENT"), ..Filter::default() }, false)),
        ("sonde, LISTEN only", tcp(Filter { states: states("LISTEN"), ..Filter::default() }, false)),
    ];
    let mut floors = [Vec::new(), Vec::new(), Vec::new()];
    let mut ours: Vec<Vec<f64>> = listings.iter().map(|_| Vec::new()).collect();
    let mut rows = vec![0; listings.len()];
    for _ in 0..ROUNDS {
        for ((info, states), samples) in [(false, 0xffe), (true, 0xffe), (false, SYN_SENT)].into_iter().zip(&mut floors)
        {
            samples.push(measured(|| {
                in_namespace(namespace.path(), move || floor(info, states));
            }));
        }
        for ((_, listing), (samples, count)) in listings.iter().zip(ours.iter_mut().zip(&mut rows)) {
            let seen = Arc::new(AtomicU64::new(0));
            let counting = Arc::clone(&seen);
            let listing = listing.clone();
            samples.push(measured(|| {
                let look = move |socket: &sonde_probe::sockets::Socket<'_>| {
                    if let Row::Inet(inet) = &socket.row {
                        std::hint::black_box((inet.peer_port(), socket.row.send_queue(), inet.info.map(<[u8]>::len)));
                    }
                    counting.fetch_add(1, Ordering::Relaxed);
                    ControlFlow::Continue(())
                };
                let clock = RunClock::start();
                let patience = Duration::from_secs(30);
                runtime.block_on(visit(&vantage, &clock, listing, patience, look)).expect("the sockets");
            }));
            *count = seen.load(Ordering::Relaxed);
        }
    }
    let [bare, info, none] = floors.map(median);
    println!("\n{sockets} sockets, CPU in one process (the floor reads both families, too)");
    println!("{:<28} {:>9.2} ms", "floor, no tcp_info", bare);
    println!("{:<28} {:>9.2} ms", "floor + tcp_info", info);
    println!("{:<28} {:>9.2} ms                  {:>6.3} x full", "floor, one state (no row)", none, none / bare);
    let full = median(ours[0].clone());
    for (((name, listing), samples), rows) in listings.iter().zip(ours).zip(rows) {
        let value = median(samples);
        let floor = if listing.info { info } else { bare };
        println!(
            "{name:<28} {value:>9.2} ms  {:>6.3} x floor  {:>6.3} x full  {rows} rows",
            value / floor,
            value / full
        );
    }
}

/// The port of some client, which two sockets have.
async fn one_port(vantage: &Vantage) -> u16 {
    let found = Arc::new(AtomicU64::new(1));
    let into = Arc::clone(&found);
    let states = States::named(&["ESTAB"]).expect("a state");
    let filter = Filter { protocols: vec![Protocol::Tcp], states, ..Filter::default() };
    let listeners = sonde_probe::sockets::listeners(vantage, &RunClock::start(), None).await.expect("listeners");
    let look = move |socket: &sonde_probe::sockets::Socket<'_>| match &socket.row {
        Row::Inet(inet) if !listeners.iter().any(|listener| listener.port == inet.local_port()) => {
            into.store(inet.local_port().into(), Ordering::Relaxed);
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    };
    let listing = Listing { filter, ..Listing::default() };
    let clock = RunClock::start();
    visit(vantage, &clock, listing, Duration::from_secs(30), look).await.expect("the sockets");
    u16::try_from(found.load(Ordering::Relaxed)).expect("a port")
}

/// The whole command with a running daemon, beside ss, all printing to /dev/null.
fn commands(namespace: &Namespace, sockets: usize) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let socket = dir.path().join("sonde.sock");
    let mut command = namespace.inside(&binary("sonde"));
    command.args(["daemon", "run", "--listen", &format!("unix:{}", socket.display())]);
    command.env("XDG_CACHE_HOME", dir.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let daemon = Helper::of(command.spawn().expect("the daemon starts"));
    for _ in 0..500 {
        if socket.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(500));
    let endpoint = format!("unix:{}", socket.display());
    let sonde = |more: &[&'static str]| {
        let mut command = namespace.inside(&binary("sonde"));
        command.args(["--endpoint", &endpoint, "sockets", "-t"]).args(more);
        command
    };
    let embedded = || {
        let mut command = namespace.inside(&binary("sonde"));
        command.env("XDG_RUNTIME_DIR", "/nonexistent").args(["sockets", "-t"]);
        command
    };
    let ss = |flags: &str| {
        let mut command = namespace.inside(Path::new("ss"));
        command.arg(flags);
        command
    };
    let mut samples: [Vec<f64>; 5] = Default::default();
    for _ in 0..ROUNDS {
        samples[0].push(spent(ss("-tan"), None));
        samples[1].push(spent(sonde(&[]), Some(daemon.id())));
        samples[2].push(spent(embedded(), None));
        samples[3].push(spent(ss("-tani"), None));
        samples[4].push(spent(sonde(&["-i"]), Some(daemon.id())));
    }
    let [plain, ours, alone, info, ours_info] = samples.map(median);
    println!("{sockets} sockets, CPU of whole commands, daemon included");
    for (name, value, base, peer) in [
        ("ss -tan", plain, plain, "ss -tan"),
        ("sonde sockets -t", ours, plain, "ss -tan"),
        ("  without a daemon", alone, plain, "ss -tan"),
        ("ss -tani", info, info, "ss -tani"),
        ("sonde sockets -t -i", ours_info, info, "ss -tani"),
    ] {
        println!("{name:<28} {value:>9.2} ms  {:>6.3} x {peer}", value / base);
    }
}

/// Milliseconds of CPU that a command takes, and a daemon meanwhile.
fn spent(mut command: Command, daemon: Option<u32>) -> f64 {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let daemon_before = daemon.map_or(0.0, of_process);
    let before = of_children();
    let status = command.status().expect("it runs");
    assert!(status.success(), "{command:?}: {status}");
    of_children() - before + daemon.map_or(0.0, of_process) - daemon_before
}

/// Milliseconds of CPU of this process.
fn measured(work: impl FnOnce()) -> f64 {
    let now = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0)).as_secs_f64() * 1e3
    };
    let before = now();
    work();
    now() - before
}

/// Of the threads of a process that live: `schedstat` counts nanoseconds.
fn of_process(pid: u32) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the daemon lives");
    let ran = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    ran.sum::<f64>() / 1e6
}

/// Of all children that have ended.
#[expect(unsafe_code, reason = "no safe wrapper has getrusage(2)")]
fn of_children() -> f64 {
    // SAFETY: all zeros is a value of struct rusage, which the call fills; the pointer is to a local that outlives it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage), 0);
        usage
    };
    #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
    let millis = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
    millis(usage.ru_utime) + millis(usage.ru_stime)
}

/// On a thread that ends inside.
fn in_namespace(path: PathBuf, work: impl FnOnce() + Send + 'static) {
    let enter = move || {
        let file = std::fs::File::open(path).expect("the namespace");
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).expect("root");
        work();
    };
    std::thread::spawn(enter).join().expect("no panic");
}

/// The least that reading the table takes: a request, datagrams, and the state of each record.
fn floor(info: bool, states: u32) {
    let kind = SocketType::RAW;
    for family in [libc::AF_INET, libc::AF_INET6] {
        let socket = socket(AddressFamily::NETLINK, kind, Some(netlink::SOCK_DIAG)).expect("a socket");
        let mut request = vec![0_u8; 72];
        request[0] = 72;
        request[4] = 20;
        // NLM_F_REQUEST | NLM_F_DUMP.
        request[6..8].copy_from_slice(&0x301_u16.to_ne_bytes());
        request[16] = u8::try_from(family).expect("small");
        request[17] = 6;
        request[18] = if info { 1 << 1 } else { 0 };
        request[20..24].copy_from_slice(&states.to_ne_bytes());
        send(&socket, &request, SendFlags::empty()).expect("sent");
        let mut buffer = vec![0_u8; 64 << 10];
        let mut seen = [0_u64; 256];
        'dump: loop {
            let (_, length) = recv(&socket, &mut buffer[..], RecvFlags::empty()).expect("received");
            let mut at = 0;
            while at + 16 <= length {
                let size = u32::from_ne_bytes(buffer[at..at + 4].try_into().expect("four")) as usize;
                if buffer[at + 4] != 20 {
                    break 'dump;
                }
                seen[usize::from(buffer[at + 17])] += 1;
                at += size.next_multiple_of(4);
            }
        }
        std::hint::black_box(seen);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
