//! The address of a daemon: `http://HOST:PORT` or `unix:PATH`, and connecting to it within a bound.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use sonde_proto::v1::GetInfoRequest;
use sonde_proto::v1::daemon_service_client::DaemonServiceClient;
use tokio::net::UnixStream;
use tonic::Code;
use tonic::transport::{Channel, Uri};

use crate::connection::DAEMON;

/// A parsed address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// HTTP/2 without TLS.
    Http(Uri),
    /// A unix socket.
    Unix(PathBuf),
}

/// Why there is no connection to an endpoint.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EndpointError {
    /// It makes no sense.
    #[error("{text:?} is no endpoint: {problem}; write http://HOST:PORT or unix:/PATH")]
    Malformed {
        /// As given.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nobody answers there.
    #[error("failed to reach the daemon at {endpoint}: {problem}; is sonded running there?")]
    Unreachable {
        /// As given.
        endpoint: String,
        /// Why.
        problem: String,
    },
    /// Somebody is there, but no daemon.
    #[error(
        "{endpoint} does not speak sonde's API: {problem}; start a daemon there with `{DAEMON} --listen ...`, or name another"
    )]
    Foreign {
        /// As given.
        endpoint: String,
        /// What came in place of an answer.
        problem: String,
    },
}

impl Endpoint {
    /// Connects, or fails within `patience`.
    pub(crate) async fn connect(&self, patience: Duration) -> Result<Channel, EndpointError> {
        let unreachable = |problem| EndpointError::Unreachable { endpoint: self.to_string(), problem };
        let connecting = async {
            match self {
                Self::Http(uri) => roomy(Channel::builder(uri.clone())).connect().await,
                Self::Unix(path) => {
                    let path = path.clone();
                    let connector = tower::service_fn(move |_: Uri| {
                        let path = path.clone();
                        async move { UnixStream::connect(path).await.map(TokioIo::new) }
                    });
                    // The address is a placeholder: the connector goes to the socket.
                    roomy(Channel::from_static("http://sonde.local")).connect_with_connector(connector).await
                }
            }
        };
        match tokio::time::timeout(patience, connecting).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(error)) => Err(unreachable(innermost(&error))),
            Err(_) => Err(unreachable(format!("no connection within {}", humantime::format_duration(patience)))),
        }
    }

    /// Connects and makes sure that a daemon answers there, both within `patience`.
    pub(crate) async fn connect_to_daemon(&self, patience: Duration) -> Result<Channel, EndpointError> {
        let deadline = tokio::time::Instant::now() + patience;
        let channel = self.connect(patience).await?;
        let foreign = |problem| EndpointError::Foreign { endpoint: self.to_string(), problem };
        let mut client = DaemonServiceClient::new(channel.clone());
        match tokio::time::timeout_at(deadline, client.get_info(GetInfoRequest {})).await {
            Ok(Ok(_)) => Ok(channel),
            Ok(Err(status)) if status.code() == Code::Unimplemented => {
                Err(foreign("it does not know the call GetInfo".to_owned()))
            }
            // Only what this side made of a broken exchange has a source; a refusal that was sent is a daemon's word.
            Ok(Err(status)) => match std::error::Error::source(&status) {
                Some(broken) => Err(foreign(innermost(broken))),
                None => Ok(channel),
            },
            Err(_) => Err(foreign(format!("it gave no answer within {}", humantime::format_duration(patience)))),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let malformed = |problem| EndpointError::Malformed { text: text.to_owned(), problem };
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(path);
            return match path {
                "" => Err(malformed("the path is missing")),
                path if path.len() > LONGEST_SOCKET_PATH => Err(malformed("the path is too long for a unix socket")),
                path => Ok(Self::Unix(PathBuf::from(path))),
            };
        }
        if text.starts_with("https://") {
            return Err(malformed("sonded does not speak TLS"));
        }
        if !text.starts_with("http://") {
            return Err(malformed("it has no scheme"));
        }
        let uri: Uri = text.parse().map_err(|_| malformed("it is no URL"))?;
        let path = uri.path_and_query().map_or("", |path| path.as_str());
        match (uri.host(), uri.port_u16()) {
            (None | Some(""), _) => Err(malformed("the host is missing")),
            (Some(_), None | Some(0)) => Err(malformed("the port is missing or out of range")),
            (Some(_), Some(_)) if !matches!(path, "" | "/") => Err(malformed("it has a path")),
            (Some(_), Some(_)) => Ok(Self::Http(uri)),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(uri) => write!(f, "http://{}", uri.authority().map_or("", |authority| authority.as_str())),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// With room for what a daemon may send ahead: a listing of many sockets must not wait for our word at every batch.
fn roomy(endpoint: tonic::transport::Endpoint) -> tonic::transport::Endpoint {
    endpoint
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES)
}

/// The last cause of a chain is the system's own word, the others only wrap it.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// Some thirty batches of a listing.
const WINDOW_BYTES: u32 = 1 << 20;

/// As large as a batch of a listing is: in frames of 16 KiB, HTTP/2's default, it comes in as many reads.
const FRAME_BYTES: u32 = 256 << 10;

/// `sun_path` holds 108 bytes with its final zero (unix(7)).
const LONGEST_SOCKET_PATH: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_understood() {
        let shown = |text: &str| text.parse::<Endpoint>().expect("it is right").to_string();

        assert_eq!(shown("unix:/run/sonde/sonde.sock"), "unix:/run/sonde/sonde.sock");
        assert_eq!(shown("unix:///run/sonde.sock"), "unix:/run/sonde.sock");
        assert_eq!(shown("http://127.0.0.1:7667/"), "http://127.0.0.1:7667");
        assert_eq!(shown("http://[::1]:7667"), "http://[::1]:7667");
    }

    #[test]
    fn what_is_no_endpoint_is_quoted() {
        for text in
            ["", "unix:", "127.0.0.1:7667", "https://127.0.0.1:7667", "http://127.0.0.1", "http://:1", "http://h:99999"]
        {
            let line = text.parse::<Endpoint>().expect_err("it is wrong").to_string();
            assert!(line.starts_with(&format!("{text:?} is no endpoint")), "{line}");
        }
    }
}
