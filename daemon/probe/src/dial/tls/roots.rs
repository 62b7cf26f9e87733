//! The trust store of the vantage: what programs there would trust.
//!
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` come first, then the store of the distribution, read in the vantage's mount namespace.
//! Parsing it takes longer than most handshakes, so it is remembered for the few seconds that a diagnosis takes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::RootCertStore;
use tokio::time::Instant;

use crate::vantage::{Procfs, Vantage};

/// Where `ip netns exec` would show another store.
const BUNDLE: &str = "ssl/certs/ca-certificates.crt";
/// Shorter than anyone takes to change a trust store and ask again.
const REMEMBERED: Duration = Duration::from_secs(5);
/// Mount namespaces that are diagnosed at one time; the oldest is forgotten.
const STORES: usize = 8;

static STORE: Mutex<Vec<Remembered>> = Mutex::new(Vec::new());

struct Remembered {
    place: Place,
    read_at: Instant,
    store: Arc<RootCertStore>,
}

/// What decides which store is read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// Inode of the mount namespace.
    mount: u64,
    bundle: PathBuf,
    told: [Option<OsString>; 2],
}

/// The trusted roots, or why there are none.
pub(super) async fn load(vantage: &Vantage) -> Result<Arc<RootCertStore>, String> {
    let (bundle, procfs) = (vantage.etc(BUNDLE), vantage.procfs());
    let loaded = vantage.inspect(move || {
        let place = Place::of(bundle, &procfs)?;
        match recall(&place) {
            Some(store) => Ok(store),
            None => place.read().inspect(|store| remember(place.clone(), store)),
        }
    });
    loaded.await.unwrap_or_else(|error| Err(format!("the trust store cannot be read: {error}")))
}

impl Place {
    /// Of the calling thread, which is the vantage's.
    fn of(bundle: PathBuf, procfs: &Procfs) -> Result<Self, String> {
        let namespace = rustix::fs::statat(procfs, "thread-self/ns/mnt", rustix::fs::AtFlags::empty());
        let mount = namespace.map_err(|errno| format!("the mount namespace cannot be told: {errno}"))?.st_ino;
        Ok(Self { mount, bundle, told: ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(std::env::var_os) })
    }

    fn read(&self) -> Result<Arc<RootCertStore>, String> {
        let untold = self.told.iter().all(Option::is_none);
        let found = if untold && self.bundle != Path::new("/etc").join(BUNDLE) && self.bundle.exists() {
            rustls_native_certs::load_certs_from_paths(Some(&self.bundle), None)
        } else {
            rustls_native_certs::load_native_certs()
        };
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(found.certs);
        match (store.is_empty(), found.errors.first()) {
            (false, _) => Ok(Arc::new(store)),
            (true, Some(problem)) => Err(format!("the trust store cannot be read: {problem}")),
            (true, None) => Err("the trust store of this vantage is empty".to_owned()),
        }
    }
}

fn recall(place: &Place) -> Option<Arc<RootCertStore>> {
    let mut stores = STORE.lock().unwrap_or_else(PoisonError::into_inner);
    stores.retain(|remembered| remembered.read_at.elapsed() < REMEMBERED);
    stores.iter().find(|remembered| remembered.place == *place).map(|remembered| Arc::clone(&remembered.store))
}

fn remember(place: Place, store: &Arc<RootCertStore>) {
    let mut stores = STORE.lock().unwrap_or_else(PoisonError::into_inner);
    if stores.len() >= STORES {
        stores.remove(0);
    }
    stores.push(Remembered { place, read_at: Instant::now(), store: Arc::clone(store) });
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;
    use crate::vantage::Selector;

    fn place(bundle: PathBuf) -> Place {
        Place { mount: 0, bundle, told: [None, None] }
    }

    fn authority() -> String {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate").pem()
    }

    #[test]
    fn a_bundle_of_the_namespaces_own_replaces_the_distributions() {
        let folder = tempfile::tempdir().expect("a folder");
        let bundle = folder.path().join("ca-certificates.crt");
        std::fs::write(&bundle, authority() + &authority()).expect("written");
        assert_eq!(place(bundle).read().expect("a store").len(), 2);
    }

    #[test]
    fn a_bundle_without_certificates_is_an_empty_store() {
        let folder = tempfile::tempdir().expect("a folder");
        let bundle = folder.path().join("ca-certificates.crt");
        std::fs::write(&bundle, "nothing here\n").expect("written");
        place(bundle).read().expect_err("no roots");
    }

    #[tokio::test]
    async fn a_store_is_read_once_for_a_diagnosis() {
        let vantage = Vantage::open(&Selector::Own).expect("it opens");
        let (first, second) = (load(&vantage).await, load(&vantage).await);
        let same = match (&first, &second) {
            (Ok(first), Ok(second)) => Arc::ptr_eq(first, second),
            // A machine without a trust store.
            (first, second) => first.is_err() && second.is_err(),
        };
        assert!(same, "{first:?} {second:?}");
    }
}
