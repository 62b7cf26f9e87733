//! The client against a daemon made for the test: which daemon it takes, what it sends, and how a run ends early.

mod daemon;
mod runs;
mod selection;
