//! What the DNS commands show.

pub(crate) mod codes;
pub(crate) mod config;
pub(crate) mod query;
pub(crate) mod resolution;
pub(crate) mod walk;
