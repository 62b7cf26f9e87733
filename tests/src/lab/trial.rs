//! One scenario, run once: build, break, diagnose, judge.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::scenario::Scenario;
use super::topology::Topology;
use crate::binaries::binary;
use crate::process::run;

/// What `sonde diagnose -o json` answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// `VERDICT_STATE_FAULT`.
    pub state: String,
    /// The proven causes, first first.
    pub named: Vec<String>,
    /// Every cause listed, with its confidence.
    pub listed: Vec<(String, f64)>,
    /// Exit code.
    pub exit: Option<i32>,
    /// Everything it printed, for the failure message.
    pub output: String,
}

/// Runs one scenario; `inject` false is the mutation mode, in which the fault is left out.
pub fn diagnose(scenario: &Scenario, seed: u64, inject: bool) -> Result<Answer> {
    let mut topology = Topology::new(seed)?;
    let fill = |t: &Topology, text: &str| t.names.fill(text);
    if let Some(resolv) = &scenario.resolv {
        let text = fill(&topology, resolv)?;
        topology.file("resolv.conf", &text)?;
    }
    for service in &scenario.service {
        let line = if inject { service.fault.as_ref().unwrap_or(&service.run) } else { &service.run };
        if line.is_empty() {
            continue;
        }
        let line = fill(&topology, line)?;
        let pid = topology.start(&service.on, &line)?;
        topology.names.set("pid", pid.to_string());
        if let Some(port) = &service.port {
            let port = fill(&topology, port)?;
            topology.wait_for_port(&service.on, &port)?;
        }
    }
    for injection in scenario.inject.iter().filter(|_| inject) {
        if let Some(nft) = &injection.nft {
            topology.nft(&injection.on, &fill(&topology, nft)?)?;
        }
        if let Some(sh) = &injection.sh {
            topology.shell(&injection.on, &fill(&topology, sh)?)?;
        }
    }
    let target = fill(&topology, &scenario.target)?;
    let check = scenario.check.iter().flat_map(|check| ["--check", check]);
    let arguments: Vec<&str> = check.chain(scenario.param.iter().flat_map(|param| ["--param", param])).collect();
    let set = |text: &String| {
        let text = fill(&topology, text)?;
        text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).context("it has no =")
    };
    let environment = scenario.environment.iter().map(set).collect::<Result<Vec<_>>>()?;
    ask_with(&topology, &scenario.from, &target, &arguments, &environment)
}

/// Runs `sonde diagnose TARGET -o json` in a namespace of a topology, with an empty home.
pub fn ask(topology: &Topology, side: &str, target: &str) -> Result<Answer> {
    ask_with(topology, side, target, &[], &[])
}

fn ask_with(
    topology: &Topology,
    side: &str,
    target: &str,
    arguments: &[&str],
    environment: &[(String, String)],
) -> Result<Answer> {
    let mut command = topology.command(side);
    command.arg(binary("sonde")).args(["diagnose", target, "--output", "json"]);
    command.args(arguments);
    for proxy in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(proxy).env_remove(proxy.to_ascii_uppercase());
    }
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command.env("HOME", topology.dir().join("home")).env_remove("XDG_RUNTIME_DIR").env_remove("XDG_CONFIG_HOME");
    let output = run(&mut command, Duration::from_secs(40))?;
    let text = format!(
        "{target}\nexit {:?}\nstdout: {}\nstderr: {}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let json: Value = serde_json::from_slice(&output.stdout).with_context(|| text.clone())?;
    let causes = json["verdict"]["causes"].as_array().cloned().unwrap_or_default();
    let id = |c: &Value| c["cause"].as_str().unwrap_or_default().to_owned();
    Ok(Answer {
        state: json["verdict"]["state"].as_str().unwrap_or_default().to_owned(),
        named: causes.iter().filter(|c| c["proven"] == true).map(id).collect(),
        listed: causes.iter().map(|c| (id(c), c["confidence"].as_f64().unwrap_or(0.0))).collect(),
        exit: output.status.code(),
        output: text,
    })
}

/// What is wrong with an answer to a scenario; `None` when it is right.
pub fn complaint(scenario: &Scenario, answer: &Answer) -> Option<String> {
    if let Some(id) = scenario.never.iter().find(|id| answer.named.contains(id)) {
        return Some(format!("named {id}, which this only looks like"));
    }
    let first = answer.named.first();
    if scenario.healthy {
        return (answer.state != "VERDICT_STATE_HEALTHY" || answer.exit != Some(0))
            .then(|| format!("healthy, but the verdict is {} {:?}", answer.state, answer.named));
    }
    if scenario.undecided {
        return (answer.state != "VERDICT_STATE_UNDECIDED" || answer.exit != Some(1))
            .then(|| format!("undecided, but the verdict is {} {:?}", answer.state, answer.named));
    }
    let cause = scenario.cause.as_ref()?;
    let right = first.is_some_and(|id| id == cause || scenario.or.contains(id));
    if right && answer.state == "VERDICT_STATE_FAULT" && answer.exit == Some(1) {
        return None;
    }
    Some(format!("expected {cause}, but the verdict is {} {:?}", answer.state, answer.listed))
}
