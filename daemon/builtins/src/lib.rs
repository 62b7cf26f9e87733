//! The built-in checks, compiled to machine code at build time.
