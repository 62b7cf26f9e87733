use std::net::TcpListener;
use std::task::Poll;

use futures_util::poll;
use sonde_core::grant::Grants;
use sonde_core::plan::Plan;
use sonde_core::target::Target;
use sonde_host::HostConfig;
use sonde_probe::vantage::{Selector, Vantage};
use sonde_proto::v1;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::*;
use crate::config::Config;

/// A dispatcher whose task the caller polls, and a run that waits for an answer which never comes.
struct Bench {
    dispatcher: Dispatcher,
    dispatching: JoinSet<()>,
    host: Arc<Host>,
    /// Accepts, and says nothing.
    mute: TcpListener,
}

impl Bench {
    fn new() -> Self {
        let host = Host::new(HostConfig { cache_dir: None, limits: sonde_host::Limits::default() });
        let host = Arc::new(host.expect("a host"));
        let task = Task {
            host: Arc::clone(&host),
            exporter: None,
            bounds: Config::default().runs,
            ending: CancellationToken::new(),
        };
        let (dispatcher, dispatch) = task.start();
        let mut dispatching = JoinSet::new();
        dispatching.spawn(dispatch);
        let mute = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self { dispatcher, dispatching, host, mute }
    }

    async fn prepared(&self, carry_on: bool) -> Prepared {
        let target: Target = format!("http://{}/", self.mute.local_addr().expect("bound")).parse().expect("a target");
        let checks = crate::checks::load(&self.host, None).await.expect("the built-in ones");
        let manifests: Vec<_> = checks.iter().map(|check| check.manifest.clone()).collect();
        let grants = Grants::for_target(&target);
        let plan = Plan::new(target, &manifests, &[]).expect("something serves it");
        let planned = plan.checks().iter().map(|planned| {
            Arc::clone(checks.iter().find(|check| check.manifest.name == planned.name).expect("of the plan"))
        });
        Prepared {
            checks: planned.collect(),
            plan,
            vantage: Arc::new(Vantage::open(&Selector::Own).expect("our own")),
            past: sonde_host::Past::default(),
            asked_vantage: None,
            grants,
            budget: Duration::from_mins(1),
            client_deadline: None,
            carry_on,
            probe_timeout: Duration::from_secs(30),
            trigger: v1::Trigger::Diagnose,
            parent: None,
        }
    }

    /// Asks for a run, and goes away when it has begun and its answer waits to be taken.
    async fn abandoned(&self, carry_on: bool) -> Running {
        let run = self.prepared(carry_on).await;
        let mut begin = Box::pin(self.dispatcher.begin(run));
        assert!(matches!(poll!(&mut begin), Poll::Pending), "the command is sent, its answer not there");
        // The task owns all commands, so that this one is answered after ours.
        let found = self.dispatcher.before(None, 1).await.expect("it does not end").remove(0).1;
        drop(begin);
        yield_now().await;
        match found {
            Found::Running(running) => running,
            Found::Finished(sum) => panic!("it ended by itself: {sum:?}"),
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_away_before_it_took_the_answer_ends_its_run() {
    let bench = Bench::new();

    let running = bench.abandoned(false).await;

    assert!(running.cancel.is_cancelled());
    let ended = timeout(Duration::from_secs(10), running.reader.clone().end()).await;
    let sum = ended.expect("long before its budget").expect("it is not lost");
    assert_eq!(sum.diagnosis().state(), v1::RunState::Cancelled);
    drop(bench.dispatching);
}

#[tokio::test]
async fn a_client_that_asked_to_carry_on_may_go_at_any_time() {
    let bench = Bench::new();

    let running = bench.abandoned(true).await;

    assert!(!running.cancel.is_cancelled());
    assert_eq!(bench.dispatcher.running().await, Ok(1));
}
