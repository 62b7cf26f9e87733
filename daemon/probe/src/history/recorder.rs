//! Takes the steps of one namespace. A foreign one is entered for each step and left again: being watched keeps none alive.

use std::sync::Arc;
use std::time::Duration;

use super::archive::{Archive, Watch};
use crate::vantage::{NetworkNamespace, Selector, Vantage, VantageError};

/// Why a namespace has no step.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It cannot be entered.
    #[error(transparent)]
    Vantage(#[from] VantageError),
    /// What is there now is another namespace.
    #[error("another namespace is there now")]
    Replaced,
    /// A table could not be read.
    #[error("{0}")]
    Read(String),
}

/// Records one namespace.
#[derive(Debug)]
pub struct Recorder {
    archive: Arc<Archive>,
    selector: Selector,
    namespace: NetworkNamespace,
    /// The daemon's own, which stays.
    own: Option<Arc<Vantage>>,
    /// Its place in the archive, which stays its own where another namespace has come to the archive instead.
    watch: Option<Arc<Watch>>,
    share: Duration,
}

impl Recorder {
    /// For the namespace that the selector means now, which has no place in the archive yet. `share` is the processor time that one
    /// step may take. Blocks for the time of a few system calls.
    pub fn begin(archive: Arc<Archive>, selector: Selector, share: Duration) -> Result<Self, VantageError> {
        let vantage = Vantage::open(&selector)?;
        let namespace = vantage.network_namespace();
        let own = (selector == Selector::Own).then(|| Arc::new(vantage));
        Ok(Self { archive, selector, namespace, own, watch: None, share })
    }

    /// Its namespace.
    pub fn network_namespace(&self) -> NetworkNamespace {
        self.namespace
    }

    /// Takes its place in the archive, as the first step does otherwise. The others' shares get smaller.
    pub fn keep(&mut self) {
        self.watch();
    }

    /// The share changes with the number of namespaces.
    pub fn set_share(&mut self, share: Duration) {
        self.share = share;
    }

    /// Takes a step and keeps it; after how many steps the next is due. One that is abandoned goes on, and until it is over there
    /// is no other.
    pub async fn step(&mut self) -> Result<u32, RecordError> {
        let vantage = self.enter().await?;
        let (watch, procfs, share) = (self.watch(), vantage.procfs(), self.share);
        let worked = vantage.inspect(move || watch.record(&procfs, share)).await;
        let outcome = worked.map_err(|error| RecordError::Read(error.to_string()))?;
        outcome.map_err(|problem| RecordError::Read(problem.detail))
    }

    fn watch(&mut self) -> Arc<Watch> {
        Arc::clone(self.watch.get_or_insert_with(|| self.archive.watch(self.namespace)))
    }

    async fn enter(&self) -> Result<Arc<Vantage>, RecordError> {
        if let Some(own) = &self.own {
            return Ok(Arc::clone(own));
        }
        let selector = self.selector.clone();
        let opened = tokio::task::spawn_blocking(move || Vantage::open(&selector)).await;
        let vantage = opened.map_err(|error| RecordError::Read(error.to_string()))??;
        let same = vantage.network_namespace().may_be(self.namespace);
        if same { Ok(Arc::new(vantage)) } else { Err(RecordError::Replaced) }
    }
}
