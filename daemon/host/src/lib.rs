//! The wasm host: guests, their limits, their imports and the evidence ledger.
