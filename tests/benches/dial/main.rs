//! CPU of one probe by sonde beside two others that do the same in the same run: the floor (tokio, and rustls with a verifying
//! handshake, and nothing else) and Debian's `blackbox_exporter`. A probe of sonde's is one host call of a check, with its line in the
//! ledger streamed to a client: in a batch (2,000 calls of one run, 64 in flight), or asked one by one over gRPC on a unix socket,
//! 64 runs at once. Beside that, what the processes grow by with 512 probes in flight at a server that does not answer.
//!
//! Every server and every client measured is a process of its own; what it spent is user and system time of that process alone. Prints
//! medians and ratios of one run, rounds interleaved; asserts nothing, since machines are noisy.
//!
//! `cargo build --release --workspace && cargo bench --workspace --bench dial`; the exporter is fetched with `apt-get download` and
//! unpacked below `target/tools`, never installed, so that no service of it starts.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod blackbox;
mod daemon;
mod floor;
mod servers;

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use self::blackbox::Blackbox;
use self::daemon::Sonde;
use self::servers::Servers;

const AT_ONCE: usize = 64;
const ROUNDS: usize = 5;

/// In flight where memory is measured: eight runs with as many host calls as one may have in flight.
const HELD: usize = 512;

/// What is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tcp,
    Http,
    Tls,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Tcp, Self::Http, Self::Tls];

    /// As the guest, the exporter's modules and this program's own processes are told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Http => "http",
            Self::Tls => "tls",
        }
    }

    fn named(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).with_context(|| format!("no kind {name:?}"))
    }

    /// Probes of a round: about a second of the slowest, so that a tick of the process's clock is nothing.
    fn probes(self) -> Probes {
        match self {
            Self::Tcp => Probes { floor: 30_000, batch: 20_000, single: 6_000, blackbox: 4_000 },
            Self::Http => Probes { floor: 20_000, batch: 12_000, single: 4_000, blackbox: 3_000 },
            Self::Tls => Probes { floor: 4_000, batch: 4_000, single: 2_000, blackbox: 1_500 },
        }
    }
}

struct Probes {
    floor: usize,
    batch: usize,
    single: usize,
    blackbox: usize,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match &words[..] {
        [] => compare(&Kind::ALL),
        ["floor", kind, address, authority, probes] => {
            let (address, probes) = (address.parse()?, probes.parse()?);
            println!("{}", floor::cpu_each(Kind::named(kind)?, address, Path::new(authority), probes)?);
            Ok(())
        }
        ["listen", address, "close"] => servers::listen(address.parse()?, servers::Manner::Close),
        ["listen", address, "hold"] => servers::listen(address.parse()?, servers::Manner::Hold),
        ["load", kind, seconds] => load(Kind::named(kind)?, seconds.parse()?, &Manner::ALL),
        ["load", kind, seconds, manner] => load(Kind::named(kind)?, seconds.parse()?, &[Manner::named(manner)?]),
        [kind] => compare(&[Kind::named(kind)?]),
        _ => bail!("nothing, tcp, http or tls is wanted, not {words:?}"),
    }
}

fn compare(kinds: &[Kind]) -> Result<()> {
    let servers = Servers::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let sonde = Sonde::start(&servers)?;
    let blackbox = Blackbox::start(&servers)?;
    println!("CPU of a probe in us, {AT_ONCE} at once, {ROUNDS} rounds interleaved, medians; load {}", load_average());
    println!(
        "{:<6}{:>9}{:>12}{:>10}{:>12}{:>12}{:>14}{:>18}",
        "", "floor", "batch", "x floor", "one by one", "blackbox", "batch / bb", "one by one / bb"
    );
    for kind in kinds {
        let Probes { floor, batch, single, blackbox: theirs } = kind.probes();
        let address = servers.of(*kind);
        let (mut floors, mut batches, mut singles, mut others) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        // One more, which warms all of them.
        for round in 0..=ROUNDS {
            let figures = (
                floor_apart(*kind, address, &servers.authority(), floor)?,
                runtime.block_on(sonde.batch(*kind, address, batch))?,
                runtime.block_on(sonde.one_by_one(*kind, address, single))?,
                runtime.block_on(blackbox.probe(*kind, address, theirs))?,
            );
            if round > 0 {
                floors.push(figures.0);
                batches.push(figures.1);
                singles.push(figures.2);
                others.push(figures.3);
            }
        }
        let [floor, batch, single, other] = [floors, batches, singles, others].map(median);
        println!(
            "{:<6}{floor:>9.1}{batch:>12.1}{:>10.2}{single:>12.1}{other:>12.1}{:>14.3}{:>18.3}",
            kind.name(),
            batch / floor,
            batch / other,
            single / other
        );
    }
    drop((sonde, blackbox));
    let (ours, theirs) = runtime.block_on(memory(&servers))?;
    println!(
        "growth with {HELD} probes in flight: sonde {ours} KiB, blackbox {theirs} KiB, ratio {:.3}; load {}",
        as_f64(ours) / as_f64(theirs),
        load_average()
    );
    Ok(())
}

/// Growth of fresh processes, in KiB.
async fn memory(servers: &Servers) -> Result<(usize, usize)> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        ours.push(as_f64(Sonde::start(servers)?.growth(servers, HELD).await?));
        theirs.push(as_f64(Blackbox::start(servers)?.growth(servers, HELD).await?));
    }
    Ok((as_usize(median(ours)), as_usize(median(theirs))))
}

/// How sonde is asked.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Batch,
    Single,
}

impl Manner {
    const ALL: [Self; 2] = [Self::Batch, Self::Single];

    fn named(name: &str) -> Result<Self> {
        match name {
            "batch" => Ok(Self::Batch),
            "single" => Ok(Self::Single),
            _ => bail!("batch or single is wanted, not {name:?}"),
        }
    }
}

/// Nothing but sonde's own probes, for a profiler.
fn load(kind: Kind, seconds: u64, manners: &[Manner]) -> Result<()> {
    let servers = Servers::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let sonde = Sonde::start(&servers)?;
    println!("the daemon is process {}", sonde.pid());
    let clock = tokio::time::Instant::now();
    while clock.elapsed().as_secs() < seconds {
        for manner in manners {
            let (address, probes) = (servers.of(kind), kind.probes());
            let each = match manner {
                Manner::Batch => runtime.block_on(sonde.batch(kind, address, probes.batch))?,
                Manner::Single => runtime.block_on(sonde.one_by_one(kind, address, probes.single))?,
            };
            println!("{manner:?}: {each:.1} us");
        }
    }
    Ok(())
}

/// The floor, in a process of its own.
fn floor_apart(kind: Kind, address: SocketAddr, authority: &Path, probes: usize) -> Result<f64> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.args(["floor", kind.name(), &address.to_string()]).arg(authority).arg(probes.to_string());
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().with_context(|| format!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// User and system time of a process so far, in microseconds, to 10,000: `utime` and `stime` of `proc_pid_stat(5)`.
pub(crate) fn cpu_of(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').context("a name in parentheses")?.1;
    let ticks = after_name.split_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks * 10_000.0)
}

/// Resident memory of a process, in KiB: `VmRSS` of `proc_pid_status(5)`.
pub(crate) fn resident_of(pid: u32) -> Result<usize> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("a process with memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Of the machine, over a minute.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

pub(crate) fn as_f64(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of KiB")]
fn as_usize(number: f64) -> usize {
    number as usize
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
