//! Tables, settings, processes and the machine as spans.

use std::borrow::Cow;

use opentelemetry::KeyValue;
use sonde_core::observation::Call;

use super::count;

/// The name of the span, and what is told of it beside that.
pub(super) fn name(attributes: &mut Vec<KeyValue>, call: &Call) -> Cow<'static, str> {
    match call {
        Call::Rules { answer } => {
            attributes.extend(answer.as_ref().ok().map(|rules| count(rules.len())));
            "list policy rules".into()
        }
        Call::Routes { answer } => {
            attributes.extend(answer.as_ref().ok().map(|table| count(table.rows.len())));
            "list routes".into()
        }
        Call::Neighbours { answer } => {
            attributes.extend(answer.as_ref().ok().map(|table| count(table.rows.len())));
            "list neighbours".into()
        }
        Call::Sysctls { names, .. } => {
            attributes.push(count(names.len()));
            "read kernel settings".into()
        }
        Call::Process { pid, answer } => {
            attributes.push(KeyValue::new("process.pid", i64::from(*pid)));
            if let Ok(facts) = answer {
                attributes.push(KeyValue::new("process.executable.name", facts.command.clone()));
                attributes.push(KeyValue::new("sonde.process.state", facts.state.clone()));
            }
            "read process".into()
        }
        Call::Environment { pid, answer, .. } => {
            attributes.extend(pid.map(|pid| KeyValue::new("process.pid", i64::from(pid))));
            attributes.extend(answer.as_ref().ok().map(|variables| count(variables.len())));
            "read environment".into()
        }
        Call::Cgroup { pid, answer } => {
            attributes.push(KeyValue::new("process.pid", i64::from(*pid)));
            attributes.extend(answer.as_ref().ok().map(|facts| KeyValue::new("sonde.cgroup", facts.path.clone())));
            "read cgroup".into()
        }
        Call::Host { .. } => "read machine facts".into(),
        _ => "host call".into(),
    }
}
