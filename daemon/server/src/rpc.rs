//! todo
pub(crate) mod deadline;
pub(crate) mod page;
pub(crate) mod refusal;
