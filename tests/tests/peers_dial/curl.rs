//! `curl -w`: a request by its arguments, and what it measured as facts.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::facts::Facts;
use super::world::World;

/// What curl says of a request.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) facts: Facts,
    /// The header fields of the last answer, names in lower case, in order.
    pub(crate) headers: Vec<(String, String)>,
    /// Bytes of its status line.
    pub(crate) status_line: usize,
    /// What came.
    pub(crate) body: String,
    json: Value,
}

impl Told {
    /// Between two of its times since the begin.
    pub(crate) fn between(&self, from: &str, to: &str) -> Result<Duration> {
        let at = |name: &str| self.json[name].as_f64().with_context(|| format!("no {name}"));
        Ok(Duration::from_secs_f64((at(to)? - at(from)?).max(0.0)))
    }

    /// A figure of its own.
    pub(crate) fn number(&self, name: &str) -> Result<u64> {
        self.json[name].as_u64().with_context(|| format!("no {name}"))
    }
}

/// Asks for `url`. `more`: further arguments.
pub(crate) fn told(world: &World, url: &str, more: &[&str]) -> Result<Told> {
    let (ca, body, headers) = (world.path("ca.pem"), world.path("body"), world.path("headers"));
    let agent = format!("sonde/{}", env!("CARGO_PKG_VERSION"));
    let mut arguments =
        vec!["-q", "--silent", "--cacert", &ca, "-A", &agent, "-o", &body, "-D", &headers, "-w", "%{json}"];
    arguments.extend(more);
    arguments.push(url);
    let output = world.run("curl", &arguments)?;
    let json: Value = serde_json::from_str(&output).with_context(|| output.clone())?;
    let mut facts = Facts::new();
    for field in ["http_code", "http_version", "num_headers", "size_download", "num_redirects", "url_effective"] {
        facts.insert(field.to_owned(), text(&json[field]));
    }
    for field in ["remote_ip", "remote_port", "local_ip", "content_type", "ssl_verify_result"] {
        facts.insert(field.to_owned(), text(&json[field]));
    }
    if json["redirect_url"].is_string() {
        facts.insert("redirect_url".to_owned(), text(&json["redirect_url"]));
    }
    let dump = String::from_utf8_lossy(&std::fs::read(&headers).unwrap_or_default()).into_owned();
    let last = dump.trim_end().rsplit("\r\n\r\n").next().unwrap_or_default().to_owned();
    let mut lines = last.lines();
    let status_line = lines.next().map_or(0, |line| line.trim_end_matches('\r').len());
    let headers = lines
        .filter_map(|line| line.trim_end().split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let body = String::from_utf8_lossy(&std::fs::read(&body).unwrap_or_default()).into_owned();
    Ok(Told { facts, headers, status_line, body, json })
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
