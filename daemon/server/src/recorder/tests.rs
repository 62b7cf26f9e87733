//! Which namespaces get a place, with none of them there.

use sonde_probe::history::Bounds;

use super::*;

fn task(most_namespaces: usize) -> Task {
    let config = config::Recorder { most_namespaces, ..config::Recorder::default() };
    let (share, _) = watch::channel(whole_share(&config));
    Task {
        config,
        archive: Archive::new(Bounds::default()),
        ending: CancellationToken::new(),
        places: HashMap::new(),
        loops: JoinSet::new(),
        share,
    }
}

fn namespace(inode: u64, cookie: u64) -> NetworkNamespace {
    NetworkNamespace { inode, cookie: Some(cookie) }
}

#[tokio::test]
async fn no_more_namespaces_have_a_place_than_may_and_the_own_one_counts() {
    let mut task = task(2);

    let admitted = [(1, true), (2, false), (3, false)].map(|(id, kept)| task.admit(namespace(id, id), kept));
    let mut there: Vec<u64> = task.places.keys().copied().collect();
    there.sort_unstable();
    task.places.values_mut().for_each(|place| place.kept = true);
    let refused = task.admit(namespace(4, 4), false);

    assert_eq!((admitted, there), ([true; 3], vec![1, 3]));
    assert!(!refused && !task.places.contains_key(&4));
    assert_eq!(task.archive.watched(), vec![]);
}

#[tokio::test]
async fn a_namespace_with_the_number_of_one_that_is_gone_begins_anew() {
    let mut task = task(8);
    task.admit(namespace(7, 1), false);
    let (stop, id) = (task.places[&7].stop.clone(), task.loops.spawn(async {}).id());
    task.places.get_mut(&7).expect("admitted").recorded_by = Some(id);

    let same = task.admit(namespace(7, 1), false);
    let other = task.admit(namespace(7, 2), false);
    // The end of the old one's loop is none of the new one's.
    task.places.get_mut(&7).expect("admitted").recorded_by = Some(task.loops.spawn(std::future::pending()).id());
    let ended = task.loops.join_next_with_id().await.expect("the old loop");
    task.ended(ended);

    assert!(!same && other && stop.is_cancelled());
    assert_eq!(task.places[&7].namespace, namespace(7, 2));
    assert!(task.places[&7].recorded_by.is_some());
}

#[tokio::test]
async fn a_loop_that_panics_is_begun_again() {
    let mut task = task(8);
    task.admit(namespace(7, 1), true);
    let id = task.loops.spawn(async { panic!("on purpose") }).id();
    task.places.get_mut(&7).expect("admitted").recorded_by = Some(id);

    let ended = task.loops.join_next_with_id().await.expect("it ended");
    task.ended(ended);

    assert!(task.places[&7].kept && task.admit(namespace(7, 1), true));
}
