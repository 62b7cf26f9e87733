//! ICMP errors about datagrams of ours: taken from the error queue of an unconnected socket, and weighed.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use sonde_core::observation::Phase;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::Seen;
use crate::dial::endpoint;
use crate::dns::exchange::Ask;
use crate::error_queue::{self, Queued};
use crate::failure::Fault;

/// After an error that is only a hint (RFC 1122 section 3.2.2.1), an answer may still come by another way for so long.
pub(super) const GRACE: Duration = Duration::from_millis(100);

/// What an ICMP error says of the datagram that it is about.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is lost, and the next one would be.
    Certain(io::Error),
    /// It is lost for its size.
    TooBig(io::Error),
    /// It may be on another way.
    Hint(io::Error),
}

/// Drains the queue of `socket`; the last error about what was sent to `server` counts. `pending` is what receiving said.
pub(super) fn take(
    seen: &mut Seen,
    socket: &UdpSocket,
    server: SocketAddr,
    pending: Option<io::Error>,
) -> Option<Verdict> {
    let queued = error_queue::drain_all(socket);
    if queued.is_empty() {
        return pending.map(Verdict::Certain);
    }
    // An error about something that we did not send is none of ours.
    let is_ours = |queued: &Queued| queued.destination.is_none_or(|about| endpoint(about) == endpoint(server));
    let ours: Vec<Queued> = queued.into_iter().filter(is_ours).collect();
    let verdict = ours.last().map(|last| weigh(last, server.ip()));
    seen.icmp(ours);
    verdict
}

/// The kernel's own distinction of hard and soft errors: `icmp_err_convert` of net/ipv4/icmp.c, `tab_unreach` of
/// net/ipv6/icmp.c.
fn weigh(queued: &Queued, server: IpAddr) -> Verdict {
    let error = io::Error::from_raw_os_error(queued.errno);
    match (server, queued.kind()) {
        (IpAddr::V4(_), (3, 4)) | (IpAddr::V6(_), (2, _)) => Verdict::TooBig(error),
        (IpAddr::V4(_), (3, 0 | 1 | 5 | 11 | 12) | (11, _)) | (IpAddr::V6(_), (1, 0 | 2 | 3) | (3, _)) => {
            Verdict::Hint(error)
        }
        _ => Verdict::Certain(error),
    }
}

/// Waits for `wanted`, which sends and receives on a duplicate of `socket`; a certain error ends the wait.
///
/// In the handshake a hint does so, too, after a moment. Later on, what sends again knows better.
pub(super) async fn watching<T>(
    ask: &Ask<'_>,
    seen: &mut Seen,
    (socket, server): (&UdpSocket, SocketAddr),
    (phase, doing): (Phase, &str),
    wanted: impl Future<Output = T>,
) -> Result<T, Fault> {
    let mut wanted = pin!(wanted);
    let mut deadline = ask.attempt.deadline();
    let mut hint = None;
    loop {
        let ready = tokio::select! {
            biased;
            done = &mut wanted => return Ok(done),
            ready = timeout_at(deadline, socket.ready(Interest::ERROR)) => ready,
        };
        let Ok(ready) = ready else {
            return Err(hint.unwrap_or_else(|| Fault::timed_out(phase, doing)));
        };
        ready.map_err(|error| Fault::os(phase, doing, &error))?;
        let mut verdict = None;
        drop(socket.try_io(Interest::ERROR, || {
            verdict = take(seen, socket, server, None);
            // Drained, which is for the runtime to know.
            Err::<(), _>(io::ErrorKind::WouldBlock.into())
        }));
        match verdict {
            Some(Verdict::Certain(error)) => return Err(Fault::os(phase, doing, &error)),
            Some(Verdict::Hint(error) | Verdict::TooBig(error)) if phase == Phase::Tls => {
                deadline = deadline.min(Instant::now() + GRACE);
                hint = Some(Fault::os(phase, doing, &error));
            }
            Some(Verdict::Hint(_) | Verdict::TooBig(_)) | None => {}
        }
    }
}
