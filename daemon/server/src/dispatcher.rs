//! todo
pub(crate) mod fold;
pub(crate) mod journal;
pub(crate) mod shelf;
