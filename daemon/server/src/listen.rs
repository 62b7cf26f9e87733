//! Opening the places where the API listens: a unix socket of mode 0600 whose folder is ours, or a loopback port.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener, UnixSocket, UnixStream};
use tokio::time::{Instant, sleep};

use crate::config::Listen;

/// An open place.
#[derive(Debug)]
pub(crate) enum Listener {
    /// Removed from the file system when dropped.
    Unix(UnixListener, SocketFile),
    /// With the port taken.
    Tcp(TcpListener),
}

/// Why a place cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Someone answers there already.
    #[error("listen on {listen}: a daemon is listening there already; stop it, or listen elsewhere with --listen")]
    Taken {
        /// As configured.
        listen: Listen,
    },
    /// There is something else.
    #[error("listen on {listen}: there is a file that is no socket; remove it, or listen elsewhere with --listen")]
    NotASocket {
        /// As configured.
        listen: Listen,
    },
    /// The system refuses.
    #[error("listen on {listen}: {what}; choose another place with --listen")]
    Refused {
        /// As configured.
        listen: Listen,
        /// What cannot be done.
        what: &'static str,
        /// The system's word.
        source: io::Error,
    },
}

impl Listener {
    /// Opens the place. A socket that nobody answers at is a leftover, and replaced.
    pub(crate) async fn open(listen: &Listen) -> Result<Self, BindError> {
        match listen {
            Listen::Tcp(address) => match TcpListener::bind(address).await {
                Ok(listener) => Ok(Self::Tcp(listener)),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    Err(BindError::Taken { listen: listen.clone() })
                }
                Err(source) => Err(refused(listen, "it cannot be bound")(source)),
            },
            Listen::Unix(path) => {
                make_folder(path).map_err(refused(listen, "its folder cannot be made"))?;
                // Between the look at a leftover and the bind, another daemon could have bound: it would lose its socket.
                let _alone = lock(listen, path).await?;
                remove_leftover(listen, path).await?;
                let listener = bind(path).map_err(refused(listen, "it cannot be bound"))?;
                let file = SocketFile::of(path).map_err(refused(listen, "it cannot be looked at"))?;
                Ok(Self::Unix(listener, file))
            }
        }
    }

    /// Where it really listens: with the port that the kernel chose.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Unix(_, file) => Listen::Unix(file.path.clone()).to_string(),
            Self::Tcp(listener) => {
                listener.local_addr().map_or_else(|_| "tcp".to_owned(), |address| address.to_string())
            }
        }
    }
}

/// The name of a bound socket.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode: by now another daemon may have put its own there.
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // Gone already is as good.
            fs::remove_file(&self.path).ok();
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

fn make_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.exists() => {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)
        }
        _ => Ok(()),
    }
}

/// Taken by every daemon that opens this place, for as long as that takes. The file stays: removing it would let two daemons hold
/// locks on two files of one name.
async fn lock(listen: &Listen, path: &Path) -> Result<File, BindError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    if fs::symlink_metadata(&name).is_ok_and(|metadata| !metadata.is_file()) {
        let planted = io::Error::other("it is no regular file; remove it");
        return Err(refused(listen, "the lock file beside it cannot be opened")(planted));
    }
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(name)
        .map_err(refused(listen, "the lock file beside it cannot be opened"))?;
    let deadline = Instant::now() + LOCK;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(LOCK_TICK).await,
            Err(TryLockError::WouldBlock) => return Err(BindError::Taken { listen: listen.clone() }),
            Err(TryLockError::Error(error)) => {
                return Err(refused(listen, "the lock file beside it cannot be locked")(error));
            }
        }
    }
}

async fn remove_leftover(listen: &Listen, path: &Path) -> Result<(), BindError> {
    match fs::symlink_metadata(path) {
        Err(_) => return Ok(()),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(BindError::NotASocket { listen: listen.clone() });
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(refused(listen, "the socket left behind there cannot be removed"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(refused(listen, "whether someone listens there cannot be told")(source)),
        Ok(_) => Err(BindError::Taken { listen: listen.clone() }),
    }
}

/// Linux gives the file the mode of the unbound socket (unix(7), `unix_bind`), so there is no moment at which others may connect.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    File::from(socket.as_fd().try_clone_to_owned()?).set_permissions(Permissions::from_mode(0o600))?;
    socket.bind(path)?;
    socket.listen(BACKLOG)
}

fn refused(listen: &Listen, what: &'static str) -> impl FnOnce(io::Error) -> BindError {
    let listen = listen.clone();
    move |source| BindError::Refused { listen, what, source }
}

/// How long another daemon may take to open the same place.
const LOCK: Duration = Duration::from_secs(2);

/// A file's lock cannot be awaited.
const LOCK_TICK: Duration = Duration::from_millis(10);

/// Connections waiting to be accepted; the kernel caps it at net.core.somaxconn.
const BACKLOG: u32 = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn socket_in(folder: &tempfile::TempDir) -> Listen {
        Listen::Unix(folder.path().join("new/sonde.sock"))
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it exists").permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn the_socket_and_its_folder_are_for_their_owner_alone_and_go_with_the_listener() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("new/sonde.sock");

        let listener = Listener::open(&socket_in(&folder)).await.expect("it is free");

        assert_eq!((mode(&path), mode(&folder.path().join("new"))), (0o600, 0o700));
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_leftover_socket_is_replaced() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("sonde.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("it is free"));
        assert!(path.exists(), "a socket outlives its listener");

        let listener = Listener::open(&Listen::Unix(path.clone())).await;

        assert!(listener.is_ok(), "{listener:?}");
    }

    #[tokio::test]
    async fn two_daemons_that_start_over_one_leftover_do_not_take_each_others_socket() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("sonde.sock");
        let listen = Listen::Unix(path.clone());
        drop(std::os::unix::net::UnixListener::bind(&path).expect("it is free"));
        // The first one is between its look at the leftover and its bind.
        let first = lock(&listen, &path).await.expect("nobody else is here");
        let mut second = Box::pin(Listener::open(&listen));
        assert!(tokio::time::timeout(Duration::from_millis(200), &mut second).await.is_err(), "it must wait");
        fs::remove_file(&path).expect("the leftover");
        let bound = std::os::unix::net::UnixListener::bind(&path).expect("it is free");
        drop(first);

        let refused = second.await;

        assert!(matches!(refused, Err(BindError::Taken { .. })), "{refused:?}");
        std::os::unix::net::UnixStream::connect(&path).expect("the first one's socket is still there");
        drop(bound);
    }

    #[tokio::test]
    async fn a_lock_file_that_leads_elsewhere_is_not_followed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let elsewhere = folder.path().join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, folder.path().join("sonde.sock.lock")).expect("it is free");

        let refused = Listener::open(&Listen::Unix(folder.path().join("sonde.sock"))).await;

        assert!(matches!(refused, Err(BindError::Refused { .. })), "{refused:?}");
        assert!(!elsewhere.exists());
    }

    #[tokio::test]
    async fn a_socket_that_someone_answers_at_is_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = Listener::open(&socket_in(&folder)).await.expect("it is free");

        let second = Listener::open(&socket_in(&folder)).await;

        assert!(matches!(second, Err(BindError::Taken { .. })), "{second:?}");
        drop(first);
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("sonde.sock");
        fs::write(&path, "precious").expect("it is free");

        let listener = Listener::open(&Listen::Unix(path.clone())).await;

        assert!(matches!(listener, Err(BindError::NotASocket { .. })), "{listener:?}");
        assert_eq!(fs::read_to_string(&path).expect("still there"), "precious");
    }

    #[tokio::test]
    async fn another_daemons_socket_in_the_same_place_survives_ours() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("new/sonde.sock");
        let ours = Listener::open(&socket_in(&folder)).await.expect("it is free");
        fs::remove_file(&path).expect("it is there");
        let theirs = std::os::unix::net::UnixListener::bind(&path).expect("it is free");

        drop(ours);

        assert!(path.exists());
        drop(theirs);
    }
}
