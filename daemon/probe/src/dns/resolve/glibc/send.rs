//! One question to the servers in turn: `__res_context_send` of `resolv/res_send.c`.
//!
//! Every server is asked `attempts` times in rounds. Over TCP there is one round only, and once a reply was truncated the rest
//! of the round is over TCP too.

use std::net::{SocketAddr, SocketAddrV6};

use sonde_core::observation::Endpoint;
use sonde_core::observation::dns::{Nameserver, View};
use tokio::net::UdpSocket;

use super::errors::Errno;
use super::message::{HEADER, Query, Reply};
use crate::dns::resolve::Lookup;
use crate::failure::Fault;

/// What came, by the order of coming. A reply that does not count is not here.
#[derive(Debug, Default)]
pub(super) struct Replies {
    /// The buffer that the first reply goes to; what was written there stays, also where it does not count.
    pub(super) buffer: Option<Reply>,
    /// `resplen`: the buffer counts.
    pub(super) first_counts: bool,
    pub(super) second: Option<Reply>,
}

impl Replies {
    pub(super) fn first(&self) -> Option<&Reply> {
        self.buffer.as_ref().filter(|_| self.first_counts)
    }

    pub(super) fn second(&self) -> Option<&Reply> {
        self.second.as_ref()
    }

    /// Nothing counts any more.
    pub(super) fn forget(&mut self) {
        self.first_counts = false;
        self.second = None;
    }

    fn any(&self) -> bool {
        self.first_counts || self.second.is_some()
    }
}

/// How a turn of one server ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Look at what came: something counts, else the next server is asked.
    Over,
    /// TC: the same server over TCP.
    Truncated,
    /// No further server is asked.
    Broken,
}

/// A name server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    pub(super) endpoint: Endpoint,
    pub(super) address: SocketAddr,
}

/// The options of resolv.conf(5) that change what is sent.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of resolv.conf")]
pub(super) struct Options {
    pub(super) rotate: bool,
    pub(super) single_request: bool,
    pub(super) single_request_reopen: bool,
    pub(super) use_vc: bool,
    pub(super) edns0: bool,
    pub(super) trust_ad: bool,
    pub(super) no_aaaa: bool,
    pub(super) no_tld_query: bool,
}

impl Options {
    fn read(view: &View) -> Self {
        let set = |name: &str| view.options.iter().any(|option| option == name);
        Self {
            rotate: set("rotate"),
            single_request: set("single-request"),
            single_request_reopen: set("single-request-reopen"),
            use_vc: set("use-vc"),
            edns0: set("edns0"),
            trust_ad: set("trust-ad"),
            no_aaaa: set("no-aaaa"),
            no_tld_query: set("no-tld-query"),
        }
    }
}

/// The state of the resolver (`struct __res_state`) during one lookup.
pub(super) struct Resolver<'a> {
    pub(super) lookup: &'a Lookup<'a>,
    pub(super) view: &'a View,
    pub(super) servers: Vec<Server>,
    /// The switch to one query at a time, once a reply was lost, is written in here and stays for the whole lookup.
    pub(super) options: Options,
    pub(super) errno: Errno,
    /// The response code of whatever was last written to the first buffer; 0 since the question began.
    pub(super) left_rcode: u8,
    /// Sources of nsswitch that are here but not followed.
    pub(super) installed: Vec<String>,
    /// One for each server, open from one round to the next: a reply that comes late is still taken.
    pub(super) sockets: Vec<Option<UdpSocket>>,
    rotation: usize,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(lookup: &'a Lookup<'a>, view: &'a View) -> Result<Self, Fault> {
        let servers: Vec<Server> = view.nameservers.iter().map(|server| reach(lookup, server)).collect();
        let mut random = [0; 2];
        // Where the system has no randomness, rotation begins with the first server; the kernel has it.
        getrandom::fill(&mut random).map_err(|error| Fault::invalid(format!("no random numbers: {error}")))?;
        Ok(Self {
            lookup,
            view,
            options: Options::read(view),
            errno: Errno::Clear,
            left_rcode: 0,
            installed: Vec::new(),
            sockets: servers.iter().map(|_| None).collect(),
            servers,
            rotation: usize::from(u16::from_ne_bytes(random)),
        })
    }

    /// What came of the queries; nothing where every server failed, and then `errno` says how.
    pub(super) async fn send(&mut self, queries: &[Query]) -> Option<Replies> {
        let mut over_tcp = self.options.use_vc;
        let mut anything_came = false;
        let mut tcp_errno = Errno::TimedOut;
        let mut replies = Replies::default();
        let offset = self.offset();
        for _ in 0..self.view.attempts {
            for shift in 0..self.servers.len() {
                let server = (offset + shift) % self.servers.len();
                let mut turn = Turn::Truncated;
                if !over_tcp {
                    turn = self.datagrams(server, queries, &mut replies, &mut anything_came).await;
                    over_tcp = turn == Turn::Truncated;
                }
                if over_tcp {
                    turn = self.stream(server, queries, &mut replies, &mut tcp_errno).await;
                }
                if turn == Turn::Broken {
                    self.errno = Errno::Other;
                    return None;
                }
                if replies.any() {
                    self.errno = Errno::Clear;
                    self.close();
                    return Some(replies);
                }
            }
            if over_tcp {
                break;
            }
        }
        self.close();
        self.errno = match (over_tcp, anything_came) {
            (true, _) => tcp_errno,
            (false, true) => Errno::TimedOut,
            (false, false) => Errno::Refused,
        };
        None
    }

    /// `__res_iclose`: every socket, not only that of the server at hand.
    pub(super) fn close(&mut self) {
        self.sockets.iter_mut().for_each(|socket| *socket = None);
    }

    /// Writes what came into the place that is next, and says whether it is long enough to be looked at.
    pub(super) fn store(&mut self, bytes: Vec<u8>, replies: &mut Replies, is_second: bool) -> Option<Reply> {
        let reply = Reply::new(bytes);
        if is_second {
            replies.second.clone_from(&reply);
        } else {
            replies.first_counts = reply.is_some();
            replies.buffer.clone_from(&reply);
            self.left_rcode = reply.as_ref().map_or(self.left_rcode, Reply::rcode);
        }
        reply
    }

    /// `nameserver_offset`: a random one first, then the next with every question.
    fn offset(&mut self) -> usize {
        if !self.options.rotate || self.servers.len() <= 1 {
            return 0;
        }
        self.rotation = self.rotation.wrapping_add(1);
        self.rotation % self.servers.len()
    }
}

fn reach(lookup: &Lookup<'_>, server: &Nameserver) -> Server {
    let endpoint = Endpoint { address: server.address, port: server.port };
    let address = match (server.address, &server.scope) {
        (std::net::IpAddr::V6(address), Some(scope)) => {
            SocketAddrV6::new(address, server.port, 0, super::zone_index(lookup, scope).unwrap_or(0)).into()
        }
        (address, _) => SocketAddr::new(address, server.port),
    };
    Server { endpoint, address }
}

// Invariant of `Reply`: at least a header, so `first_counts` means more than the "1" of res_send.c's length checks.
const _: () = assert!(HEADER > 1);
