//! Which network namespace it is, for what outlives a vantage.
//!
//! Linux gives the inode number of a namespace away again as soon as it is gone, mostly to the very next one. The cookie
//! (`SO_NETNS_COOKIE`, Linux 5.14) it never does.

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::options;

/// A network namespace, and no other that comes to its inode number later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkNamespace {
    /// Its inode number.
    pub inode: u64,
    /// What the kernel numbers it by for as long as it runs; absent where it does not tell.
    pub cookie: Option<u64>,
}

impl NetworkNamespace {
    /// Whether nothing tells them apart: the inode number alone where one of them has no cookie.
    pub fn may_be(self, other: Self) -> bool {
        self.inode == other.inode && (self.cookie == other.cookie || self.cookie.is_none() || other.cookie.is_none())
    }
}

/// The cookie of the calling thread's network namespace. The socket sends nothing.
pub(super) fn cookie() -> Option<u64> {
    let flags = SocketFlags::CLOEXEC;
    // Every kernel has unix sockets, whose namespace is the thread's too.
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None).ok()?;
    options::get_u64(&socket, libc::SOL_SOCKET, libc::SO_NETNS_COOKIE).ok().filter(|cookie| *cookie != 0)
}
