//! The vantages of requests: whatever a client may get wrong is refused with the field, the value and what would be right.

use std::path::PathBuf;
use std::sync::Arc;

use sonde_probe::vantage::{Selector, Vantage};
use sonde_proto::v1;
use tokio::sync::OnceCell;
use tonic::Status;

use super::{quoted, refusal};

/// Opens them.
#[derive(Debug, Default)]
pub(crate) struct Vantages {
    /// The daemon's own namespaces, once a request has wanted them.
    own: OnceCell<Arc<Vantage>>,
}

impl Vantages {
    /// The daemon's own stays the same, and is opened once; any other may change from run to run.
    pub(super) async fn open(&self, asked: Option<&v1::Vantage>) -> Result<Arc<Vantage>, Status> {
        match Self::selector(asked)? {
            Selector::Own => self.own.get_or_try_init(|| open(Selector::Own)).await.cloned(),
            selector => open(selector).await,
        }
    }

    /// What a request means.
    pub(super) fn selector(asked: Option<&v1::Vantage>) -> Result<Selector, Status> {
        let selector = match asked.and_then(|vantage| vantage.r#where.as_ref()) {
            None => Selector::Own,
            Some(v1::vantage::Where::NetnsPath(path)) if !path.starts_with('/') || path.contains('\0') => {
                let problem = format!("{} is no absolute path; give one such as /run/netns/NAME", quoted(path));
                return Err(refusal::invalid("vantage.netns_path", problem));
            }
            Some(v1::vantage::Where::NetnsPath(path)) => Selector::Netns(PathBuf::from(path)),
            Some(v1::vantage::Where::Pid(pid)) if *pid == 0 || i32::try_from(*pid).is_err() => {
                let problem = format!("{pid} is no process id; give that of a process in the daemon's pid namespace");
                return Err(refusal::invalid("vantage.pid", problem));
            }
            Some(v1::vantage::Where::Pid(pid)) => Selector::Pid(*pid),
        };
        Ok(selector)
    }
}

/// It takes a few system calls, some in other namespaces: not on a worker of the API.
async fn open(selector: Selector) -> Result<Arc<Vantage>, Status> {
    let opened = tokio::task::spawn_blocking(move || Vantage::open(&selector)).await;
    match opened {
        Ok(Ok(vantage)) => Ok(Arc::new(vantage)),
        Ok(Err(error)) if error.permission => Err(refusal::permission(&error.what, format!("failed to {error}"))),
        Ok(Err(error)) => Err(refusal::precondition("VANTAGE", &error.what, format!("failed to {error}"))),
        Err(error) => {
            tracing::error!(%error, "opening a vantage failed");
            Err(refusal::internal("opening the vantage failed; the daemon's log says more"))
        }
    }
}
