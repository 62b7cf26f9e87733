//! The one place where the guest contract becomes Rust: `wit/`, world `guest`.
//!
//! Everything here is generated. The modules of this crate re-export it under the names of the interfaces, so that a check
//! never spells these paths. On other targets than wasm32 the types work and the imported functions panic when called.
#![allow(missing_docs, reason = "generated; the WIT documents it")]
#![allow(clippy::pedantic, clippy::undocumented_unsafe_blocks, clippy::mem_forget, reason = "generated")]
#![allow(unsafe_code, reason = "generated: the canonical ABI")]

wit_bindgen::generate!({
    path: "wit",
    world: "guest",
    pub_export_macro: true,
    export_macro_name: "export_guest",
    default_bindings_module: "sonde_sdk::bindings",
    additional_derives: [PartialEq],
});
