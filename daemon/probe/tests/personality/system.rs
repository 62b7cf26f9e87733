//! The vantage's own C library, in a child process.

use std::time::Duration;

use sonde_core::observation::Reason;
use sonde_core::observation::dns::{Family, Personality, Resolution, ResolveRequest};
use sonde_probe::dns;
use sonde_probe::vantage::{Selector, Vantage};

use crate::lab::{Process, clock, eventually, need_root};
use crate::script::{Deed, Server};
use crate::{Place, error, ip};

const PATIENCE: Duration = Duration::from_secs(20);

async fn look_up_in(process: &Process, name: &str) -> Resolution {
    let vantage = Vantage::open(&Selector::Pid(process.0.id())).expect("the process has a vantage");
    let (name, personality) = (name.to_owned(), Personality::System);
    let request = ResolveRequest { name, family: Family::Ipv4, personality, pid: None, timeout: PATIENCE };
    dns::resolve(&vantage, &clock(), &request).await
}

#[tokio::test]
async fn the_files_of_a_named_namespace_hold_for_its_c_library() {
    need_root!("the_files_of_a_named_namespace_hold_for_its_c_library");
    let place = Place::furnished("nameserver 127.0.0.1\noptions timeout:1\n", "192.0.2.9 db.test\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |asked| match asked.name {
        "www.test" => Deed::Say(vec![ip("192.0.2.1")]),
        _ => Deed::Fail(3),
    });
    for (name, address) in [("db.test", "192.0.2.9"), ("www.test", "192.0.2.1")] {
        let resolution = place.resolve(name, Family::Any, Personality::System, PATIENCE).await;
        assert_eq!(
            (resolution.source.as_str(), &resolution.addresses[..]),
            ("system", &[ip(address)][..]),
            "{resolution:?}"
        );
        assert_eq!(resolution.steps, []);
    }
    let none = place.resolve("none.test", Family::Any, Personality::System, PATIENCE).await;
    assert_eq!(error(&none), Some(("not-found", "getent found nothing (exit status 2)")), "{none:?}");
    // Nothing of it is left in the daemon's own namespace.
    assert!(!std::fs::read_to_string("/etc/hosts").unwrap_or_default().contains("db.test"));
}

#[tokio::test]
async fn a_c_library_that_waits_is_killed_when_the_lookup_is_cut_off() {
    need_root!("a_c_library_that_waits_is_killed_when_the_lookup_is_cut_off");
    let place = Place::new("nameserver 127.0.0.1\noptions timeout:30\n");
    let _server = Server::start(&place.netns, "127.0.0.1", |_| Deed::Ignore);
    let name = format!("waits-{}.test", std::process::id());
    let resolution = place.resolve(&name, Family::Any, Personality::System, Duration::from_secs(2)).await;
    assert_eq!(resolution.failure.expect("a failure").reason, Reason::TimedOut);
    eventually("the end of the child", || (!is_running(&name)).then_some(()));
}

#[tokio::test]
async fn the_program_of_a_container_has_no_power() {
    need_root!("the_program_of_a_container_has_no_power");
    // A getent of another's making, which tells what it is allowed to do and tries to have a child.
    let script = "mount -t tmpfs tmpfs /mnt; cp /bin/sh /mnt/sh; cat > /mnt/getent <<'END'
#!/mnt/sh
while read -r line; do case $line in Uid:*|Gid:*|Groups:*|Cap*|NoNewPrivs:*) echo \"$line\" >&2;; esac; done < /proc/self/status
(echo forked >&2)
exit 2
END
chmod 755 /mnt /mnt/getent; mount --bind /mnt/getent /usr/bin/getent";
    let process = Process::unshared("-m", script);
    let resolution = look_up_in(&process, "www.test").await;
    let (code, text) = error(&resolution).unwrap_or_else(|| panic!("an error: {resolution:?}"));
    assert_eq!(code, "not-found");
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name} in {text}"));
        line.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    for user in field("Uid:").iter().chain(&field("Gid:")) {
        assert!(user.parse::<u32>().expect("a number") >= 0x7000_0000, "{text}");
    }
    assert_eq!(field("Groups:"), [""; 0], "{text}");
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(field(set), ["0000000000000000"], "{set} {text}");
    }
    assert_eq!(field("NoNewPrivs:"), ["1"], "{text}");
    assert!(!text.contains("forked"), "{text}");
}

#[tokio::test]
async fn without_a_getent_it_is_unavailable() {
    need_root!("without_a_getent_it_is_unavailable");
    let process = Process::unshared("-m", "for f in /usr/bin/getent /bin/getent; do mount --bind /dev/null $f; done");
    let failure = look_up_in(&process, "www.test").await.failure.expect("a failure");
    assert!(matches!(failure.reason, Reason::Unavailable(_)), "{failure:?}");
}

/// Whether a process has this among its arguments.
fn is_running(argument: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("/proc");
    processes.flatten().any(|process| {
        let arguments = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        arguments.split(|byte| *byte == 0).any(|word| word == argument.as_bytes())
    })
}
