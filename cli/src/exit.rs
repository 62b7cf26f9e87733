//! The exit codes: a promise to scripts. `sonde --help` prints the same list.

/// Diagnosed and healthy; of the other commands: done.
pub(crate) const HEALTHY: u8 = 0;

/// Diagnosed: a fault, or undecided.
pub(crate) const FAULT: u8 = 1;

/// The tool itself could not do what was asked: bad usage, bad configuration, no daemon, a target that no check serves.
pub(crate) const TOOL_ERROR: u8 = 2;

/// Interrupted by Ctrl-C, as a shell reports it (128 + SIGINT).
pub(crate) const INTERRUPTED: u8 = 130;

/// Whoever read stdout went away, as a shell reports it (128 + SIGPIPE).
pub(crate) const PIPE_CLOSED: u8 = 141;
