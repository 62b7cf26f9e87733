//! What happens meanwhile, on stderr: a spinner where somebody looks, lines with `--verbose`, else nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use sonde_proto::v1::diagnosis_event::Event;
use sonde_proto::v1::{DiagnosisEvent, LogLevel};

use crate::connection::Origin;
use crate::render::call::{answer, question};
use crate::render::text::{clean, count, cut, elapsed, micros};
use crate::render::{out, verdict};

/// The state of what is shown.
pub(crate) struct Progress {
    verbose: bool,
    spinner: Option<ProgressBar>,
    running: BTreeSet<String>,
    calls: usize,
    leading: String,
}

impl Progress {
    /// Begins to show it.
    pub(crate) fn begin(verbose: bool, origin: &Origin) -> Self {
        if verbose {
            out::note(clean(&format!("runs {origin}")));
        }
        let spinner = (!verbose && out::is_watched()).then(|| {
            let spinner = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:.dim} {wide_msg}") {
                spinner.set_style(style);
            }
            spinner.set_message(clean(&format!("runs {origin}")));
            spinner.enable_steady_tick(Duration::from_millis(120));
            spinner
        });
        Self { verbose, spinner, running: BTreeSet::new(), calls: 0, leading: String::new() }
    }

    /// Shows an event.
    pub(crate) fn event(&mut self, event: &DiagnosisEvent) {
        if self.verbose
            && let Some(line) = line(event)
        {
            out::note(line);
        }
        match &event.event {
            Some(Event::CheckStarted(started)) => drop(self.running.insert(clean(&started.check))),
            Some(Event::CheckEnded(ended)) => drop(self.running.remove(&clean(&ended.check))),
            Some(Event::Evidence(_)) => self.calls += 1,
            Some(Event::PartialVerdict(so_far)) => self.leading = format!("; {} so far", clean(&verdict::line(so_far))),
            _ => return,
        }
        if let Some(spinner) = &self.spinner {
            let running = self.running.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            spinner.set_message(format!("{running}  {}{}", count(self.calls, "host call", "host calls"), self.leading));
        }
    }

    /// Leaves nothing behind on the terminal.
    pub(crate) fn end(self) {
        if let Some(spinner) = self.spinner {
            spinner.finish_and_clear();
        }
    }
}

/// An event in one line.
fn line(event: &DiagnosisEvent) -> Option<String> {
    let text = match event.event.as_ref()? {
        Event::Started(started) => {
            format!(
                "run {} of {}, trace {}: {}",
                started.run_id,
                started.target,
                started.trace_id,
                started.checks.join(", ")
            )
        }
        Event::CheckStarted(started) => format!("{} begins", started.check),
        Event::Evidence(call) => {
            let time = elapsed(micros(call.elapsed.as_ref()));
            format!("{}: {}  {}  {time}", call.check, question(call), answer(call))
        }
        Event::Finding(finding) => format!("{}: finds {}: {}", finding.check, finding.cause, finding.summary),
        Event::PartialVerdict(so_far) => format!("so far {}", verdict::line(so_far)),
        Event::Log(log) => {
            let level = match log.level() {
                LogLevel::Unspecified | LogLevel::Debug => "debug",
                LogLevel::Info => "info",
                LogLevel::Warn => "warn",
                LogLevel::Error => "error",
            };
            format!("{}: {level}: {}", log.check, log.message)
        }
        Event::CheckEnded(ended) => format!("{} ends: {}", ended.check, ended.summary),
        Event::Finished(_) => return None,
    };
    let at = elapsed(micros(event.at.as_ref()));
    Some(format!("{at:>9}  {}", cut(&clean(&text), LONGEST_LINE)))
}

/// A guest may write long lines.
const LONGEST_LINE: usize = 400;

#[cfg(test)]
mod tests {
    use sonde_proto::v1::LogLine;

    use super::*;

    #[test]
    fn a_log_line_of_a_check_is_made_harmless_and_short() {
        let log = LogLine { check: "mine".into(), level: LogLevel::Warn.into(), message: "\u{1b}[2J".repeat(1_000) };
        let event = DiagnosisEvent { at: None, event: Some(Event::Log(log)) };

        let line = line(&event).expect("it is shown");

        assert!(line.starts_with("     0 µs  mine: warn: \\u{1b}[2J"), "{line}");
        assert!(line.chars().count() < 420, "{line}");
    }
}
