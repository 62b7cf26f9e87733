//! Looks for a daemon on this machine: its default sockets, and whether it sees the same namespaces as the caller.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use sonde_proto::v1::daemon_service_client::DaemonServiceClient;
use sonde_proto::v1::{GetInfoRequest, GetInfoResponse};
use tonic::transport::Channel;

use crate::connection::endpoint::Endpoint;

/// What was found.
pub(crate) enum Local {
    /// A daemon in the caller's network and mount namespaces.
    Here {
        /// Open.
        channel: Channel,
        /// Where it listens.
        endpoint: String,
    },
    /// A daemon in other namespaces.
    Elsewhere {
        /// Where it listens.
        endpoint: String,
    },
    /// None that answers.
    Absent {
        /// Why, as the end of a sentence.
        reason: String,
    },
}

/// Asks the default sockets, all of them within `patience`.
pub(crate) async fn find(patience: Duration) -> Local {
    let mut elsewhere = None;
    let mut reason = "no daemon is running".to_owned();
    let deadline = tokio::time::Instant::now() + patience;
    for path in sockets() {
        if fs::symlink_metadata(&path).is_err() {
            continue;
        }
        let endpoint = Endpoint::Unix(path);
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        match tokio::time::timeout(left, ask(&endpoint, left)).await {
            Ok(Some((channel, info))) if is_here(&info) => {
                return Local::Here { channel, endpoint: endpoint.to_string() };
            }
            Ok(Some(_)) => elsewhere = elsewhere.or(Some(endpoint.to_string())),
            Ok(None) | Err(_) => reason = format!("the daemon at {endpoint} does not answer"),
        }
    }
    match elsewhere {
        Some(endpoint) => Local::Elsewhere { endpoint },
        None => Local::Absent { reason },
    }
}

/// Where a daemon listens when nobody told it otherwise: the user's own first.
fn sockets() -> Vec<PathBuf> {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    runtime.into_iter().chain([PathBuf::from("/run")]).map(|base| base.join("sonde").join("sonde.sock")).collect()
}

async fn ask(endpoint: &Endpoint, patience: Duration) -> Option<(Channel, GetInfoResponse)> {
    let channel = endpoint.connect(patience).await.ok()?;
    let info = DaemonServiceClient::new(channel.clone()).get_info(GetInfoRequest {}).await.ok()?;
    Some((channel, info.into_inner()))
}

fn is_here(info: &GetInfoResponse) -> bool {
    let inode = |name: &str| fs::metadata(format!("/proc/self/ns/{name}")).map(|namespace| namespace.ino()).ok();
    inode("net") == Some(info.network_namespace) && inode("mnt") == Some(info.mount_namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_counts_as_here_only_with_both_namespaces() {
        let inode = |name: &str| fs::metadata(format!("/proc/self/ns/{name}")).expect("on Linux").ino();
        let (net, mnt) = (inode("net"), inode("mnt"));
        let info = |network_namespace, mount_namespace| GetInfoResponse {
            network_namespace,
            mount_namespace,
            ..GetInfoResponse::default()
        };

        assert!(is_here(&info(net, mnt)));
        assert!(!is_here(&info(net + 1, mnt)));
        assert!(!is_here(&info(net, mnt + 1)));
        assert!(!is_here(&GetInfoResponse::default()));
    }
}
