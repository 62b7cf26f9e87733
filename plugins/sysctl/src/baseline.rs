//! A baseline: the settings that a file in the format of sysctl.conf(5) asks for. Pure.

/// Settings of one baseline; a call of the host takes 256 names.
const MOST_SETTINGS: usize = 1024;

/// One setting that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// As the host names it: `net.ipv4.conf.eth0/100.rp_filter`.
    pub(crate) name: String,
    pub(crate) value: String,
    /// A `-` before it: it may be absent.
    pub(crate) may_be_absent: bool,
}

impl Wanted {
    /// The host reads it: of its contract's four trees, with no part that is empty or leads elsewhere. One name that it does not
    /// serve would cost the answer about all others.
    pub(crate) fn is_served(&self) -> bool {
        let mut parts = self.name.split('.');
        let is_below = parts.next().is_some_and(|root| SERVED.contains(&root));
        let has_more = self.name.contains('.');
        let is_named = |part: &str| !matches!(part, "" | "/" | "//");
        is_below
            && has_more
            && parts.all(is_named)
            && self.name.len() <= LONGEST
            && !self.name.contains(char::is_control)
    }
}

/// What the host reads settings below of.
pub(crate) const SERVED: [&str; 4] = ["net", "fs", "kernel", "vm"];
/// Bytes of a name that the host takes.
const LONGEST: usize = 256;

/// Reads a baseline. Of a setting that stands twice the last counts, as it does when the file is applied.
///
/// # Errors
/// The line, what is wrong with it, and what would be right.
pub(crate) fn parse(text: &str) -> Result<Vec<Wanted>, String> {
    let mut settings: Vec<Wanted> = vec![];
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(wanted) = setting(line).map_err(|problem| format!("line {number} of the baseline, {problem}"))? {
            settings.retain(|known| known.name != wanted.name);
            settings.push(wanted);
        }
    }
    match settings.len() {
        0 => Err("the baseline asks for nothing: give lines like net.ipv4.tcp_tw_reuse = 1".to_owned()),
        1..=MOST_SETTINGS => Ok(settings),
        many => Err(format!("the baseline asks for {many} settings: at most {MOST_SETTINGS} are compared")),
    }
}

fn setting(line: &str) -> Result<Option<Wanted>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', ';']) {
        return Ok(None);
    }
    let shown = || format!("{:?}", line.chars().take(64).collect::<String>());
    let Some((name, value)) = line.split_once('=') else {
        return Err(format!("{}, has no value: write NAME = VALUE", shown()));
    };
    let name = name.trim();
    let (name, may_be_absent) = match name.strip_prefix('-') {
        Some(name) => (name.trim_start(), true),
        None => (name, false),
    };
    if name.contains(['*', '?', '[']) {
        return Err(format!("{}, names a pattern: write each setting out, like net.ipv4.conf.eth0.rp_filter", shown()));
    }
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(format!("{}, names no setting: write NAME = VALUE", shown()));
    }
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    if value.is_empty() {
        return Err(format!("{}, has an empty value: write NAME = VALUE", shown()));
    }
    Ok(Some(Wanted { name: dotted(name), value, may_be_absent }))
}

/// With dots between its parts: where a slash comes first, the slashes separate and the dots belong to names (sysctl(8)).
fn dotted(name: &str) -> String {
    let name = name.strip_prefix("/proc/sys/").unwrap_or(name);
    let slashes_separate =
        name.find(['.', '/']).is_some_and(|at| name.get(at..).is_some_and(|rest| rest.starts_with('/')));
    let swapped = |c: char| match c {
        '/' => '.',
        '.' => '/',
        other => other,
    };
    if slashes_separate { name.chars().map(swapped).collect() } else { name.to_owned() }
}

/// The same numbers in another notation are the same value.
pub(crate) fn is_same(wanted: &str, found: &str) -> bool {
    let (wanted, found): (Vec<&str>, Vec<&str>) =
        (wanted.split_whitespace().collect(), found.split_whitespace().collect());
    let same = |(one, other): (&&str, &&str)| one == other || number(one).is_some_and(|one| Some(one) == number(other));
    wanted.len() == found.len() && wanted.iter().zip(&found).all(same)
}

/// Decimal, or hexadecimal behind `0x`; a leading zero is an octal number to the kernel, and compared as text.
fn number(word: &str) -> Option<i128> {
    match word.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None if word.len() > 1 && word.starts_with('0') => None,
        None => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(name: &str, value: &str, may_be_absent: bool) -> Wanted {
        Wanted { name: name.to_owned(), value: value.to_owned(), may_be_absent }
    }

    #[test]
    fn a_baseline_is_a_sysctl_conf() {
        let text = "# comment\n; another\n\nnet.ipv4.tcp_tw_reuse = 1\n -net.ipv4.ip_local_port_range=1024\t 65000 \n\
                    net/ipv4/conf/eth0.100/rp_filter = 2\n/proc/sys/vm/swappiness=10\nkernel.core_pattern=|/bin/x %p=%e\n";
        let expected = [
            wanted("net.ipv4.tcp_tw_reuse", "1", false),
            wanted("net.ipv4.ip_local_port_range", "1024 65000", true),
            wanted("net.ipv4.conf.eth0/100.rp_filter", "2", false),
            wanted("vm.swappiness", "10", false),
            wanted("kernel.core_pattern", "|/bin/x %p=%e", false),
        ];
        assert_eq!(parse(text).as_deref(), Ok(&expected[..]));
    }

    #[test]
    fn a_dotted_name_keeps_its_slashes() {
        assert_eq!(dotted("net.ipv4.conf.eth0/100.rp_filter"), "net.ipv4.conf.eth0/100.rp_filter");
    }

    #[test]
    fn what_the_host_would_refuse_is_known_before_it_is_asked() {
        for (name, served) in [
            ("net.ipv4.ip_forward", true),
            ("net.ipv4.conf.eth0/100.rp_filter", true),
            ("dev.raid.speed_limit_max", false),
            ("net", false),
            ("net..ipv4", false),
            ("net.//.x", false),
            ("net.a\u{7}b", false),
        ] {
            assert_eq!(wanted(name, "1", false).is_served(), served, "{name}");
        }
        assert!(!wanted(&format!("net.{}", "x".repeat(300)), "1", false).is_served());
    }

    #[test]
    fn the_last_of_a_setting_counts() {
        assert_eq!(parse("vm.swappiness=1\nvm.swappiness=2"), Ok(vec![wanted("vm.swappiness", "2", false)]));
    }

    #[test]
    fn what_is_no_setting_is_refused_with_its_line_and_what_would_be_right() {
        for (text, line, right) in [
            ("net.ipv4.conf.*.rp_filter = 1", "line 1", "write each setting out"),
            ("# fine\nnet.ipv4.ip_forward", "line 2", "NAME = VALUE"),
            ("= 1", "line 1", "NAME = VALUE"),
            ("net.ipv4.ip_forward =", "line 1", "NAME = VALUE"),
            ("net ipv4 = 1", "line 1", "NAME = VALUE"),
            ("# nothing", "asks for nothing", "net.ipv4.tcp_tw_reuse"),
        ] {
            let problem = parse(text).expect_err(text);
            assert!(problem.contains(line) && problem.contains(right), "{problem}");
        }
        let many: Vec<String> = (0..1025).map(|n| format!("net.x{n}=1")).collect();
        assert!(parse(&many.join("\n")).expect_err("too many").contains("1024"));
    }

    #[test]
    fn numbers_are_compared_as_numbers_and_everything_else_as_text() {
        assert!(is_same("0x10 1", "16  1") && is_same("bbr", "bbr") && is_same("-1", "-1"));
        assert!(!is_same("1", "1 2") && !is_same("bbr", "BBR") && !is_same("010", "10") && !is_same("", "0"));
    }
}
