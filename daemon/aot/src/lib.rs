//! The one configuration of the wasm engine, and ahead-of-time compilation with it.
