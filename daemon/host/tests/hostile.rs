//! A check that spins, panics, recurses, eats memory, floods, never ends or lies is stopped and named, and harms nobody.

#[path = "hostile/guest.rs"]
mod guest;

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sonde_core::finding::Finding;
use sonde_core::grant::Grants;
use sonde_core::manifest::{CheckEnd, Conclusion, Outcome, Stop};
use sonde_core::observation::{Call, Observation, Reason};
use sonde_core::target::{Host as TargetHost, Port, Target, TargetKind};
use sonde_host::{Check, Host, HostConfig, HostEvent, Limits, LoadError, Origin, Past, Run};
use sonde_probe::clock::RunClock;
use sonde_probe::vantage::{Selector, Vantage};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A host with the hostile check loaded.
struct Stand {
    host: Host,
    check: Arc<Check>,
}

/// How a guest's run ended, and what was seen of it.
#[derive(Debug)]
struct Seen {
    end: CheckEnd,
    took: Duration,
    ledger: Vec<Arc<Observation>>,
    findings: Vec<Finding>,
    events: Vec<HostEvent>,
}

/// Longer than any limit, even on a busy machine.
const LONG: Duration = Duration::from_mins(1);

/// The discard port: nothing listens there in a test's namespace, and most modes dial nothing.
const NOBODY: u16 = 9;

async fn stand() -> Stand {
    stand_with(Limits::default()).await
}

async fn stand_with(limits: Limits) -> Stand {
    let compiled = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    let host = Host::new(HostConfig { cache_dir: Some(compiled), limits }).expect("a host");
    let check = host.load(guest::hostile(), Origin::File(PathBuf::from("hostile.wasm"))).await.expect("loads");
    Stand { host, check }
}

impl Stand {
    async fn see(&self, mode: &str) -> Seen {
        self.see_until(mode, NOBODY, LONG, CancellationToken::new()).await
    }

    async fn see_until(&self, mode: &str, port: u16, deadline: Duration, cancel: CancellationToken) -> Seen {
        let clock = RunClock::start();
        // Smaller than some floods: what does not fit must wait, not vanish.
        let (sender, mut receiver) = mpsc::channel(64);
        let vantage = Arc::new(Vantage::open(&Selector::Own).expect("our own namespace"));
        let run = Run::new(
            target(port),
            vantage,
            Past::default(),
            clock,
            grants(port),
            Duration::from_secs(3),
            sender,
            cancel,
        );
        let mut events = Vec::new();
        let end = {
            let running = self.host.run(&self.check, &run, vec![("mode".to_owned(), mode.to_owned())], deadline);
            tokio::pin!(running);
            loop {
                tokio::select! {
                    end = &mut running => break end,
                    Some(event) = receiver.recv() => events.push(event),
                }
            }
        };
        let took = clock.now();
        while let Ok(event) = receiver.try_recv() {
            events.push(event);
        }
        Seen { end, took, ledger: run.ledger(), findings: run.findings(), events }
    }
}

fn target(port: u16) -> Target {
    let host = TargetHost::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let number = NonZeroU16::new(port).expect("not 0");
    Target { text: format!("127.0.0.1:{port}"), kind: TargetKind::Tcp { host, port: Port(number) } }
}

fn grants(port: u16) -> Grants {
    let mut grants = Grants::new(Some(port));
    grants.add_target(IpAddr::V4(Ipv4Addr::LOCALHOST));
    grants
}

fn works(summary: &str) -> CheckEnd {
    CheckEnd::Concluded(Outcome {
        conclusion: Conclusion::Works,
        summary: summary.to_owned(),
        next_step: None,
        notes: vec![],
    })
}

fn trap(seen: &Seen) -> &str {
    match &seen.end {
        CheckEnd::Stopped(Stop::Trap(text)) => text,
        _ => panic!("did not trap: {seen:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_behaves_finishes_with_its_finding() {
    let seen = stand().await.see("good").await;
    assert_eq!(seen.end, works("behaved"), "{seen:?}");
    assert_eq!(seen.findings.len(), 1);
    assert_eq!(seen.findings[0].evidence, [seen.ledger[0].id]);
    assert!(matches!(seen.events[..], [HostEvent::Observed(_), HostEvent::Found(_)]), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spinning_check_is_stopped_by_its_cpu_budget() {
    let seen = stand().await.see("spin").await;
    assert_eq!(seen.end, CheckEnd::Stopped(Stop::CpuBudget));
    assert!(seen.took >= Limits::default().cpu, "{:?}", seen.took);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_waits_often_is_not_taken_for_one_that_computes() {
    let seen = stand().await.see("many-waits").await;
    assert_eq!(seen.end, works("waited"), "{:?}", seen.took);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panicking_check_traps_with_its_own_words() {
    let seen = stand().await.see("panic").await;
    assert!(trap(&seen).contains("on purpose"), "{}", trap(&seen));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_floods_its_standard_error_traps_with_the_beginning_of_it() {
    let seen = stand().await.see("stderr").await;
    let text = trap(&seen);
    assert!(text.contains("lines and lines") && text.len() <= Limits::default().text_bytes, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_exits_ends_only_itself() {
    let seen = stand().await.see("exit").await;
    assert!(trap(&seen).contains("exit"), "{}", trap(&seen));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recursing_check_traps_on_its_stack() {
    let seen = stand().await.see("recurse").await;
    assert!(trap(&seen).contains("call stack exhausted"), "{}", trap(&seen));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_eats_memory_is_stopped_by_its_memory_limit() {
    let seen = stand().await.see("memory").await;
    assert_eq!(seen.end, CheckEnd::Stopped(Stop::Memory));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_calls_fails_as_data_and_is_then_stopped() {
    // A slow machine may need more processor time for the flood than a guest has.
    let stand = stand_with(Limits { cpu: Duration::from_secs(20), ..Limits::default() }).await;
    let seen = stand.see("flood-calls").await;
    assert!(matches!(seen.end, CheckEnd::Stopped(Stop::DataLimit | Stop::CpuBudget)), "{:?}", seen.end);
    let allowed = Limits::default().host_calls as usize;
    assert_eq!(seen.ledger.len(), allowed + 1, "each call within the budget, and one line for all beyond it");
    let last = seen.ledger.last().and_then(|observation| observation.call.failure()).expect("failed");
    assert!(matches!(last.reason, Reason::BudgetExhausted(_)), "{last:?}");
    let observed = seen.events.iter().filter(|event| matches!(event, HostEvent::Observed(_))).count();
    assert_eq!(observed, allowed + 1, "no event is lost to a slow reader");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_would_fill_the_ledger_are_refused_as_data() {
    let stand = stand_with(Limits { ledger_bytes: 10 << 10, ..Limits::default() }).await;
    let seen = stand.see("flood-calls").await;
    assert!(seen.ledger.len() <= 12, "{}", seen.ledger.len());
    let last = seen.ledger.last().and_then(|observation| observation.call.failure()).expect("failed");
    assert!(matches!(&last.reason, Reason::BudgetExhausted(text) if text.contains("ledger")), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_too_large_for_the_pools_are_allocated_on_demand() {
    let stand = stand_with(Limits { memory_bytes: 200 << 20, ..Limits::default() }).await;
    assert_eq!(stand.see("good").await.end, works("behaved"));
    assert_eq!(stand.see("memory").await.end, CheckEnd::Stopped(Stop::Memory));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_guests_than_places_wait_for_their_turn() {
    let stand = stand().await;
    let ended = futures_util::future::join_all((0..200).map(|_| stand.see("good"))).await;
    let odd: Vec<_> = ended.iter().filter(|seen| seen.end != works("behaved")).collect();
    assert!(odd.is_empty(), "{odd:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_started_calls_is_stopped_by_the_limit_on_handles() {
    let seen = stand().await.see("flood-starts").await;
    assert_eq!(seen.end, CheckEnd::Stopped(Stop::DataLimit));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_cancelled_calls_is_stopped() {
    let seen = stand().await.see("cancel-loop").await;
    assert!(matches!(seen.end, CheckEnd::Stopped(Stop::DataLimit | Stop::CpuBudget)), "{:?}", seen.end);
    assert!(seen.ledger.len() <= Limits::default().host_calls as usize + 1, "{}", seen.ledger.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_log_lines_is_counted_and_stopped() {
    let seen = stand().await.see("flood-logs").await;
    assert_eq!(seen.end, CheckEnd::Stopped(Stop::CpuBudget));
    let lines = seen.events.iter().filter(|event| matches!(event, HostEvent::Log { .. })).count();
    assert_eq!(lines, Limits::default().log_lines as usize);
    assert!(
        matches!(seen.events.last(), Some(HostEvent::LogsDropped { count, .. }) if *count > 0),
        "{:?}",
        seen.events.last()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_beyond_the_limit_are_counted_and_carry_no_escapes() {
    let seen = stand().await.see("some-logs").await;
    assert_eq!(seen.end, works("logged"));
    assert!(
        matches!(&seen.events[0], HostEvent::Log { message, .. } if message == "line 0[2J"),
        "{:?}",
        seen.events[0]
    );
    assert!(matches!(seen.events.last(), Some(HostEvent::LogsDropped { count: 100, .. })), "{:?}", seen.events.last());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_await_that_cannot_end_is_stopped() {
    let seen = stand().await.see_until("never", NOBODY, Duration::from_secs(2), CancellationToken::new()).await;
    assert!(matches!(seen.end, CheckEnd::Stopped(Stop::Trap(_) | Stop::Deadline)), "{:?}", seen.end);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sleeping_check_is_stopped_by_the_deadline() {
    let stand = stand().await;
    for mode in ["sleep", "block"] {
        let seen = stand.see_until(mode, NOBODY, Duration::from_millis(300), CancellationToken::new()).await;
        assert_eq!(seen.end, CheckEnd::Stopped(Stop::Deadline), "{mode}");
        assert!(seen.took < Duration::from_secs(5), "{mode}: {:?}", seen.took);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_of_50_megabytes_is_stopped_by_the_limit_on_data() {
    let seen = stand().await.see("return-much").await;
    assert_eq!(seen.end, CheckEnd::Stopped(Stop::DataLimit));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_is_cut_and_loses_its_escapes() {
    let seen = stand().await.see("return-some").await;
    let CheckEnd::Concluded(outcome) = seen.end else { panic!("{:?}", seen.end) };
    assert!(outcome.summary.starts_with("]0;pwned]0;pwned"), "{:.40}", outcome.summary);
    assert!(outcome.summary.len() <= Limits::default().text_bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn wasi_gives_nothing() {
    let seen = stand().await.see("escape").await;
    let expected = "environment 0 file false tcp Err(PermissionDenied) listening false udp false name false";
    assert_eq!(seen.end, works(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_evidence_and_unknown_causes_are_rejected() {
    let seen = stand().await.see("forge").await;
    assert_eq!(seen.end, works("forged 0 honest true"), "{seen:?}");
    assert_eq!(seen.findings.len(), 1);
    assert_eq!(seen.findings[0].summary, "[31mred");
    assert!(seen.findings[0].measures.is_empty(), "what is not finite is left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dial_outside_the_grants_is_denied_as_data_and_shown() {
    let seen = stand().await.see("denied").await;
    assert_eq!(seen.end, works("denied [true, true, true]"), "{seen:?}");
    let denied = |observation: &&Arc<Observation>| {
        matches!(&observation.call, Call::DialTcp { answer, .. }
            if matches!(&answer.outcome, Err(failure) if matches!(failure.reason, Reason::Denied(_))))
    };
    assert_eq!(seen.ledger.iter().filter(denied).count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_that_make_no_sense_are_rejected_as_data_and_shown() {
    let seen = stand().await.see("nonsense").await;
    assert_eq!(seen.end, works("rejected [true, true, true, true, true]"), "{seen:?}");
    let rejected = |observation: &&Arc<Observation>| matches!(observation.call, Call::Rejected { .. });
    assert_eq!(seen.ledger.iter().filter(rejected).count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_argument_is_the_checks_own_error() {
    let seen = stand().await.see("no-such-mode").await;
    assert!(
        matches!(&seen.end, CheckEnd::Stopped(Stop::Error(text)) if text.contains("no-such-mode")),
        "{:?}",
        seen.end
    );
}

/// Accepts, says nothing, and tells when the peer has gone.
async fn silent_peer() -> (u16, tokio::task::JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let port = listener.local_addr().expect("is bound").port();
    let mut gone = tokio::task::JoinSet::new();
    gone.spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("accepts");
        let mut bytes = Vec::new();
        // Ends with the connection, however it ends.
        let _ended = stream.read_to_end(&mut bytes).await;
    });
    (port, gone)
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_run_ends_its_guest_and_its_sockets_at_once() {
    let stand = stand().await;
    let (port, mut gone) = silent_peer().await;
    let cancel = CancellationToken::new();
    let (seen, ()) = tokio::join!(stand.see_until("hang", port, LONG, cancel.clone()), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        cancel.cancel();
    });
    assert_eq!(seen.end, CheckEnd::Stopped(Stop::Cancelled));
    assert!(seen.took < Duration::from_secs(3), "{:?}", seen.took);
    tokio::time::timeout(Duration::from_secs(3), gone.join_next()).await.expect("the socket is closed");
    let failure = seen.ledger[0].call.failure().expect("was cut short");
    assert!(failure.detail.contains("cut short"), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_a_hung_dial_as_data_before_it_ends_the_guest() {
    let stand = stand().await;
    let (port, mut gone) = silent_peer().await;
    let seen = stand.see_until("hang", port, Duration::from_millis(600), CancellationToken::new()).await;
    assert_eq!(seen.end, CheckEnd::Stopped(Stop::Deadline));
    let failure = seen.ledger[0].call.failure().expect("failed");
    assert_eq!(failure.reason, Reason::TimedOut, "{failure:?}");
    tokio::time::timeout(Duration::from_secs(3), gone.join_next()).await.expect("the socket is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_run_ends_its_sockets() {
    let stand = stand().await;
    let (port, mut gone) = silent_peer().await;
    let dropped =
        tokio::time::timeout(Duration::from_millis(300), stand.see_until("hang", port, LONG, CancellationToken::new()));
    assert!(dropped.await.is_err(), "it hangs until it is dropped");
    tokio::time::timeout(Duration::from_secs(3), gone.join_next()).await.expect("the socket is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_its_check_drops_ends_at_once_and_is_recorded() {
    let stand = stand().await;
    let (port, mut gone) = silent_peer().await;
    let seen = stand.see_until("lose-a-race", port, LONG, CancellationToken::new()).await;
    assert_eq!(seen.end, works("lost true"));
    assert!(
        matches!(&seen.ledger[..], [only] if only.call.failure().is_some_and(|failure| failure.detail.contains("cut short")))
    );
    tokio::time::timeout(Duration::from_secs(3), gone.join_next()).await.expect("the socket is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_checks_do_not_keep_a_good_one_from_finishing() {
    let stand = stand().await;
    let (good, ..) = tokio::join!(
        stand.see("good"),
        stand.see("spin"),
        stand.see("spin"),
        stand.see("spin"),
        stand.see("memory"),
        stand.see("flood-calls"),
        stand.see("flood-logs"),
        stand.see("panic"),
    );
    assert_eq!(good.end, works("behaved"), "{good:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn spinning_checks_do_not_starve_the_callers_timers() {
    let stand = stand().await;
    let clock = RunClock::start();
    let heartbeat = async {
        let mut longest = Duration::ZERO;
        for _ in 0..40 {
            let before = clock.now();
            tokio::time::sleep(Duration::from_millis(10)).await;
            longest = longest.max(clock.now().saturating_sub(before));
        }
        longest
    };
    let (longest, ..) =
        tokio::join!(heartbeat, stand.see("spin"), stand.see("spin"), stand.see("spin"), stand.see("spin"));
    assert!(longest < Duration::from_millis(300), "a timer of 10 ms took {longest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_is_no_check_is_refused_by_name() {
    let host = Host::new(HostConfig::default()).expect("a host");
    let empty = b"\0asm\x0d\0\x01\0".to_vec();
    let error = host.load(empty, Origin::File(PathBuf::from("empty.wasm"))).await.expect_err("is no check");
    assert!(matches!(&error, LoadError::NotACheck { found } if found == "nothing"), "{error}");
    let broken = guest::hostile()[..1000].to_vec();
    let error = host.load(broken, Origin::File(PathBuf::from("broken.wasm"))).await.expect_err("is cut off");
    assert!(matches!(error, LoadError::Compile(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_component_loads_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = HostConfig { cache_dir: Some(folder.path().join("compiled")), limits: Limits::default() };
    for _ in 0..2 {
        let host = Host::new(config.clone()).expect("a host");
        let check = host.load(guest::hostile(), Origin::File(PathBuf::from("hostile.wasm"))).await.expect("loads");
        assert_eq!(check.manifest.name, "hostile");
    }
    let held = std::fs::read_dir(folder.path().join("compiled")).expect("was made").count();
    assert_eq!(held, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_builtin_checks_load_from_their_machine_code() {
    let host = Host::new(HostConfig::default()).expect("a host");
    let checks = host.builtins().expect("load");
    let names: Vec<_> = checks.iter().map(|check| check.manifest.name.as_str()).collect();
    assert_eq!(names, sonde_builtins::BUILTINS.iter().map(|builtin| builtin.name).collect::<Vec<_>>());
}
