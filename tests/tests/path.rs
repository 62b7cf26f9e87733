//! `sonde path` over a router that drops, rejects or narrows, on the real binary.

use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use sonde_tests::binaries::{binary, can_make_namespaces};
use sonde_tests::lab::topology::Topology;
use sonde_tests::process::run;

/// A service behind one router, and its target.
fn lab(seed: u64) -> (Topology, String) {
    let mut lab = Topology::new(seed).expect("the lab stands");
    let nginx = lab.names.fill("sh {lab_dir}/nginx.sh {dir} {server}:{port} - 200").expect("known words");
    let (port, target) = (lab.names.get("port").to_owned(), lab.names.fill("{server}:{port}").expect("known words"));
    lab.start("server", &nginx).expect("nginx starts");
    lab.wait_for_port("server", &port).expect("nginx listens");
    (lab, target)
}

#[test]
fn every_hop_the_mtu_and_the_echoes_of_a_healthy_path_are_shown() {
    if !can_make_namespaces() {
        return;
    }
    let (lab, target) = lab(41);

    let output = sonde(&lab, &["-n", "2", &target]);

    let page = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{page}{}", String::from_utf8_lossy(&output.stderr));
    assert!(page.contains("    1  ") && page.contains("    2  answers"), "{page}");
    assert!(page.contains("path MTU") && page.contains("1500 bytes by echo"), "{page}");
    assert!(page.contains("20 of 20 came back"), "{page}");
}

#[test]
fn syns_that_a_router_drops_die_after_it_and_datagrams_prove_that() {
    if !can_make_namespaces() {
        return;
    }
    let (lab, target) = lab(42);
    let port = lab.names.get("port").to_owned();
    lab.nft("router", "add table inet drops; add chain inet drops f { type filter hook forward priority 0; }")
        .expect("a chain");
    lab.nft("router", &format!("add rule inet drops f tcp dport {port} drop")).expect("a rule");

    let output = sonde(&lab, &["-o", "json", "--max-hops", "8", &target]);

    let diagnosis: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(output.status.code(), Some(1), "{diagnosis:#}");
    let evidence = diagnosis["evidence"].as_array().expect("evidence");
    let traces: Vec<&Value> = evidence.iter().filter(|one| one["trace"].is_object()).collect();
    let [syns, datagrams] = traces.as_slice() else { panic!("{diagnosis:#}") };
    let hops = syns["trace"]["hops"].as_array().expect("hops");
    let answers: Vec<&Value> = hops.iter().map(|hop| &hop["probes"][0]["answer"]).collect();
    assert_eq!(answers[0], "PROBE_ANSWER_ICMP", "{diagnosis:#}");
    assert!(answers.len() == 8 && answers[1..].iter().all(|answer| *answer == "PROBE_ANSWER_SILENT"), "{diagnosis:#}");
    let router = hops[0]["probes"][0]["icmp"]["sender"].as_str().expect("the router");
    let detail = syns["failure"]["detail"].as_str().expect("a sentence");
    assert_eq!(detail, format!("nothing comes back from beyond hop 1 ({router})"));
    assert_eq!(datagrams["trace"]["reached"], 2, "{diagnosis:#}");
    assert_eq!(diagnosis["verdict"]["causes"][0]["cause"], "fw.drop_remote", "{diagnosis:#}");
}

#[test]
fn a_narrow_link_that_says_nothing_is_a_black_hole() {
    if !can_make_namespaces() {
        return;
    }
    let (lab, target) = lab(43);
    let route = lab.shell("router", &format!("ip -o route get {}", lab.names.get("server"))).expect("a route");
    let device = route.split_whitespace().skip_while(|word| *word != "dev").nth(1).expect("a device").to_owned();
    lab.shell("router", &format!("ip link set {device} mtu 1400")).expect("a narrow link");
    lab.nft("router", "add table inet mute; add chain inet mute o { type filter hook output priority 0; }")
        .expect("a chain");
    lab.nft("router", "add rule inet mute o icmp type destination-unreachable drop").expect("a rule");

    let output = sonde(&lab, &["-o", "json", &target]);

    let diagnosis: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let evidence = diagnosis["evidence"].as_array().expect("evidence");
    let ladder = evidence.iter().map(|one| &one["pathMtu"]).find(|one| one.is_object()).expect("a ladder");
    assert_eq!((&ladder["mtuBytes"], &ladder["lostFromBytes"]), (&1400.into(), &1401.into()), "{ladder:#}");
    assert_eq!(diagnosis["verdict"]["causes"][0]["cause"], "l3.pmtu_blackhole", "{diagnosis:#}");
}

#[test]
fn what_cannot_be_traced_is_one_clear_line() {
    for (arguments, said) in [
        (["--max-hops", "65", "10.0.0.1:80"], "65"),
        (["-n", "0", "10.0.0.1:80"], "0"),
        (["-n", "1", "dns://a."], "dns"),
    ] {
        let home = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(binary("sonde"));
        command.arg("path").args(arguments).env("HOME", home.path()).env_remove("XDG_RUNTIME_DIR");
        let output = run(&mut command, Duration::from_secs(40)).expect("sonde ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(said) && output.stdout.is_empty(), "{stderr}");
    }
}

fn sonde(lab: &Topology, arguments: &[&str]) -> Output {
    let mut command = lab.command("client");
    command.arg(binary("sonde")).arg("path").args(arguments);
    command.env("HOME", lab.dir().join("home")).env_remove("XDG_RUNTIME_DIR");
    run(&mut command, Duration::from_mins(1)).expect("sonde ends")
}
