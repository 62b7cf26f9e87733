//! The built-in checks, compiled to machine code at build time.
//!
//! `build.rs` builds every package of `plugins/` for `wasm32-wasip2`, compiles it ahead of time with the engine of
//! [`sonde-aot`](../sonde_aot/index.html), and embeds both forms: machine code, so that a first run does not pay a compiler, and
//! wasm, so that a machine whose engine refuses the artefact can still compile it.

/// A built-in check.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// The folder of its package under `plugins/`.
    pub name: &'static str,
    /// The component.
    pub wasm: &'static [u8],
    /// SHA-256 of the component, in lower-case hex.
    pub wasm_sha256: &'static str,
    /// Machine code for [`TARGET`], made by the engine configuration of `sonde-aot`.
    pub cwasm: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/builtins.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plugin_folder_is_a_builtin_with_machine_code() {
        let folders =
            std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins")).expect("plugins/ is there");
        let mut names: Vec<String> = folders
            .map(|entry| entry.expect("readable").path())
            .filter(|path| path.join("Cargo.toml").is_file())
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
        names.sort();
        assert_eq!(BUILTINS.iter().map(|b| b.name).collect::<Vec<_>>(), names);
        for builtin in BUILTINS {
            assert!(builtin.cwasm.starts_with(b"\x7fELF"), "{} is not machine code", builtin.name);
            assert_eq!(builtin.wasm_sha256.len(), 64);
        }
    }
}
