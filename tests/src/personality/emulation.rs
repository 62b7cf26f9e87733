//! sonde's side: `sonde dns resolve NAME --as PERSONALITY -o json`, its steps and what the servers saw of it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::case::Case;
use super::original::{Outcome, PATIENCE, Recording, without_port};
use super::sandbox::observe;
use crate::binaries::binary;

/// What sonde did and what it says it did.
#[derive(Clone, Debug)]
pub struct Emulation {
    /// As the servers and the caller saw it.
    pub recording: Recording,
    /// As it reports it.
    pub steps: Vec<Step>,
    /// The whole document.
    pub document: Value,
}

/// One reported exchange.
#[derive(Clone, Debug)]
pub struct Step {
    /// Since the look-up began.
    pub at: Duration,
    /// `10.0.0.1:53`.
    pub server: String,
    /// `udp` or `tcp`.
    pub transport: String,
    /// With its final dot.
    pub name: String,
    /// `AAAA`.
    pub kind: String,
    /// `NXDOMAIN`, `timeout`, `refused`.
    pub outcome: String,
    /// Until that outcome.
    pub elapsed: Duration,
}

/// Looks a case's name up with sonde as a personality.
pub fn resolve(case: &Case, personality: &str) -> Result<Emulation> {
    let mut arguments: Vec<String> =
        ["dns", "resolve", "--as", family_of(personality), "-o", "json"].map(str::to_owned).to_vec();
    arguments.extend(case.family.map(|family| format!("-{family}")));
    arguments.extend(["--".to_owned(), case.query.clone()]);
    let seen = observe(case, personality, &binary("sonde"), &arguments, PATIENCE)?;
    let text = String::from_utf8_lossy(&seen.stdout).into_owned();
    let document: Value = serde_json::from_str(&text)
        .with_context(|| format!("sonde printed {text:?}, {:?}, exit {:?}", seen.stderr, seen.exit))?;
    let one = &document[0];
    if one["personality"] != family_of(personality) {
        bail!("the first object of sonde's array is no {personality}: {text}, {:?}, exit {:?}", seen.stderr, seen.exit);
    }
    let steps = one["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let steps = steps.iter().map(step).collect::<Result<Vec<_>>>().with_context(|| text.clone())?;
    let result = outcome(&one["result"]).with_context(|| text.clone())?;
    let elapsed = duration(&one["elapsed"]).with_context(|| text.clone())?;
    let queries = seen.log.since(0);
    // Its clock began before the first step by the time that it reports for it.
    let before = steps.first().map_or(Duration::ZERO, |step: &Step| step.at);
    let begin_ns = queries.first().map_or(0, |first| first.at_ns.saturating_sub(nanoseconds(before)));
    let recording =
        Recording { runtime: "sonde".to_owned(), queries: seen.log.since(begin_ns), result, begin_ns, elapsed };
    Ok(Emulation { recording, steps, document })
}

/// `musl` of `musl-1.2.3`: sonde finds the version by itself.
fn family_of(personality: &str) -> &str {
    personality.split_once('-').map_or(personality, |(family, _)| family)
}

fn outcome(result: &Value) -> Result<Outcome> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let error = &result["error"];
    if error.is_object() {
        // errno is no part of the contract.
        return Ok(Outcome::Error {
            code: word(&error["code"]),
            text: without_port(&word(&error["text"])),
            errno: None,
        });
    }
    let addresses = result["addresses"].as_array().context("the result has neither addresses nor an error")?;
    Ok(Outcome::Addresses(addresses.iter().map(word).collect()))
}

fn step(value: &Value) -> Result<Step> {
    let word = |key: &str| value[key].as_str().map(str::to_owned).with_context(|| format!("a step has no {key}"));
    Ok(Step {
        at: duration(&value["at"])?,
        server: word("server")?,
        transport: word("transport")?.to_lowercase(),
        name: word("name")?,
        kind: word("type")?,
        outcome: word("outcome")?,
        elapsed: duration(&value["elapsed"])?,
    })
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Protobuf's JSON form, `0.0012s`; absent is zero, as protobuf leaves zero out.
fn duration(value: &Value) -> Result<Duration> {
    if value.is_null() {
        return Ok(Duration::ZERO);
    }
    let text = value.as_str().context("a duration is no string")?;
    let seconds: f64 = text.strip_suffix('s').and_then(|n| n.parse().ok()).with_context(|| format!("{text:?}"))?;
    Duration::try_from_secs_f64(seconds).with_context(|| format!("{text:?}"))
}
