//! The built-in check `listener`.
