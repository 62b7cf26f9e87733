//! Builds the guest packages of `plugins/` and compiles them to machine code.
//!
//! The inner cargo has a target directory of its own (two cargos in one would wait for each other's lock for ever) and a
//! cleaned environment: what the outer cargo sets for this script, and what a user sets for native code, must not reach
//! the guests.

use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const GUEST_TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "guest";

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // `cargo::error` is shown whole, where the script's output is cut.
            for line in error.to_string().lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    let manifest = PathBuf::from(required("CARGO_MANIFEST_DIR")?);
    let root = manifest.ancestors().nth(2).ok_or("the package is not two folders below the workspace")?.to_owned();
    let out = PathBuf::from(required("OUT_DIR")?);
    let target = required("TARGET")?;
    for watched in ["plugins", "sdk", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }

    let names = plugins(&root.join("plugins"))?;
    let guests = guest_directory(&out)?;
    compile_guests(&root, &guests, &names)?;

    let mut table = String::new();
    for name in &names {
        let built =
            guests.join(GUEST_TARGET).join(PROFILE).join(format!("sonde_check_{}.wasm", name.replace('-', "_")));
        let wasm =
            fs::read(&built).map_err(|error| format!("read the built component {}: {error}", built.display()))?;
        let cwasm = sonde_aot::precompile(Some(&target), &wasm)
            .map_err(|error| format!("compile the check {name}: {error:#}"))?;
        fs::write(out.join(format!("{name}.wasm")), &wasm)?;
        fs::write(out.join(format!("{name}.cwasm")), cwasm)?;
        writeln!(
            table,
            "    Builtin {{ name: {name:?}, wasm: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.wasm\")), \
             wasm_sha256: {:?}, cwasm: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.cwasm\")) }},",
            sonde_aot::digest(&wasm)
        )?;
    }
    fs::write(
        out.join("builtins.rs"),
        format!(
            "/// The target that the machine code is for; an engine loads it only when it is configured for the same.\n\
             pub const TARGET: &str = {target:?};\n\n\
             /// All of them, by name.\n\
             pub const BUILTINS: &[Builtin] = &[\n{table}];\n"
        ),
    )?;
    Ok(())
}

/// The names of the packages in `plugins/`, sorted.
fn plugins(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| format!("read {}: {error}", folder.display()))? {
        let path = entry?.path();
        if path.join("Cargo.toml").is_file() {
            names.push(
                path.file_name().and_then(OsStr::to_str).ok_or("a plugin's folder has no UTF-8 name")?.to_owned(),
            );
        }
    }
    names.sort();
    Ok(names)
}

/// `<target>/guests`, found from `<target>/[<triple>/]<profile>/build/<package>/out`.
fn guest_directory(out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let build = out.ancestors().nth(2).filter(|path| path.file_name() == Some(OsStr::new("build")));
    let profile =
        build.and_then(Path::parent).ok_or_else(|| format!("OUT_DIR has an unknown form: {}", out.display()))?;
    let parent = profile.parent().ok_or("OUT_DIR is too short")?;
    let is_triple = parent.file_name() == Some(OsStr::new(&required("TARGET")?));
    let target = if is_triple { parent.parent().unwrap_or(parent) } else { parent };
    Ok(target.join("guests"))
}

fn compile_guests(root: &Path, guests: &Path, names: &[String]) -> Result<(), Box<dyn Error>> {
    let rustc = required("RUSTC")?;
    if !has_guest_target(&rustc) {
        return Err(format!(
            "the built-in checks need Rust's {GUEST_TARGET} target, which {rustc} does not have; add it with: rustup target add {GUEST_TARGET}"
        )
        .into());
    }
    let mut cargo = Command::new(required("CARGO")?);
    for (key, _) in env::vars_os() {
        if key.to_str().is_some_and(must_not_reach_guests) {
            cargo.env_remove(key);
        }
    }
    cargo
        .current_dir(root)
        .args(["build", "--quiet", "--locked", "--profile", PROFILE, "--target", GUEST_TARGET, "--target-dir"])
        .arg(guests);
    for name in names {
        cargo.args(["-p", &format!("sonde-check-{name}")]);
    }
    let output = cargo.output().map_err(|error| format!("start {cargo:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("build the built-in checks ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}

/// What cargo sets for a build script, and what tunes native code or wraps the compiler.
fn must_not_reach_guests(key: &str) -> bool {
    const KEPT: [&str; 6] =
        ["CARGO_HOME", "CARGO_MAKEFLAGS", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTRIES_", "CARGO_REGISTRY_"];
    const REMOVED: [&str; 13] = [
        "RUSTFLAGS",
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTDOC",
        "RUSTDOCFLAGS",
        "TARGET",
        "HOST",
        "PROFILE",
        "OPT_LEVEL",
        "DEBUG",
        "OUT_DIR",
        "LLVM_PROFILE_FILE",
    ];
    if key.starts_with("CARGO_") {
        !KEPT.iter().any(|kept| key.starts_with(kept))
    } else {
        REMOVED.contains(&key) || key == "CLIPPY_ARGS"
    }
}

fn has_guest_target(rustc: &str) -> bool {
    let libraries = Command::new(rustc).args(["--print", "target-libdir", "--target", GUEST_TARGET]).output();
    libraries.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

fn required(name: &str) -> Result<String, Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed={name}");
    env::var(name).map_err(|_| format!("cargo did not set {name}").into())
}
