//! Where the binaries under test are, and the tools that `tests/run` has built.

use std::path::{Path, PathBuf};

/// The folder of the profile that this test was built in, `target/debug`.
///
/// # Panics
/// When the test runs from outside a target folder.
pub fn profile_dir() -> PathBuf {
    let exe = std::env::current_exe().expect("a running test has a path");
    let deps = exe.parent().expect("invariant: a file has a parent");
    if deps.ends_with("deps") {
        deps.parent().expect("invariant: deps has a parent").to_owned()
    } else {
        deps.to_owned()
    }
}

/// A binary of the workspace, `sonde` or `sonded`.
///
/// # Panics
/// When it has not been built; the message says how.
pub fn binary(name: &str) -> PathBuf {
    let path = profile_dir().join(name);
    assert!(path.exists(), "{} is not built: run `cargo build --workspace` first", path.display());
    path
}

/// A tool that `tests/run` builds into `target/tools`, `jaeger` or `grpcurl`; `None`, with a word on stderr, where it was not
/// built, and a failure where `SONDE_LAB=1` forbids skipping.
///
/// # Panics
/// Where `SONDE_LAB=1` and the tool is missing.
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools").join(name);
    if path.exists() {
        return Some(path);
    }
    skip(&format!("target/tools/{name} is not built; `tests/run` builds it"));
    None
}

/// Says that a test is skipped, and why; with `SONDE_LAB=1` it fails instead.
///
/// # Panics
/// Where `SONDE_LAB=1`.
#[expect(clippy::print_stderr, reason = "a skip must be visible")]
pub fn skip(why: &str) {
    assert!(std::env::var_os("SONDE_LAB").is_none_or(|v| v != "1"), "SONDE_LAB=1 forbids skipping: {why}");
    eprintln!("SKIPPED: {why}");
}

/// Whether namespaces can be made here; says so where not.
pub fn can_make_namespaces() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skip("network namespaces need root");
    }
    root
}
