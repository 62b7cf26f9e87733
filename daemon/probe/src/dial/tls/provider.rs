//! The cryptography of every TLS handshake here, made once: ring's, and the key share that today's clients send with it.

use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, ring};
use sonde_core::observation::dial::KeyShare;

use super::key_exchange::X25519MLKEM768;

static CLASSICAL: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));

static POST_QUANTUM: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    let mut provider = ring::default_provider();
    // The first is the one whose share goes with the hello; X25519's goes with it.
    provider.kx_groups.insert(0, X25519MLKEM768);
    Arc::new(provider)
});

/// The provider whose hello has this share; a benchmark puts the same into its floor.
pub fn of(share: KeyShare) -> Arc<CryptoProvider> {
    Arc::clone(match share {
        KeyShare::PostQuantum => &POST_QUANTUM,
        KeyShare::Classical => &CLASSICAL,
    })
}
