//! One turn of one server over TCP: `send_vc` of `resolv/res_send.c`.
//!
//! Both queries are written at once. Replies are told apart by their ids alone, and every response code counts: no further
//! server is asked after SERVFAIL. There is no timeout but the kernel's own: a server that accepts and stays silent is waited
//! for until the lookup is cut off. A connection that is reset is made once more; one that is closed is not.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use sonde_core::observation::Phase;
use sonde_core::observation::dns::{StepOutcome, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::errors::{Errno, failure};
use super::message::{HEADER, Query};
use super::send::{Replies, Resolver, Server, Turn};
use crate::dns::resolve::steps::StepId;
use crate::failure::Fault;
use crate::vantage::Vantage;

/// What the stream's turn ended with, short of an answer.
enum Fall {
    /// In the words of the system.
    Failed(Phase, io::Error),
    /// The other end closed: `read` returned 0, and errno says nothing.
    Closed,
    /// A message too short for a header.
    Short(usize),
}

impl Resolver<'_> {
    pub(super) async fn stream(
        &mut self,
        server: usize,
        queries: &[Query],
        replies: &mut Replies,
        errno: &mut Errno,
    ) -> Turn {
        let Some(at) = self.servers.get(server).copied() else { return Turn::Broken };
        let mut was_reset = false;
        loop {
            let mut steps = Vec::new();
            let fall = match self.converse(at, queries, replies, &mut steps).await {
                Ok(()) => return Turn::Over,
                Err(fall) => fall,
            };
            replies.forget();
            let outcome = outcome(&fall);
            for step in steps {
                self.lookup.steps.ended(step, outcome.clone(), Vec::new());
            }
            *errno = errno_of(&fall);
            let reset =
                matches!(&fall, Fall::Failed(Phase::Wait, error) if error.raw_os_error() == Some(libc::ECONNRESET));
            if !reset || was_reset {
                return if matches!(fall, Fall::Failed(Phase::Socket, _)) { Turn::Broken } else { Turn::Over };
            }
            was_reset = true;
        }
    }

    async fn converse(
        &mut self,
        server: Server,
        queries: &[Query],
        replies: &mut Replies,
        steps: &mut Vec<StepId>,
    ) -> Result<(), Fall> {
        let sent = |query: &Query| {
            self.lookup.steps.sent(server.endpoint, Transport::Tcp, &query.name.to_string(), query.qtype)
        };
        // The connection belongs to the first query, so that one that never comes about shows as a step.
        steps.extend(queries.first().map(sent));
        let mut stream = connect(self.lookup.vantage, server.address).await?;
        steps.extend(queries.iter().skip(1).map(sent));
        let mut framed = Vec::with_capacity(256);
        for query in queries {
            // Invariant: a query is shorter than 300 bytes.
            framed.extend(u16::try_from(query.bytes.len()).unwrap_or_default().to_be_bytes());
            framed.extend_from_slice(&query.bytes);
        }
        stream.write_all(&framed).await.map_err(|error| Fall::Failed(Phase::Send, error))?;
        let mut came = [false, queries.len() < 2];
        while came != [true, true] {
            let is_second = queries.len() > 1 && (came[0] || came[1]);
            let message = message(&mut stream).await?;
            let length = message.len();
            let reply = self.store(message, replies, is_second).ok_or(Fall::Short(length))?;
            // Both have ids of their own.
            let fits = |which: &usize| !came[*which] && queries.get(*which).is_some_and(|query| query.id == reply.id());
            let Some(which) = [0, 1].into_iter().find(fits) else { continue };
            came[which] = true;
            if let Some(step) = steps.get(which) {
                self.lookup.steps.ended(*step, StepOutcome::Answered(reply.rcode().into()), reply.addresses());
            }
        }
        Ok(())
    }
}

/// One message behind its length (RFC 1035 section 4.2.2).
async fn message(stream: &mut TcpStream) -> Result<Vec<u8>, Fall> {
    let mut length = [0; 2];
    fill(stream, &mut length, Phase::Wait).await?;
    let length = usize::from(u16::from_be_bytes(length));
    if length < HEADER {
        return Err(Fall::Short(length));
    }
    let mut message = vec![0; length];
    fill(stream, &mut message, Phase::Receive).await?;
    Ok(message)
}

async fn fill(stream: &mut TcpStream, buffer: &mut [u8], phase: Phase) -> Result<(), Fall> {
    match stream.read_exact(buffer).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Fall::Closed),
        Err(error) => Err(Fall::Failed(phase, error)),
    }
}

async fn connect(vantage: &Vantage, server: SocketAddr) -> Result<TcpStream, Fall> {
    let broken = |error| Fall::Failed(Phase::Socket, error);
    let open = move || {
        let kind = Type::STREAM.nonblocking().cloexec();
        Socket::new(Domain::for_address(server), kind, Some(Protocol::TCP))
    };
    let socket = vantage.within(open).and_then(|opened| opened).map_err(broken)?;
    let socket = TcpSocket::from_std_stream(socket.into());
    socket.connect(server).await.map_err(|error| Fall::Failed(Phase::Connect, error))
}

fn outcome(fall: &Fall) -> StepOutcome {
    match fall {
        Fall::Failed(phase, error) => {
            let doing = match phase {
                Phase::Connect => "connect for a query",
                Phase::Send => "send a query over TCP",
                _ => "wait for a reply over TCP",
            };
            StepOutcome::Failed(failure(Fault::os(*phase, doing, error)))
        }
        Fall::Closed => {
            let error = io::Error::from(io::ErrorKind::UnexpectedEof);
            StepOutcome::Failed(failure(Fault {
                detail: "the server closed the connection".to_owned(),
                ..Fault::os(Phase::Wait, "", &error)
            }))
        }
        Fall::Short(length) => StepOutcome::Rejected(format!("a message of {length} bytes is no reply")),
    }
}

fn errno_of(fall: &Fall) -> Errno {
    match fall {
        Fall::Closed => Errno::Clear,
        Fall::Short(_) => Errno::Other,
        Fall::Failed(_, error) => match error.raw_os_error() {
            Some(libc::ECONNREFUSED) => Errno::Refused,
            Some(libc::ETIMEDOUT) => Errno::TimedOut,
            _ => Errno::Other,
        },
    }
}
