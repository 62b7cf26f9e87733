//! Where the API listens. Only places whose reach is this machine: a unix socket, or a loopback address.

use std::env;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// One place to listen at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// `unix:PATH`; the socket has mode 0600.
    Unix(PathBuf),
    /// `ADDRESS:PORT`; loopback. Port 0 takes a free one.
    Tcp(SocketAddr),
}

/// Why a text is no such place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// Neither form.
    #[error("listen on {text:?}: {problem}; write unix:PATH or 127.0.0.1:PORT")]
    Malformed {
        /// As given.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Other machines would reach it.
    #[error(
        "listen on {text:?}: it is not a loopback address, and clients cannot be authenticated there yet (mTLS); listen on \
         unix:PATH or 127.0.0.1:PORT"
    )]
    NotLoopback {
        /// As given.
        text: String,
    },
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        let malformed = |problem| ListenError::Malformed { text: text.to_owned(), problem };
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(path);
            return match path {
                "" => Err(malformed("the path is missing")),
                path if path.contains('\0') => Err(malformed("the path holds a zero byte")),
                path if path.len() > LONGEST_SOCKET_PATH => {
                    Err(malformed("the path is longer than the 107 bytes of a unix socket's"))
                }
                path => Ok(Self::Unix(PathBuf::from(path))),
            };
        }
        let address: SocketAddr =
            text.parse().map_err(|_| malformed("it is neither a socket path nor an IP address with a port"))?;
        if address.ip().to_canonical().is_loopback() {
            Ok(Self::Tcp(address))
        } else {
            Err(ListenError::NotLoopback { text: text.to_owned() })
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// `/run/sonde/sonde.sock`; for users other than root `$XDG_RUNTIME_DIR/sonde/sonde.sock`, where that is set.
pub fn default_socket() -> PathBuf {
    // The owner of /proc/self is the effective user.
    let root =
        std::fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0);
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute() && !root);
    runtime.unwrap_or_else(|| PathBuf::from("/run")).join("sonde/sonde.sock")
}

/// `sun_path` holds 108 bytes with its final zero (unix(7)).
const LONGEST_SOCKET_PATH: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_understood_and_shown_the_same() {
        for text in ["unix:/run/sonde/sonde.sock", "127.0.0.1:7667", "[::1]:0", "127.9.9.9:1"] {
            assert_eq!(text.parse::<Listen>().expect("it is right").to_string(), text);
        }
        assert_eq!("unix:///run/a".parse::<Listen>().expect("the URL form").to_string(), "unix:/run/a");
    }

    #[test]
    fn what_others_could_reach_is_refused() {
        for text in ["0.0.0.0:1", "[::]:1", "10.0.0.1:7667", "[::ffff:10.0.0.1]:7667"] {
            assert_eq!(text.parse::<Listen>(), Err(ListenError::NotLoopback { text: text.into() }));
        }
    }

    #[test]
    fn nonsense_is_quoted_with_what_would_be_right() {
        for text in ["", "unix:", "localhost", "localhost:7667", "127.0.0.1", "127.0.0.1:99999"] {
            let line = text.parse::<Listen>().expect_err("it is wrong").to_string();
            assert!(line.starts_with(&format!("listen on {text:?}: ")), "{line}");
            assert!(line.ends_with("write unix:PATH or 127.0.0.1:PORT"), "{line}");
        }
    }
}
