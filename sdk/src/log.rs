//! Lines for the run's log; dropped by the host beyond a rate, with a count.

pub use crate::bindings::sonde::check::log::{Level, write};

/// A line of level debug.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// A line of level info.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// A line of level warn.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// A line of level error.
pub fn error(message: &str) {
    write(Level::Error, message);
}
