//! The originals: which program stands for a personality, and what it said and did.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::recorder::Seen;
use super::sandbox::observe;
use crate::binaries::tool;

/// A look-up: what it sent and how it ended.
#[derive(Clone, Debug, Serialize)]
pub struct Recording {
    /// `glibc 2.36`, `musl 1.2.5`, `go1.26.8`, `sonde`.
    pub runtime: String,
    /// What the servers saw, in the order of arrival.
    pub queries: Vec<Seen>,
    /// What the caller got.
    pub result: Outcome,
    /// When it began, `CLOCK_MONOTONIC`.
    #[serde(skip)]
    pub begin_ns: u64,
    /// The whole look-up.
    #[serde(serialize_with = "seconds")]
    pub elapsed: Duration,
}

/// What a caller got.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// In the order of the runtime.
    Addresses(Vec<String>),
    /// No address.
    Error {
        /// `EAI_NONAME`; for Go `NotFound`, `Timeout`, `Temporary` or `Other`.
        code: String,
        /// As the runtime prints it; a client's own port is written `PORT`.
        text: String,
        /// After `EAI_SYSTEM`.
        #[serde(skip_serializing_if = "Option::is_none")]
        errno: Option<i32>,
    },
}

/// The program of a personality, which may carry a version (`musl-1.2.3`); `None`, with a word on stderr, where it was not
/// built.
pub fn program(personality: &str) -> Option<PathBuf> {
    tool(&format!("personality-{personality}"))
}

/// Looks a case's name up with a personality's original.
pub fn record(case: &Case, personality: &str) -> Result<Recording> {
    let program = program(personality).context("the original is built")?;
    let mut arguments = vec![case.query.clone()];
    arguments.extend(case.family.map(|family| family.to_string()));
    let seen = observe(case, personality, &program, &arguments, PATIENCE)?;
    let text = String::from_utf8_lossy(&seen.stdout);
    let said: Said = serde_json::from_str(&text)
        .with_context(|| format!("{personality} printed {text:?}, {:?}, exit {:?}", seen.stderr, seen.exit))?;
    let result = match (said.addresses, said.error) {
        (Some(addresses), None) => Outcome::Addresses(addresses),
        (_, Some(error)) => Outcome::Error {
            errno: error.errno.filter(|_| error.code == "EAI_SYSTEM"),
            code: error.code,
            text: without_port(&error.text),
        },
        (None, None) => bail!("{personality} printed neither addresses nor an error: {text:?}"),
    };
    let runtime = match said.runtime.as_str() {
        "musl" => format!("musl {}", musl(personality)),
        _ => said.runtime,
    };
    let elapsed = Duration::from_nanos(said.elapsed_ns);
    Ok(Recording { runtime, queries: seen.log.since(said.begin_ns), result, begin_ns: said.begin_ns, elapsed })
}

/// A Go error names the client's own port, which the kernel draws: `10.0.0.1:40000->10.0.0.2:53`.
pub fn without_port(text: &str) -> String {
    let Some(arrow) = text.find("->") else { return text.to_owned() };
    let (before, after) = text.split_at(arrow);
    let stem = before.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() == before.len() || !stem.ends_with(':') {
        return text.to_owned();
    }
    format!("{stem}PORT{after}")
}

/// The longest look-up of all: three silent servers, glibc's most attempts and seconds, would take longer.
pub const PATIENCE: Duration = Duration::from_secs(100);

/// The version of musl: that of Rust's target, or Debian 12's, which knows neither TCP nor `EAI_NODATA`.
pub fn musl(personality: &str) -> &'static str {
    if personality == "musl-1.2.3" { "1.2.3" } else { "1.2.5" }
}

/// Protobuf's JSON form of a duration.
fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{:.6}s", duration.as_secs_f64()))
}

#[derive(Deserialize)]
struct Said {
    runtime: String,
    begin_ns: u64,
    elapsed_ns: u64,
    addresses: Option<Vec<String>>,
    error: Option<SaidError>,
}

#[derive(Deserialize)]
struct SaidError {
    code: String,
    text: String,
    errno: Option<i32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_port_is_hidden() {
        let text = "lookup a on 10.0.0.2:53: read udp 10.0.0.1:40000->10.0.0.2:53: i/o timeout";
        let hidden = "lookup a on 10.0.0.2:53: read udp 10.0.0.1:PORT->10.0.0.2:53: i/o timeout";
        assert_eq!(without_port(text), hidden);
        assert_eq!(without_port("lookup a on 10.0.0.2:53: no such host"), "lookup a on 10.0.0.2:53: no such host");
    }
}
