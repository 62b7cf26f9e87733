//! getaddrinfo of the GNU C library.

use std::time::Duration;

use sonde_core::observation::Reason;
use sonde_core::observation::dns::{Family, Personality, Resolution, StepOutcome};

use crate::lab::need_root;
use crate::script::{Asked, Deed, Server};
use crate::{Place, error, ip, outcomes, queries};

const PATIENCE: Duration = Duration::from_secs(20);

async fn look_up(place: &Place, name: &str) -> Resolution {
    place.resolve(name, Family::Any, Personality::Glibc, PATIENCE).await
}

#[tokio::test]
async fn the_search_list_ends_with_the_first_name_that_has_an_address() {
    need_root!("the_search_list_ends_with_the_first_name_that_has_an_address");
    let place = Place::new("nameserver 127.0.0.1\nsearch a.test b.test c.test\noptions ndots:2\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |asked: Asked<'_>| match asked.name {
        "www.x.a.test" => Deed::Say(Vec::new()),
        "www.x.b.test" => Deed::Say(vec![ip("192.0.2.1"), ip("2001:db8::1")]),
        _ => Deed::Fail(3),
    });
    let resolution = look_up(&place, "www.x").await;
    assert_eq!(
        queries(&resolution),
        [
            "127.0.0.1 udp www.x.a.test. 1",
            "127.0.0.1 udp www.x.a.test. 28",
            "127.0.0.1 udp www.x.b.test. 1",
            "127.0.0.1 udp www.x.b.test. 28",
        ]
    );
    assert_eq!(resolution.addresses.len(), 2, "{resolution:?}");
    assert_eq!((resolution.source.as_str(), error(&resolution)), ("dns", None));
    assert_eq!(resolution.canonical_name.as_deref(), Some("www.x.b.test."));
}

#[tokio::test]
async fn no_data_anywhere_is_told_apart_from_no_name() {
    need_root!("no_data_anywhere_is_told_apart_from_no_name");
    let place = Place::new("nameserver 127.0.0.1\nsearch a.test\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |asked: Asked<'_>| match asked.name {
        "empty.a.test" => Deed::Say(Vec::new()),
        _ => Deed::Fail(3),
    });
    let empty = look_up(&place, "empty").await;
    assert_eq!(error(&empty), Some(("EAI_NODATA", "No address associated with hostname")));
    let none = look_up(&place, "none").await;
    assert_eq!(error(&none), Some(("EAI_NONAME", "Name or service not known")));
    assert_eq!(none.steps.len(), 4, "{none:?}");
}

#[tokio::test]
async fn a_reply_that_never_comes_costs_three_timeouts_and_the_other_one_does() {
    need_root!("a_reply_that_never_comes_costs_three_timeouts_and_the_other_one_does");
    let place = Place::new("nameserver 127.0.0.1\noptions timeout:1\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |asked: Asked<'_>| match asked.qtype {
        1 => Deed::Say(vec![ip("192.0.2.1")]),
        _ => Deed::Ignore,
    });
    let resolution = look_up(&place, "www.test").await;
    assert_eq!(resolution.addresses, [ip("192.0.2.1")]);
    assert_eq!(resolution.steps.iter().map(|step| step.qtype).collect::<Vec<_>>(), [1, 28, 1, 28, 1, 28]);
    let lost: Vec<bool> = outcomes(&resolution).iter().map(|outcome| **outcome == StepOutcome::TimedOut).collect();
    assert_eq!(lost, [false, true, false, true, false, true]);
    let took = resolution.timing.elapsed.as_secs_f64();
    assert!((2.9..3.8).contains(&took), "three timeouts of a second took {took} s");
}

#[tokio::test]
async fn a_server_that_fails_or_is_closed_is_followed_by_the_next() {
    need_root!("a_server_that_fails_or_is_closed_is_followed_by_the_next");
    let place = Place::new("nameserver 127.0.0.1\nnameserver 127.0.0.2\nnameserver 127.0.0.3\n");
    let _failing = Server::start(&place.netns, "127.0.0.2", |_| Deed::Fail(2));
    let _good = Server::start(&place.netns, "127.0.0.3", |_| Deed::Say(vec![ip("192.0.2.3")]));
    let resolution = look_up(&place, "www.test").await;
    assert_eq!(resolution.addresses, [ip("192.0.2.3")]);
    let by_server: Vec<String> = queries(&resolution);
    assert_eq!(by_server.len(), 6, "{by_server:?}");
    let outcomes = outcomes(&resolution);
    assert!(
        matches!(outcomes[0], StepOutcome::Failed(failure) if failure.reason == Reason::Refused && failure.icmp.is_some()),
        "{outcomes:?}"
    );
    assert_eq!(outcomes[2..], [2, 2, 0, 0].map(StepOutcome::Answered).each_ref());
}

#[tokio::test]
async fn a_truncated_reply_goes_on_over_tcp() {
    need_root!("a_truncated_reply_goes_on_over_tcp");
    let place = Place::new("nameserver 127.0.0.1\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |asked: Asked<'_>| {
        if asked.over_tcp { Deed::Say(vec![ip("192.0.2.1"), ip("2001:db8::1")]) } else { Deed::Truncate }
    });
    let resolution = look_up(&place, "www.test").await;
    assert_eq!(resolution.addresses, [ip("192.0.2.1"), ip("2001:db8::1")]);
    assert_eq!(outcomes(&resolution)[0], &StepOutcome::Truncated);
    assert_eq!(queries(&resolution)[2..], ["127.0.0.1 tcp www.test. 1", "127.0.0.1 tcp www.test. 28"]);
}

#[tokio::test]
async fn a_lookup_that_is_cut_off_keeps_its_steps() {
    need_root!("a_lookup_that_is_cut_off_keeps_its_steps");
    let place = Place::new("nameserver 127.0.0.1\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |_| Deed::Ignore);
    let timeout = Duration::from_millis(700);
    let resolution = place.resolve("www.test", Family::Ipv6, Personality::Glibc, timeout).await;
    let failure = resolution.failure.as_ref().expect("a failure");
    assert_eq!(failure.reason, Reason::TimedOut);
    assert_eq!(queries(&resolution), ["127.0.0.1 udp www.test. 28"]);
    assert_eq!(outcomes(&resolution), [&StepOutcome::Abandoned]);
    assert_eq!((error(&resolution), resolution.addresses.len()), (None, 0));
    assert!(resolution.steps[0].timing.elapsed > Duration::from_millis(300), "{resolution:?}");
}

#[tokio::test]
async fn nobody_is_asked_for_a_number_or_a_name_of_the_hosts_file() {
    need_root!("nobody_is_asked_for_a_number_or_a_name_of_the_hosts_file");
    let place = Place::furnished("nameserver 127.0.0.1\n", "192.0.2.9 db.test\n::1 local.test\n");
    for (name, family, source, address) in [
        ("db.test", Family::Any, "files", "192.0.2.9"),
        ("local.test", Family::Ipv4, "files", "127.0.0.1"),
        ("0x7f.1", Family::Any, "literal", "127.0.0.1"),
        ("2001:db8::1", Family::Ipv6, "literal", "2001:db8::1"),
    ] {
        let resolution = place.resolve(name, family, Personality::Glibc, PATIENCE).await;
        assert_eq!((resolution.source.as_str(), &resolution.addresses[..]), (source, &[ip(address)][..]), "{name}");
        assert_eq!(resolution.steps, [], "{name}");
    }
    let resolution = place.resolve("127.0.0.1", Family::Ipv6, Personality::Glibc, PATIENCE).await;
    assert_eq!(error(&resolution), Some(("EAI_ADDRFAMILY", "Address family for hostname not supported")));
}
