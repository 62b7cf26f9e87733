//! Recordings as files: one JSON per case and runtime, and a table of all.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;

use super::case::Case;
use super::original::{Outcome, Recording};
use super::recorder::{Seen, together};

/// Writes `CASE.PERSONALITY.json`: the case, then what was recorded.
pub fn save(dir: &Path, case: &Case, personality: &str, recording: &Recording) -> Result<()> {
    let path = dir.join(format!("{}.{personality}.json", case.slug()));
    let text = serde_json::to_string_pretty(&json!({ "case": case, "recording": recording }))?;
    std::fs::write(&path, text + "\n").with_context(|| format!("write {}", path.display()))
}

/// The queries in one line: `+0 ms .1 udp a.test. A | AAAA`.
pub fn queries(recording: &Recording) -> String {
    let mut out = String::new();
    let mut last: Option<&Seen> = None;
    for seen in &recording.queries {
        let gap = last.map_or(0, |l| (seen.at_ns.saturating_sub(l.at_ns) + 500_000) / 1_000_000);
        let same =
            last.is_some_and(|l| l.server == seen.server && l.name == seen.name && l.transport == seen.transport);
        let together = last.is_some_and(|l| together(l.at_ns, seen.at_ns));
        if together && same && !seen.name.is_empty() {
            let _written = write!(out, "+{}", seen.kind);
        } else {
            let separator = if last.is_none() { "" } else { " → " };
            let wait = if gap >= 100 { format!("({gap} ms) ") } else { String::new() };
            let transport = if seen.transport == "tcp" { "tcp " } else { "" };
            let what = if seen.name.is_empty() { "refused".to_owned() } else { format!("{} {}", seen.name, seen.kind) };
            let _written = write!(out, "{separator}{wait}{transport}{} {what}", seen.server.ip());
        }
        last = Some(seen);
    }
    if out.is_empty() { "no query".to_owned() } else { out }
}

/// The end in a few words.
pub fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Addresses(addresses) => addresses.join(" "),
        Outcome::Error { code, text, errno } => {
            format!("{code} {text:?}{}", errno.map(|n| format!(" errno {n}")).unwrap_or_default())
        }
    }
}

/// The table of a folder of recordings, as Markdown.
pub fn index(all: &[(&Case, &str, &Recording)]) -> String {
    let mut out = String::from(
        "# What the originals did\n\n\
         One file per case and runtime: the case (files, environment, server scripts) and every query with its time.\n\
         `A+AAAA` were sent together (every answer takes 50 ms at least, 15 ms more\n\
         for each further server and 6 ms more for AAAA); a wait of 100 ms or more stands before its query.\n\n",
    );
    let mut last = "";
    for (case, personality, recording) in all {
        if last != case.name {
            let family = case.family.map(|f| format!(" -{f}")).unwrap_or_default();
            let _written = write!(out, "\n## {}\n`{}`{family}\n", case.name, case.query);
            last = &case.name;
        }
        let _written = writeln!(
            out,
            "- **{personality}** {} ms: {}; {}",
            recording.elapsed.as_millis(),
            outcome(&recording.result),
            queries(recording)
        );
    }
    out
}
