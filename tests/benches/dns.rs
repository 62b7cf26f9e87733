//! CPU of one lookup by sonde's `dns.query` beside the floor: hickory's codec on a fresh UDP socket, which draws a random id,
//! sends, waits, decodes, and compares id and question. Both ask an Unbound with a static zone, 64 lookups at a time,
//! in one process, their rounds interleaved. Beside that, the whole processes `dig` and `sonde dns query`.
//!
//! Prints medians and ratios of one run; asserts nothing, since machines are noisy. Where valgrind is installed, also the user
//! instructions of a lookup, which no other load disturbs.
//!
//! `cargo build --release --workspace && cargo bench -p sonde-tests --bench dns`

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query as Question};
use hickory_proto::rr::{Name, RecordType};
use sonde_core::observation::Endpoint;
use sonde_core::observation::dns::{EdnsRequest, Query};
use sonde_probe::clock::RunClock;
use sonde_probe::vantage::{Selector, Vantage};
use sonde_tests::binaries::profile_dir;
use sonde_tests::process::{Process, eventually};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// Names of the zone.
const NAMES: usize = 1000;
const AT_ONCE: usize = 64;
const LOOKUPS: usize = 20_000;
const ROUNDS: usize = 9;
const PROCESSES: usize = 30;
/// Callgrind counts the difference of a long and a short run, so that starting costs nothing.
const COUNTED: usize = 400;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, which, port, lookups] = &arguments[..] {
        let port = port.parse().expect("a port");
        let lookups = lookups.parse().expect("a number of lookups");
        runtime(0).block_on(many(Client::named(which), port, lookups, 1));
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let port = std::net::UdpSocket::bind("127.0.0.1:0").and_then(|s| s.local_addr()).expect("a free port").port();
    let _unbound = unbound(dir.path(), port);
    let ours = Client::Sonde(Arc::new(Vantage::open(&Selector::Own).expect("our own namespace")));

    println!("{LOOKUPS} lookups of {NAMES} names, {AT_ONCE} at a time, {ROUNDS} rounds interleaved, medians");
    println!("{:<44} {:>14} {:>14} {:>8}", "", "floor", "sonde", "ratio");
    for threads in [1, 2] {
        let runtime = runtime(threads);
        // Warm: the server's socket buffers, our allocator.
        runtime.block_on(many(Client::Floor, port, LOOKUPS, AT_ONCE));
        let (mut floor, mut sonde) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            floor.push(cpu_each(&runtime, &Client::Floor, port));
            sonde.push(cpu_each(&runtime, &ours, port));
        }
        let (floor, sonde) = (median(floor), median(sonde));
        let what = format!("CPU of a lookup, {threads} worker thread{}", if threads == 1 { "" } else { "s" });
        row(&what, &format!("{floor:.1} us"), &format!("{sonde:.1} us"), sonde / floor);
    }
    if let (Some(floor), Some(sonde)) = (instructions("floor", port), instructions("sonde", port)) {
        row("user instructions of a lookup", &floor.to_string(), &sonde.to_string(), ratio(sonde, floor));
    }
    processes(port);
}

/// Who looks up.
#[derive(Clone, Debug)]
enum Client {
    Floor,
    Sonde(Arc<Vantage>),
}

impl Client {
    fn named(name: &str) -> Self {
        match name {
            "floor" => Self::Floor,
            _ => Self::Sonde(Arc::new(Vantage::open(&Selector::Own).expect("our own namespace"))),
        }
    }

    async fn look_up(&self, port: u16, number: usize) {
        let name = format!("host{}.bench.example.", number % NAMES);
        match self {
            Self::Floor => floor(port, &name).await,
            Self::Sonde(vantage) => {
                let server = Endpoint { address: Ipv4Addr::LOCALHOST.into(), port };
                let mut query = Query::new(server, &name, 1, Duration::from_secs(5));
                query.edns = Some(EdnsRequest::sized(1232));
                let exchange = sonde_probe::dns::query(vantage, &RunClock::start(), &query).await;
                let answer = exchange.outcome.expect("an answer");
                assert_eq!((answer.rcode, answer.answers.len()), (0, 1), "{answer:?}");
            }
        }
    }
}

/// What a lookup cannot do without.
async fn floor(port: u16, name: &str) {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a socket");
    socket.set_nonblocking(true).expect("a socket without blocking");
    let socket = UdpSocket::from_std(socket).expect("a runtime's socket");
    socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.expect("a route");
    let mut id = [0; 2];
    getrandom::fill(&mut id).expect("random bytes");
    let mut query = Message::new(u16::from_ne_bytes(id), MessageType::Query, OpCode::Query);
    query.metadata.recursion_desired = true;
    query.add_query(Question::query(Name::from_str(name).expect("a name"), RecordType::A));
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    query.set_edns(edns);
    socket.send(&query.to_vec().expect("a query")).await.expect("the query is sent");
    let mut buffer = [0; 4096];
    let receive = tokio::time::timeout(Duration::from_secs(5), socket.recv(&mut buffer));
    let length = receive.await.expect("in time").expect("a datagram");
    let answer = Message::from_vec(&buffer[..length]).expect("an answer");
    assert_eq!((answer.metadata.id, &answer.queries, answer.answers.len()), (query.metadata.id, &query.queries, 1));
}

/// `lookups` of them, `at_once` at a time.
async fn many(client: Client, port: u16, lookups: usize, at_once: usize) {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..at_once {
        let (client, next) = (client.clone(), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= lookups {
                    break;
                }
                client.look_up(port, number).await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("every lookup succeeds");
    }
}

/// With this many workers; none: all on the calling thread.
fn runtime(threads: usize) -> tokio::runtime::Runtime {
    let mut builder = match threads {
        0 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if threads > 0 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().expect("a runtime")
}

/// Microseconds of this process's CPU, user and system, for each lookup.
fn cpu_each(runtime: &tokio::runtime::Runtime, client: &Client, port: u16) -> f64 {
    let before = cpu();
    runtime.block_on(many(client.clone(), port, LOOKUPS, AT_ONCE));
    (cpu() - before) / as_f64(LOOKUPS)
}

/// Of this process so far, in microseconds.
fn cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let time = Duration::try_from(time).expect("the clock of a process is not negative");
    time.as_secs_f64() * 1e6
}

/// Of the processes that this one has waited for, in milliseconds, to 10: `cutime` and `cstime` of `proc_pid_stat(5)`.
fn cpu_of_children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("our own statistics");
    let after_name = stat.rsplit_once(')').expect("a name in parentheses").1;
    let ticks: f64 =
        after_name.split_whitespace().skip(13).take(2).map(|ticks| ticks.parse::<f64>().expect("ticks")).sum();
    ticks * 10.0
}

/// Whole processes: CPU from exec to exit, in blocks.
fn processes(port: u16) {
    let server = "@127.0.0.1";
    let text = port.to_string();
    let name = |number: usize| format!("host{number}.bench.example");
    let sonde = profile_dir().join("sonde");
    if !sonde.exists() {
        println!("{} is not built: no comparison of processes", sonde.display());
        return;
    }
    let dig = |number: usize| {
        let mut command = Command::new("dig");
        command.args(["-r", server, "-p", &text, &name(number), "+tries=1"]);
        command
    };
    let ours = |number: usize| {
        let mut command = Command::new(&sonde);
        command.args(["dns", "query", &format!("{server}:{text}"), &name(number)]);
        command
    };
    let block = |command: &dyn Fn(usize) -> Command| {
        let before = cpu_of_children();
        for number in 0..PROCESSES {
            let output = command(number).stdin(Stdio::null()).output().expect("it runs");
            let text = String::from_utf8_lossy(&output.stdout);
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && text.contains("192.0.2."), "{text}{error}");
        }
        (cpu_of_children() - before) / as_f64(PROCESSES)
    };
    let (mut theirs, mut mine) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        theirs.push(block(&dig));
        mine.push(block(&ours));
    }
    let (theirs, mine) = (median(theirs), median(mine));
    println!("{:<44} {:>14} {:>14} {:>8}", "", "dig", "sonde", "ratio");
    row("CPU of a process with one lookup", &format!("{theirs:.1} ms"), &format!("{mine:.1} ms"), mine / theirs);
}

/// User instructions of one lookup by callgrind; absent without valgrind.
fn instructions(which: &str, port: u16) -> Option<usize> {
    let run = |lookups: usize| {
        let exe = std::env::current_exe().expect("a running benchmark has a path");
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(exe);
        let output = command.args([which, &port.to_string(), &lookups.to_string()]).output().ok()?;
        let text = String::from_utf8_lossy(&output.stderr);
        let collected = text.lines().find_map(|line| line.split_once("Collected : "))?;
        collected.1.trim().parse::<usize>().ok()
    };
    Some((run(2 * COUNTED)?.saturating_sub(run(COUNTED)?)) / COUNTED)
}

/// An Unbound with nothing but its static zone.
fn unbound(dir: &std::path::Path, port: u16) -> Process {
    let hosts = (0..NAMES).map(|n| {
        let (high, low) = (n / 250, n % 250);
        format!("  local-data: \"host{n}.bench.example. 300 IN A 192.0.2.{low}\" # {high}\n")
    });
    let configuration = format!(
        "server:\n  directory: \"{}\"\n  pidfile: \"\"\n  chroot: \"\"\n  username: \"\"\n  use-syslog: no\n  num-threads: 1\n  \
         interface: 127.0.0.1@{port}\n  so-rcvbuf: 4m\n  local-zone: \"bench.example.\" static\n{}remote-control:\n  control-enable: no\n",
        dir.display(),
        hosts.collect::<String>()
    );
    let path = dir.join("unbound.conf");
    std::fs::write(&path, configuration).expect("a configuration");
    let log = dir.join("unbound.log");
    let mut command = Command::new("unbound");
    let mut process = Process::start(command.arg("-dd").arg("-c").arg(&path), &log).expect("unbound starts");
    eventually(Duration::from_secs(10), "unbound listens", || {
        process.check()?;
        // It listens once connecting by TCP succeeds.
        Ok(std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())
    })
    .unwrap_or_else(|error| panic!("{error}: {}", std::fs::read_to_string(&log).unwrap_or_default()));
    process
}

fn row(what: &str, floor: &str, sonde: &str, ratio: f64) {
    println!("{what:<44} {floor:>14} {sonde:>14} {ratio:>8.2}");
}

fn ratio(one: usize, other: usize) -> f64 {
    as_f64(one) / as_f64(other)
}

fn as_f64(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
