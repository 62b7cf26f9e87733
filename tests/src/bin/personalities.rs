//! Compares sonde's resolver personalities with the originals, each look-up in namespaces of its own; needs root.
//!
//! ```text
//! cargo run -p sonde-tests --bin personalities                            every written case, a table; exit 1 on a difference
//! cargo run -p sonde-tests --bin personalities -- --generated 200         and 200 from the seeded generator (--seed 1)
//! cargo run -p sonde-tests --bin personalities -- --only rotate           the cases whose name contains it
//! cargo run -p sonde-tests --bin personalities -- --record FOLDER         only what the originals do, as files
//! cargo run -p sonde-tests --bin personalities -- --twice                 the originals with themselves: the comparison's noise
//! ```
//!
//! `tests/run --setup-only` builds the originals; `cargo build --workspace` builds sonde.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use sonde_tests::personality::case::{self, Case};
use sonde_tests::personality::generate;
use sonde_tests::personality::original::{Recording, program, record};
use sonde_tests::personality::report;
use sonde_tests::personality::trial::{Trial, compare, over_all, twice};

#[derive(Parser)]
struct Arguments {
    /// Only the cases whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// The personalities.
    #[arg(long = "as", value_delimiter = ',', default_value = "glibc,musl,musl-1.2.3,go")]
    personalities: Vec<String>,
    /// Cases drawn by the seed, after the written ones.
    #[arg(long, default_value_t = 0)]
    generated: usize,
    /// Of the drawn cases.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs at once; they mostly wait.
    #[arg(long, default_value_t = 8)]
    jobs: usize,
    /// Saves what the originals do, and compares nothing.
    #[arg(long)]
    record: Option<PathBuf>,
    /// Compares each original with itself.
    #[arg(long)]
    twice: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    ensure!(rustix::process::geteuid().is_root(), "network namespaces need root");
    // A busy machine must not pass for a slow resolver; where this is not allowed, it may. (sched(7): between sessions the
    // nice value of a process counts for nothing, that of its autogroup does.)
    std::fs::write("/proc/self/autogroup", "-15").ok();
    let mut cases = case::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("personality"))?;
    cases.extend(generate::cases(arguments.generated, arguments.seed));
    cases.retain(|case| case.name.contains(&arguments.only));
    for personality in &arguments.personalities {
        program(personality).with_context(|| format!("no original of {personality} is built"))?;
    }
    let runs: Vec<(&Case, &str)> = cases
        .iter()
        .flat_map(|case| arguments.personalities.iter().map(move |personality| (case, personality.as_str())))
        .filter(|(case, personality)| case.only.iter().any(|p| personality.split('-').next() == Some(p)))
        .collect();
    if let Some(folder) = &arguments.record {
        let each = |(case, personality): (&Case, &str)| record(case, personality);
        return save(folder, &runs, &over_all(&runs, arguments.jobs, each));
    }
    let trial = if arguments.twice { twice } else { compare };
    let trials = over_all(&runs, arguments.jobs, |(case, personality)| trial(case, personality));
    Ok(print(&runs, &trials))
}

fn save(folder: &Path, runs: &[(&Case, &str)], recordings: &[Result<Recording>]) -> Result<ExitCode> {
    std::fs::create_dir_all(folder)?;
    let mut all = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for ((case, personality), recording) in runs.iter().zip(recordings) {
        match recording {
            Ok(recording) => {
                report::save(folder, case, personality, recording)?;
                all.push((*case, *personality, recording));
            }
            Err(error) => {
                say(&format!("{} as {personality}: {error:#}", case.name));
                code = ExitCode::FAILURE;
            }
        }
    }
    std::fs::write(folder.join("INDEX.md"), report::index(&all))?;
    Ok(code)
}

/// The differences first, then the table, then the sums.
fn print(runs: &[(&Case, &str)], trials: &[Result<Trial>]) -> ExitCode {
    let mut rows: Vec<(&str, Vec<String>)> = Vec::new();
    let mut sums = std::collections::BTreeMap::<&str, (u32, u32)>::new();
    for ((case, personality), trial) in runs.iter().zip(trials) {
        let complaint = match trial {
            Ok(trial) if trial.differences.is_empty() => None,
            Ok(trial) => Some(trial.complaint()),
            Err(error) => Some(format!("failed: {error:#}")),
        };
        let sum = sums.entry(personality).or_default();
        sum.0 += 1;
        sum.1 += u32::from(complaint.is_none());
        let word = if complaint.is_none() { "ok" } else { "differs" };
        if let Some(text) = complaint {
            out(&format!("{}\n  {} as {personality}\n{text}", case.name, case.query));
        }
        match rows.last_mut() {
            Some((name, cells)) if *name == case.name => cells.push(format!("{personality} {word}")),
            _ => rows.push((&case.name, vec![format!("{personality} {word}")])),
        }
    }
    out("");
    for (name, cells) in rows {
        out(&format!("{name:<90} {}", cells.join("  ")));
    }
    for (personality, (all, equal)) in &sums {
        out(&format!("{personality}: {equal} of {all} equal"));
    }
    if sums.values().all(|(all, equal)| all == equal) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stdout, reason = "the table of a program for a terminal")]
fn out(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "the errors of a program for a terminal")]
fn say(text: &str) {
    eprintln!("{text}");
}
