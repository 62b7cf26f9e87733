use super::super::resolv::golang;
use super::*;

/// A desktop with mDNS.
const DESKTOP: &str = "hosts: files mdns4_minimal [NOTFOUND=return] dns myhostname\n";

struct Case<'a> {
    environment: &'a str,
    name: Option<&'a str>,
    resolv: &'a str,
    resolv_error: Option<ErrorKind>,
    nsswitch: Result<&'a str, ErrorKind>,
    mdns_allow: Option<bool>,
}

const PLAIN: Case<'_> = Case {
    environment: "",
    name: Some("web.example"),
    resolv: "nameserver 192.0.2.1\n",
    resolv_error: None,
    nsswitch: Ok("hosts: files dns\n"),
    mdns_allow: Some(false),
};

fn choice(case: &Case<'_>) -> (bool, String, String) {
    let environment = Environment::parse(case.environment.replace('\n', "\0").as_bytes());
    let resolv = golang::parse(case.resolv.as_bytes());
    let facts = Facts {
        environment: &environment,
        name: case.name,
        hostname: Some("box"),
        resolv: &resolv,
        resolv_error: case.resolv_error,
        nsswitch: case.nsswitch.map(str::as_bytes),
        mdns_allow: case.mdns_allow,
    };
    let GoChoice { netgo, because, order } = facts.choice();
    assert_ne!(facts.forced_order(), CGO);
    (netgo, order, because)
}

fn order(case: &Case<'_>) -> String {
    choice(case).1
}

fn with_nsswitch(text: &str) -> (bool, String, String) {
    choice(&Case { nsswitch: Ok(text), ..PLAIN })
}

#[test]
fn a_plain_system_takes_gos_own_resolver() {
    let (netgo, order, because) = choice(&PLAIN);
    assert_eq!((netgo, order.as_str()), (true, "files,dns"));
    assert!(because.contains("files dns"), "{because}");
}

#[test]
fn the_environment_decides_before_every_file() {
    for (environment, word) in [
        ("LOCALDOMAIN=", "LOCALDOMAIN"),
        ("RES_OPTIONS=rotate", "RES_OPTIONS"),
        ("HOSTALIASES=/x", "HOSTALIASES"),
        ("GODEBUG=netdns=cgo+1", "netdns=cgo"),
    ] {
        let (netgo, order, because) = choice(&Case { environment, ..PLAIN });
        assert_eq!((netgo, order.as_str()), (false, "cgo"), "{environment}");
        assert!(because.contains(word), "{because}");
    }
    for environment in ["RES_OPTIONS=", "HOSTALIASES=", "GODEBUG=netdns=2", "GODEBUG=netdns=bogus"] {
        assert_eq!(order(&Case { environment, ..PLAIN }), "files,dns", "{environment}");
    }
}

#[test]
fn godebug_can_force_gos_resolver_whatever_else_is_set() {
    let forced = Case { environment: "LOCALDOMAIN=x\nGODEBUG=netdns=1+go", nsswitch: Ok("hosts: resolve\n"), ..PLAIN };
    assert_eq!(choice(&forced), (true, "dns".to_owned(), "GODEBUG has netdns=go".to_owned()));
}

#[test]
fn something_unknown_in_resolv_conf_is_left_to_libc() {
    let (netgo, _, because) = choice(&Case { resolv: "nameserver 192.0.2.1\noptions no-aaaa\n", ..PLAIN });
    assert!(!netgo);
    assert!(because.contains("line 2") && because.contains("no-aaaa"), "{because}");
}

#[test]
fn a_resolv_conf_that_is_missing_or_forbidden_is_no_reason_for_libc_but_others_are() {
    let of = |kind| order(&Case { resolv: "", resolv_error: Some(kind), ..PLAIN });
    assert_eq!(of(ErrorKind::NotFound), "files,dns");
    assert_eq!(of(ErrorKind::PermissionDenied), "files,dns");
    assert_eq!(of(ErrorKind::IsADirectory), "cgo");
}

#[test]
fn without_nsswitch_or_a_hosts_line_files_come_first() {
    assert_eq!(order(&Case { nsswitch: Err(ErrorKind::NotFound), ..PLAIN }), "files,dns");
    assert_eq!(with_nsswitch("passwd: files\n").1, "files,dns");
    assert_eq!(order(&Case { nsswitch: Err(ErrorKind::PermissionDenied), ..PLAIN }), "cgo");
    assert_eq!(with_nsswitch("no colon\nhosts: files\n").1, "cgo");
}

#[test]
fn the_order_is_that_of_the_first_mention() {
    for (line, order) in [
        ("files dns", "files,dns"),
        ("dns files", "dns,files"),
        ("files", "files"),
        ("dns", "dns"),
        ("files dns files", "files,dns"),
        ("files [SUCCESS=return NOTFOUND=continue] dns [!UNAVAIL=x", "cgo"),
    ] {
        assert_eq!(with_nsswitch(&format!("hosts: {line}\n")).1, order, "{line}");
    }
}

#[test]
fn standard_actions_are_none_and_others_are_left_to_libc() {
    assert_eq!(with_nsswitch("hosts: files [NOTFOUND=continue] dns\n").1, "files,dns");
    // The last criterion may always return.
    assert_eq!(with_nsswitch("hosts: files [NOTFOUND=return] dns\n").1, "files,dns");
    let (netgo, _, because) = with_nsswitch("hosts: dns [!UNAVAIL=return] files\n");
    assert!(!netgo && because.contains("\"dns\""), "{because}");
    assert_eq!(with_nsswitch("hosts: files [NOTFOUND=return SUCCESS=return] dns\n").1, "cgo");
}

#[test]
fn an_unknown_source_is_left_to_libc_and_so_is_one_behind_a_tab() {
    let (netgo, _, because) = with_nsswitch("hosts: files resolve [!UNAVAIL=return] dns\n");
    assert_eq!((netgo, because.as_str()), (false, "unknown nsswitch source \"resolve\""));
    assert!(!with_nsswitch("hosts: files\tdns\n").0);
}

#[test]
fn a_desktop_is_gos_for_most_names_and_libcs_for_its_own_and_for_local_ones() {
    let of = |name| order(&Case { name, nsswitch: Ok(DESKTOP), ..PLAIN });
    assert_eq!(of(Some("web.example")), "files,dns");
    assert_eq!(of(None), "files,dns");
    for name in ["printer.LOCAL.", "BOX", "localhost", "x.localhost.localdomain", "_gateway", "a%b", "."] {
        assert_eq!(of(Some(name)), "cgo", "{name}");
    }
    for mdns_allow in [Some(true), None] {
        assert_eq!(order(&Case { nsswitch: Ok(DESKTOP), mdns_allow, ..PLAIN }), "cgo");
    }
}
