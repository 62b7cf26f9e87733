//! A query and its answer over a stream of bytes, each message behind its length (RFC 1035 section 4.2.2).

use std::io;
use std::time::Duration;

use sonde_core::observation::dns::Answer;
use sonde_core::observation::{Phase, Reason, Timing};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Seen, Source, judge};
use crate::attempt::Attempt;
use crate::dial::endpoint;
use crate::dns::exchange::Ask;
use crate::failure::Fault;

/// What an error of the stream means.
pub(super) type Explain<'a> = &'a (dyn Fn(Phase, &str, &io::Error) -> Fault + Sync);

/// Sends the query and waits for its answer among the messages that come.
pub(super) async fn converse<S>(
    ask: &Ask<'_>,
    seen: &mut Seen,
    stream: &mut S,
    explain: Explain<'_>,
) -> Result<Answer, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let clock = *ask.attempt.clock();
    let at = clock.now();
    let sent = send(&ask.attempt, stream, &ask.prepared.bytes, explain).await;
    seen.phases.send = Some(clock.since(at));
    sent?;
    let waiting = clock.now();
    let from = endpoint(ask.prepared.server);
    loop {
        let mut first = None;
        let message = receive(&ask.attempt, stream, explain, &mut first).await;
        let ended = clock.now();
        seen.phases.wait = Some(span(waiting, first.unwrap_or(ended)));
        seen.phases.receive = first.map(|first| span(first, ended));
        seen.ended = Some(ended);
        let message = message.map_err(|fault| seen.note_strays(fault))?;
        if let Some(outcome) = judge(&ask.prepared.question, &message, seen, &Source { from, at: ended }) {
            return outcome;
        }
    }
}

/// Sends one message.
async fn send<S>(attempt: &Attempt, stream: &mut S, message: &[u8], explain: Explain<'_>) -> Result<(), Fault>
where
    S: AsyncWrite + Unpin,
{
    let length = u16::try_from(message.len()).map_err(|_| Fault::invalid("a query longer than 65535 bytes"))?;
    // In one write, so that it is one segment (RFC 7766 section 8).
    let framed = [&length.to_be_bytes(), message].concat();
    let doing = "send the query";
    let writing = async {
        stream.write_all(&framed).await?;
        stream.flush().await
    };
    attempt.bounded(Phase::Send, doing, writing).await?.map_err(|error| explain(Phase::Send, doing, &error))
}

/// Receives one message; `first` becomes the time of its first byte, which ends the phase of waiting.
async fn receive<S>(
    attempt: &Attempt,
    stream: &mut S,
    explain: Explain<'_>,
    first: &mut Option<Duration>,
) -> Result<Vec<u8>, Fault>
where
    S: AsyncRead + Unpin,
{
    let mut prefix = [0; 2];
    fill(attempt, stream, &mut prefix, explain, first).await?;
    let mut message = vec![0; u16::from_be_bytes(prefix).into()];
    fill(attempt, stream, &mut message, explain, first).await?;
    Ok(message)
}

async fn fill<S>(
    attempt: &Attempt,
    stream: &mut S,
    buffer: &mut [u8],
    explain: Explain<'_>,
    first: &mut Option<Duration>,
) -> Result<(), Fault>
where
    S: AsyncRead + Unpin,
{
    let doing = "wait for the answer";
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let phase = if first.is_some() { Phase::Receive } else { Phase::Wait };
        if attempt.remaining().is_zero() {
            // Messages can come faster than the runtime looks at its clock.
            return Err(Fault::timed_out(phase, doing));
        }
        match attempt.bounded(phase, doing, stream.read(rest)).await? {
            Ok(0) => {
                let detail = format!("{doing}: the server closed the connection");
                return Err(Fault::new(phase, Reason::Closed, detail));
            }
            Ok(count) => {
                filled += count;
                first.get_or_insert_with(|| attempt.clock().now());
            }
            Err(error) => return Err(explain(phase, doing, &error)),
        }
    }
    Ok(())
}

fn span(at: Duration, end: Duration) -> Timing {
    Timing { at, elapsed: end.saturating_sub(at) }
}
