//! Which musl is emulated. 1.2.4 changed what its resolver does: TC leads to TCP, NODATA is told from NXDOMAIN, answers of up to 4800
//! bytes and of the type asked for are read.
//!
//! What a program here would be linked with is told by the loader; programs that bring their own musl are not seen.

use std::fs;

use crate::vantage::read_bounded;

/// A musl before or since 1.2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Release(u32);

impl Release {
    /// Debian 12.
    #[cfg(test)]
    pub(super) const OLD: Self = Self(3);
    /// The newest that is known, and what is taken where there is no musl.
    pub(super) const CURRENT: Self = Self(5);

    /// 1.2.4 or later.
    pub(super) fn is_current(self) -> bool {
        self.0 >= 4
    }

    /// Bytes of an answer that are read: `abuf` of `src/network/lookup_name.c`.
    pub(super) fn answer_bytes(self) -> usize {
        if self.is_current() { 4800 } else { 512 }
    }

    /// Of the loader of the calling thread's mount namespace.
    pub(super) fn installed() -> Self {
        let Ok(entries) = fs::read_dir("/lib") else { return Self::CURRENT };
        let loader = entries.flatten().take(MOST_ENTRIES).find(|entry| {
            let name = entry.file_name();
            name.to_str().is_some_and(|name| name.starts_with("ld-musl-") && name.ends_with(".so.1"))
        });
        let bytes = loader.and_then(|loader| read_bounded(&loader.path(), MOST_BYTES).ok());
        bytes.and_then(|bytes| Self::named_in(&bytes)).unwrap_or(Self::CURRENT)
    }

    /// The version is a C string of its own (`__libc_version`, `src/internal/version.c`): `1.2.3`.
    fn named_in(bytes: &[u8]) -> Option<Self> {
        bytes.split(|byte| *byte == 0).filter(|text| (5..=MOST_DIGITS).contains(&text.len())).find_map(|text| {
            let mut parts = std::str::from_utf8(text).ok()?.split('.').map(str::parse::<u32>);
            match (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?, parts.next()) {
                (1, 0 | 1, _, None) => Some(Self(0)),
                (1, 2, patch, None) => Some(Self(patch)),
                _ => None,
            }
        })
    }
}

/// `/lib` may hold much; loaders come early or not at all.
const MOST_ENTRIES: usize = 20_000;
/// A musl has 0.7 MB.
const MOST_BYTES: usize = 8 << 20;
/// `1.2.345`.
const MOST_DIGITS: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_among_other_strings() {
        let named = |bytes: &[u8]| Release::named_in(bytes);
        assert_eq!(named(b"musl libc (x86_64)\nVersion %s\n\x001.2.3\0rest"), Some(Release::OLD));
        assert_eq!(named(b"x\x001.2.5\x00"), Some(Release::CURRENT));
        assert!(named(b"\x001.2.12\x00").is_some_and(Release::is_current));
        assert!(!named(b"\x001.1.24\x00").is_some_and(Release::is_current));
        assert_eq!(named(b"\x001.2\x001.2.3.4\x00version 1.2.3\x002.0.1"), None);
    }
}
