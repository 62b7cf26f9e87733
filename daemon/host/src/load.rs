//! From bytes to a [`Check`]: compiled or taken from a cache, linked, and asked for its manifest.

use std::sync::Arc;
use std::time::Duration;

use sonde_builtins::Builtin;
use sonde_core::manifest::Stop;
use wasmtime::component::Component;

use crate::bindings::GuestPre;
use crate::call::Caller;
use crate::check::{Check, Origin};
use crate::host::Inner;
use crate::manifest::ManifestError;
use crate::session::Session;

/// What a check exports.
const CONTRACT: &str = "sonde:check/check@0.1.0";

/// Why a component is not loaded. Messages complete "failed to load PATH:".
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is larger than any check.
    #[error("it has {bytes} bytes; at most {limit} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// [`crate::Limits::component_bytes`].
        limit: usize,
    },
    /// It is no wasm component at all.
    #[error("it is {found}; a check is a WebAssembly component")]
    NotAComponent {
        /// What it looks like.
        found: &'static str,
    },
    /// It begins like a component, but is none that the engine accepts.
    #[error("it cannot be compiled")]
    Compile(#[source] wasmtime::Error),
    /// It is a component, but not a check.
    #[error("it exports {found}; a check exports {CONTRACT}")]
    NotACheck {
        /// What it exports.
        found: String,
    },
    /// It imports what no host of this version has.
    #[error("it does not fit this version's contract")]
    Link(#[source] wasmtime::Error),
    /// Its `describe` did not end by its own word.
    #[error("it did not describe itself: {}", described(.0))]
    Describe(Stop),
    /// What it says of itself is not accepted.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The host's own work on it panicked.
    #[error("a bug in sonde: loading it panicked")]
    Panicked,
    /// The host is shutting down.
    #[error("the host is shutting down")]
    ShuttingDown,
}

fn described(stop: &Stop) -> String {
    match stop {
        Stop::CpuBudget => "it used up its CPU time".to_owned(),
        Stop::Memory => "it asked for more memory than it may have".to_owned(),
        Stop::Deadline => "it did not end in time".to_owned(),
        Stop::DataLimit => "it returned more than it may".to_owned(),
        Stop::Trap(text) | Stop::Error(text) => text.clone(),
        Stop::Cancelled => "it was cancelled".to_owned(),
    }
}

impl Inner {
    /// The machine code embedded in this program; where the engine refuses it, its wasm, compiled.
    pub(crate) fn builtin_code(&self, builtin: &Builtin) -> Result<Component, LoadError> {
        #[expect(unsafe_code, reason = "deserialize trusts its input")]
        // SAFETY: the bytes were made by `precompile_component` in the build of this very program.
        let loaded = unsafe { Component::deserialize(&self.engine, builtin.cwasm) };
        loaded.or_else(|error| {
            tracing::warn!(
                check = builtin.name,
                error = format!("{error:#}"),
                "the embedded machine code is refused; compiling"
            );
            self.component(builtin.wasm, builtin.wasm_sha256)
        })
    }

    /// The component in `wasm`, from the cache or compiled. Long, CPU-bound work: not for a runtime's worker.
    pub(crate) fn component(&self, wasm: &[u8], digest: &str) -> Result<Component, LoadError> {
        is_component(wasm)?;
        if let Some(code) = self.cache.as_ref().and_then(|cache| cache.get(digest)) {
            #[expect(unsafe_code, reason = "deserialize trusts its input")]
            // SAFETY: the cache gives only what this user alone could have written and what has its digest, and it is
            // written only by `put` below.
            let loaded = unsafe { Component::deserialize(&self.engine, code) };
            match loaded {
                Ok(component) => return Ok(component),
                Err(error) => tracing::debug!(error = format!("{error:#}"), "a cached component is refused; compiling"),
            }
        }
        let component = Component::from_binary(&self.engine, wasm).map_err(LoadError::Compile)?;
        if let Some(cache) = &self.cache {
            match component.serialize() {
                Ok(code) => cache.put(digest, &code),
                Err(error) => tracing::debug!(error = format!("{error:#}"), "a component was not cached"),
            }
        }
        Ok(component)
    }

    /// Links a component and asks for its manifest.
    pub(crate) async fn check(
        self: Arc<Self>,
        component: Component,
        digest: String,
        origin: Origin,
    ) -> Result<Check, LoadError> {
        let exports = component.component_type();
        let names: Vec<&str> = exports.exports(&self.engine).map(|(name, _)| name).collect();
        if !names.contains(&CONTRACT) {
            let found = if names.is_empty() { "nothing".to_owned() } else { crate::text::tidy(&names.join(", "), 512) };
            return Err(LoadError::NotACheck { found });
        }
        let linked = self.linker.instantiate_pre(&component).map_err(LoadError::Link)?;
        let code = GuestPre::new(linked).map_err(LoadError::Link)?;

        let mut limits = (*self.limits).clone();
        limits.cpu = limits.describe;
        let caller = Caller::new(None, "", Duration::ZERO, self.io.clone(), &limits);
        let _place = self.places.acquire().await;
        let (mut store, meter) = self.store(Session::new(caller, Arc::new(limits)));
        let patience = self.limits.describe * PATIENCE;
        let describing = crate::meter::Metered::new(meter, async {
            let guest = code.instantiate_async(&mut store).await?;
            guest.sonde_check_check().call_describe(&mut store).await
        });
        let described = tokio::time::timeout(patience, describing).await;
        let manifest = match described {
            Ok(Ok(manifest)) => crate::manifest::accepted(manifest)?,
            Ok(Err(error)) => return Err(LoadError::Describe(crate::stop::of(&error, store.data()))),
            Err(_) => return Err(LoadError::Describe(Stop::Deadline)),
        };
        Ok(Check { manifest, digest, origin, code })
    }
}

/// Wall clock that `describe` may take, in units of its CPU time: this machine may be busy.
const PATIENCE: u32 = 20;

/// Says what the bytes are instead, where they do not begin as a component does (component-model, Binary.md).
fn is_component(wasm: &[u8]) -> Result<(), LoadError> {
    let found = match wasm {
        [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] => return Ok(()),
        [b'\0', b'a', b's', b'm', 1, 0, 0, 0, ..] => "a core WebAssembly module",
        [b'\0', b'a', b's', b'm', ..] => "WebAssembly of an unknown version",
        [] => "empty",
        [b'\x7f', b'E', b'L', b'F', ..] => "an ELF file",
        [b'(', ..] => "text",
        _ => "no WebAssembly",
    };
    Err(LoadError::NotAComponent { found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_named() {
        for (bytes, word) in [
            (&b"\0asm\x01\0\0\0"[..], "core"),
            (b"", "empty"),
            (b"\x7fELF\x02", "ELF"),
            (b"(component)", "text"),
            (b"#!/bin/sh", "no WebAssembly"),
        ] {
            let message = is_component(bytes).expect_err("is no component").to_string();
            assert!(message.contains(word), "{message}");
        }
    }
}
