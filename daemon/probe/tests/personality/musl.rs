//! getaddrinfo of musl. What differs between its releases is not tested here: the machine's own decides.

use std::time::Duration;

use sonde_core::observation::Reason;
use sonde_core::observation::dns::{Family, Personality, Resolution, StepOutcome};

use crate::lab::need_root;
use crate::script::{Asked, Deed, Server};
use crate::{Place, error, ip, outcomes, queries};

const PATIENCE: Duration = Duration::from_secs(20);

async fn look_up(place: &Place, name: &str) -> Resolution {
    place.resolve(name, Family::Any, Personality::Musl, PATIENCE).await
}

fn sent_at(resolution: &Resolution) -> Vec<f64> {
    let begun = resolution.timing.at;
    resolution.steps.iter().map(|step| step.timing.at.saturating_sub(begun).as_secs_f64()).collect()
}

#[tokio::test]
async fn all_servers_are_asked_at_once_and_the_first_answer_holds() {
    need_root!("all_servers_are_asked_at_once_and_the_first_answer_holds");
    let place = Place::new("nameserver 127.0.0.1\nnameserver 127.0.0.2\n");
    let _silent = Server::start(&place.netns, "127.0.0.1", |_| Deed::Ignore);
    let _good = Server::start(&place.netns, "127.0.0.2", |_| Deed::Say(vec![ip("192.0.2.1"), ip("2001:db8::1")]));
    let resolution = look_up(&place, "www.test").await;
    assert_eq!(
        queries(&resolution),
        [
            "127.0.0.1 udp www.test. 1",
            "127.0.0.2 udp www.test. 1",
            "127.0.0.1 udp www.test. 28",
            "127.0.0.2 udp www.test. 28",
        ]
    );
    let (taken, left) = (StepOutcome::Answered(0), StepOutcome::Abandoned);
    assert_eq!(outcomes(&resolution), [&left, &taken, &left, &taken]);
    assert_eq!(resolution.addresses.len(), 2, "{resolution:?}");
    assert_eq!(resolution.canonical_name.as_deref(), Some("www.test."));
    assert!(resolution.timing.elapsed < Duration::from_secs(2), "{resolution:?}");
}

#[tokio::test]
async fn the_search_goes_on_after_nxdomain_and_ends_with_no_data() {
    need_root!("the_search_goes_on_after_nxdomain_and_ends_with_no_data");
    let place = Place::new("nameserver 127.0.0.1\nsearch a.test b.test c.test\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |asked: Asked<'_>| match asked.name {
        "www.b.test" => Deed::Say(Vec::new()),
        "www.c.test" => Deed::Say(vec![ip("192.0.2.1")]),
        _ => Deed::Fail(3),
    });
    let resolution = place.resolve("www", Family::Ipv4, Personality::Musl, PATIENCE).await;
    assert_eq!(queries(&resolution), ["127.0.0.1 udp www.a.test. 1", "127.0.0.1 udp www.b.test. 1"]);
    assert!(resolution.error.is_some(), "{resolution:?}");
}

#[tokio::test]
async fn a_name_with_enough_dots_is_never_searched() {
    need_root!("a_name_with_enough_dots_is_never_searched");
    let place = Place::new("nameserver 127.0.0.1\nsearch a.test\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |_| Deed::Fail(3));
    let resolution = place.resolve("www.x", Family::Ipv4, Personality::Musl, PATIENCE).await;
    assert_eq!(queries(&resolution), ["127.0.0.1 udp www.x. 1"]);
    assert_eq!(error(&resolution), Some(("EAI_NONAME", "Name does not resolve")));
}

#[tokio::test]
async fn servfail_is_asked_again_at_once_but_not_forever() {
    need_root!("servfail_is_asked_again_at_once_but_not_forever");
    let place = Place::new("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |_| Deed::Fail(2));
    let resolution = look_up(&place, "www.test").await;
    assert_eq!(error(&resolution), Some(("EAI_AGAIN", "Try again")));
    // Twice for each of the two questions.
    assert_eq!(resolution.steps.len(), 6, "{resolution:?}");
    let took = resolution.timing.elapsed.as_secs_f64();
    assert!((0.9..1.5).contains(&took), "a timeout of a second took {took} s");
}

#[tokio::test]
async fn silence_is_asked_again_after_the_timeout_divided_by_the_attempts() {
    need_root!("silence_is_asked_again_after_the_timeout_divided_by_the_attempts");
    let place = Place::new("nameserver 127.0.0.1\noptions timeout:2 attempts:4\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |_| Deed::Ignore);
    let resolution = place.resolve("www.test", Family::Ipv6, Personality::Musl, PATIENCE).await;
    let sent = sent_at(&resolution);
    assert_eq!(sent.len(), 4, "{resolution:?}");
    for (at, expected) in sent.iter().zip([0.0, 0.5, 1.0, 1.5]) {
        assert!((expected..expected + 0.3).contains(at), "{sent:?}");
    }
    assert!(outcomes(&resolution).iter().all(|outcome| **outcome == StepOutcome::TimedOut), "{resolution:?}");
    assert_eq!(error(&resolution), Some(("EAI_AGAIN", "Try again")));
}

#[tokio::test]
async fn a_closed_port_is_as_silent_as_a_dead_server() {
    need_root!("a_closed_port_is_as_silent_as_a_dead_server");
    let place = Place::new("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
    let resolution = place.resolve("www.test", Family::Ipv4, Personality::Musl, PATIENCE).await;
    assert_eq!(outcomes(&resolution), [&StepOutcome::TimedOut]);
    assert!(resolution.timing.elapsed >= Duration::from_millis(900), "{resolution:?}");
}

#[tokio::test]
async fn the_hosts_file_and_literals_need_no_query() {
    need_root!("the_hosts_file_and_literals_need_no_query");
    let place = Place::furnished("nameserver 127.0.0.1\n", "192.0.2.7 db.test db\n");
    let hosts = look_up(&place, "db").await;
    assert_eq!((hosts.source.as_str(), hosts.addresses.as_slice()), ("files", [ip("192.0.2.7")].as_slice()));
    assert_eq!(hosts.canonical_name.as_deref(), Some("db.test."));
    let literal = look_up(&place, "0x7f.1").await;
    assert_eq!((literal.source.as_str(), literal.addresses.as_slice()), ("literal", [ip("127.0.0.1")].as_slice()));
    assert!(hosts.steps.is_empty() && literal.steps.is_empty());
}

#[tokio::test]
async fn a_lookup_that_is_cut_off_keeps_its_steps() {
    need_root!("a_lookup_that_is_cut_off_keeps_its_steps");
    let place = Place::new("nameserver 127.0.0.1\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |_| Deed::Ignore);
    let resolution = place.resolve("www.test", Family::Any, Personality::Musl, Duration::from_millis(600)).await;
    let failure = resolution.failure.as_ref().expect("it did not end by itself");
    assert_eq!(failure.reason, Reason::TimedOut);
    assert_eq!(outcomes(&resolution), [&StepOutcome::Abandoned; 2]);
}
