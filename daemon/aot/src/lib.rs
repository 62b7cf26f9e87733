//! The one configuration of the wasm engine, and ahead-of-time compilation with it.
//!
//! The build step of the built-in checks and the daemon both take their engine from here, so that what the one compiles the
//! other loads. Artefacts are portable within an architecture: naming the target masks every CPU feature that is not part of
//! its baseline, at build time and again at load time.
//!
//! What changes an artefact's compatibility is fixed in [`config`]; how instances are allocated does not, and is chosen by
//! [`engine`] when the process starts.

pub use wasmtime::Error;

mod allocation;

use std::hash::{DefaultHasher, Hash, Hasher};

use sha2::{Digest, Sha256};
use wasmtime::{Config, Engine, WasmBacktraceDetails};

pub use allocation::Allocation;

/// Linear memory up to this size, in bytes, needs no move when it grows, and fits a slot of the pooling allocator.
pub const MEMORY_RESERVATION_BYTES: u64 = 64 << 20;

/// The stack of a guest's fiber, in bytes. Wasm may use [`WASM_STACK_BYTES`] of it, host functions the rest.
const FIBER_STACK_BYTES: usize = 1 << 20;

/// Deeper recursion than this traps.
const WASM_STACK_BYTES: usize = 512 << 10;

/// The engine's configuration for `target` (a Rust target triple), or for this machine with all its CPU features.
pub fn config(target: Option<&str>) -> Result<Config, Error> {
    let mut config = Config::new();
    if let Some(triple) = target {
        config.target(triple)?;
    }
    config.epoch_interruption(true);
    config.memory_reservation(MEMORY_RESERVATION_BYTES);
    config.max_wasm_stack(WASM_STACK_BYTES);
    config.async_stack_size(FIBER_STACK_BYTES);
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
    // Nothing in a check needs these, and each is surface.
    config.wasm_memory64(false);
    config.wasm_relaxed_simd(false);
    Ok(config)
}

/// An engine for `target` that allocates instances as asked.
pub fn engine(target: Option<&str>, allocation: &Allocation) -> Result<Engine, Error> {
    let mut config = config(target)?;
    allocation.apply(&mut config);
    Engine::new(&config)
}

/// Compiles a component to machine code for `target`.
pub fn precompile(target: Option<&str>, component: &[u8]) -> Result<Vec<u8>, Error> {
    engine(target, &Allocation::OnDemand)?.precompile_component(component)
}

/// A name, in hex, for all that decides whether an artefact fits `engine`. Engines of different versions or configurations
/// have different names.
pub fn compatibility(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// SHA-256 in lower-case hex.
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _infallible = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::component::Component;

    const TARGET: &str =
        if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };

    /// `(component (core module (memory 1) (func (export "f") (result i32) i32.const 7)))`
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0\x01\x27\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7f\x03\x02\x01\0\
        \x05\x03\x01\0\x01\x07\x05\x01\x01f\0\0\x0a\x06\x01\x04\0\x41\x07\x0b";

    #[test]
    fn an_artefact_loads_with_either_allocation() {
        let artefact = precompile(Some(TARGET), COMPONENT).expect("compiles");
        for allocation in [Allocation::OnDemand, Allocation::pooling()] {
            let engine = engine(Some(TARGET), &allocation).expect("this machine can make an engine");
            #[expect(unsafe_code, reason = "deserialize trusts its input")]
            // SAFETY: the artefact was compiled above, by the same wasmtime.
            let loaded = unsafe { Component::deserialize(&engine, &artefact) };
            assert!(loaded.is_ok(), "{allocation:?}: {:?}", loaded.err());
        }
    }

    #[test]
    fn both_allocations_have_one_compatibility_name() {
        let names = [Allocation::OnDemand, Allocation::pooling()]
            .map(|a| compatibility(&engine(Some(TARGET), &a).expect("makes an engine")));
        assert_eq!(names[0], names[1]);
        let native = compatibility(&engine(None, &Allocation::OnDemand).expect("makes an engine"));
        assert_ne!(names[0], native, "a native engine must not share artefacts with a portable one");
    }

    #[test]
    fn a_portable_artefact_carries_no_cpu_feature() {
        let portable = precompile(Some(TARGET), COMPONENT).expect("compiles");
        let native = precompile(None, COMPONENT).expect("compiles");
        let engine = engine(Some(TARGET), &Allocation::OnDemand).expect("makes an engine");
        #[expect(unsafe_code, reason = "deserialize trusts its input")]
        // SAFETY: both artefacts were compiled above, by the same wasmtime.
        let (portable, native) =
            unsafe { (Component::deserialize(&engine, &portable), Component::deserialize(&engine, &native)) };
        assert!(portable.is_ok());
        assert!(native.is_ok() || cfg!(target_arch = "x86_64"), "only a machine above the baseline refuses");
    }

    #[test]
    fn a_digest_is_sha256_in_hex() {
        assert_eq!(digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
