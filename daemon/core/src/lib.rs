//! The meaning of a diagnosis: targets, observations, findings, causes, grants, plan and engine.
//!
//! Pure: no async, no clock, no IO. Everything here is a value or a function of values.

pub mod catalogue;
pub mod engine;
pub mod finding;
pub mod grant;
pub mod manifest;
pub mod nearest;
pub mod observation;
pub mod plan;
pub mod run;
pub mod target;
pub mod verdict;
