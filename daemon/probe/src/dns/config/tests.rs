use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use sonde_core::observation::dns::ManagerKind;

use super::*;
use crate::vantage::Selector;

const HOSTS: &str = include_str!("../../../fixtures/etc/hosts");

/// A system below a directory of its own.
struct System(tempfile::TempDir);

impl System {
    fn of(files: &[(&str, &str)]) -> Self {
        let system = Self(tempfile::tempdir().expect("a directory"));
        for (path, content) in files {
            let path = system.path(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, content).expect("a file");
        }
        system
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn link(self, target: &str, path: &str) -> Self {
        fs::create_dir_all(self.path(path).parent().expect("a parent")).expect("a directory");
        symlink(target, self.path(path)).expect("a link");
        self
    }

    fn found(&self, environment: &str, hostname: Option<&str>) -> Found {
        let procfs = Vantage::open(&Selector::Own).expect("own").procfs();
        let mut found = Found::read(&Layout::below(self.0.path()), &procfs, Process { pid: None, asked: false });
        found.environment = Ok(Environment::parse(environment.as_bytes()));
        found.hostname = hostname.map(str::to_owned);
        found
    }

    fn setup(&self, name: &str) -> Setup {
        self.found("", Some("box.corp.example")).setup(Some(name)).0
    }
}

fn of(setup: &Setup, personality: Personality) -> &View {
    setup.view(personality).expect("a view")
}

fn servers(view: &View) -> Vec<String> {
    view.nameservers.iter().map(|server| server.address.to_string()).collect()
}

#[test]
fn ubuntu_is_read_as_a_whole() {
    let system = System::of(&[
        ("run/systemd/resolve/stub-resolv.conf", include_str!("../../../fixtures/etc/resolv.systemd")),
        ("run/systemd/resolve/resolv.conf", include_str!("../../../fixtures/etc/ubuntu/uplink.conf")),
        ("etc/nsswitch.conf", include_str!("../../../fixtures/etc/ubuntu/nsswitch.conf")),
        ("usr/lib/os-release", include_str!("../../../fixtures/etc/ubuntu/os-release")),
        ("lib64/ld-linux-x86-64.so.2", ""),
        ("etc/hosts", HOSTS),
    ])
    .link("../run/systemd/resolve/stub-resolv.conf", "etc/resolv.conf");
    let setup = system.setup("db");
    let config = &setup.config;
    assert_eq!(config.manager.kind, ManagerKind::SystemdResolvedStub);
    assert_eq!(config.os.as_deref(), Some("Ubuntu 24.04.1 LTS"));
    assert_eq!(config.c_libraries, ["glibc"]);
    assert_eq!(config.nsswitch_hosts, ["files", "mdns4_minimal", "[NOTFOUND=return]", "dns"]);
    assert_eq!(of(&setup, Personality::Glibc).sources, config.nsswitch_hosts);
    assert_eq!(of(&setup, Personality::Musl).sources, ["files", "dns"]);
    assert!(config.go.netgo, "{:?}", config.go);
    assert_eq!(config.hosts_lines.len(), 3);
    assert_eq!(config.hosts_addresses.len(), 2);
    assert_eq!(config.search, [""; 0]);
    assert_eq!(of(&setup, Personality::Glibc).search, [""]);
}

#[test]
fn rhel_is_read_as_a_whole() {
    let system = System::of(&[
        ("etc/resolv.conf", include_str!("../../../fixtures/etc/rhel/resolv.conf")),
        ("etc/nsswitch.conf", include_str!("../../../fixtures/etc/rhel/nsswitch.conf")),
        ("etc/os-release", include_str!("../../../fixtures/etc/rhel/os-release")),
        ("lib64/ld-linux-x86-64.so.2", ""),
    ]);
    let setup = system.setup("BOX.corp.example");
    assert_eq!(setup.config.manager.kind, ManagerKind::NetworkManager);
    assert_eq!(setup.config.os.as_deref(), Some("Red Hat Enterprise Linux 9.4 (Plow)"));
    // The own host name is myhostname's to answer.
    assert!(!setup.config.go.netgo, "{:?}", setup.config.go);
    assert_eq!(of(&setup, Personality::Go).sources, ["files", "dns"]);
    assert_eq!(servers(of(&setup, Personality::Glibc)), ["192.0.2.10", "192.0.2.11"]);
}

#[test]
fn alpine_is_read_as_a_whole_and_its_compatibility_loader_is_no_glibc() {
    let system = System::of(&[
        ("etc/resolv.conf", include_str!("../../../fixtures/etc/alpine/resolv.conf")),
        ("etc/os-release", include_str!("../../../fixtures/etc/alpine/os-release")),
        ("lib/ld-musl-x86_64.so.1", ""),
        ("lib/libgcompat.so.0", ""),
        ("lib/ld-linux-x86-64.so.2", ""),
    ]);
    let setup = system.setup("x");
    assert_eq!(setup.config.manager.kind, ManagerKind::DhcpClient);
    assert_eq!(setup.config.c_libraries, ["musl"]);
    assert_eq!(setup.config.nsswitch_hosts, [""; 0]);
    assert_eq!((setup.config.go.netgo, setup.config.go.order.as_str()), (true, "files,dns"));
}

#[test]
fn what_is_missing_is_filled_in_as_each_fills_it_in() {
    let nothing = System::of(&[]);
    let (setup, problem) = nothing.found("", Some("box.corp.example")).setup(Some("localhost"));
    let problem = problem.expect("a problem");
    assert_eq!(problem.errno, Some(libc::ENOENT));
    assert!(problem.detail.contains("resolv.conf"), "{}", problem.detail);
    let of = |personality| {
        let view = of(&setup, personality);
        (servers(view).join(" "), view.search.join(" "), view.ndots, view.timeout.as_secs(), view.attempts)
    };
    assert_eq!(of(Personality::Glibc), ("127.0.0.1".to_owned(), "corp.example".to_owned(), 1, 5, 2));
    assert_eq!(of(Personality::Musl), ("127.0.0.1".to_owned(), String::new(), 1, 5, 2));
    assert_eq!(of(Personality::Go), ("127.0.0.1 ::1".to_owned(), "corp.example".to_owned(), 1, 5, 2));
    assert_eq!(setup.config.nameservers, [] as [IpAddr; 0]);
    assert_eq!((setup.config.ndots, setup.config.timeout_s, setup.config.attempts), (1, 5, 2));
}

#[test]
fn a_missing_nsswitch_or_hosts_file_is_no_problem() {
    let system = System::of(&[("etc/resolv.conf", "nameserver 192.0.2.1\n")]);
    assert_eq!(system.found("", None).setup(Some("localhost")).1, None);
}

#[test]
fn a_file_over_its_limit_is_a_problem() {
    let system = System::of(&[("etc/resolv.conf", &"#".repeat(RESOLV_BYTES + 1))]);
    let problem = system.found("", None).setup(None).1;
    assert!(matches!(problem, Some(Problem { reason: Reason::Malformed(_), .. })), "{problem:?}");
}

#[test]
fn an_environment_that_cannot_be_read_is_a_problem_where_nothing_else_is() {
    let system = System::of(&[("etc/resolv.conf", "")]);
    let mut found = system.found("", None);
    found.environment = Err(io::Error::from_raw_os_error(libc::EACCES));
    found.process = Process { pid: Some(7), asked: true };
    let (setup, problem) = found.setup(None);
    let problem = problem.expect("a problem");
    assert_eq!(problem.reason, Reason::Unavailable("CAP_SYS_PTRACE".to_owned()));
    assert!(problem.detail.contains("pid 7"), "{}", problem.detail);
    assert_eq!(setup.config.environment_pid, None);
}

#[test]
fn the_environment_changes_glibcs_view_alone() {
    let system = System::of(&[("etc/resolv.conf", "search file.example\nnameserver 192.0.2.1\noptions timeout:3\n")]);
    let environment = "LOCALDOMAIN=env.example two.example\0RES_OPTIONS=ndots:3 timeout:0 attempts:0 rotate\0";
    let setup = system.found(environment, None).setup(None).0;
    let glibc = of(&setup, Personality::Glibc);
    assert_eq!(glibc.search, ["env.example", "two.example"]);
    assert_eq!((glibc.ndots, glibc.timeout.as_secs(), glibc.attempts), (3, 1, 0));
    assert_eq!(glibc.options, ["rotate"]);
    for personality in [Personality::Musl, Personality::Go] {
        let view = of(&setup, personality);
        assert_eq!((view.search.join(" "), view.ndots, view.timeout.as_secs()), ("file.example".to_owned(), 1, 3));
    }
    assert_eq!(setup.config.search, ["file.example"]);
    let names: Vec<&str> = setup.config.environment.iter().map(|variable| variable.name.as_str()).collect();
    assert_eq!(names, ["LOCALDOMAIN", "RES_OPTIONS"]);
    assert_eq!((setup.config.go.netgo, setup.config.go.order.as_str()), (false, "cgo"));
    assert_eq!(setup.config.environment_pid, Some(std::process::id()));
}

#[test]
fn the_fourth_server_is_in_the_record_and_in_no_view() {
    let text = (1..=4).map(|host| format!("nameserver 192.0.2.{host}\n")).collect::<Vec<_>>().concat();
    let setup = System::of(&[("etc/resolv.conf", &text)]).setup("x");
    assert_eq!(setup.config.nameservers.len(), 4);
    assert!(setup.config.views.iter().all(|view| view.nameservers.len() == 3), "{:?}", setup.config.views);
}

#[test]
fn gos_view_is_that_of_a_program_without_cgo() {
    let system = System::of(&[("etc/resolv.conf", ""), ("etc/nsswitch.conf", "hosts: files mdns4\n")]);
    let setup = system.setup("x");
    assert_eq!((setup.config.go.netgo, setup.config.go.order.as_str()), (true, "files"));
    assert_eq!(of(&setup, Personality::Go).sources, ["files", "dns"]);
}

#[test]
fn host_aliases_are_found_without_case() {
    let system = System::of(&[("etc/resolv.conf", ""), ("aliases", "web  www.example x\nbroken\nlost db.example\n")]);
    let environment = format!("HOSTALIASES={}\0", system.path("aliases").display());
    let setup = system.found(&environment, None).setup(None).0;
    assert_eq!(setup.host_alias("WEB").as_deref(), Some("www.example"));
    assert_eq!(setup.host_alias("lost"), None);
}

#[test]
fn host_conf_and_the_environment_say_how_many_lines_glibc_takes() {
    let environment = |text: &str| Environment::parse(text.as_bytes());
    assert!(is_multi(b"# x\norder hosts\nmulti on\n", &environment("")));
    assert!(!is_multi(b"multi on\nMulti off\n", &environment("")));
    assert!(!is_multi(b"#multi on\n", &environment("")));
    assert!(is_multi(b"", &environment("RESOLV_MULTI=on\0")));
    assert!(!is_multi(b"multi on", &environment("RESOLV_MULTI=off\0")));
}

#[test]
fn each_personality_reads_the_hosts_file_in_its_own_way() {
    let system = System::of(&[("etc/resolv.conf", ""), ("etc/hosts", "10.0.0.1 Web.example\n10.0.0.2 web.example\n")]);
    let setup = system.setup("x");
    let count = |personality| setup.hosts(personality, "web.example", Family::Any).addresses.len();
    assert_eq!((count(Personality::Glibc), count(Personality::Musl), count(Personality::Go)), (1, 1, 2));
}

#[tokio::test]
async fn the_own_vantage_says_whose_environment_it_read() {
    let vantage = Vantage::open(&Selector::Own).expect("own");
    let config = config(&vantage, &RunClock::start(), &ConfigRequest::default()).await;
    assert_eq!(config.environment_pid, Some(std::process::id()));
    assert_eq!(config.views.len(), 3);
}
