//! Cases by hand, and what they prove.

use sonde_sdk::check::Conclusion;
use sonde_sdk::dns::Answer;
use sonde_sdk::testkit;
use sonde_sdk::types::Phase;

use super::*;

const NAME: &str = "orders.example";

fn with(answer: Answer, flags: HeaderFlags, ttl: u32) -> Answer {
    let mut answer = answer;
    answer.flags = answer.flags | flags;
    for record in answer.answers.iter_mut().chain(&mut answer.authorities) {
        record.ttl = ttl;
    }
    answer
}

fn address(n: u64, address: &str, flags: HeaderFlags, ttl: u32) -> Exchange {
    let record = testkit::resource("orders.example.", qtype::A, address);
    testkit::exchange(n, Ok(with(testkit::answer(0, vec![record]), flags, ttl)))
}

fn absent(n: u64, flags: HeaderFlags, ttl: u32) -> Exchange {
    let mut answer = testkit::answer(rcode::NXDOMAIN, vec![]);
    answer.authorities = vec![testkit::resource("example.", qtype::SOA, "ns.example. root.example. 1 2 3 4 60")];
    testkit::exchange(n, Ok(with(answer, flags, ttl)))
}

fn code(n: u64, code: u16) -> Exchange {
    testkit::exchange(n, Ok(testkit::answer(code, vec![])))
}

fn silent(n: u64) -> Exchange {
    testkit::exchange(n, Err(testkit::failure(Phase::Wait, Reason::TimedOut, 800)))
}

fn level(zone: &str, exchange: Exchange) -> Level {
    let server = Asked { name: format!("ns.{zone}"), address: "192.0.2.77".to_owned(), exchange };
    Level { zone: zone.to_owned(), servers: vec![server] }
}

fn case(told: Vec<Exchange>, levels: Vec<Level>) -> Case {
    Case {
        name: NAME.to_owned(),
        qtype: qtype::A,
        resolver: "192.0.2.53".to_owned(),
        told,
        zone_found: code(90, 0),
        levels,
        again: None,
        leads: Leads::Unasked,
        nonsense: None,
    }
}

const AA: HeaderFlags = HeaderFlags::AUTHORITATIVE;

#[test]
fn a_cached_absence_of_a_name_that_its_zone_has_is_a_negative_cache() {
    let told = vec![absent(1, HeaderFlags::empty(), 40), absent(2, HeaderFlags::empty(), 39)];
    let judgement = judge(&case(told, vec![level("example", address(3, "10.0.0.5", AA, 60))]));

    assert!(testkit::is_proven(&judgement.findings, "dns.negative_cache"), "{judgement:?}");
    assert_eq!(testkit::refuted(&judgement.findings), ["dns.nxdomain"]);
}

#[test]
fn an_address_that_counts_down_and_differs_from_the_zones_is_stale() {
    let told =
        vec![address(1, "10.0.0.9", HeaderFlags::empty(), 300), address(2, "10.0.0.9", HeaderFlags::empty(), 299)];
    let judgement = judge(&case(told, vec![level("example", address(3, "10.0.0.5", AA, 60))]));

    assert!(testkit::is_proven(&judgement.findings, "dns.stale_answer"), "{judgement:?}");
}

#[test]
fn a_zone_that_leads_clients_by_turns_makes_no_answer_stale() {
    let told =
        vec![address(1, "10.0.0.9", HeaderFlags::empty(), 300), address(2, "10.0.0.9", HeaderFlags::empty(), 299)];
    let mut by_turns = case(told.clone(), vec![level("example", address(3, "10.0.0.5", AA, 60))]);
    by_turns.again = Some(address(4, "10.0.0.6", AA, 60));
    let mut servers = level("example", address(3, "10.0.0.5", AA, 60));
    servers.servers.extend(level("other", address(4, "10.0.0.6", AA, 60)).servers);
    for case in [by_turns, case(told, vec![servers])] {
        let judgement = judge(&case);
        assert_eq!((judgement.findings.len(), judgement.outcome.conclusion), (0, Conclusion::Works));
    }
}

#[test]
fn a_difference_without_any_age_is_no_proof_of_a_cache() {
    let told = vec![address(1, "10.0.0.9", HeaderFlags::empty(), 60), address(2, "10.0.0.9", HeaderFlags::empty(), 60)];
    let judgement = judge(&case(told, vec![level("example", address(3, "10.0.0.5", AA, 60))]));

    assert!(!testkit::is_proven(&judgement.findings, "dns.stale_answer"));
    assert_eq!(judgement.outcome.conclusion, Conclusion::Unclear);
}

#[test]
fn two_authorities_that_differ_are_two_views() {
    let told = vec![address(1, "10.0.0.9", AA, 60)];
    let judgement = judge(&case(told, vec![level("example", address(3, "192.0.2.5", AA, 60))]));

    assert!(testkit::is_proven(&judgement.findings, "dns.split_horizon"));
    assert_eq!(testkit::refuted(&judgement.findings), ["dns.stale_answer"]);
}

#[test]
fn an_address_for_a_random_name_that_the_zone_denies_is_a_hijack() {
    let invented = |n| address(n, "10.0.0.9", HeaderFlags::empty(), 60);
    for truth in [absent(3, AA, 60), address(3, "10.0.0.5", AA, 60)] {
        let mut case = case(vec![invented(1)], vec![level("example", truth)]);
        case.nonsense = Some((invented(4), absent(5, AA, 60)));
        assert!(testkit::is_proven(&judge(&case).findings, "dns.wildcard_hijack"));

        case.nonsense = Some((invented(4), address(5, "10.0.0.9", AA, 60)));
        assert!(
            !testkit::is_proven(&judge(&case).findings, "dns.wildcard_hijack"),
            "the zone has a wildcard of its own"
        );
    }
}

#[test]
fn a_resolver_that_makes_up_others_but_not_this_name_is_no_fault_of_it() {
    let told = vec![address(1, "10.0.0.9", HeaderFlags::empty(), 60)];
    let mut case = case(told, vec![level("example", address(3, "10.0.0.9", AA, 60))]);
    case.nonsense = Some((address(4, "10.0.0.8", HeaderFlags::empty(), 60), absent(5, AA, 60)));
    assert_eq!(judge(&case).outcome.conclusion, Conclusion::Works);
}

#[test]
fn addresses_that_a_search_domain_led_to_are_not_the_names() {
    let case = |told| case(vec![told], vec![]);
    let found = case(address(1, "10.0.0.9", HeaderFlags::empty(), 60));
    assert!(is_of(&found, &[]) && is_of(&found, &["10.0.0.9".to_owned(), "10.0.0.7".to_owned()]));
    assert!(!is_of(&found, &["10.0.0.7".to_owned()]));
    let gone = case(absent(1, HeaderFlags::empty(), 60));
    assert!(is_of(&gone, &[]) && !is_of(&gone, &["10.0.0.7".to_owned()]));
}

#[test]
fn a_service_suffers_from_an_old_address_only_where_the_new_one_answers() {
    let told =
        vec![address(1, "10.0.0.9", HeaderFlags::empty(), 300), address(2, "10.0.0.9", HeaderFlags::empty(), 299)];
    let mut case = case(told, vec![level("example", address(3, "10.0.0.5", AA, 60))]);
    assert_eq!(other_addresses(&case), ["10.0.0.5"]);
    for (leads, proven) in [(Leads::Nowhere { elsewhere: false }, false), (Leads::Nowhere { elsewhere: true }, true)] {
        case.leads = leads;
        assert_eq!(testkit::is_proven(&judge(&case).findings, "dns.stale_answer"), proven, "{leads:?}");
    }
}

#[test]
fn an_inside_name_that_the_outside_does_not_have_is_no_fault_of_a_service_that_is_down() {
    for (told, proven) in [
        (vec![address(1, "10.0.0.9", AA, 60)], false),
        (
            vec![address(1, "10.0.0.9", HeaderFlags::empty(), 60), address(2, "10.0.0.9", HeaderFlags::empty(), 60)],
            false,
        ),
        (
            vec![address(1, "10.0.0.9", HeaderFlags::empty(), 60), address(2, "10.0.0.9", HeaderFlags::empty(), 59)],
            true,
        ),
    ] {
        let mut case = case(told, vec![level("example", absent(3, AA, 300))]);
        case.leads = Leads::Nowhere { elsewhere: false };
        let findings = judge(&case).findings;
        let named =
            testkit::is_proven(&findings, "dns.stale_answer") || testkit::is_proven(&findings, "dns.split_horizon");
        assert_eq!(named, proven, "{findings:?}");
    }
}

#[test]
fn a_zone_that_a_host_serves_itself_is_no_hijack_of_a_service_that_is_down() {
    let mut case = case(vec![address(1, "127.0.0.1", AA, 0)], vec![level("", absent(3, AA, 300))]);
    case.nonsense = Some((address(4, "127.0.0.1", AA, 0), absent(5, AA, 300)));
    case.leads = Leads::Nowhere { elsewhere: false };
    assert!(!testkit::is_proven(&judge(&case).findings, "dns.wildcard_hijack"));
}

#[test]
fn a_made_up_address_for_an_alias_is_a_hijack() {
    let record = testkit::resource("orders.example.", qtype::CNAME, "edge.other.");
    let alias = testkit::exchange(3, Ok(with(testkit::answer(0, vec![record]), AA, 60)));
    let mut case = case(vec![address(1, "10.0.0.9", HeaderFlags::empty(), 60)], vec![level("example", alias)]);
    case.nonsense = Some((address(4, "10.0.0.9", HeaderFlags::empty(), 60), absent(5, AA, 60)));
    case.leads = Leads::Nowhere { elsewhere: false };
    assert!(testkit::is_proven(&judge(&case).findings, "dns.wildcard_hijack"));
}

#[test]
fn a_server_that_refuses_its_own_zone_is_lame() {
    let levels = vec![level("example", code(2, 0)), level("orders.example", code(3, rcode::REFUSED))];
    let judgement = judge(&case(vec![code(1, rcode::SERVFAIL)], levels));

    assert_eq!(testkit::supported(&judgement.findings, Strength::Proof), ["dns.lame_delegation"]);
    assert!(testkit::refuted(&judgement.findings).contains(&"dns.delegation_unreachable"));
}

#[test]
fn a_server_that_fails_with_authority_is_not_lame() {
    let failing = testkit::exchange(3, Ok(with(testkit::answer(rcode::SERVFAIL, vec![]), AA, 60)));
    let judgement = judge(&case(vec![code(1, rcode::SERVFAIL)], vec![level("example", failing)]));

    assert!(judgement.findings.is_empty(), "{judgement:?}");
}

#[test]
fn an_alias_into_another_zone_contradicts_no_address() {
    let alias = testkit::resource("orders.example.", qtype::CNAME, "edge.cdn.test.");
    let theirs = testkit::exchange(3, Ok(with(testkit::answer(0, vec![alias]), AA, 60)));
    let judgement =
        judge(&case(vec![address(1, "10.0.0.9", HeaderFlags::empty(), 30)], vec![level("example", theirs)]));

    assert!(judgement.findings.is_empty(), "{judgement:?}");
}

#[test]
fn a_silent_zone_below_one_that_answers_is_unreachable() {
    let levels = vec![level("example", code(2, 0)), level("orders.example", silent(3))];
    let judgement = judge(&case(vec![code(1, rcode::SERVFAIL)], levels));

    assert!(testkit::is_proven(&judgement.findings, "dns.delegation_unreachable"), "{judgement:?}");
}

#[test]
fn a_network_that_lets_only_resolvers_out_blames_no_zone() {
    let told = || vec![address(1, "10.0.0.9", HeaderFlags::empty(), 60)];
    let judgement = judge(&case(told(), vec![level("example", silent(3))]));
    assert!(judgement.findings.is_empty());
    assert_eq!(judgement.outcome.conclusion, Conclusion::Skipped);

    let judgement = judge(&case(vec![code(1, rcode::SERVFAIL)], vec![level("example", silent(3))]));
    assert!(!testkit::is_proven(&judgement.findings, "dns.delegation_unreachable"));
}

#[test]
fn agreement_is_healthy_and_confirms_an_absence() {
    let told = vec![address(1, "10.0.0.9", HeaderFlags::empty(), 30)];
    let judgement = judge(&case(told, vec![level("example", address(3, "10.0.0.9", AA, 60))]));
    assert!(judgement.findings.is_empty());
    assert_eq!(judgement.outcome.conclusion, Conclusion::Works);

    let judgement = judge(&case(vec![absent(1, HeaderFlags::empty(), 40)], vec![level("example", absent(3, AA, 60))]));
    assert_eq!(testkit::refuted(&judgement.findings), ["dns.negative_cache"]);
    assert_eq!(testkit::supported(&judgement.findings, Strength::Strong), ["dns.nxdomain"]);
}
