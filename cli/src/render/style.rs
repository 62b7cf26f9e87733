//! The few colours and signs there are. Every sign differs in shape too, so that nothing hangs on colour.

use anstyle::{AnsiColor, Style};

/// It works.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// It is broken.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// It could not be told.
pub(crate) const UNSURE: Style = AnsiColor::Yellow.on_default().bold();
/// Beside the point.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// To the point.
pub(crate) const STRONG: Style = Style::new().bold();
/// The name of a field.
pub(crate) const LABEL: Style = AnsiColor::Cyan.on_default();

/// The text in a style.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It works.
    Works,
    /// It does not.
    Broken,
    /// It could not be told.
    Unclear,
    /// There was nothing to test.
    Skipped,
    /// It was stopped.
    Stopped,
    /// It has not ended.
    Open,
}

impl Mark {
    /// One column wide.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Works => "✔",
            Self::Broken => "✘",
            Self::Unclear => "?",
            Self::Skipped => "–",
            Self::Stopped => "■",
            Self::Open => "…",
        }
    }

    /// Its colour.
    pub(crate) fn style(self) -> Style {
        match self {
            Self::Works => GOOD,
            Self::Broken => BAD,
            Self::Unclear | Self::Stopped => UNSURE,
            Self::Skipped | Self::Open => FAINT,
        }
    }
}
