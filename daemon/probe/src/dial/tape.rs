//! Streams that a protocol library may own while the dial keeps the socket, and a record of what passed through them.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::clock::RunClock;

/// How much of the peer's first words is kept.
const FIRST_BYTES: usize = 64;

/// The dial's socket, lent to a protocol library.
///
/// A peer that refuses says so, closes, and resets what we still send. Its last words then wait behind the error of our write,
/// so that error is kept back until they are read.
#[derive(Debug)]
pub(crate) struct Lent {
    stream: Arc<TcpStream>,
    /// The errno with which the writing side broke; what is written from then on is discarded.
    broken: Option<i32>,
}

impl Lent {
    pub(crate) fn new(stream: &Arc<TcpStream>) -> Self {
        Self { stream: Arc::clone(stream), broken: None }
    }
}

impl Lent {
    /// Sends `length` bytes, or discards them where nothing more can be sent.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        length: usize,
        send: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        while self.broken.is_none() {
            ready!(self.stream.poll_write_ready(cx))?;
            match send(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => match error.raw_os_error() {
                    Some(errno @ (libc::EPIPE | libc::ECONNRESET)) => self.broken = Some(errno),
                    _ => return Poll::Ready(Err(error)),
                },
                written => return Poll::Ready(written),
            }
        }
        Poll::Ready(Ok(length))
    }
}

impl AsyncRead for Lent {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match (self.stream.try_read(buffer.initialize_unfilled()), self.broken) {
                (Err(error), _) if error.kind() == io::ErrorKind::WouldBlock => {}
                (Ok(0) | Err(_), Some(errno)) if buffer.remaining() > 0 => {
                    return Poll::Ready(Err(io::Error::from_raw_os_error(errno)));
                }
                (result, _) => {
                    buffer.advance(result?);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncWrite for Lent {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send(cx, bytes.len(), |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        self.get_mut().poll_send(cx, length, |stream| stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(socket2::SockRef::from(self.stream.as_ref()).shutdown(Shutdown::Write))
    }
}

/// What passed through a [`Taped`] stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// The first bytes that were read.
    pub(super) first_bytes: Vec<u8>,
    /// Since the run began: just before the first write.
    pub(super) first_write: Option<Duration>,
    /// Just after the last write that came before the first read.
    pub(super) last_write: Option<Duration>,
    /// Just after the first bytes were read.
    pub(super) first_read: Option<Duration>,
}

/// The record of a [`Taped`] stream, which outlives it.
#[derive(Clone, Debug)]
pub(super) struct Tape {
    clock: RunClock,
    record: Arc<Mutex<Record>>,
}

impl Tape {
    pub(super) fn new(clock: &RunClock) -> Self {
        Self { clock: *clock, record: Arc::default() }
    }

    pub(super) fn record(&self) -> Record {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins a new record, for the next request on the same stream.
    pub(super) fn rewind(&self) {
        *self.record.lock().unwrap_or_else(PoisonError::into_inner) = Record::default();
    }

    fn note(&self, note: impl FnOnce(&mut Record, Duration)) {
        let now = self.clock.now();
        note(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner), now);
    }
}

/// A stream that writes its tape.
#[derive(Debug)]
pub(crate) struct Taped<S> {
    stream: S,
    tape: Tape,
}

impl<S> Taped<S> {
    pub(super) fn new(stream: S, tape: &Tape) -> Self {
        Self { stream, tape: tape.clone() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Taped<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        if !read.is_empty() {
            self.tape.note(|record, now| {
                record.first_read.get_or_insert(now);
                let room = FIRST_BYTES.saturating_sub(record.first_bytes.len()).min(read.len());
                record.first_bytes.extend_from_slice(read.get(..room).unwrap_or_default());
            });
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Taped<S> {
    fn poll_send(&mut self, send: impl FnOnce(Pin<&mut S>) -> Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.tape.note(|record, now| {
            record.first_write.get_or_insert(now);
        });
        let written = ready!(send(Pin::new(&mut self.stream)))?;
        self.tape.note(|record, now| {
            if record.first_read.is_none() {
                record.last_write = Some(now);
            }
        });
        Poll::Ready(Ok(written))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taped<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send(|stream| stream.poll_write(cx, bytes))
    }

    /// The last two messages of a handshake leave in one piece, as every client sends them.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send(|stream| stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn slices_leave_in_one_piece_and_are_on_the_tape() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("its address");
        let (stream, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let tape = Tape::new(&RunClock::start());
        let mut taped = Taped::new(Lent::new(&Arc::new(stream.expect("connected"))), &tape);
        assert!(taped.is_write_vectored());

        let slices = [IoSlice::new(b"one "), IoSlice::new(b"two")];
        assert_eq!(taped.write_vectored(&slices).await.expect("sent"), 7);
        drop(taped);

        let mut text = String::new();
        accepted.expect("accepted").0.read_to_string(&mut text).await.expect("all of it");
        assert_eq!(text, "one two");
        let record = tape.record();
        assert!(record.first_write.is_some() && record.first_write <= record.last_write, "{record:?}");
    }
}
