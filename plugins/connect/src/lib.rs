//! The built-in check `connect`.
