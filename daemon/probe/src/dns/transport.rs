//! The ways a query travels, one module each.
//!
//! Every socket is opened in the vantage. Absent: falling back from one transport to another, and reuse of connections.

mod https;
mod icmp;
mod quic;
mod seen;
mod stream;
mod tcp;
mod tls;
mod udp;

use sonde_core::observation::dns::{Answer, Transport};
use sonde_core::observation::{Failure, Phase, Reason};
use tokio::net::UdpSocket;

pub(super) use self::seen::Seen;
use self::seen::Source;
use super::exchange::Ask;
use super::message::{Question, Reading};
use super::reader::Malformed;
use crate::dial::{self, Dialled};
use crate::failure::Fault;

/// Sends the query of `ask` and waits for its answer.
pub(super) async fn perform(ask: &Ask<'_>, seen: &mut Seen) -> Result<Answer, Failure> {
    match ask.query.transport {
        Transport::Udp => udp::perform(ask, seen).await,
        Transport::Tcp => Box::pin(tcp::perform(ask, seen)).await,
        Transport::Tls => Box::pin(tls::perform(ask, seen)).await,
        Transport::Https => Box::pin(https::perform(ask, seen)).await,
        Transport::Quic => Box::pin(quic::perform(ask, seen)).await,
    }
}

/// What an exchange leaves open, to be closed when the counters were read: closing moves some.
#[derive(Debug, Default)]
enum Socket {
    #[default]
    None,
    Udp(UdpSocket),
    Tcp(Dialled),
    /// The stream lives on the connection beside it.
    Tls(Box<dial::Stream>, Dialled),
    Quic(Box<quic::Open>),
}

impl Socket {
    /// Politely where the conversation `ended_well`.
    async fn close(self, ended_well: bool) {
        match self {
            Self::None => {}
            Self::Udp(socket) => drop(socket),
            Self::Tcp(dialled) => dialled.close(ended_well),
            Self::Quic(open) => open.close(ended_well).await,
            Self::Tls(mut stream, dialled) => {
                if ended_well {
                    dial::farewell(&mut stream).await;
                }
                dialled.close(ended_well);
            }
        }
    }
}

/// What a message that came from the server asked is to the question: its outcome, unless it is a stray.
fn judge(question: &Question, message: &[u8], seen: &mut Seen, source: &Source) -> Option<Result<Answer, Fault>> {
    match question.read(message) {
        Reading::Answer(answer) => {
            seen.answer(message);
            Some(Ok(*answer))
        }
        Reading::Malformed(Malformed(what)) => {
            let detail = format!("decode an answer of {} bytes: {what}", message.len());
            Some(Err(Fault::new(Phase::Receive, Reason::Malformed(what), detail)))
        }
        Reading::Stray { kind, answer } => {
            seen.stray(source, kind, message.len(), answer);
            None
        }
    }
}
