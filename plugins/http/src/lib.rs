//! The built-in check `http`.
