//! A client's connection that gathers what is written to it until the runtime has nothing else to do, and sends that at once.
//!
//! The events of many runs go to one client, each in a frame of its own: a system call for each, and a client that is woken by each, cost
//! more than the events. What is gathered waits no longer than for the tasks that could go on anyway; on an idle daemon for nothing.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker, ready};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;
use tonic::transport::server::Connected;

/// The connection. `poll_flush` may say that all is sent while it is still gathered: the task that writes is woken to send it.
#[derive(Debug)]
pub(crate) struct Corked<S> {
    inner: S,
    gathered: Vec<u8>,
    /// Of it, what the kernel has taken.
    sent: usize,
    turn: Arc<Turn>,
}

impl<S> Corked<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, gathered: Vec::new(), sent: 0, turn: Arc::default() }
    }

    /// Appends as much as there is room for.
    fn gather(&mut self, bytes: &[u8]) -> usize {
        let room = MOST_BYTES.saturating_sub(self.gathered.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.gathered.extend_from_slice(taken);
        taken.len()
    }
}

impl<S: AsyncWrite + Unpin> Corked<S> {
    /// Sends what is gathered.
    fn drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest @ [_, ..]) = self.gathered.get(self.sent..) {
            match ready!(Pin::new(&mut self.inner).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.sent += written,
            }
        }
        self.sent = 0;
        self.gathered.clear();
        Poll::Ready(Ok(()))
    }

    /// Sends what is gathered if its turn has come, else sees to it that it will.
    fn drain_in_turn(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gathered.is_empty() || !self.turn.has_come(context.waker()) {
            return Poll::Ready(Ok(()));
        }
        self.drain(context)
    }

    /// Makes room, and says whether so much goes past what is gathered.
    fn prepare(&mut self, bytes: usize, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let is_large = bytes >= LARGE_BYTES;
        if is_large || self.gathered.len() >= MOST_BYTES {
            ready!(self.drain(context))?;
        }
        Poll::Ready(Ok(is_large))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Corked<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if ready!(this.prepare(bytes.len(), context))? {
            return Pin::new(&mut this.inner).poll_write(context, bytes);
        }
        Poll::Ready(Ok(this.gather(bytes)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if ready!(this.prepare(slices.iter().map(|slice| slice.len()).sum(), context))? {
            return Pin::new(&mut this.inner).poll_write_vectored(context, slices);
        }
        Poll::Ready(Ok(slices.iter().map(|slice| this.gather(slice)).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.drain_in_turn(context))?;
        Pin::new(&mut this.inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.drain(context))?;
        Pin::new(&mut this.inner).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Corked<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Whoever is woken to send reads, too, and may not come to flushing. A peer that takes nothing may still be read from.
        if let Poll::Ready(Err(error)) = this.drain_in_turn(context) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut this.inner).poll_read(context, buffer)
    }
}

impl<S: Connected> Connected for Corked<S> {
    type ConnectInfo = S::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.inner.connect_info()
    }
}

/// Whose turn comes when the runtime has done everything else.
#[derive(Debug, Default)]
struct Turn {
    awaited: AtomicBool,
    come: AtomicBool,
    task: AtomicWaker,
}

impl Turn {
    /// Once for each time that it was awaited; the task is woken when it comes.
    fn has_come(self: &Arc<Self>, task: &Waker) -> bool {
        self.task.register(task);
        if self.come.swap(false, Ordering::AcqRel) {
            self.awaited.store(false, Ordering::Release);
            return true;
        }
        if !self.awaited.swap(true, Ordering::AcqRel) {
            let waker = Waker::from(Arc::clone(self));
            // Polled once, it only puts the waker behind everything else.
            let _pending = pin!(yield_now()).poll(&mut Context::from_waker(&waker));
        }
        false
    }
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.come.store(true, Ordering::Release);
        self.task.wake();
    }
}

/// More than a burst of events; beyond this it is sent at once.
const MOST_BYTES: usize = 64 << 10;

/// What would rather not be copied: a batch of a table's rows.
const LARGE_BYTES: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::{Duration, timeout};

    use super::*;

    #[tokio::test]
    async fn what_one_turn_writes_is_sent_in_one_piece() {
        let (mut peer, ours) = duplex(1 << 20);
        let mut ours = Corked::new(ours);
        let writing = async {
            for part in [&b"one "[..], b"two ", b"three"] {
                ours.write_all(part).await.expect("gathered");
                ours.flush().await.expect("promised");
            }
            // As a connection's task does that was woken.
            let mut byte = [0];
            assert_eq!(ours.read(&mut byte).await.expect("an answer"), 1);
        };
        let reading = async {
            let mut bytes = [0; 64];
            let length = peer.read(&mut bytes).await.expect("sent without being asked again");
            peer.write_all(b"!").await.expect("answered");
            bytes[..length].to_vec()
        };
        let ((), received) = timeout(Duration::from_secs(5), async { tokio::join!(writing, reading) })
            .await
            .expect("what is gathered is sent");
        assert_eq!(received, b"one two three");
    }

    #[tokio::test]
    async fn large_and_small_writes_keep_their_order() {
        let (mut peer, ours) = duplex(1 << 10);
        let mut ours = Corked::new(ours);
        let parts: Vec<Vec<u8>> = (0..200_u8).map(|n| vec![n; usize::from(n) * 97]).collect();
        let writing = async {
            for part in &parts {
                ours.write_all(part).await.expect("sent");
                ours.flush().await.expect("promised");
            }
            ours.shutdown().await.expect("shut down");
        };
        let reading = async {
            let mut bytes = Vec::new();
            peer.read_to_end(&mut bytes).await.expect("all of it");
            bytes
        };
        let ((), received) = tokio::join!(writing, reading);
        assert!(received == parts.concat(), "{} bytes", received.len());
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_bounds_what_is_gathered() {
        let (_peer, ours) = duplex(16);
        let mut ours = Corked::new(ours);
        let writing = async {
            loop {
                ours.write_all(&[0; 100]).await.expect("gathered");
            }
        };
        timeout(Duration::from_millis(50), writing).await.expect_err("there is room for ever");
        assert!(ours.gathered.len() <= MOST_BYTES, "{}", ours.gathered.len());
    }
}
