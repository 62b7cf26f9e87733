//! Guest components of `tests/guests`, built once for each test process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::binaries::profile_dir;
use crate::process::run;

static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());

/// The component of `tests/guests/NAME`.
pub fn component(name: &str) -> Result<PathBuf> {
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = built.get(name) {
        return Ok(path.clone());
    }
    let target = profile_dir().parent().context("a profile's folder has a parent")?.join("guests");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What is set for native code must not reach a guest.
    for key in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"] {
        cargo.env_remove(key);
    }
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    cargo.args(["build", "--quiet", "--locked", "--profile", "guest", "--target", "wasm32-wasip2"]);
    cargo.args(["-p", &format!("sonde-guest-{name}"), "--target-dir"]).arg(&target);
    let output = run(&mut cargo, Duration::from_mins(5))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let path = target.join(format!("wasm32-wasip2/guest/sonde_guest_{name}.wasm"));
    built.insert(name.to_owned(), path.clone());
    Ok(path)
}
