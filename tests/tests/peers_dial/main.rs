//! `sonde dial -o json` beside `openssl s_client`, `curl -w` and `ss -ti`, field by field, against nginx, `HAProxy`, `openssl s_server`,
//! `PostgreSQL` and a server in Go, as Debian 12 and the Go toolchain here ship them.
//!
//! Every field that is compared is something other than its plain value in at least one row, or the test fails.

mod certificates;
mod curl;
mod facts;
mod openssl;
mod ours;
mod servers;
mod socket;
mod world;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use sonde_proto::v1::{HttpPhases, Timing};
use sonde_tests::binaries::{can_make_namespaces, skip, tool};

use certificates::NAME;
use facts::Comparison;
use servers::Server;
use world::{SERVER, World};

#[test]
fn a_handshake_is_told_as_openssl_tells_it() {
    let servers = [
        Server::Nginx,
        Server::Haproxy,
        Server::Go,
        Server::Openssl("edwards", 7001, &["-alpn", "http/1.1"]),
        Server::Openssl("expired", 7002, &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]),
        Server::Openssl("future", 7003, &["-verify", "1", "-CAfile", "DIR/clients.pem"]),
        Server::Openssl("other", 7004, &[]),
        Server::Openssl("incomplete", 7005, &[]),
        Server::Openssl("unknown", 7006, &[]),
        Server::Openssl("selfsigned", 7007, &[]),
        Server::Openssl("good", 7008, &["-status_file", "DIR/staple.der"]),
        Server::Postgres,
    ];
    let Some(world) = world(&servers) else { return };
    let mut comparison = Comparison::default();
    for server in servers {
        for port in server.ports().into_iter().filter(|port| !PLAIN_PORTS.contains(port)) {
            for alpn in ["", "h2,http/1.1"] {
                let row = format!("{} :{port} {alpn:?}", server.name());
                handshake(&world, port, alpn, &row, &mut comparison).expect(&row);
            }
        }
    }
    comparison.expect_equal(20);
}

fn handshake(world: &World, port: u16, alpn: &str, row: &str, comparison: &mut Comparison) -> Result<()> {
    // OpenSSL 3.0 has no X25519MLKEM768.
    let mut more = vec!["--sni", NAME, "--hello", "classical"];
    let mut first: &[&str] = &[];
    if port == 5432 {
        (more, first) = ([more, vec!["--starttls", "postgres"]].concat(), &["-starttls", "postgres"]);
    }
    let theirs = openssl::told(world, port, alpn, first)?;
    if !alpn.is_empty() {
        more.extend(["--alpn", alpn]);
    }
    let diagnosis = world.dial(&format!("tls://{SERVER}:{port}"), &more)?;
    let (evidence, dial) = ours::handshake(&diagnosis)?;
    let session = dial.session.as_ref().with_context(|| format!("no session: {:?}", evidence.failure))?;
    comparison.row(row, &ours::session(session)?, &theirs);
    Ok(())
}

#[test]
fn a_request_is_told_as_curl_tells_it() {
    let servers = [
        Server::Nginx,
        Server::Haproxy,
        Server::Go,
        Server::Openssl("expired", 7002, &[]),
        Server::Openssl("selfsigned", 7007, &[]),
        // Speaks HTTP/1.0.
        Server::Openssl("good", 7010, &["-WWW"]),
    ];
    let Some(world) = world(&servers) else { return };
    let mut comparison = Comparison::default();
    for (url, follow, more) in [
        ("http://192.0.2.1:8001/page.html", false, &[][..]),
        ("http://192.0.2.1:8001/page.html", false, &["-X", "HEAD"]),
        ("http://192.0.2.1:8001/teapot?x=1&y=%20", false, &[]),
        ("http://192.0.2.1:8001/missing", false, &[]),
        ("http://192.0.2.1:8001/old", true, &[]),
        ("http://192.0.2.1:8001/old", false, &[]),
        ("http://192.0.2.1:8001/up", true, &[]),
        ("https://192.0.2.1:8444/page.html", false, &[]),
        ("https://192.0.2.1:7010/page.html", false, &[]),
        ("https://192.0.2.1:8443/page.html", false, &[]),
        ("https://192.0.2.1:9443/", false, &[]),
        ("https://192.0.2.1:6443/chunks", false, &[]),
        ("http://192.0.2.1:9001/", false, &[]),
        ("http://192.0.2.1:9001/form", true, &[]),
        ("http://192.0.2.1:6001/chunks", false, &[]),
        ("http://192.0.2.1:6001/busy", false, &[]),
        ("http://192.0.2.1:6001/echo", false, &["-X", "PUT", "-H", "X-Say: hello"]),
    ] {
        let row = format!("{url} {more:?}{}", if follow { ", followed" } else { "" });
        request(&world, url, follow, more, &row, &mut comparison).expect(&row);
    }
    for port in [7002, 7007] {
        let url = format!("https://{SERVER}:{port}/");
        refused(&world, &url, &mut comparison).expect(&url);
    }
    comparison.expect_equal(15);
}

/// curl goes no further than a chain that it does not accept, and says why.
fn refused(world: &World, url: &str, comparison: &mut Comparison) -> Result<()> {
    let mut theirs = curl::told(world, url, &["--http1.1"])?.facts;
    theirs.retain(|field, _| {
        ["ssl_verify_result", "remote_ip", "remote_port", "local_ip", "num_redirects"].contains(&&**field)
    });
    let diagnosis = world.dial(url, &["--protocol", "1"])?;
    comparison.row(url, &ours::request(&ours::exchanges(&diagnosis))?, &theirs);
    Ok(())
}

fn request(
    world: &World,
    url: &str,
    follow: bool,
    more: &[&str],
    row: &str,
    comparison: &mut Comparison,
) -> Result<()> {
    let second = SECOND.iter().any(|port| url.contains(&format!(":{port}/")));
    // As sonde, which asks once and closes.
    let mut flags = if second { vec!["--http2"] } else { vec!["--http1.1", "-H", "Connection: close"] };
    // `-X HEAD` would have curl wait for a body.
    flags.extend(if more == ["-X", "HEAD"] { &["-I"][..] } else { more });
    if follow {
        flags.push("-L");
    }
    let mut theirs = curl::told(world, url, &flags)?;
    let mut ours_more = more.to_vec();
    ours_more.extend(["--redirects", if follow { "10" } else { "0" }, "--protocol", if second { "2" } else { "1" }]);
    let diagnosis = world.dial(url, &ours_more)?;
    let hops = ours::exchanges(&diagnosis);
    let mut facts = ours::request(&hops)?;
    // Without following, curl tells where it would go; with it, sonde's second request shows that.
    match (follow, hops.first().and_then(|(_, first)| first.response.as_ref())) {
        (true, _) => facts.remove("redirect_url").map(drop).unwrap_or_default(),
        (false, Some(response)) => {
            let location = response.headers.iter().find(|header| header.name == "location");
            facts.extend(location.map(|header| ("redirect_url".to_owned(), header.value.clone())));
        }
        (false, None) => {}
    }
    let response = hops.last().and_then(|(_, last)| last.response.as_ref()).context("no answer")?;
    if !follow {
        // A reason phrase is no field of ours; the rest of the head is as long as curl counts it.
        let fields = response.headers.iter().map(|header| header.name.len() + header.value.len() + ": \r\n".len());
        let head = theirs.status_line + "\r\n\r\n".len() + fields.sum::<usize>();
        facts.insert("size_header".to_owned(), head.to_string());
        theirs.facts.insert("size_header".to_owned(), theirs.number("size_header")?.to_string());
    }
    for (name, value) in theirs.headers.iter().filter(|(name, _)| name != "date" && name != "etag") {
        let our = response.headers.iter().find(|header| header.name == *name).map(|header| header.value.clone());
        facts.extend(our.map(|value| (format!("header {name}"), value)));
        theirs.facts.insert(format!("header {name}"), value.clone());
    }
    comparison.row(row, &facts, &theirs.facts);
    Ok(())
}

#[test]
fn a_connection_is_told_as_ss_tells_it() {
    let Some(world) = world(&[Server::Go]) else { return };
    let mut comparison = Comparison::default();
    for row in ["once", "again"] {
        let (ours, theirs) = socket::held(&world, 6002).expect("a connection was held");
        assert!(theirs.len() >= 10, "ss told little: {theirs:?}");
        comparison.row(row, &ours, &theirs);
    }
    comparison.expect_equal(2);
}

#[test]
fn the_local_endpoint_is_the_one_that_the_server_sees() {
    let Some(world) = world(&[Server::Go]) else { return };
    let url = format!("http://{SERVER}:6001/whoami");

    let theirs = curl::told(&world, &url, &[]).expect("curl answers");
    let diagnosis = world.dial(&url, &[]).expect("sonde answers");

    let port = theirs.number("local_port").expect("curl's port");
    assert_eq!(theirs.body, format!("192.0.2.100:{port}"));
    let hops = ours::exchanges(&diagnosis);
    let (_, exchange) = hops.first().expect("an exchange");
    let local = exchange.connection.as_ref().and_then(|connection| connection.local.as_ref()).expect("an endpoint");
    let body = exchange.response.as_ref().map(|response| response.body_prefix.clone()).unwrap_or_default();
    assert_eq!(String::from_utf8_lossy(&body), format!("{}:{}", local.address, local.port));
}

#[test]
fn the_phases_take_as_long_as_curl_says() {
    let Some(world) = world(&[Server::Go]) else { return };
    let url = format!("https://{SERVER}:6443/slow");

    let theirs = curl::told(&world, &url, &["--http1.1"]).expect("curl answers");
    let diagnosis = world.dial(&url, &["--protocol", "1"]).expect("sonde answers");

    let hops = ours::exchanges(&diagnosis);
    let phases = hops.first().and_then(|(_, exchange)| exchange.phases).expect("phases");
    for (name, ours, from, to) in phases_beside(&phases) {
        let their = theirs.between(from, to).expect(name);
        assert!(ours.abs_diff(their) < NOISE, "{name}: sonde {ours:?}, curl {their:?}");
    }
    let waited = phases_beside(&phases)[2].1;
    let received = phases_beside(&phases)[3].1;
    assert!(waited >= Duration::from_millis(499) && received >= Duration::from_millis(699), "{waited:?} {received:?}");
}

/// sonde's phase, and curl's two times around the same.
fn phases_beside(phases: &HttpPhases) -> [(&'static str, Duration, &'static str, &'static str); 4] {
    [
        ("connect", took(phases.connect.as_ref()), "time_namelookup", "time_connect"),
        ("tls", took(phases.tls.as_ref()), "time_connect", "time_appconnect"),
        ("wait", took(phases.wait.as_ref()), "time_pretransfer", "time_starttransfer"),
        ("receive", took(phases.receive.as_ref()), "time_starttransfer", "time_total"),
    ]
}

fn took(timing: Option<&Timing>) -> Duration {
    let elapsed = timing.and_then(|timing| timing.elapsed).and_then(|elapsed| elapsed.try_into().ok());
    elapsed.unwrap_or_default()
}

fn world(servers: &[Server]) -> Option<World> {
    if !can_make_namespaces() {
        return None;
    }
    tool("dial-peer")?;
    let programs = ["nginx", "haproxy", "openssl", "curl", "ss"];
    let there = |program: &str| ["/usr/sbin", "/usr/bin"].iter().any(|dir| Path::new(dir).join(program).exists());
    let mut missing: Vec<_> = programs.into_iter().filter(|program| !there(program)).collect();
    if !Path::new("/usr/lib/postgresql").exists() {
        missing.push("postgresql");
    }
    if !missing.is_empty() {
        skip(&format!("{missing:?} are not installed; `tests/run` installs them"));
        return None;
    }
    Some(World::with(servers).expect("the servers start"))
}

/// Ports that speak HTTP/2.
const SECOND: [u16; 3] = [8443, 9443, 6443];

/// Ports that speak no TLS.
const PLAIN_PORTS: [u16; 4] = [6001, 6002, 8001, 9001];

/// Less than half of any delay that the server makes; a busy machine alone takes tens of milliseconds.
const NOISE: Duration = Duration::from_millis(240);
