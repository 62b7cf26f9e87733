//! Settings of the kernel, below /proc/sys. Those of the network are of the namespace of the thread that looks.
//!
//! A key that the kernel would show to root is never shown.

use std::io;

use sonde_core::observation::system::Sysctl;

use crate::vantage::Procfs;

/// Lists like `net.ipv4.tcp_available_congestion_control` are short; a value beyond this is none that anybody sets.
const LIMIT_BYTES: usize = 64 << 10;
const VALUE_BYTES: usize = 4 << 10;
const NAME_BYTES: usize = 256;
const ROOTS: [&str; 4] = ["net", "fs", "kernel", "vm"];

/// The values of these names, in that order.
pub(super) fn read(procfs: &Procfs, names: &[String]) -> Vec<Sysctl> {
    let one = |name: &String| {
        let read = path(name).map(|path| procfs.read(&path, LIMIT_BYTES));
        let (value, needs) = match read {
            Ok(Ok(_)) if is_key(name) => (Some("***".to_owned()), None),
            Ok(Ok(bytes)) => (Some(value(&bytes)), None),
            Ok(Err(error)) if is_absent(&error) => (None, None),
            Ok(Err(error)) => match error.raw_os_error() {
                Some(libc::EPERM | libc::EACCES) if path(name).is_ok_and(|path| is_write_only(procfs, &path)) => {
                    (None, Some("a kernel that lets it be read (here it is write-only)".to_owned()))
                }
                Some(libc::EPERM | libc::EACCES) => (None, Some("root of this namespace".to_owned())),
                _ => (None, Some(format!("a kernel that lets it be read ({})", crate::failure::words(&error)))),
            },
            Err(_) => (None, None),
        };
        Sysctl { name: name.clone(), value, needs }
    };
    names.iter().map(one).collect()
}

/// Where a setting stands below /proc: `net.ipv4.conf.eth0/100.rp_filter` is `sys/net/ipv4/conf/eth0.100/rp_filter`, as
/// sysctl(8) has it. The message says what would be right.
pub fn path(name: &str) -> Result<String, String> {
    let shown = || name.chars().filter(|c| !c.is_control()).take(64).collect::<String>();
    if name.len() > NAME_BYTES || name.chars().any(char::is_control) {
        return Err(format!("{:?} is no name of a setting; expected one like net.ipv4.tcp_tw_reuse", shown()));
    }
    let parts: Vec<String> = name.split('.').map(|part| part.replace('/', ".")).collect();
    let is_root = parts.first().is_some_and(|first| ROOTS.contains(&first.as_str()));
    if parts.len() < 2 || !is_root {
        return Err(format!("{:?} is not below net., fs., kernel. or vm.; expected net.ipv4.tcp_tw_reuse", shown()));
    }
    if parts.iter().any(|part| matches!(part.as_str(), "" | "." | "..")) {
        return Err(format!("{:?} has an empty part; expected one like net.ipv4.tcp_tw_reuse", shown()));
    }
    Ok(format!("sys/{}", parts.join("/")))
}

/// Fields apart by one space, without control characters.
fn value(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..VALUE_BYTES).unwrap_or(bytes));
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    words.join(" ")
}

fn is_key(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    last.contains("secret") || last.ends_with("_key")
}

/// Nobody may read it, root neither: `net.ipv4.route.flush` only does something.
fn is_write_only(procfs: &Procfs, path: &str) -> bool {
    rustix::fs::statat(procfs, path, rustix::fs::AtFlags::empty()).is_ok_and(|found| found.st_mode & 0o444 == 0)
}

/// A folder is no setting either.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EISDIR | libc::ENOTDIR | libc::ENXIO))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_a_path_and_a_slash_in_it_is_a_dot() {
        assert_eq!(path("net.ipv4.tcp_tw_reuse").as_deref(), Ok("sys/net/ipv4/tcp_tw_reuse"));
        assert_eq!(path("net.ipv4.conf.eth0/100.rp_filter").as_deref(), Ok("sys/net/ipv4/conf/eth0.100/rp_filter"));
    }

    #[test]
    fn nothing_outside_of_the_four_folders_is_read() {
        for name in
            ["", "net", "dev.cdrom.info", "net..ipv4", "net.//.//.self.environ", "net./.x", "/etc/passwd", "net.a\0b"]
        {
            let problem = path(name).expect_err(name);
            assert!(problem.contains("net.ipv4.tcp_tw_reuse"), "{problem}");
        }
        assert!(path(&format!("net.{}", "x".repeat(300))).is_err());
    }

    #[test]
    fn settings_are_answered_in_the_order_asked_and_what_is_no_setting_has_no_value() {
        let names = ["net.ipv4.ip_local_port_range", "net.ipv4.no_such_setting", "net.ipv4", "kernel.osrelease"];
        let found = read(&Procfs::open().expect("/proc"), &names.map(str::to_owned));
        let values: Vec<Option<usize>> =
            found.iter().map(|one| one.value.as_ref().map(|value| value.split(' ').count())).collect();
        assert_eq!(values, [Some(2), None, None, Some(1)]);
        assert!(found.iter().all(|one| one.needs.is_none()), "{found:?}");
    }

    #[test]
    fn what_can_only_be_written_is_not_said_to_need_root() {
        let found = read(&Procfs::open().expect("/proc"), &["net.ipv4.route.flush".to_owned()]);
        let [flush] = found.as_slice() else { panic!("{found:?}") };
        assert!(
            flush.value.is_none() && flush.needs.as_ref().is_none_or(|needs| needs.contains("write-only")),
            "{found:?}"
        );
    }

    #[test]
    fn a_key_is_never_shown() {
        assert!(is_key("net.ipv4.tcp_fastopen_key") && is_key("net.ipv6.conf.all.stable_secret"));
        assert!(!is_key("kernel.keys.maxkeys") && !is_key("net.ipv4.tcp_keepalive_time"));
    }

    proptest! {
        #[test]
        fn any_name_stays_below_sys(name in "(net|fs|vm|[a-z./]{0,4})([./][a-z./*]{0,6}){0,6}", bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(path) = path(&name) {
                prop_assert!(path.starts_with("sys/") && !path.split('/').any(|part| part == ".." || part.is_empty()));
            }
            prop_assert!(!value(&bytes).chars().any(char::is_control));
        }
    }
}
