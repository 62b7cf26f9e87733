use proptest::prelude::*;

use super::*;
use crate::manifest::{Parameter, ParameterKind};

fn check(name: &str, targets: &[Scheme], after: &[&str]) -> Manifest {
    Manifest {
        name: name.to_owned(),
        version: "0.1.0".to_owned(),
        summary: String::new(),
        targets: targets.to_vec(),
        parameters: Vec::new(),
        interfaces: Vec::new(),
        destinations: Vec::new(),
        after: owned(after),
        causes: Vec::new(),
        cost: CostClass::Cheap,
        properties: Vec::new(),
    }
}

/// The built-in checks, deliberately not in their order.
fn builtins() -> Vec<Manifest> {
    use Scheme::{Dns, Host, Http, Https, Listener, Tcp, Tls};
    vec![
        check("http", &[Https, Http], &["connect", "tls"]),
        check("tls", &[Https, Tls], &["connect"]),
        check("listener", &[Listener, Host], &[]),
        check("connect", &[Https, Http, Tcp, Tls, Host], &["resolve"]),
        check("resolve", &[Https, Http, Tcp, Tls, Dns, Host], &[]),
    ]
}

fn target(text: &str) -> Target {
    text.parse().expect("a target")
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.checks().iter().map(|check| check.name.as_str()).collect()
}

fn select(name: &str, arguments: &[(&str, &str)]) -> Selection {
    let arguments = arguments.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Selection { name: name.to_owned(), arguments }
}

fn planned(text: &str) -> Vec<String> {
    let plan = Plan::new(target(text), &builtins(), &[]).expect("a plan");
    names(&plan).into_iter().map(str::to_owned).collect()
}

#[test]
fn each_target_gets_the_checks_that_serve_it_in_their_order() {
    assert_eq!(planned("https://h/"), ["resolve", "connect", "tls", "http"]);
    assert_eq!(planned("http://h/"), ["resolve", "connect", "http"]);
    assert_eq!(planned("h:1"), ["resolve", "connect"]);
    assert_eq!(planned("tls://h:1"), ["resolve", "connect", "tls"]);
    assert_eq!(planned("h"), ["resolve"]);
    assert_eq!(planned(":1"), ["listener"]);
    assert_eq!(planned("host"), ["listener", "resolve", "connect"]);
}

#[test]
fn a_check_waits_only_for_checks_of_its_plan() {
    let plan = Plan::new(target("http://h/"), &builtins(), &[]).expect("a plan");
    assert_eq!(plan.checks()[2].after, ["connect"]);
}

#[test]
fn a_target_that_no_check_serves_names_those_that_work() {
    let error = Plan::new(target("pid://1"), &builtins(), &[]).expect_err("no check");
    assert_eq!(
        error.to_string(),
        "test \"pid://1\": no check serves a target of kind \"pid\"; targets that work are :PORT, dns://NAME, host, \
         http://HOST/PATH, https://HOST/PATH, tcp://HOST:PORT, tls://HOST:PORT"
    );
}

#[test]
fn a_heavy_check_runs_only_when_named() {
    let mut manifests = builtins();
    manifests.push(Manifest { cost: CostClass::Heavy, ..check("flood", &[Scheme::Dns], &["resolve"]) });
    let unasked = Plan::new(target("h"), &manifests, &[]).expect("a plan");
    let asked = Plan::new(target("h"), &manifests, &[select("flood", &[])]).expect("a plan");
    assert_eq!(names(&unasked), ["resolve"]);
    assert_eq!(names(&asked), ["resolve", "flood"]);
}

#[test]
fn a_named_check_brings_those_it_waits_for() {
    let plan = Plan::new(target("https://h/"), &builtins(), &[select("tls", &[])]).expect("a plan");
    assert_eq!(names(&plan), ["resolve", "connect", "tls"]);
    assert_eq!(plan.checks().iter().map(|check| check.wanted).collect::<Vec<_>>(), [false, false, true]);
}

#[test]
fn an_unknown_check_is_quoted_beside_the_nearest() {
    let error = Plan::new(target("h"), &builtins(), &[select("reslove", &[])]).expect_err("unknown");
    assert_eq!(
        error.to_string(),
        "find the check \"reslove\", perhaps \"resolve\"; the checks here are connect, http, listener, resolve, tls"
    );
}

#[test]
fn a_named_check_that_does_not_serve_the_target_is_refused() {
    let error = Plan::new(target("h"), &builtins(), &[select("tls", &[])]).expect_err("does not serve");
    assert_eq!(error.to_string(), "run the check \"tls\" on \"h\": it serves https://HOST/PATH, tls://HOST:PORT");
}

#[test]
fn a_check_named_or_loaded_twice_is_refused() {
    let twice = [select("resolve", &[]), select("resolve", &[])];
    assert!(matches!(Plan::new(target("h"), &builtins(), &twice), Err(PlanError::SelectedTwice { .. })));
    let mut manifests = builtins();
    manifests.push(check("tls", &[], &[]));
    assert!(matches!(Plan::new(target("h"), &manifests, &[]), Err(PlanError::LoadedTwice { .. })));
}

fn with_parameter() -> Vec<Manifest> {
    let parameter = Parameter {
        name: "timeout".to_owned(),
        summary: String::new(),
        kind: ParameterKind::Duration,
        unit: None,
        default: Some("3s".to_owned()),
    };
    vec![Manifest { parameters: vec![parameter], ..check("resolve", &[Scheme::Dns], &[]) }]
}

#[test]
fn arguments_reach_their_check() {
    let plan = Plan::new(target("h"), &with_parameter(), &[select("resolve", &[("timeout", "5s")])]).expect("a plan");
    assert_eq!(plan.checks()[0].arguments, [("timeout".to_owned(), "5s".to_owned())]);
}

#[test]
fn wrong_arguments_are_quoted_beside_what_is_right() {
    for (arguments, message) in [
        (
            &[("timeuot", "5s")][..],
            "use the parameter \"timeuot\" of the check \"resolve\", perhaps \"timeout\"; its parameters are timeout",
        ),
        (
            &[("timeout", "soon")],
            "use \"soon\" for the parameter \"timeout\" of the check \"resolve\"; give a duration such as 250ms, 3s or 1m30s",
        ),
        (
            &[("timeout", "1s"), ("timeout", "2s")],
            "use the parameter \"timeout\" of the check \"resolve\" twice; give it once",
        ),
    ] {
        let error = Plan::new(target("h"), &with_parameter(), &[select("resolve", arguments)]).expect_err("wrong");
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_cycle_names_its_checks() {
    let all = &[Scheme::Dns];
    let manifests = [check("a", all, &["b"]), check("b", all, &["a"]), check("c", all, &[])];
    let error = Plan::new(target("h"), &manifests, &[]).expect_err("a cycle");
    assert_eq!(error, PlanError::Cycle { names: owned(&["a", "b"]) });
    assert!(Plan::new(target("h"), &[check("a", all, &["a"])], &[]).is_err());
}

proptest! {
    #[test]
    fn whatever_waits_for_whatever_a_plan_keeps_its_order_or_names_a_cycle(edges in prop::collection::vec((0_u8..8, 0_u8..8), 0..16)) {
        let manifests: Vec<Manifest> = (0_u8..8)
            .map(|number| {
                let after: Vec<String> = edges.iter().filter(|(from, _)| *from == number).map(|(_, to)| format!("c{to}")).collect();
                Manifest { after, ..check(&format!("c{number}"), &[Scheme::Dns], &[]) }
            })
            .collect();
        match Plan::new(target("h"), &manifests, &[]) {
            Err(error) => {
                let cycle = matches!(error, PlanError::Cycle { .. });
                prop_assert!(cycle, "{}", error);
            }
            Ok(plan) => {
                prop_assert_eq!(plan.checks().len(), 8);
                for (position, check) in plan.checks().iter().enumerate() {
                    let earlier: Vec<&str> = plan.checks()[..position].iter().map(|check| check.name.as_str()).collect();
                    prop_assert!(check.after.iter().all(|name| earlier.contains(&name.as_str())));
                }
            }
        }
    }
}

#[test]
fn of_the_past_only_checks_that_can_judge_it_are_planned() {
    let mut recalling = check("recall", &[Scheme::Dns], &[]);
    recalling.properties.push(("past".to_owned(), "true".to_owned()));
    let manifests = [check("resolve", &[Scheme::Dns], &[]), recalling];

    let plan = Plan::of_the_past(target("h"), &manifests, &[]).expect("a plan");
    let wrong =
        Plan::of_the_past(target("h"), &manifests, &[select("resolve", &[])]).expect_err("it measures the present");
    let unknown = Plan::of_the_past(target("h"), &manifests, &[select("reslove", &[])]).expect_err("there is none");

    assert_eq!(plan.checks().iter().map(|check| check.name.as_str()).collect::<Vec<_>>(), ["recall"]);
    assert_eq!(wrong, PlanError::NotOfThePast { name: "resolve".to_owned(), able: vec!["recall".to_owned()] });
    assert!(matches!(unknown, PlanError::UnknownCheck { .. }), "{unknown}");
}

#[test]
fn some_targets_are_served_in_the_past_alone() {
    let mut recalling = check("recall", &[Scheme::Host], &[]);
    recalling.properties.push(("past".to_owned(), "true".to_owned()));
    recalling.properties.push((Manifest::PAST_TARGET.to_owned(), "pid".to_owned()));
    let manifests = [check("look", &[Scheme::Pid], &[]), recalling];

    let present = Plan::new(target("pid://7"), &manifests, &[]).expect("a plan");
    let past = Plan::of_the_past(target("pid://7"), &manifests, &[]).expect("a plan");
    let none = Plan::of_the_past(target("udp://h:53"), &manifests, &[]).expect_err("nothing keeps it");

    let names = |plan: &Plan| plan.checks().iter().map(|check| check.name.clone()).collect::<Vec<_>>();
    assert_eq!((names(&present), names(&past)), (owned(&["look"]), owned(&["recall"])));
    assert_eq!(
        none.to_string(),
        "judge the past of \"udp://h:53\": no check judges what is recorded of a target of kind \"udp\"; those with a past are \
         host, pid://N"
    );
}
