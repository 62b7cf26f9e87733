//! Which daemon answers: the named one, a local one that sees what the caller sees, or one inside this process.
//!
//! A daemon that was named is never replaced by another. An unnamed local daemon is used only when its network and mount
//! namespaces are the caller's: a unix socket crosses namespaces, a diagnosis must not.

use std::time::Duration;
use std::{env, fmt};

use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Channel;

use crate::arguments::Global;
use crate::configuration::{Configuration, ConfigurationError};
use crate::connection::endpoint::{Endpoint, EndpointError};
use crate::connection::local::Local;

pub(crate) mod endpoint;
mod local;

/// An open connection to a daemon, and where that daemon is.
pub(crate) struct Session {
    channel: Channel,
    origin: Origin,
    trace: Vec<(&'static str, AsciiMetadataValue)>,
    #[cfg(feature = "embedded")]
    embedded: Option<sonded::Embedded>,
}

/// Where the daemon is that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Another process.
    Daemon {
        /// As it would be given to `--endpoint`.
        endpoint: String,
    },
    /// This process.
    #[cfg_attr(
        all(not(feature = "embedded"), not(test)),
        expect(dead_code, reason = "the pure client has no daemon of its own")
    )]
    Embedded {
        /// Why no other one is asked.
        reason: String,
    },
}

/// What a command wants of a daemon.
#[derive(Clone, Copy, Debug)]
enum Need {
    /// Any service.
    Everything,
    /// `SocketService` and `CounterService`.
    Tables,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    /// The configuration names no usable daemon.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The endpoint makes no sense, or nobody answers there.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// None was named, none is there, and this build has none inside.
    #[error("no daemon can be asked: {reason}; start one with `{DAEMON}`, or name one with --endpoint")]
    NoDaemon {
        /// What was tried.
        reason: String,
    },
    /// The daemon inside this process does not start.
    #[cfg(feature = "embedded")]
    #[error("failed to {0}")]
    Start(#[source] sonded::StartError),
}

impl Session {
    /// Connects as the options, the environment and the configuration file say, in this order.
    pub(crate) async fn open(global: &Global) -> Result<Self, ConnectionError> {
        Self::open_for(global, Need::Everything).await
    }

    async fn open_for(global: &Global, need: Need) -> Result<Self, ConnectionError> {
        if let Some(named) = named(global)? {
            return Self::named(&named).await;
        }
        let reason = match local::find(LOCAL_PATIENCE).await {
            Local::Here { channel, endpoint } => return Ok(Self::daemon(channel, endpoint)),
            Local::Elsewhere { endpoint } => {
                format!("the daemon at {endpoint} is in another namespace")
            }
            Local::Absent { reason } => reason,
        };
        Self::inside(reason, need).await
    }

    /// The same for a command that needs the kernel's tables alone: a daemon inside this process starts no wasm engine then.
    pub(crate) async fn open_tables(global: &Global) -> Result<Self, ConnectionError> {
        Self::open_for(global, Need::Tables).await
    }

    /// Connects to the named daemon, else to any local one, wherever its namespaces are.
    pub(crate) async fn open_running(global: &Global) -> Result<Self, ConnectionError> {
        if let Some(named) = named(global)? {
            return Self::named(&named).await;
        }
        match local::find(LOCAL_PATIENCE).await {
            Local::Here { channel, endpoint } => Ok(Self::daemon(channel, endpoint)),
            Local::Elsewhere { endpoint } => Self::named(&endpoint).await,
            Local::Absent { reason } => Err(ConnectionError::NoDaemon { reason }),
        }
    }

    /// To build a client of any service on.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Where the daemon is.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// A call with its deadline (`grpc-timeout`) and the caller's trace.
    pub(crate) fn request<T>(&self, message: T, deadline: Duration) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.set_timeout(deadline);
        for (name, value) in &self.trace {
            request.metadata_mut().insert(*name, value.clone());
        }
        request
    }

    /// Ends the daemon inside this process, with what it still has to export.
    #[cfg_attr(not(feature = "embedded"), expect(clippy::unused_async, reason = "with the daemon inside, it waits"))]
    pub(crate) async fn close(self) {
        #[cfg(feature = "embedded")]
        if let Some(embedded) = self.embedded {
            drop(self.channel);
            embedded.shutdown().await;
        }
    }

    async fn named(text: &str) -> Result<Self, ConnectionError> {
        let endpoint: Endpoint = text.parse()?;
        let channel = endpoint.connect_to_daemon(NAMED_PATIENCE).await?;
        Ok(Self::daemon(channel, endpoint.to_string()))
    }

    fn daemon(channel: Channel, endpoint: String) -> Self {
        Self {
            channel,
            origin: Origin::Daemon { endpoint },
            trace: trace_context(),
            #[cfg(feature = "embedded")]
            embedded: None,
        }
    }

    #[cfg(feature = "embedded")]
    async fn inside(reason: String, need: Need) -> Result<Self, ConnectionError> {
        sonded::telemetry::init(sonded::telemetry::Logs::Embedded);
        let embedded = match need {
            Need::Everything => sonded::embedded(sonded::config::Config::default()).await,
            Need::Tables => sonded::embedded_tables().await,
        };
        let embedded = embedded.map_err(ConnectionError::Start)?;
        Ok(Self {
            channel: embedded.channel.clone(),
            origin: Origin::Embedded { reason },
            trace: trace_context(),
            embedded: Some(embedded),
        })
    }

    #[cfg(not(feature = "embedded"))]
    #[expect(clippy::unused_async, reason = "with the daemon inside, it waits")]
    async fn inside(reason: String, _need: Need) -> Result<Self, ConnectionError> {
        Err(ConnectionError::NoDaemon { reason })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daemon { endpoint } => write!(f, "in the daemon at {endpoint}"),
            Self::Embedded { reason } => write!(f, "in this process ({reason})"),
        }
    }
}

/// The endpoint that the user named, if any: option before option, then environment, then file.
fn named(global: &Global) -> Result<Option<String>, ConfigurationError> {
    if let Some(endpoint) = &global.endpoint {
        return Ok(Some(endpoint.clone()));
    }
    let environment = env::var_os("SONDE_ENDPOINT").filter(|value| !value.is_empty());
    let configuration = Configuration::load()?;
    match (&global.context, environment, &configuration.current_context) {
        (Some(context), _, _) | (None, None, Some(context)) => Ok(Some(configuration.endpoint(context)?.to_owned())),
        (None, Some(endpoint), _) => Ok(Some(endpoint.to_string_lossy().into_owned())),
        (None, None, None) => Ok(None),
    }
}

/// `TRACEPARENT` and `TRACESTATE` as metadata; what is not of their form is left out, as the specification says.
fn trace_context() -> Vec<(&'static str, AsciiMetadataValue)> {
    let value = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let Some(parent) = value("TRACEPARENT").filter(|parent| is_traceparent(parent)) else { return Vec::new() };
    [("traceparent", Some(parent)), ("tracestate", value("TRACESTATE"))]
        .into_iter()
        .filter_map(|(name, value)| Some((name, AsciiMetadataValue::try_from(value?).ok()?)))
        .collect()
}

/// W3C Trace Context section 3.2, version 00.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    matches!(parts.as_slice(), ["00", trace, span, flags]
        if hex(trace, 32) && !zero(trace) && hex(span, 16) && !zero(span) && hex(flags, 2))
}

/// For both local sockets together: a local daemon answers in a millisecond, a hanging one must not be felt.
const LOCAL_PATIENCE: Duration = Duration::from_millis(200);

/// The command that starts a daemon.
pub(crate) const DAEMON: &str = if cfg!(feature = "embedded") { "sonde daemon run" } else { "sonded" };

/// For a daemon that was named.
const NAMED_PATIENCE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_of_the_right_form_is_taken() {
        assert!(is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    }

    #[test]
    fn a_traceparent_of_zeros_or_upper_case_or_another_version_is_left_out() {
        assert!(!is_traceparent("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
        assert!(!is_traceparent("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"));
        assert!(!is_traceparent("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        assert!(!is_traceparent("1234"));
    }

    #[test]
    fn the_origin_reads_as_the_end_of_a_sentence() {
        assert_eq!(
            Origin::Embedded { reason: "no daemon runs".into() }.to_string(),
            "in this process (no daemon runs)"
        );
    }
}
