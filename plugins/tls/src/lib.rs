//! The built-in check `tls`.
