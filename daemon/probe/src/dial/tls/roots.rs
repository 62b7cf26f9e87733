//! The trust store of the vantage: what programs there would trust.
//!
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` come first, then the store of the distribution, read in the vantage's mount namespace.

use rustls::RootCertStore;

use crate::vantage::Vantage;

/// Where `ip netns exec` would show another store.
const BUNDLE: &str = "ssl/certs/ca-certificates.crt";

/// The trusted roots, or why there are none.
pub(super) async fn load(vantage: &Vantage) -> Result<RootCertStore, String> {
    let bundle = vantage.etc(BUNDLE);
    let found = vantage.inspect(move || {
        let told = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().any(|name| std::env::var_os(name).is_some());
        let found = if !told && bundle != std::path::Path::new("/etc").join(BUNDLE) && bundle.exists() {
            rustls_native_certs::load_certs_from_paths(Some(&bundle), None)
        } else {
            rustls_native_certs::load_native_certs()
        };
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(found.certs);
        (store, found.errors.first().map(ToString::to_string))
    });
    match found.await {
        Ok((store, Some(problem))) if store.is_empty() => Err(format!("the trust store cannot be read: {problem}")),
        Ok((store, None)) if store.is_empty() => Err("the trust store of this vantage is empty".to_owned()),
        Ok((store, _)) => Ok(store),
        Err(error) => Err(format!("the trust store cannot be read: {error}")),
    }
}
