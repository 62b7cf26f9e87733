//! The interface `log`.

use crate::bindings::sonde::check::log as wit;
use crate::run::{HostEvent, LogLevel};
use crate::session::Session;
use crate::text::tidy;

/// How many lines a guest has left, and how many it lost.
#[derive(Debug)]
pub(crate) struct LogBudget {
    left: u32,
    dropped: u64,
}

impl LogBudget {
    pub(crate) fn new(lines: u32) -> Self {
        Self { left: lines, dropped: 0 }
    }

    /// Whether one more line may be written; counts it either way.
    fn take(&mut self) -> bool {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return true;
        }
        self.dropped += 1;
        false
    }

    /// Lines that were lost.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl wit::Host for Session {
    fn write(&mut self, level: wit::Level, message: String) {
        if matches!(level, wit::Level::Error) && message.starts_with(PANIC) {
            // The SDK's panic hook writes here; the trap that follows says only `unreachable`.
            self.stderr.keep(message.as_bytes());
        }
        let Some(run) = self.caller.run() else { return };
        if self.log.take() {
            run.emit(HostEvent::Log {
                check: self.caller.check().to_owned(),
                level: level.into(),
                message: tidy(&message, self.limits.log_text_bytes),
                at: run.clock.now(),
            });
        }
    }
}

impl From<wit::Level> for LogLevel {
    fn from(level: wit::Level) -> Self {
        match level {
            wit::Level::Debug => Self::Debug,
            wit::Level::Info => Self::Info,
            wit::Level::Warn => Self::Warn,
            wit::Level::Error => Self::Error,
        }
    }
}

/// How the SDK's panic hook begins its line.
const PANIC: &str = "panic: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_budget_are_counted() {
        let mut budget = LogBudget::new(1);
        assert!(budget.take());
        assert!(!budget.take());
        assert!(!budget.take());
        assert_eq!(budget.dropped(), 2);
    }
}
