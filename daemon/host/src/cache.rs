//! Compiled components of the user's, on disk, named by the component's digest and the engine's compatibility.
//!
//! Machine code is trusted once it is loaded, so only a file is read that this user owns and nobody else can write, in a
//! folder of the same kind, and only when its content has the digest that stands at its beginning. A cache that cannot be used is
//! no error: the component is compiled again. The folder is bounded: the oldest files go first.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Nothing larger is read: a component of the largest size allowed compiles to less.
const FILE_BYTES: u64 = 512 << 20;

/// What the folder may hold.
const FILES: usize = 256;
const FOLDER_BYTES: u64 = 1 << 30;

/// Hex digits of the digest, and a line break.
const HEADER_BYTES: usize = 65;

/// A folder of compiled components.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    compatibility: String,
}

impl Cache {
    pub(crate) fn new(folder: PathBuf, compatibility: String) -> Self {
        Self { folder, compatibility }
    }

    /// The machine code of a component, where it is held and can be trusted.
    pub(crate) fn get(&self, digest: &str) -> Option<Vec<u8>> {
        if !is_private(&fs::symlink_metadata(&self.folder).ok()?) {
            return None;
        }
        let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).ok()?;
        let mut file = fs::OpenOptions::new().read(true).custom_flags(no_follow).open(self.path(digest)).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || !is_private(&metadata) || metadata.len() > FILE_BYTES {
            return None;
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
        file.read_to_end(&mut bytes).ok()?;
        let header = bytes.get(..HEADER_BYTES)?.to_vec();
        let code = bytes.split_off(HEADER_BYTES);
        (header == format!("{}\n", sonde_aot::digest(&code)).as_bytes()).then_some(code)
    }

    /// Keeps the machine code of a component: whole or not at all.
    pub(crate) fn put(&self, digest: &str, code: &[u8]) {
        if let Err(error) = self.try_put(digest, code).and_then(|()| self.prune(FILES, FOLDER_BYTES)) {
            tracing::debug!(%error, folder = %self.folder.display(), "a compiled component was not cached");
        }
    }

    fn try_put(&self, digest: &str, code: &[u8]) -> std::io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let path = self.path(digest);
        let unfinished =
            path.with_extension(format!("{}.{:016x}", std::process::id(), getrandom::u64().unwrap_or_default()));
        let written =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished).and_then(|mut file| {
                writeln!(file, "{}", sonde_aot::digest(code))?;
                file.write_all(code)?;
                drop(file);
                fs::rename(&unfinished, &path)
            });
        if written.is_err() && unfinished.exists() {
            fs::remove_file(&unfinished)?;
        }
        written
    }

    /// Removes the oldest files, so that at most `files` with `bytes` together stay.
    fn prune(&self, files: usize, bytes: u64) -> std::io::Result<()> {
        if !is_private(&fs::symlink_metadata(&self.folder)?) {
            return Ok(());
        }
        let mut held = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            // One that somebody else has just removed is no trouble.
            if let Ok(metadata) = fs::symlink_metadata(&path)
                && metadata.is_file()
                && path.extension().is_some_and(|extension| extension == "cwasm")
            {
                held.push((metadata.mtime(), metadata.mtime_nsec(), path, metadata.len()));
            }
        }
        held.sort_unstable();
        let (mut kept, mut total) = (0, 0_u64);
        for (_, _, path, length) in held.into_iter().rev() {
            total = total.saturating_add(length);
            kept += 1;
            if kept > files || total > bytes {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn path(&self, digest: &str) -> PathBuf {
        Path::new(&self.folder).join(format!("{digest}-{}.cwasm", self.compatibility))
    }
}

/// Owned by this user, and writable by nobody else.
fn is_private(metadata: &fs::Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::new(folder.path().join("compiled"), "c".to_owned());
        (folder, cache)
    }

    #[test]
    fn what_was_put_is_got() {
        let (_folder, cache) = cache();
        assert_eq!(cache.get("d"), None);
        cache.put("d", b"code");
        assert_eq!(cache.get("d"), Some(b"code".to_vec()));
        assert_eq!(Cache { compatibility: "other".to_owned(), ..cache }.get("d"), None);
    }

    #[test]
    fn a_file_that_others_can_write_is_not_trusted() {
        let (_folder, cache) = cache();
        cache.put("d", b"code");
        fs::set_permissions(cache.path("d"), fs::Permissions::from_mode(0o666)).expect("is ours");
        assert_eq!(cache.get("d"), None);
    }

    #[test]
    fn a_folder_that_others_can_write_is_not_trusted() {
        let (_folder, cache) = cache();
        cache.put("d", b"code");
        fs::set_permissions(&cache.folder, fs::Permissions::from_mode(0o777)).expect("is ours");
        assert_eq!(cache.get("d"), None);
    }

    #[test]
    fn a_damaged_file_is_not_trusted() {
        let (_folder, cache) = cache();
        cache.put("d", b"code");
        let mut bytes = fs::read(cache.path("d")).expect("was put");
        bytes.pop();
        fs::write(cache.path("d"), bytes).expect("is ours");
        assert_eq!(cache.get("d"), None);
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many_or_too_much() {
        let (_folder, cache) = cache();
        for (age, digest) in [(30, "a"), (20, "b"), (10, "c")] {
            cache.put(digest, b"code");
            let file = fs::File::open(cache.path(digest)).expect("was put");
            let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 - age);
            file.set_modified(then).expect("is ours");
        }
        fs::write(cache.folder.join("somebody's"), "").expect("is ours");
        let held = |cache: &Cache| ["a", "b", "c"].map(|digest| cache.get(digest).is_some());
        cache.prune(3, 1 << 20).expect("pruned");
        assert_eq!(held(&cache), [true, true, true]);
        cache.prune(2, 1 << 20).expect("pruned");
        assert_eq!(held(&cache), [false, true, true]);
        cache.prune(2, 100).expect("pruned");
        assert_eq!(held(&cache), [false, false, true]);
        assert!(cache.folder.join("somebody's").exists());
    }

    #[test]
    fn an_unwritable_folder_is_no_error() {
        let cache = Cache::new(PathBuf::from("/proc/none"), "c".to_owned());
        cache.put("d", b"code");
        assert_eq!(cache.get("d"), None);
    }
}
