//! sonde's `dns.query` beside `dig` and `kdig`, field by field, against BIND, Unbound, Knot and dnsmasq as Debian ships them (9.18,
//! 1.17, 3.2, 2.90), over every transport that they offer.
//!
//! | | UDP | TCP | TLS | HTTPS | QUIC | |
//! |---|---|---|---|---|---|---|
//! | BIND | x | x | x | x | | authoritative |
//! | Unbound | x | x | x | x | | validates and caches |
//! | Knot | x | x | | | x | authoritative; QUIC on an XDP socket, the only kind that 3.2 has |
//! | dnsmasq | x | x | | | | forwards and caches, with names of its own |
//! | dig | x | x | x | x | | shows records in presentation form, compared as it is |
//! | kdig | x | x | x | x | x | shows the bytes of records, compared through BIND's own parser |
//!
//! Ordinarily each question takes one of the transports, in turn; `SONDE_PEERS=all cargo test -p sonde-tests --test peers` asks
//! every one over all of them.
//!
//! Not compared: the query's id, the time, the server's half of a cookie but for its length, and a TTL that counts down in a cache.

mod dig;
mod kdig;
mod questions;
mod reply;
mod server;
mod types;
mod wire;
mod world;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use sonde_core::observation::Endpoint;
use sonde_core::observation::dns::{HttpMethod, Query, Transport};
use sonde_probe::clock::RunClock;
use sonde_probe::vantage::{Selector, Vantage};
use sonde_tests::binaries::{can_make_namespaces, skip};

use questions::{OWN, RECORDS, REFUSED_OR_BOGUS, SIGNED, headers, plain, secure};
use reply::Reply;
use server::Server;
use wire::Checker;
use world::{CERTIFIED, SERVER_OVER_IPV6, World};

/// Seconds between two questions by which a TTL in a cache may count down.
const AGED: u32 = 2;

/// Who else asks.
#[derive(Clone, Copy, Debug)]
enum Client {
    Dig,
    Kdig,
}

#[test]
fn bind_answers_sonde_as_it_answers_dig() {
    let Some(world) = world(&[Server::Bind]) else { return };
    ask(&world, Server::Bind, Client::Dig, &everything(Server::Bind)).expect_no_differences(100);
}

#[test]
fn bind_answers_sonde_as_it_answers_kdig() {
    let Some(world) = world(&[Server::Bind]) else { return };
    ask(&world, Server::Bind, Client::Kdig, &everything(Server::Bind)).expect_no_differences(100);
}

#[test]
fn bind_answers_over_ipv6_and_by_get_as_it_answers_dig() {
    let Some(world) = world(&[Server::Bind]) else { return };
    let six = |transport: Transport| Endpoint {
        address: SERVER_OVER_IPV6.parse().expect("an address"),
        port: transport.default_port(),
    };
    let transports = Server::Bind.transports().iter();
    let mut queries: Vec<_> = transports.flat_map(|&transport| over(transport, headers(six(transport)))).collect();
    let mut by_get = over(Transport::Https, headers(endpoint(Server::Bind, Transport::Https)));
    for query in &mut by_get {
        query.http_method = HttpMethod::Get;
    }
    queries.extend(by_get);
    ask(&world, Server::Bind, Client::Dig, &queries).expect_no_differences(100);
}

#[test]
fn unbound_answers_sonde_as_it_answers_dig() {
    let Some(world) = world(&[Server::Unbound]) else { return };
    let mut queries = everything(Server::Unbound);
    queries.extend(beside(Server::Unbound, REFUSED_OR_BOGUS));
    ask(&world, Server::Unbound, Client::Dig, &queries).expect_no_differences(100);
}

#[test]
fn unbound_answers_sonde_as_it_answers_kdig() {
    let Some(world) = world(&[Server::Unbound]) else { return };
    let mut queries = everything(Server::Unbound);
    queries.extend(beside(Server::Unbound, REFUSED_OR_BOGUS));
    ask(&world, Server::Unbound, Client::Kdig, &queries).expect_no_differences(100);
}

#[test]
fn knot_answers_sonde_as_it_answers_dig() {
    let Some(world) = world(&[Server::Knot]) else { return };
    let mut queries = everything(Server::Knot);
    // dig speaks no QUIC.
    queries.retain(|query| query.transport != Transport::Quic);
    ask(&world, Server::Knot, Client::Dig, &queries).expect_no_differences(50);
}

#[test]
fn knot_answers_sonde_as_it_answers_kdig() {
    let Some(world) = world(&[Server::Knot]) else { return };
    ask(&world, Server::Knot, Client::Kdig, &everything(Server::Knot)).expect_no_differences(100);
}

#[test]
fn dnsmasq_answers_sonde_as_it_answers_dig() {
    let Some(world) = world(&[Server::Bind, Server::Dnsmasq]) else { return };
    let mut queries = everything(Server::Dnsmasq);
    queries.extend(beside(Server::Dnsmasq, OWN));
    ask(&world, Server::Dnsmasq, Client::Dig, &queries).expect_no_differences(100);
}

#[test]
fn dnsmasq_answers_sonde_as_it_answers_kdig() {
    let Some(world) = world(&[Server::Bind, Server::Dnsmasq]) else { return };
    let mut queries = beside(Server::Dnsmasq, OWN);
    queries.extend(over(Transport::Udp, headers(endpoint(Server::Dnsmasq, Transport::Udp))));
    ask(&world, Server::Dnsmasq, Client::Kdig, &queries).expect_no_differences(40);
}

fn world(servers: &[Server]) -> Option<World> {
    if !can_make_namespaces() {
        return None;
    }
    let tools = ["named", "dnssec-signzone", "named-rrchecker", "dig", "unbound", "knotd", "kdig", "dnsmasq"];
    let there = |tool: &str| ["/usr/sbin", "/usr/bin"].iter().any(|dir| Path::new(dir).join(tool).exists());
    let missing: Vec<_> = tools.into_iter().filter(|tool| !there(tool)).collect();
    if !missing.is_empty() {
        skip(&format!("{missing:?} are not installed; `tests/run` installs them"));
        return None;
    }
    Some(World::with(servers).expect("the peers start"))
}

fn endpoint(server: Server, transport: Transport) -> Endpoint {
    Endpoint { address: server.address().parse().expect("an address"), port: transport.default_port() }
}

/// Every question, each over one of the transports in turn; with `SONDE_PEERS=all` over every one.
fn everything(server: Server) -> Vec<Query> {
    let transports = server.transports();
    let all = std::env::var("SONDE_PEERS").is_ok_and(|which| which == "all");
    let mut queries = Vec::new();
    for (i, &transport) in transports.iter().enumerate() {
        let questions = over(transport, questions_to(endpoint(server, transport)));
        let turn = |(n, _): &(usize, Query)| all || n % transports.len() == i;
        queries.extend(questions.into_iter().enumerate().filter(turn).map(|(_, query)| query));
    }
    queries
}

/// What only this server knows, over every transport.
fn beside(server: Server, names: &[(&str, u16)]) -> Vec<Query> {
    let each = |&transport: &Transport| {
        over(transport, names.iter().map(|&(name, qtype)| secure(endpoint(server, transport), name, qtype)).collect())
    };
    server.transports().iter().flat_map(each).collect()
}

fn questions_to(server: Endpoint) -> Vec<Query> {
    let records = RECORDS.iter().map(|&(name, qtype)| plain(server, name, qtype));
    let signed = SIGNED.iter().map(|&(name, qtype)| secure(server, name, qtype));
    records.chain(signed).chain(headers(server)).collect()
}

fn over(transport: Transport, mut queries: Vec<Query>) -> Vec<Query> {
    for query in &mut queries {
        query.transport = transport;
        query.server_name = Some(CERTIFIED.to_owned());
    }
    queries
}

/// What came of the comparisons.
#[derive(Debug, Default)]
struct Asked {
    compared: usize,
    differences: Vec<String>,
}

impl Asked {
    /// # Panics
    /// Where anything differed, or fewer than `at_least` were compared.
    fn expect_no_differences(&self, at_least: usize) {
        assert!(self.compared >= at_least, "only {} compared: {:?}", self.compared, self.differences);
        assert!(
            self.differences.is_empty(),
            "{} of {} differ:\n{}",
            self.differences.len(),
            self.compared,
            self.differences.join("\n")
        );
    }
}

/// Asks each question by `client`, then by sonde.
fn ask(world: &World, server: Server, client: Client, queries: &[Query]) -> Asked {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let vantage = Vantage::open(&Selector::Netns(world.client())).expect("the client's namespace");
    let clock = RunClock::start();
    let mut checker = Checker::default();
    let mut asked = Asked::default();
    for query in queries {
        let what = match client {
            Client::Dig => format!("dig {}", dig::arguments(query).join(" ")),
            Client::Kdig => format!("kdig {}", kdig::arguments(query).join(" ")),
        };
        if server.ages() {
            // What is forwarded may differ from what is cached.
            told(world, client, query).ok();
        }
        let compared = told(world, client, query).and_then(|told| {
            let exchange = runtime.block_on(sonde_probe::dns::query(&vantage, &clock, query));
            let answer = exchange.outcome.as_ref().map_err(|failure| anyhow::anyhow!("sonde failed: {failure:?}"))?;
            let mut ours = Reply::of_sonde(answer);
            let mut theirs = told.reply;
            if matches!(client, Client::Kdig) {
                ours = checker.bare(&ours)?;
                theirs = names_bare(theirs)?;
            }
            let mut differences = ours.differences(&theirs, if server.ages() { AGED } else { 0 });
            if exchange.query_bytes != told.query_bytes {
                writeln!(differences, "  query: sonde {} bytes, peer {}", exchange.query_bytes, told.query_bytes)?;
            }
            Ok(differences)
        });
        match compared {
            Ok(differences) if differences.is_empty() => {}
            Ok(differences) => asked.differences.push(format!("{what}\n{differences}")),
            Err(error) => asked.differences.push(format!("{what}\n  {error:?}\n")),
        }
        asked.compared += 1;
    }
    asked
}

fn told(world: &World, client: Client, query: &Query) -> Result<dig::Told> {
    match client {
        Client::Dig => {
            let output = world.run("dig", &dig::arguments(query))?;
            dig::read(&output).with_context(|| output)
        }
        Client::Kdig => {
            let output = world.run("kdig", &kdig::arguments(query))?;
            kdig::read(&output).with_context(|| output)
        }
    }
}

/// kdig's reply with names free of the choice of escapes.
fn names_bare(mut reply: Reply) -> Result<Reply> {
    for row in reply.sections.values_mut().flatten() {
        row.name = wire::labels(&row.name)?;
    }
    if let Some((name, _, _)) = &mut reply.question {
        *name = wire::labels(name)?;
    }
    Ok(reply)
}
