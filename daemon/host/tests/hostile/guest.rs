//! Builds a guest package of `tests/guests` for wasm32-wasip2, and gives its component.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The hostile check; built once for all tests of this program.
pub(crate) fn hostile() -> Vec<u8> {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    BUILT.get_or_init(|| build("hostile")).clone()
}

fn build(name: &str) -> Vec<u8> {
    let guests = guests();
    let mut cargo = Command::new(env!("CARGO"));
    for (key, _) in std::env::vars_os() {
        let foreign = |key: &str| {
            (key.starts_with("CARGO") && key != "CARGO_HOME" && !key.starts_with("CARGO_NET"))
                || key.starts_with("RUSTC")
                || key == "RUSTFLAGS"
                || key == "LLVM_PROFILE_FILE"
        };
        if key.to_str().is_some_and(foreign) {
            cargo.env_remove(key);
        }
    }
    let output = cargo
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .args(["build", "--quiet", "--locked", "--profile", "guest", "--target", "wasm32-wasip2"])
        .args(["-p", &format!("sonde-guest-{name}"), "--target-dir"])
        .arg(&guests)
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let component = guests.join(format!("wasm32-wasip2/guest/sonde_guest_{name}.wasm"));
    std::fs::read(&component).unwrap_or_else(|error| panic!("{}: {error}", component.display()))
}

/// `<target>/guests`, found from this program, `<target>/<profile>/deps/hostile-<hash>`.
fn guests() -> PathBuf {
    let program = std::env::current_exe().expect("has a path");
    program.ancestors().nth(3).map(Path::to_owned).expect("lies in a target directory").join("guests")
}
