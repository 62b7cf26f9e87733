//! Sockets of our own on the runtime, for those that it has no type for or whose error queue is waited for.

use std::io;
use std::os::fd::BorrowedFd;

use socket2::Socket;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Hands a socket to the runtime. To be called on it.
pub(crate) fn register(socket: Socket, interest: Interest) -> io::Result<AsyncFd<Socket>> {
    #[expect(unsafe_code, reason = "tokio cannot know that the descriptor stays open")]
    // SAFETY: a `Socket` owns its descriptor, always answers with that one, and closes it only when it is dropped, which the
    // `AsyncFd` that takes it does after it has deregistered it.
    let registered = unsafe { AsyncFd::register_with_interest(socket, interest) };
    registered.map_err(|error| io::Error::other(error.to_string()))
}

/// Lends a socket to the runtime, for one wait. To be called on it.
pub(crate) fn lend(socket: BorrowedFd<'_>, interest: Interest) -> io::Result<AsyncFd<BorrowedFd<'_>>> {
    #[expect(unsafe_code, reason = "tokio cannot know that the descriptor stays open")]
    // SAFETY: the descriptor is open for as long as it is borrowed, and the `AsyncFd` holds that borrow: it cannot outlive it.
    let registered = unsafe { AsyncFd::register_with_interest(socket, interest) };
    registered.map_err(|error| io::Error::other(error.to_string()))
}
