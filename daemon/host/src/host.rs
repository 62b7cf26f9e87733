//! The host: one engine, one linker, the guests' runtime and the checks that were loaded.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sonde_core::manifest::{CheckEnd, Stop};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::bindings::{Guest, Imports};
use crate::cache::Cache;
use crate::check::{Check, Origin};
use crate::engine::Ticker;
use crate::limits::Limits;
use crate::load::LoadError;
use crate::run::Run;
use crate::session::Session;

/// How a host is set up.
#[derive(Clone, Debug, Default)]
pub struct HostConfig {
    /// Where compiled user components are kept; none compiles them in every process.
    pub cache_dir: Option<PathBuf>,
    /// Of each guest.
    pub limits: Limits,
}

/// Why there is no host. Messages complete "failed to start the wasm host:".
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// It was not made on the runtime that shall do its I/O.
    #[error("make it on the runtime that does the I/O")]
    NoRuntime,
    /// wasmtime gave no engine.
    #[error("make the wasm engine")]
    Engine(#[source] wasmtime::Error),
    /// The kernel gave no thread.
    #[error("start the guests' threads")]
    Threads(#[source] std::io::Error),
    /// A check that this program embeds does not load.
    #[error("load the built-in check {name}")]
    Builtin {
        /// Which.
        name: &'static str,
        /// Why.
        #[source]
        source: LoadError,
    },
}

/// Runs guests: on threads of its own, so that a guest that computes starves neither I/O nor timers of its caller.
#[derive(Debug)]
pub struct Host {
    inner: Arc<Inner>,
    guests: Option<Runtime>,
    _ticker: Ticker,
}

/// What guests' tasks share with their host.
pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<Session>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) cache: Option<Cache>,
    /// The runtime of whoever made the host: host calls do their I/O there.
    pub(crate) io: Handle,
    /// Guests that may live at once.
    pub(crate) places: Semaphore,
    /// Components compile one after the other: each uses all cores.
    compiling: Arc<Semaphore>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("limits", &self.limits).field("cache", &self.cache).finish_non_exhaustive()
    }
}

impl Host {
    /// A host whose calls do their I/O on the runtime this is called on.
    pub fn new(config: HostConfig) -> Result<Self, HostError> {
        let io = Handle::try_current().map_err(|_| HostError::NoRuntime)?;
        let (engine, places) = crate::engine::new(&config.limits).map_err(HostError::Engine)?;
        let linker = linker(&engine).map_err(HostError::Engine)?;
        let cache = config.cache_dir.map(|folder| Cache::new(folder, sonde_aot::compatibility(&engine)));
        // As many workers as cores is the cap on guests that compute at once; those that wait take none.
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // Guests have no sockets: without them, a thread that waits is woken by a futex alone.
        let guests = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores)
            .thread_name("sonde-guest")
            .enable_time()
            .build()
            .map_err(HostError::Threads)?;
        let ticker = Ticker::start(engine.clone()).map_err(HostError::Threads)?;
        let inner = Inner {
            engine,
            linker,
            limits: Arc::new(config.limits),
            cache,
            io,
            places: Semaphore::new(places as usize),
            compiling: Arc::new(Semaphore::new(1)),
        };
        Ok(Self { inner: Arc::new(inner), guests: Some(guests), _ticker: ticker })
    }

    /// The checks embedded in this program, by name. Takes a few milliseconds, in which the calling thread waits.
    pub fn builtins(&self) -> Result<Vec<Arc<Check>>, HostError> {
        let (sender, receiver) = std::sync::mpsc::channel();
        // All at once, each on a worker of the guests' runtime.
        let tasks: Vec<_> = sonde_builtins::BUILTINS
            .iter()
            .enumerate()
            .map(|(index, builtin)| {
                let (inner, sender) = (Arc::clone(&self.inner), sender.clone());
                self.spawn(async move {
                    let loaded = match inner.builtin_code(builtin) {
                        Ok(code) => inner.check(code, builtin.wasm_sha256.to_owned(), Origin::Builtin).await,
                        Err(error) => Err(error),
                    };
                    // Nobody receives once another check has failed.
                    let _unheard = sender.send((index, loaded));
                })
            })
            .collect();
        drop(sender);
        let mut checks: Vec<Option<Arc<Check>>> = vec![None; tasks.len()];
        for (index, loaded) in receiver {
            let name = sonde_builtins::BUILTINS[index].name;
            checks[index] = Some(Arc::new(loaded.map_err(|source| HostError::Builtin { name, source })?));
        }
        drop(tasks);
        // A task that panicked sent nothing.
        let whole = checks.into_iter().zip(sonde_builtins::BUILTINS).map(|(check, builtin)| {
            check.ok_or(HostError::Builtin { name: builtin.name, source: LoadError::Panicked })
        });
        whole.collect()
    }

    /// Loads a component: compiles it, or takes its machine code from the cache, and asks what it is.
    pub async fn load(&self, wasm: Vec<u8>, origin: Origin) -> Result<Arc<Check>, LoadError> {
        let limit = self.inner.limits.component_bytes;
        if wasm.len() > limit {
            return Err(LoadError::TooLarge { bytes: wasm.len(), limit });
        }
        let inner = Arc::clone(&self.inner);
        let loading = self.spawn(async move {
            let turn = Arc::clone(&inner.compiling).acquire_owned().await;
            let compiler = Arc::clone(&inner);
            let compiling = tokio::task::spawn_blocking(move || {
                // Held to the end of the work, which goes on even where nobody waits for it any more.
                let _turn = turn;
                let digest = sonde_aot::digest(&wasm);
                compiler.component(&wasm, &digest).map(|component| (component, digest))
            });
            let (component, digest) = compiling.await.map_err(|error| interrupted(&error))??;
            inner.check(component, digest, origin).await
        });
        loading.await.map_err(|error| interrupted(&error))?.map(Arc::new)
    }

    /// Runs a check in a run until it ends, is stopped by a limit, by `deadline` (on the run's clock) or by the run's cancellation.
    /// Dropping the future stops it, too. Its events are sent before this returns.
    pub async fn run(
        &self,
        check: &Arc<Check>,
        run: &Arc<Run>,
        arguments: Vec<(String, String)>,
        deadline: Duration,
    ) -> CheckEnd {
        let guest = Arc::clone(&self.inner).execute(Arc::clone(check), Arc::clone(run), arguments, deadline);
        match self.spawn(guest).await {
            Ok(end) => end,
            Err(error) if error.is_panic() => {
                CheckEnd::Stopped(Stop::Trap("a bug in sonde: the host of this check panicked".to_owned()))
            }
            Err(_) => CheckEnd::Stopped(Stop::Cancelled),
        }
    }

    fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> AbortOnDropHandle<T> {
        let guests = self.guests.as_ref().expect("invariant: taken only in drop");
        AbortOnDropHandle::new(guests.spawn(task))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Waiting for the threads would panic where the host is dropped by a task.
        if let Some(guests) = self.guests.take() {
            guests.shutdown_background();
        }
    }
}

/// Why a task of ours did not end.
fn interrupted(error: &tokio::task::JoinError) -> LoadError {
    if error.is_panic() { LoadError::Panicked } else { LoadError::ShuttingDown }
}

/// Everything a guest can import: the contract, and WASI that can do nothing.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<Session>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Guest::add_to_linker::<Session, Imports>(&mut linker, |session| session)?;
    Ok(linker)
}
