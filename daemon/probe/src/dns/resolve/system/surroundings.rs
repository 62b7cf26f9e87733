//! The files of `/etc/netns/NAME` in their places, for a child of a vantage that was named as `ip netns` names it.
//!
//! `ip netns exec` binds them over those of /etc in a mount namespace of its own, and so is done here, on a thread that ends
//! when the child was started.

use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};

use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::vantage::Vantage;

/// What a C library's resolver reads of /etc.
const FILES: [&str; 6] = ["resolv.conf", "hosts", "nsswitch.conf", "host.conf", "gai.conf", "services"];

/// Each with the place it is bound over.
pub(super) fn overrides(vantage: &Vantage) -> Vec<(PathBuf, PathBuf)> {
    let place = |name: &str| Path::new("/etc").join(name);
    let pairs = FILES.map(|name| (vantage.etc(name), place(name)));
    pairs.into_iter().filter(|(source, place)| source != place).collect()
}

/// Moves the calling thread into a copy of its mount namespace and binds them; without any, does nothing.
pub(super) fn furnish(overrides: &[(PathBuf, PathBuf)]) -> io::Result<()> {
    if overrides.is_empty() {
        return Ok(());
    }
    #[expect(unsafe_code, reason = "the hazard of `unshare_unsafe` is CLONE_FILES, which is not among the flags")]
    // SAFETY: the table of descriptors stays shared; the thread ends after its one child.
    unsafe {
        unshare_unsafe(UnshareFlags::FS | UnshareFlags::NEWNS)?;
    }
    // What is bound here must not show in the namespace that this is a copy of.
    mount(None, Path::new("/"), libc::MS_REC | libc::MS_SLAVE)?;
    for (source, place) in overrides.iter().filter(|(_, place)| place.exists()) {
        mount(Some(source), place, libc::MS_BIND)?;
    }
    Ok(())
}

fn mount(source: Option<&Path>, target: &Path, flags: libc::c_ulong) -> io::Result<()> {
    let text = |path: &Path| CString::new(path.as_os_str().as_encoded_bytes()).map_err(io::Error::other);
    let source = source.map(text).transpose()?;
    let target = text(target)?;
    let from = source.as_ref().map_or(std::ptr::null(), |source| source.as_ptr());
    #[expect(unsafe_code, reason = "rustix has mount(2) behind a feature that nothing else needs")]
    // SAFETY: both strings end with NUL and outlive the call; no file system type and no data are given.
    let result = unsafe { libc::mount(from, target.as_ptr(), std::ptr::null(), flags, std::ptr::null()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
