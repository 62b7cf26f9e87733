//! The built-in check `resolve`.
