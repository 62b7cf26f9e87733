//! The resolver configuration of processes with their own mounts, host names, interfaces and environments.

use std::fs;

use sonde_core::observation::Reason;
use sonde_core::observation::dns::{ConfigRequest, ManagerKind, Personality, ResolverConfig, View};
use sonde_probe::dns;
use sonde_probe::vantage::{Selector, Vantage};

use crate::lab::{Netns, Process, clock, eventually, need_root};
use crate::vantage::unprivileged;

const STUB: &str = include_str!("../../fixtures/etc/resolv.systemd");
const UPLINK: &str = include_str!("../../fixtures/etc/ubuntu/uplink.conf");
const NSSWITCH: &str = include_str!("../../fixtures/etc/ubuntu/nsswitch.conf");
const RELEASE: &str = include_str!("../../fixtures/etc/ubuntu/os-release");

/// A process with an empty /run, and an /etc that holds these files.
fn process(flags: &str, files: &[(&str, &str)], script: &str) -> Process {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, content) in files {
        fs::write(directory.path().join(name), content).expect("a file");
    }
    // On a file system of the namespace alone, so that the directory can go.
    let own = "mount --make-rprivate / && mount -t tmpfs none /run && mkdir /run/etc";
    let etc = format!("cp -r {}/. /run/etc && mount --bind /run/etc /etc", directory.path().display());
    let process = Process::unshared(flags, &format!("{own} && {etc} || exit 1\n{script}"));
    let name = format!("/proc/{}/comm", process.0.id());
    eventually("the last exec", || (fs::read_to_string(&name).ok()?.trim() == "sleep").then_some(()));
    process
}

async fn of_process(process: &Process, name: &str) -> ResolverConfig {
    let vantage = Vantage::open(&Selector::Pid(process.0.id())).expect("it opens");
    dns::config(&vantage, &clock(), &ConfigRequest { name: Some(name.to_owned()), pid: None }).await
}

fn view(config: &ResolverConfig, personality: Personality) -> &View {
    config.views.iter().find(|view| view.personality == personality).expect("a view")
}

#[tokio::test]
async fn an_ubuntu_with_its_links_is_read_from_inside_its_mounts() {
    need_root!("an_ubuntu_with_its_links_is_read_from_inside_its_mounts");
    let files = [("stub", STUB), ("uplink", UPLINK), ("nsswitch.conf", NSSWITCH), ("os-release", RELEASE)];
    let script = "mkdir -p /run/systemd/resolve && cp /etc/stub /run/systemd/resolve/stub-resolv.conf \
                  && cp /etc/uplink /run/systemd/resolve/resolv.conf \
                  && ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf || exit 1";
    let process = process("-nm", &files, script);
    let config = of_process(&process, "printer.local").await;
    assert_eq!(config.problem, None);
    assert_eq!(config.manager.kind, ManagerKind::SystemdResolvedStub, "{:?}", config.manager);
    assert_eq!(config.manager.upstreams.len(), 4, "{:?}", config.manager);
    assert_eq!(config.os.as_deref(), Some("Ubuntu 24.04.1 LTS"));
    assert_eq!((config.go.netgo, config.go.order.as_str()), (false, "cgo"), "{:?}", config.go);
    assert_eq!(view(&config, Personality::Glibc).sources, ["files", "mdns4_minimal", "[NOTFOUND=return]", "dns"]);
    assert_eq!(config.environment_pid, Some(process.0.id()));
}

#[tokio::test]
async fn the_environment_and_the_host_name_are_those_of_the_process() {
    need_root!("the_environment_and_the_host_name_are_those_of_the_process");
    let files = [("resolv.conf", "nameserver 192.0.2.53\n"), ("hosts", "192.0.2.80 web\n"), ("host.conf", "")];
    let script = "echo box.pod.example > /proc/sys/kernel/hostname && export RES_OPTIONS=ndots:4 GODEBUG=netdns=go";
    let process = process("-nmu", &files, script);
    let config = of_process(&process, "web").await;
    let variables: Vec<(&str, &str)> =
        config.environment.iter().map(|variable| (variable.name.as_str(), variable.value.as_str())).collect();
    assert_eq!(variables, [("RES_OPTIONS", "ndots:4"), ("GODEBUG", "netdns=go")]);
    let of = |personality| (view(&config, personality).ndots, view(&config, personality).search.join(" "));
    assert_eq!(of(Personality::Glibc), (4, "pod.example".to_owned()));
    assert_eq!(of(Personality::Musl), (1, String::new()));
    assert_eq!(of(Personality::Go), (1, "pod.example".to_owned()));
    assert_eq!((config.go.netgo, config.go.because.as_str()), (true, "GODEBUG has netdns=go"));
    assert_eq!(config.hosts_lines.len(), 1);

    let own = Vantage::open(&Selector::Own).expect("own");
    let asked = ConfigRequest { name: None, pid: Some(process.0.id()) };
    let config = dns::config(&own, &clock(), &asked).await;
    assert_eq!((config.environment.len(), config.environment_pid), (2, Some(process.0.id())));
    assert!(!config.nameservers.contains(&"192.0.2.53".parse().expect("an address")), "the files are the vantage's");
}

#[tokio::test]
async fn a_pod_without_the_clusters_search_list_is_known_by_its_mount() {
    need_root!("a_pod_without_the_clusters_search_list_is_known_by_its_mount");
    let script = "mkdir -p /run/secrets/kubernetes.io/serviceaccount";
    let process = process("-nm", &[("resolv.conf", "nameserver 192.0.2.53\n")], script);
    let manager = of_process(&process, "web").await.manager;
    assert_eq!((manager.kind, manager.dns_policy.as_deref()), (ManagerKind::Kubernetes, Some("Default")));
}

#[tokio::test]
async fn a_zone_counts_where_its_interface_exists_in_the_namespace() {
    need_root!("a_zone_counts_where_its_interface_exists_in_the_namespace");
    let (namespace, _other) = Netns::pair();
    let directory = format!("/etc/netns/{}", namespace.name);
    fs::create_dir_all(&directory).expect("a directory");
    let text = "nameserver fe80::1%near\nnameserver fe80::2%far\n";
    fs::write(format!("{directory}/resolv.conf"), text).expect("a file");
    let config = dns::config(&namespace.vantage(), &clock(), &ConfigRequest::default()).await;
    let scopes = |personality| -> Vec<Option<&str>> {
        view(&config, personality).nameservers.iter().map(|server| server.scope.as_deref()).collect()
    };
    assert_eq!(scopes(Personality::Glibc), [Some("near"), None]);
    assert_eq!(scopes(Personality::Musl), [Some("near")]);
    assert_eq!(scopes(Personality::Go), [Some("near"), Some("far")]);
}

#[test]
fn an_environment_that_may_not_be_read_is_named_and_everything_else_is_there() {
    need_root!("an_environment_that_may_not_be_read_is_named_and_everything_else_is_there");
    let process = Process::unshared("-n", "");
    let pid = process.0.id();
    let config = unprivileged(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let own = Vantage::open(&Selector::Own).expect("own");
            dns::config(&own, &clock(), &ConfigRequest { name: None, pid: Some(pid) }).await
        })
    });
    assert_eq!((config.environment_pid, config.views.len()), (None, 3));
    let problem = config.problem.expect("a problem");
    assert_eq!(problem.reason, Reason::Unavailable("CAP_SYS_PTRACE".to_owned()), "{problem:?}");
    assert!(problem.detail.contains(&format!("pid {pid}")), "{problem:?}");
}
