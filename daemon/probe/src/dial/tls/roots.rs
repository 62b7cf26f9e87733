//! The trust store of the vantage: what programs there would trust.
//!
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` come first, then the store of the distribution, read in the vantage's mount namespace.
//! A container's files are its owner's to choose, so only regular files are read, and only so much of them. Parsing takes
//! longer than most handshakes, so the store is remembered for the few seconds that a diagnosis takes.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::anchors::Anchors;
use crate::vantage::{Vantage, read_bounded};

/// Where `ip netns exec` would show another store.
const BUNDLE: &str = "ssl/certs/ca-certificates.crt";
/// Bundles of the distributions; the first that exists counts. As openssl-probe lists them.
const BUNDLES: [&str; 8] = [
    "/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Gentoo, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // RHEL 7 and later
    "/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL 6
    "/etc/ssl/ca-bundle.pem",                            // openSUSE
    "/etc/pki/tls/cacert.pem",                           // OpenELEC
    "/etc/ssl/cert.pem",                                 // Alpine
    "/opt/etc/ssl/certs/ca-certificates.crt",            // Entware
    "/etc/ssl/certs/cacert.pem",                         // OpenHarmony
];
/// Folders of the distributions; all of them count.
const FOLDERS: [&str; 3] = ["/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/security/certificates"];
/// A store read in whole has 300 KB, in each of its two forms.
const STORE_BYTES: usize = 8 << 20;
/// Debian's folder has 430 entries, most of them links to the others.
const ENTRIES: usize = 1000;
/// Stores have about 150.
const CERTIFICATES: usize = 10_000;
/// Shorter than anyone takes to change a trust store and ask again.
const REMEMBERED: Duration = Duration::from_secs(5);
/// Mount namespaces that are diagnosed at one time; the oldest is forgotten.
const STORES: usize = 8;

static STORES_READ: Mutex<Vec<Remembered>> = Mutex::new(Vec::new());

struct Remembered {
    place: Place,
    asked_at: Instant,
    store: Arc<Reading>,
}

/// A store that is read once, however many dials wait for it; empty until then.
type Reading = OnceCell<Result<Arc<Anchors>, String>>;

/// What decides which store is read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// Inode of the mount namespace.
    mount: u64,
    bundle: PathBuf,
    told: [Option<OsString>; 2],
}

/// The trusted roots, or why there are none.
pub(super) async fn load(vantage: &Vantage) -> Result<Arc<Anchors>, String> {
    let place = Place::of(vantage)?;
    let store = recall(&place);
    // Most dials find it read; a thread for reading is asked only for reading. Whoever gives up meanwhile leaves that to the next.
    match store.get_or_try_init(|| vantage.inspect(move || place.read())).await {
        Ok(read) => read.clone(),
        Err(error) => Err(format!("the trust store cannot be read: {error}")),
    }
}

impl Place {
    fn of(vantage: &Vantage) -> Result<Self, String> {
        let mount = vantage.mount().map_err(|error| format!("the mount namespace cannot be told: {error}"))?;
        let told = ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(std::env::var_os);
        Ok(Self { mount, bundle: vantage.etc(BUNDLE), told })
    }

    fn read(&self) -> Result<Arc<Anchors>, String> {
        let found = self.find();
        let anchors = Anchors::of(found.certificates);
        match (anchors.store().is_empty(), found.problem) {
            (false, _) => Ok(Arc::new(anchors)),
            (true, Some(problem)) => Err(format!("the trust store cannot be read: {problem}")),
            (true, None) => Err("the trust store of this vantage is empty".to_owned()),
        }
    }

    /// What is told replaces what is usual. The bundle of the network namespace alone replaces the distribution's.
    fn find(&self) -> Found {
        let mut found = Found::default();
        let [file, folders] = &self.told;
        if file.is_some() || folders.is_some() {
            if let Some(file) = file {
                found.file(Path::new(file));
            }
            for folder in folders.iter().flat_map(std::env::split_paths).filter(|path| !path.as_os_str().is_empty()) {
                found.folder(&folder);
            }
        } else if self.bundle != Path::new("/etc").join(BUNDLE) && self.bundle.exists() {
            found.file(&self.bundle);
        } else {
            BUNDLES.map(Path::new).into_iter().find(|path| path.exists()).into_iter().for_each(|path| found.file(path));
            FOLDERS.map(Path::new).into_iter().filter(|path| path.exists()).for_each(|path| found.folder(path));
        }
        found
    }
}

/// Certificates as they are found, and what is left of the bounds.
#[derive(Debug)]
struct Found {
    certificates: Vec<CertificateDer<'static>>,
    /// The first.
    problem: Option<String>,
    /// Device and inode of the files read: a folder has many links to one file.
    seen: HashSet<(u64, u64)>,
    bytes_left: usize,
    entries_left: usize,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            certificates: Vec::new(),
            problem: None,
            seen: HashSet::new(),
            bytes_left: STORE_BYTES,
            entries_left: ENTRIES,
        }
    }
}

impl Found {
    fn folder(&mut self, folder: &Path) {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.fail(folder, &error),
        };
        for entry in entries {
            let Some(left) = self.entries_left.checked_sub(1) else { return };
            self.entries_left = left;
            match entry {
                Ok(entry) if entry.path().is_file() => self.file(&entry.path()),
                // A folder in it, or a link to nothing.
                Ok(_) => {}
                Err(error) => return self.fail(folder, &error),
            }
        }
    }

    fn file(&mut self, path: &Path) {
        if let Ok(metadata) = std::fs::metadata(path)
            && !self.seen.insert((metadata.dev(), metadata.ino()))
        {
            return;
        }
        match read_bounded(path, self.bytes_left) {
            Ok(bytes) => {
                self.bytes_left = self.bytes_left.saturating_sub(bytes.len());
                let room = CERTIFICATES.saturating_sub(self.certificates.len());
                // One that is damaged does not spoil its neighbours.
                self.certificates.extend(CertificateDer::pem_slice_iter(&bytes).take(room).filter_map(Result::ok));
            }
            Err(error) => {
                if error.kind() == io::ErrorKind::FileTooLarge {
                    // It was read as far as the bound.
                    self.bytes_left = 0;
                }
                self.fail(path, &error);
            }
        }
    }

    fn fail(&mut self, path: &Path, error: &io::Error) {
        self.problem.get_or_insert_with(|| format!("{}: {error}", path.display()));
    }
}

/// The store of this place as it is remembered, or begun to be. One that could not be read is tried again.
fn recall(place: &Place) -> Arc<Reading> {
    let mut stores = STORES_READ.lock().unwrap_or_else(PoisonError::into_inner);
    stores.retain(|known| known.asked_at.elapsed() < REMEMBERED && !matches!(known.store.get(), Some(Err(_))));
    if let Some(known) = stores.iter().find(|known| known.place == *place) {
        return Arc::clone(&known.store);
    }
    if stores.len() >= STORES {
        stores.remove(0);
    }
    let store = Arc::<Reading>::default();
    stores.push(Remembered { place: place.clone(), asked_at: Instant::now(), store: Arc::clone(&store) });
    store
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
        assert_eq!(place(bundle).read().expect("a store").store().len(), 2);
    }

    #[test]
    fn a_bundle_without_certificates_is_an_empty_store() {
        let folder = tempfile::tempdir().expect("a folder");
        let bundle = folder.path().join("ca-certificates.crt");
        std::fs::write(&bundle, "nothing here\n").expect("written");
        place(bundle).read().expect_err("no roots");
    }

    #[test]
    fn a_told_file_and_told_folders_are_read_together_each_file_once() {
        let root = tempfile::tempdir().expect("a folder");
        let (file, folder) = (root.path().join("one.pem"), root.path().join("more"));
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(&file, authority()).expect("written");
        std::fs::write(folder.join("two.pem"), authority()).expect("written");
        std::os::unix::fs::symlink(folder.join("two.pem"), folder.join("0a1b2c3d.0")).expect("a link");
        std::os::unix::fs::symlink(&file, folder.join("4e5f6a7b.0")).expect("a link");
        let place = Place { told: [Some(file.into()), Some(folder.into())], ..place(root.path().join("none")) };
        assert_eq!(place.read().expect("a store").store().len(), 2);
    }

    #[test]
    fn a_damaged_certificate_does_not_spoil_the_bundle() {
        let root = tempfile::tempdir().expect("a folder");
        let bundle = root.path().join("bundle.pem");
        let damaged = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
        std::fs::write(&bundle, authority() + damaged + &authority()).expect("written");
        assert_eq!(place(bundle).read().expect("a store").store().len(), 2);
    }

    #[test]
    fn pipes_and_endless_devices_are_refused_at_once() {
        let root = tempfile::tempdir().expect("a folder");
        let (pipe, zero) = (root.path().join("pipe.pem"), root.path().join("zero.pem"));
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).expect("a pipe");
        std::os::unix::fs::symlink("/dev/zero", &zero).expect("a link");
        for told in [&pipe, &zero] {
            let problem =
                Place { told: [Some(told.into()), None], ..place(PathBuf::new()) }.read().expect_err("no file");
            assert!(problem.contains("not a regular file"), "{problem}");
            assert!(place(told.clone()).read().is_err());
        }
        let folder = Place { told: [None, Some(root.path().into())], ..place(PathBuf::new()) };
        assert_eq!(folder.read().expect_err("no roots"), "the trust store of this vantage is empty");
    }

    #[test]
    fn a_store_without_end_is_read_as_far_as_its_bounds() {
        let root = tempfile::tempdir().expect("a folder");
        let huge = root.path().join("huge.pem");
        std::fs::File::create(&huge).and_then(|file| file.set_len(1 << 40)).expect("a sparse file");
        let mut found = Found::default();
        found.file(&huge);
        assert!(found.bytes_left == 0 && found.problem.is_some_and(|problem| problem.contains("larger than")));
        let many = root.path().join("many");
        std::fs::create_dir(&many).expect("a folder");
        for number in 0..ENTRIES + 10 {
            std::fs::write(many.join(number.to_string()), "").expect("written");
        }
        let mut found = Found::default();
        found.folder(&many);
        assert_eq!((found.entries_left, found.seen.len()), (0, ENTRIES));
    }

    #[tokio::test]
    async fn a_store_is_read_once_for_a_diagnosis() {
        let vantage = Vantage::open(&Selector::Own).expect("it opens");
        let (first, second) = tokio::join!(load(&vantage), load(&vantage));
        let same = match (&first, &second) {
            (Ok(first), Ok(second)) => Arc::ptr_eq(first, second),
            // A machine without a trust store.
            (first, second) => first.is_err() && second.is_err(),
        };
        assert!(same, "{first:?} {second:?}");
    }
}
