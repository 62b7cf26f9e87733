//! From exec to the first host call and to the verdict, with an empty, unwritable home and with a warm one, beside `curl` of the
//! same target. Prints medians and ratios of one run; asserts nothing, since machines are noisy.
//!
//! `cargo build --release --workspace && cargo bench -p sonde-tests --bench start`

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use sonde_tests::binaries::binary;

const ROUNDS: usize = 40;

fn main() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let warm = dir.path().join("warm");
    std::fs::create_dir(&warm).expect("a home");
    // /proc takes no file from anybody, not even from root: a home that cannot be written.
    let unwritable = Path::new("/proc");
    let mut rows: [(&str, Vec<Sample>); 3] =
        [("sonde, unwritable HOME", Vec::new()), ("sonde, warm HOME", Vec::new()), ("curl", Vec::new())];
    for _ in 0..ROUNDS {
        rows[0].1.push(sonde(port, unwritable));
        rows[1].1.push(sonde(port, &warm));
        rows[2].1.push(curl(port));
    }
    println!("a closed port on loopback, {ROUNDS} rounds interleaved, medians");
    println!("{:<24} {:>10} {:>18} {:>14}", "", "exec->end", "exec->first call", "verdict");
    for (name, samples) in &rows {
        let call = median(samples, |s| s.first_call).map_or("-".to_owned(), show);
        let verdict = median(samples, |s| s.verdict).map_or("-".to_owned(), show);
        println!(
            "{name:<24} {:>10} {call:>18} {verdict:>14}",
            median(samples, |s| Some(s.wall)).map_or_else(String::new, show)
        );
    }
    let wall = |i: usize| median(&rows[i].1, |s| Some(s.wall)).unwrap_or_default().as_secs_f64();
    println!("unwritable / warm HOME: {:.2}   sonde / curl: {:.2}", wall(0) / wall(1), wall(0) / wall(2));
}

#[derive(Clone, Copy, Default)]
struct Sample {
    wall: Duration,
    first_call: Option<Duration>,
    verdict: Option<Duration>,
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads clocks")]
fn sonde(port: u16, home: &Path) -> Sample {
    let mut command = Command::new(binary("sonde"));
    command.args(["diagnose", &format!("tcp://127.0.0.1:{port}"), "-o", "json"]);
    command.env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin").stdin(Stdio::null()).stderr(Stdio::null());
    let exec = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let clock = Instant::now();
    let output = command.output().expect("sonde runs");
    let wall = clock.elapsed();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let began = json["startedAt"].as_str().and_then(unix_time);
    let first = json["evidence"].as_array().and_then(|e| {
        e.iter().filter_map(|e| e["at"].as_str()?.strip_suffix('s')?.parse::<f64>().ok()).min_by(f64::total_cmp)
    });
    let since_exec = |offset: f64| Some((began? + Duration::from_secs_f64(offset)).saturating_sub(exec));
    Sample {
        wall,
        first_call: first.and_then(since_exec),
        verdict: json["elapsed"].as_str().and_then(|t| t.strip_suffix('s')?.parse().ok()).and_then(since_exec),
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads clocks")]
fn curl(port: u16) -> Sample {
    let mut command = Command::new("curl");
    command.args(["-s", &format!("http://127.0.0.1:{port}/")]).stdin(Stdio::null());
    let clock = Instant::now();
    command.output().expect("curl runs");
    Sample { wall: clock.elapsed(), ..Sample::default() }
}

/// `2026-01-02T03:04:05.678Z`, as far as this benchmark needs it: the time of day, and the day from the running clock.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads clocks")]
fn unix_time(text: &str) -> Option<Duration> {
    let time = text.split_once('T')?.1.strip_suffix('Z')?;
    let mut parts = time.split(':').map(str::parse::<f64>);
    let (h, m, s) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let today = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs() / 86_400 * 86_400;
    Some(Duration::from_secs(today) + Duration::from_secs_f64(h * 3600.0 + m * 60.0 + s))
}

fn median(samples: &[Sample], of: impl Fn(&Sample) -> Option<Duration>) -> Option<Duration> {
    let mut values: Vec<_> = samples.iter().filter_map(of).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

fn show(d: Duration) -> String {
    format!("{:.1} ms", d.as_secs_f64() * 1e3)
}
