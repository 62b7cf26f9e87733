//! Everything that is shown: pure functions from messages to text, and the only place that writes to stdout or stderr.

pub(crate) mod call;
pub(crate) mod catalogue;
pub(crate) mod census;
pub(crate) mod counters;
pub(crate) mod diagnosis;
pub(crate) mod dial;
pub(crate) mod dns;
pub(crate) mod heatmap;
pub(crate) mod layer;
pub(crate) mod listeners;
pub(crate) mod out;
pub(crate) mod page;
pub(crate) mod path;
pub(crate) mod progress;
pub(crate) mod sockets;
pub(crate) mod style;
pub(crate) mod text;
pub(crate) mod timeline;
pub(crate) mod verdict;
pub(crate) mod watched;
