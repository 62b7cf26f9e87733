//! The host's side of the guest contract, generated from `sdk/wit`. The only place that does so.
//!
//! No import is `trappable`: a host function cannot return an error that would end its guest, so "a network failure is data"
//! is a matter of types.

#![allow(missing_docs, unreachable_pub, reason = "generated; sdk/wit documents it")]
#![allow(clippy::pedantic, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../../sdk/wit",
    world: "guest",
    exports: { default: async },
});

/// Ties the generated traits to [`crate::session::Session`].
pub struct Imports;

impl wasmtime::component::HasData for Imports {
    type Data<'a> = &'a mut crate::session::Session;
}
