//! What the flight recorder knows a namespace by.

use std::process::Command;
use std::time::Duration;

use sonde_core::observation::Reason;
use sonde_core::observation::history::{Numbers, Period, Request};
use sonde_probe::clock::RunClock;
use sonde_probe::history::{Archive, Bounds, RecordError, Recorder, read};
use sonde_probe::vantage::Selector;

use crate::lab::{Netns, need_root};

/// Of one step.
const SHARE: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_made_anew_under_the_same_name_inherits_nothing() {
    need_root!("a_namespace_made_anew_under_the_same_name_inherits_nothing");
    let namespace = Netns::create();
    let selector = Selector::Netns(namespace.path());
    let archive = Archive::new(Bounds::default());
    let mut recorder = Recorder::begin(archive.clone(), selector.clone(), SHARE).expect("it opens");
    let before = recorder.network_namespace();
    recorder.step().await.expect("a step");
    let kept = archive.kept(before);

    remade(&namespace);
    let ended = recorder.step().await.expect_err("it is another one");
    let vantage = namespace.vantage();
    let after = vantage.network_namespace();
    let inherited = archive.kept(after);
    let now = RunClock::wall_now();
    let of = Numbers::Counters { names: vec!["Tcp.*".to_owned()] };
    let request = Request { period: Period { from: now.saturating_sub(SHARE * 600), to: now }, points: 2, of };
    let told = read(Some(&archive), &vantage, &RunClock::start(), &request).await.expect_err("nothing is kept of it");
    let mut anew = Recorder::begin(archive.clone(), selector, SHARE).expect("it opens");
    anew.step().await.expect("a step");

    assert!(kept.is_some());
    assert!(matches!(ended, RecordError::Replaced), "{ended}");
    assert!(before != after && inherited.is_none(), "{before:?} {after:?} {inherited:?}");
    assert!(matches!(told.reason, Reason::Unavailable(_)), "{told:?}");
    assert!(
        archive.kept(after).is_some_and(|kept| kept.from >= now.saturating_sub(SHARE)),
        "{:?}",
        archive.kept(after)
    );
}

/// Another one, most likely with the inode number of the one before.
fn remade(namespace: &Netns) {
    for arguments in [["netns", "del", &namespace.name], ["netns", "add", &namespace.name]] {
        let output = Command::new("ip").args(arguments).output().expect("ip runs");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}
