//! The one place where the guest contract becomes Rust.
#![allow(missing_docs, reason = "generated from the WIT")]

wit_bindgen::generate!({
    path: "wit",
    world: "guest",
    pub_export_macro: true,
    export_macro_name: "export_guest",
    default_bindings_module: "sonde_sdk::bindings",
    additional_derives: [PartialEq],
});
