//! A scripted DNS server per address that records every query, also those to a port where nothing listens.
//!
//! Every answer takes [`DELAY`] at least, so that queries sent together can be told from queries sent after an answer; the
//! second server and AAAA take a little longer, so that answers come in the same order each time. Times are
//! `CLOCK_MONOTONIC` in nanoseconds, the clock that the originals print too.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

use super::rule::{Action, Reach, Script, Transport};
use super::wire::{Edns, Query, type_word};

/// The time that every answer takes at least.
pub const DELAY: Duration = Duration::from_millis(50);

/// How long a connection stays that is closed without an answer.
const HANG_UP: Duration = Duration::from_millis(10);

/// Whether two queries were sent together: the later one before the earlier could be answered.
pub fn together(first_ns: u64, second_ns: u64) -> bool {
    Duration::from_nanos(first_ns.abs_diff(second_ns)) < TOGETHER
}

/// Less than any answer takes, and more than a busy machine leaves between two queries that are sent together.
const TOGETHER: Duration = Duration::from_millis(30);

/// How much longer each further server takes.
const DELAY_PER_SERVER: Duration = Duration::from_millis(15);

/// How much longer an answer takes that is not to A.
const DELAY_OF_AAAA: Duration = Duration::from_millis(6);

/// The address from which an answer with `wrong-source` comes.
pub const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(10, 53, 9, 9);

/// A query that came, or an attempt to connect to a closed TCP port.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    /// `CLOCK_MONOTONIC`.
    #[serde(skip)]
    pub at_ns: u64,
    /// Since the look-up began, `0.000123s`.
    pub at: String,
    /// Where to.
    pub server: SocketAddr,
    /// `udp` or `tcp`.
    pub transport: &'static str,
    /// With its final dot; empty for a refused connection, whose query is never sent.
    pub name: String,
    /// `A`, `AAAA`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The header's id.
    pub id: u16,
    /// The sender's port.
    pub source_port: u16,
    /// The set flags, `rd ad`.
    pub flags: String,
    /// The OPT record.
    pub edns: Option<Edns>,
    /// What the server did: an rcode and words of the script.
    pub reply: String,
}

/// What all servers of a sandbox have seen.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<Seen>>>);

impl Log {
    /// In the order of arrival, with the times relative to `begin_ns`.
    pub fn since(&self, begin_ns: u64) -> Vec<Seen> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.sort_by_key(|seen| seen.at_ns);
        for seen in &mut all {
            seen.at = format!("{:.6}s", Duration::from_nanos(seen.at_ns.saturating_sub(begin_ns)).as_secs_f64());
        }
        all
    }

    fn push(&self, seen: Seen) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < LIMIT {
            all.push(seen);
        }
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds.
pub fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// Opens the sockets of the `nth` server in the namespace of the calling thread and serves until the set is dropped.
pub fn serve(tasks: &mut JoinSet<()>, nth: u32, address: IpAddr, script: Script, log: &Log) -> Result<()> {
    let address = scoped(address)?;
    let times = script.rules.iter().map(|rule| rule.times).collect();
    let (udp, tcp) = (script.udp, script.tcp);
    let delay = DELAY + DELAY_PER_SERVER * nth;
    let server = Arc::new(Server { address, script, delay, left: Mutex::new(times), log: log.clone() });
    match udp {
        Reach::Open => {
            let socket = UdpSocket::from_std(bound(address, Type::DGRAM, Protocol::UDP)?.into())?;
            tasks.spawn(datagrams(Arc::clone(&server), Arc::new(socket)));
        }
        Reach::Closed => {
            let socket = UdpSocket::from_std(bound(address, Type::RAW, Protocol::UDP)?.into())?;
            tasks.spawn(in_vain(Arc::clone(&server), socket, Transport::Udp));
        }
        Reach::Unreachable => {}
    }
    match tcp {
        Reach::Open if udp != Reach::Unreachable => {
            let socket = bound(address, Type::STREAM, Protocol::TCP)?;
            socket.listen(16)?;
            tasks.spawn(connections(server, TcpListener::from_std(socket.into())?));
        }
        Reach::Closed => {
            let socket = UdpSocket::from_std(bound(address, Type::RAW, Protocol::TCP)?.into())?;
            tasks.spawn(in_vain(server, socket, Transport::Tcp));
        }
        _ => {}
    }
    Ok(())
}

struct Server {
    address: SocketAddr,
    script: Script,
    delay: Duration,
    left: Mutex<Vec<Option<u32>>>,
    log: Log,
}

impl Server {
    fn record(&self, query: &Query, from: SocketAddr, transport: Transport, at_ns: u64, reply: String) {
        self.log.push(Seen {
            at_ns,
            at: String::new(),
            server: self.address,
            transport: transport.word(),
            name: query.name.clone(),
            kind: if query.name.is_empty() { String::new() } else { type_word(query.kind) },
            id: query.id,
            source_port: from.port(),
            flags: query.flag_words(),
            edns: query.edns.clone(),
            reply,
        });
    }

    fn delay(&self, query: &Query) -> Duration {
        self.delay + if query.kind == 1 { Duration::ZERO } else { DELAY_OF_AAAA }
    }

    /// The first rule that fits and is not used up.
    fn action(&self, query: &Query, transport: Transport) -> Action {
        let name = query.name.trim_end_matches('.').to_lowercase();
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        for (rule, left) in self.script.rules.iter().zip(left.iter_mut()) {
            if !rule.fits(&name, query.kind, transport) {
                continue;
            }
            match left {
                None => return rule.action.clone(),
                Some(0) => {}
                Some(n) => {
                    *n -= 1;
                    return rule.action.clone();
                }
            }
        }
        Action { rcode: 3, ..Action::default() }
    }
}

async fn datagrams(server: Arc<Server>, socket: Arc<UdpSocket>) {
    let mut answers = JoinSet::new();
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let at_ns = now_ns();
        let Some(query) = Query::read(&buffer[..length]) else { continue };
        let action = server.action(&query, Transport::Udp);
        server.record(&query, from, Transport::Udp, at_ns, reply_words(&action, &query, Transport::Udp));
        let socket = Arc::clone(&socket);
        let delay = server.delay(&query) + action.delay;
        answers.spawn(async move {
            if action.drop || action.close {
                return;
            }
            tokio::time::sleep(delay).await;
            // The asker may be gone; then there is nobody to answer.
            if action.wrong_source {
                if let Ok(other) = UdpSocket::bind((ELSEWHERE, 0)).await {
                    other.send_to(&query.answer(&action, Transport::Udp), from).await.ok();
                }
            } else {
                socket.send_to(&query.answer(&action, Transport::Udp), from).await.ok();
            }
            if action.then_right {
                tokio::time::sleep(Duration::from_millis(100)).await;
                socket.send_to(&query.answer(&right(&action), Transport::Udp), from).await.ok();
            }
        });
    }
}

async fn connections(server: Arc<Server>, listener: TcpListener) {
    let mut streams = JoinSet::new();
    while let Ok((stream, from)) = listener.accept().await {
        streams.spawn(connection(Arc::clone(&server), stream, from));
    }
}

async fn connection(server: Arc<Server>, stream: TcpStream, from: SocketAddr) {
    let (mut read, write) = stream.into_split();
    let write = Arc::new(tokio::sync::Mutex::new(write));
    let mut answers = JoinSet::new();
    let mut closing = false;
    loop {
        // Also before hanging up: what was sent together with the first query is recorded.
        let patience = if closing { HANG_UP } else { Duration::from_hours(1) };
        let Ok(Some(message)) = tokio::time::timeout(patience, message(&mut read)).await else { break };
        let at_ns = now_ns();
        let Some(query) = Query::read(&message) else { break };
        let action = server.action(&query, Transport::Tcp);
        server.record(&query, from, Transport::Tcp, at_ns, reply_words(&action, &query, Transport::Tcp));
        closing |= action.close;
        if action.close || action.drop {
            continue;
        }
        let write = Arc::clone(&write);
        let delay = server.delay(&query) + action.delay;
        answers.spawn(async move {
            tokio::time::sleep(delay).await;
            let answer = query.answer(&action, Transport::Tcp);
            let mut bytes = u16::try_from(answer.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
            bytes.extend(answer);
            // The asker may have hung up.
            write.lock().await.write_all(&bytes).await.ok();
        });
    }
    // What is still to be answered is answered although the asker sends nothing more.
    while answers.join_next().await.is_some() {}
}

/// One message with its length before it (RFC 1035, section 4.2.2).
async fn message(read: &mut OwnedReadHalf) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    read.read_exact(&mut length).await.ok()?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    read.read_exact(&mut message).await.ok()?;
    Some(message)
}

/// Records what arrives at a port where nothing listens: a raw socket gets a copy, and the kernel still refuses.
async fn in_vain(server: Arc<Server>, socket: UdpSocket, transport: Transport) {
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let at_ns = now_ns();
        let Some(segment) = payload(&buffer[..length], server.address.ip()) else { continue };
        let port = |at: usize| segment.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]]));
        if port(2) != Some(53) {
            continue;
        }
        let from = SocketAddr::new(from.ip(), port(0).unwrap_or(0));
        match transport {
            Transport::Udp => {
                let Some(query) = segment.get(8..).and_then(Query::read) else { continue };
                server.record(&query, from, transport, at_ns, "port unreachable".to_owned());
            }
            Transport::Tcp => {
                // SYN without ACK: somebody connects.
                if segment.get(13).is_some_and(|flags| flags & 0x12 == 0x02) {
                    let query = Query::default();
                    server.record(&query, from, transport, at_ns, "connection refused".to_owned());
                }
            }
        }
    }
}

/// A raw IPv4 socket delivers the IP header too, a raw IPv6 socket does not.
fn payload(packet: &[u8], address: IpAddr) -> Option<&[u8]> {
    match address {
        IpAddr::V4(_) => packet.get(usize::from(packet.first()? & 15) * 4..),
        IpAddr::V6(_) => Some(packet),
    }
}

fn bound(address: SocketAddr, kind: Type, protocol: Protocol) -> Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if kind == Type::STREAM {
        socket.set_reuse_address(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into()).with_context(|| format!("bind {address}"))?;
    Ok(socket)
}

/// A link-local address needs the interface.
fn scoped(address: IpAddr) -> Result<SocketAddr> {
    match address {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            let any = Socket::new(Domain::IPV6, Type::DGRAM, None)?;
            let index = rustix::net::netdevice::name_to_index(&any, "eth0").context("the index of eth0")?;
            Ok(SocketAddrV6::new(v6, 53, 0, index).into())
        }
        other => Ok(SocketAddr::new(other, 53)),
    }
}

fn right(action: &Action) -> Action {
    Action {
        delay: Duration::ZERO,
        rcode: 0,
        addresses: action.addresses.clone(),
        chain: action.chain.clone(),
        ..Action::default()
    }
}

fn reply_words(action: &Action, query: &Query, transport: Transport) -> String {
    if action.drop || action.close {
        return if action.drop { "none" } else { "closed" }.to_owned();
    }
    let rcodes = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN"];
    let answer = query.answer(action, transport);
    let (flags, rcode) = (answer.get(2).copied().unwrap_or(0), answer.get(3).map_or(0, |b| b & 15));
    let mut words = vec![rcodes.get(usize::from(rcode)).map_or_else(|| format!("RCODE{rcode}"), |w| (*w).to_owned())];
    let records = if action.garbage { 0 } else { answer.get(7).copied().unwrap_or(0) };
    words.push(format!("{records} records"));
    for (set, word) in [
        (flags & 2 != 0, "tc"),
        (action.wrong_id, "wrong id"),
        (action.wrong_question, "wrong question"),
        (action.wrong_source, "wrong source"),
        (action.garbage, "garbage"),
        (action.empty, "empty"),
        (action.header_only, "header only"),
        (action.not_an_answer, "no QR"),
        (action.then_right, "then right"),
    ] {
        if set {
            words.push(word.to_owned());
        }
    }
    if !action.delay.is_zero() {
        words.push(format!("after {} ms more", action.delay.as_millis()));
    }
    words.join(", ")
}

/// Queries that a recording keeps; a look-up that sends more is wrong anyway.
const LIMIT: usize = 2000;
