//! Go's pure resolver.

use std::time::Duration;

use sonde_core::observation::Reason;
use sonde_core::observation::dns::{Family, Personality, Resolution, StepOutcome, Transport};

use crate::lab::need_root;
use crate::script::{Asked, Deed, Server};
use crate::{Place, error, ip, outcomes, queries};

const PATIENCE: Duration = Duration::from_secs(20);

async fn look_up(place: &Place, name: &str) -> Resolution {
    place.resolve(name, Family::Ipv4, Personality::Go, PATIENCE).await
}

/// Its text, with the ephemeral port of the last step's own end as PORT.
fn text(resolution: &Resolution) -> String {
    let (_, text) = error(resolution).expect("an error");
    let Some((before, behind)) = text.split_once("->") else { return text.to_owned() };
    format!("{}PORT->{behind}", before.trim_end_matches(|letter: char| letter.is_ascii_digit()))
}

#[tokio::test]
async fn a_and_aaaa_are_asked_side_by_side() {
    need_root!("a_and_aaaa_are_asked_side_by_side");
    let place = Place::new("nameserver 127.0.0.1\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |_| Deed::Say(vec![ip("192.0.2.1"), ip("2001:db8::1")]));
    let resolution = place.resolve("www.test", Family::Any, Personality::Go, PATIENCE).await;
    let mut types: Vec<u16> = resolution.steps.iter().map(|step| step.qtype).collect();
    types.sort_unstable();
    assert_eq!(types, [1, 28]);
    assert_eq!(resolution.addresses.len(), 2, "{resolution:?}");
    assert_eq!((resolution.source.as_str(), resolution.canonical_name.as_deref()), ("dns", Some("www.test.")));
    assert!(resolution.go.is_some());
}

#[tokio::test]
async fn the_search_goes_on_after_servfail_and_no_data() {
    need_root!("the_search_goes_on_after_servfail_and_no_data");
    let place = Place::new("nameserver 127.0.0.1\nsearch a.test b.test c.test\noptions attempts:1\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |asked: Asked<'_>| match asked.name {
        "www.a.test" => Deed::Fail(2),
        "www.b.test" => Deed::Say(Vec::new()),
        "www.c.test" => Deed::Say(vec![ip("192.0.2.1")]),
        _ => Deed::Fail(3),
    });
    let resolution = look_up(&place, "www").await;
    let expected = ["a", "b", "c"].map(|domain| format!("127.0.0.1 udp www.{domain}.test. 1"));
    assert_eq!(queries(&resolution), expected);
    assert_eq!(resolution.addresses, [ip("192.0.2.1")]);
}

#[tokio::test]
async fn nxdomain_ends_a_name_at_the_first_server_and_servfail_does_not() {
    need_root!("nxdomain_ends_a_name_at_the_first_server_and_servfail_does_not");
    let place = Place::new("nameserver 127.0.0.1\nnameserver 127.0.0.2\n");
    let _failing = Server::start(&place.netns, "127.0.0.1", |_| Deed::Fail(2));
    let _without = Server::start(&place.netns, "127.0.0.2", |_| Deed::Fail(3));
    let resolution = look_up(&place, "www.test").await;
    assert_eq!(queries(&resolution), ["127.0.0.1 udp www.test. 1", "127.0.0.2 udp www.test. 1"]);
    assert!(matches!(outcomes(&resolution)[..], [StepOutcome::Rejected(_), StepOutcome::Answered(3)]));
    assert_eq!(error(&resolution), Some(("NotFound", "lookup www.test on 127.0.0.2:53: no such host")));
}

#[tokio::test]
async fn servfail_everywhere_is_temporary_after_all_attempts() {
    need_root!("servfail_everywhere_is_temporary_after_all_attempts");
    let place = Place::new("nameserver 127.0.0.1\nnameserver 127.0.0.2\noptions attempts:2\n");
    let _one = Server::start(&place.netns, "127.0.0.1", |_| Deed::Fail(2));
    let _two = Server::start(&place.netns, "127.0.0.2", |_| Deed::Fail(2));
    let resolution = look_up(&place, "www.test").await;
    assert_eq!(resolution.steps.len(), 4, "{resolution:?}");
    assert_eq!(error(&resolution), Some(("Temporary", "lookup www.test on 127.0.0.2:53: server misbehaving")));
}

#[tokio::test]
async fn a_closed_port_is_noticed_at_once_and_named() {
    need_root!("a_closed_port_is_noticed_at_once_and_named");
    let place = Place::new("nameserver 127.0.0.1\noptions attempts:1\n");
    let resolution = look_up(&place, "www.test").await;
    let expected = "lookup www.test on 127.0.0.1:53: read udp 127.0.0.1:PORT->127.0.0.1:53: read: connection refused";
    assert_eq!(text(&resolution), expected);
    assert_eq!(error(&resolution).map(|(code, _)| code), Some("Temporary"));
    assert!(
        matches!(outcomes(&resolution)[..], [StepOutcome::Failed(failure)] if failure.reason == Reason::Refused),
        "{resolution:?}"
    );
    assert!(resolution.timing.elapsed < Duration::from_secs(2), "{resolution:?}");
}

#[tokio::test]
async fn a_server_without_a_route_cannot_be_dialled() {
    need_root!("a_server_without_a_route_cannot_be_dialled");
    let place = Place::new("nameserver 192.0.2.53\noptions attempts:1\n");
    let resolution = look_up(&place, "www.test").await;
    let expected = "lookup www.test on 192.0.2.53:53: dial udp 192.0.2.53:53: connect: network is unreachable";
    assert_eq!(error(&resolution), Some(("Temporary", expected)));
}

#[tokio::test]
async fn silence_takes_every_attempts_timeout() {
    need_root!("silence_takes_every_attempts_timeout");
    let place = Place::new("nameserver 127.0.0.1\noptions timeout:1 attempts:2\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |_| Deed::Ignore);
    let resolution = look_up(&place, "www.test").await;
    assert_eq!(outcomes(&resolution), [&StepOutcome::TimedOut; 2]);
    let expected = "lookup www.test on 127.0.0.1:53: read udp 127.0.0.1:PORT->127.0.0.1:53: i/o timeout";
    assert_eq!(text(&resolution), expected);
    assert_eq!(error(&resolution).map(|(code, _)| code), Some("Timeout"));
    let took = resolution.timing.elapsed.as_secs_f64();
    assert!((1.9..2.6).contains(&took), "two timeouts of a second took {took} s");
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_over_tcp() {
    need_root!("a_truncated_answer_is_asked_for_over_tcp");
    let place = Place::new("nameserver 127.0.0.1\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |asked: Asked<'_>| {
        if asked.over_tcp { Deed::Say(vec![ip("192.0.2.1")]) } else { Deed::Truncate }
    });
    let resolution = look_up(&place, "www.test").await;
    assert_eq!(queries(&resolution), ["127.0.0.1 udp www.test. 1", "127.0.0.1 tcp www.test. 1"]);
    assert_eq!(outcomes(&resolution), [&StepOutcome::Truncated, &StepOutcome::Answered(0)]);
    assert_eq!(resolution.addresses, [ip("192.0.2.1")]);
}

#[tokio::test]
async fn use_vc_and_single_request_are_obeyed() {
    need_root!("use_vc_and_single_request_are_obeyed");
    let place = Place::new("nameserver 127.0.0.1\noptions use-vc single-request\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |_| Deed::Say(vec![ip("192.0.2.1"), ip("2001:db8::1")]));
    let resolution = place.resolve("www.test", Family::Any, Personality::Go, PATIENCE).await;
    let [first, second] = &resolution.steps[..] else { panic!("{resolution:?}") };
    assert_eq!((first.transport, first.qtype, second.qtype), (Transport::Tcp, 1, 28));
    assert!(first.timing.at + first.timing.elapsed <= second.timing.at, "{resolution:?}");
}

#[tokio::test]
async fn the_hosts_file_of_the_other_family_alone_is_unsuitable() {
    need_root!("the_hosts_file_of_the_other_family_alone_is_unsuitable");
    let place = Place::furnished("nameserver 127.0.0.1\n", "2001:db8::7 db.test\n");
    let resolution = look_up(&place, "DB.test").await;
    assert_eq!(error(&resolution), Some(("Other", "address DB.test: no suitable address found")));
    assert!(resolution.steps.is_empty());
    let found = place.resolve("db.test.", Family::Any, Personality::Go, PATIENCE).await;
    assert_eq!((found.source.as_str(), found.addresses.as_slice()), ("files", [ip("2001:db8::7")].as_slice()));
}
