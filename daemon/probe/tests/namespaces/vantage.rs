//! Entering namespaces.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sonde_core::observation::dns::ConfigRequest;
use sonde_probe::dns;
use sonde_probe::sockets;
use sonde_probe::system;
use sonde_probe::vantage::{Selector, Vantage, VantageError};

use crate::lab::{Netns, Process, clock, eventually, need_root};

/// The configuration for one name.
fn named(name: &str) -> ConfigRequest {
    ConfigRequest { name: Some(name.to_owned()), pid: None }
}

fn names(links: &[sonde_core::observation::system::Link]) -> Vec<&str> {
    links.iter().map(|link| link.name.as_str()).collect()
}

#[tokio::test]
async fn a_named_namespace_is_entered_and_the_own_one_is_untouched() {
    need_root!("a_named_namespace_is_entered_and_the_own_one_is_untouched");
    let (namespace, _other) = Netns::pair();
    let own = Vantage::open(&Selector::Own).expect("own");
    let before = system::links(&own, &clock()).await.expect("links");
    let vantage = namespace.vantage();
    assert_eq!(vantage.id(), fs::metadata(namespace.path()).expect("metadata").ino());
    assert_ne!(vantage.id(), own.id());
    let links = system::links(&vantage, &clock()).await.expect("links");
    assert_eq!(names(&links), ["lo", "near"]);
    let after = system::links(&own, &clock()).await.expect("links");
    assert_eq!(names(&after), names(&before));
}

#[test]
fn a_socket_opened_within_belongs_to_the_namespace_on_every_thread() {
    need_root!("a_socket_opened_within_belongs_to_the_namespace_on_every_thread");
    let (namespace, _other) = Netns::pair();
    let vantage = namespace.vantage();
    let socket = vantage.within(|| UdpSocket::bind("10.9.0.1:0")).expect("within").expect("the address exists there");
    socket.connect("10.9.0.2:9").expect("a route exists there");
    assert!(UdpSocket::bind("10.9.0.1:0").is_err(), "this thread is not there");
}

#[test]
fn a_panic_does_not_end_the_thread_of_a_vantage() {
    need_root!("a_panic_does_not_end_the_thread_of_a_vantage");
    let namespace = Netns::create();
    let vantage = namespace.vantage();
    vantage.within(|| panic!("on purpose")).expect_err("the panic is an error");
    assert_eq!(vantage.within(|| 7).expect("it still serves"), 7);
}

#[tokio::test]
async fn the_threads_end_with_the_vantage() {
    need_root!("the_threads_end_with_the_vantage");
    let namespace = Netns::create();
    let vantage = namespace.vantage();
    let tid = || rustix::thread::gettid().as_raw_nonzero().get();
    let short = vantage.within(tid).expect("within");
    let long = vantage.inspect(tid).await.expect("inspect");
    assert_ne!(short, long, "opening a socket must not wait behind a dump");
    drop(vantage);
    for thread in [short, long] {
        let path = format!("/proc/self/task/{thread}");
        eventually("the thread's end", || (!Path::new(&path).exists()).then_some(()));
    }
}

#[tokio::test]
async fn a_pid_gives_its_network_and_its_files_even_without_a_proc_of_its_own() {
    need_root!("a_pid_gives_its_network_and_its_files_even_without_a_proc_of_its_own");
    let directory = tempfile::tempdir().expect("a directory");
    let resolv = directory.path().join("resolv.conf");
    fs::write(&resolv, "nameserver 192.0.2.53\nsearch pod.example\n").expect("a file");
    let script = format!("mount --bind {} /etc/resolv.conf && umount -l /proc || exit 1", resolv.display());
    let process = Process::unshared("-nm", &script);
    let vantage = Vantage::open(&Selector::Pid(process.0.id())).expect("it opens");
    let config = dns::config(&vantage, &clock(), &named("localhost")).await;
    assert_eq!(config.problem, None);
    assert_eq!(config.nameservers, ["192.0.2.53".parse::<IpAddr>().expect("an address")]);
    assert_eq!(config.search, ["pod.example"]);
    let counters = sockets::counters(&vantage, &clock()).await.expect("the daemon's own /proc serves");
    let received = counters.counters.iter().find(|counter| counter.name == "IpExt.InOctets").expect("a counter");
    assert_eq!(received.value, 0, "a new namespace has received nothing");
    let own = Vantage::open(&Selector::Own).expect("own");
    assert!(!dns::config(&own, &clock(), &ConfigRequest::default()).await.search.contains(&"pod.example".to_owned()));
}

#[tokio::test]
async fn files_of_etc_netns_replace_those_of_etc() {
    need_root!("files_of_etc_netns_replace_those_of_etc");
    let namespace = Netns::create();
    let directory = format!("/etc/netns/{}", namespace.name);
    fs::create_dir_all(&directory).expect("a directory");
    fs::write(format!("{directory}/resolv.conf"), "nameserver 192.0.2.1\n").expect("a file");
    fs::write(format!("{directory}/hosts"), "192.0.2.80 web.example\n").expect("a file");
    let config = dns::config(&namespace.vantage(), &clock(), &named("web.example")).await;
    assert_eq!(config.nameservers, ["192.0.2.1".parse::<IpAddr>().expect("an address")]);
    assert_eq!(config.hosts_addresses, ["192.0.2.80".parse::<IpAddr>().expect("an address")]);
}

#[test]
fn without_privilege_the_error_names_the_capability() {
    need_root!("without_privilege_the_error_names_the_capability");
    let namespace = Netns::create();
    let process = Process::unshared("-n", "");
    let refusal = |selector: Selector| unprivileged(move || Vantage::open(&selector).expect_err("it must not open"));
    let error: VantageError = refusal(Selector::Netns(namespace.path()));
    assert!(error.permission && error.problem.contains("CAP_SYS_ADMIN"), "{error}");
    let error = refusal(Selector::Pid(process.0.id()));
    assert!(error.permission && error.problem.contains("CAP_SYS_ADMIN"), "{error}");
    assert!(error.problem.contains("CAP_SYS_PTRACE"), "{error}");
}

#[test]
fn facts_of_the_own_vantage_need_no_privilege() {
    need_root!("facts_of_the_own_vantage_need_no_privilege");
    unprivileged(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let own = Vantage::open(&Selector::Own).expect("own");
            let loopback = "127.0.0.1".parse().expect("an address");
            sockets::listeners(&own, &clock(), None).await.expect("listeners");
            sockets::counters(&own, &clock()).await.expect("counters");
            system::route_to(&own, &clock(), loopback).await.expect("a route");
            system::neighbour(&own, &clock(), loopback).await.expect("a neighbour");
            system::default_routes(&own, &clock()).await.expect("default routes");
            system::links(&own, &clock()).await.expect("links");
            system::clock(&own, &clock()).await.expect("the clock");
        });
    });
}

/// Runs `f` on a thread without capabilities.
pub(crate) fn unprivileged<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    let body = move || {
        use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
        let none = CapabilitySet::empty();
        let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
        set_capabilities(None, sets).expect("capabilities can be dropped");
        f()
    };
    std::thread::spawn(body).join().expect("the thread ends well")
}
