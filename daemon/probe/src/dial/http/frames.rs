//! What a server's HTTP/2 frames say of the connection, read beside the library that speaks the protocol.
//!
//! A library acts on SETTINGS, GOAWAY and `RST_STREAM` and hides most of what they said. Here they are only read: whether they
//! are allowed is the library's to judge. Never fails, whatever the bytes; keeps a bounded part of each frame.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::{io, mem};

use sonde_core::observation::dial::{GoAway, Http2Facts, StreamReset};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// RFC 9113 section 4.1.
const HEAD_BYTES: usize = 9;
/// Of a payload, as much is kept: a GOAWAY with its debug data, or 43 settings.
const KEPT_BYTES: usize = 8 + DEBUG_BYTES;
const DEBUG_BYTES: usize = 256;
/// How many `RST_STREAM` are kept.
const RESETS: usize = 16;

/// Frame types and settings (RFC 9113 section 6).
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_FRAME_SIZE: u16 = 5;
const MAX_HEADER_LIST_SIZE: u16 = 6;

/// Whether what a peer said first can be HTTP/2: a SETTINGS frame of stream 0, as far as it came.
pub(super) fn begins_http2(first_bytes: &[u8]) -> bool {
    let settings = first_bytes.get(3).is_none_or(|kind| *kind == SETTINGS);
    let length = first_bytes.first().is_none_or(|length| *length == 0);
    let stream = first_bytes.get(5..first_bytes.len().min(HEAD_BYTES)).unwrap_or_default();
    settings && length && stream.iter().all(|byte| *byte == 0)
}

/// What the frames in `bytes` say, as far as they are whole.
pub fn read_http2_frames(bytes: &[u8]) -> Http2Facts {
    let mut frames = Frames::default();
    frames.feed(bytes);
    frames.facts()
}

/// A reader of frames, fed with bytes as they come.
#[derive(Debug, Default)]
pub(super) struct Frames {
    facts: Http2Facts,
    head: Vec<u8>,
    payload: Vec<u8>,
    /// Of the payload, still to come.
    left: usize,
}

impl Frames {
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.head.len() < HEAD_BYTES {
                let (taken, rest) = bytes.split_at((HEAD_BYTES - self.head.len()).min(bytes.len()));
                self.head.extend_from_slice(taken);
                bytes = rest;
                if let [high, middle, low, ..] = *self.head.as_slice()
                    && self.head.len() == HEAD_BYTES
                {
                    self.left = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                }
            } else {
                let (taken, rest) = bytes.split_at(self.left.min(bytes.len()));
                let room = KEPT_BYTES.saturating_sub(self.payload.len()).min(taken.len());
                self.payload.extend_from_slice(taken.get(..room).unwrap_or_default());
                self.left -= taken.len();
                bytes = rest;
            }
            if self.head.len() == HEAD_BYTES && self.left == 0 {
                self.note();
            }
        }
    }

    pub(super) fn facts(&self) -> Http2Facts {
        self.facts.clone()
    }

    /// One frame is whole.
    fn note(&mut self) {
        let (head, payload) = (mem::take(&mut self.head), mem::take(&mut self.payload));
        let [_, _, _, kind, flags, s0, s1, s2, s3] = *head.as_slice() else { return };
        let stream = u32::from_be_bytes([s0, s1, s2, s3]) & STREAM_MASK;
        match (kind, payload.as_slice()) {
            (SETTINGS, settings) if flags & ACK == 0 => {
                self.facts.settings = true;
                for setting in settings.chunks_exact(6) {
                    if let [i0, i1, v0, v1, v2, v3] = *setting {
                        self.set(u16::from_be_bytes([i0, i1]), u32::from_be_bytes([v0, v1, v2, v3]));
                    }
                }
            }
            (GOAWAY, [l0, l1, l2, l3, c0, c1, c2, c3, debug @ ..]) => {
                self.facts.goaway = Some(GoAway {
                    last_stream: u32::from_be_bytes([*l0, *l1, *l2, *l3]) & STREAM_MASK,
                    code: u32::from_be_bytes([*c0, *c1, *c2, *c3]),
                    debug: debug.get(..DEBUG_BYTES).unwrap_or(debug).to_vec(),
                });
            }
            (RST_STREAM, [c0, c1, c2, c3]) if self.facts.resets.len() < RESETS => {
                let code = u32::from_be_bytes([*c0, *c1, *c2, *c3]);
                self.facts.resets.push(StreamReset { stream, code });
            }
            _ => {}
        }
    }

    fn set(&mut self, setting: u16, value: u32) {
        let field = match setting {
            MAX_CONCURRENT_STREAMS => &mut self.facts.max_concurrent_streams,
            INITIAL_WINDOW_SIZE => &mut self.facts.initial_window_size,
            MAX_FRAME_SIZE => &mut self.facts.max_frame_size,
            MAX_HEADER_LIST_SIZE => &mut self.facts.max_header_list_size,
            _ => return,
        };
        *field = Some(value);
    }
}

/// The first bit is reserved.
const STREAM_MASK: u32 = u32::MAX >> 1;

/// A stream whose incoming frames are read along; the reader outlives it.
#[derive(Debug)]
pub(super) struct Overheard<S> {
    stream: S,
    frames: Arc<Mutex<Frames>>,
}

impl<S> Overheard<S> {
    pub(super) fn new(stream: S, frames: &Arc<Mutex<Frames>>) -> Self {
        Self { stream, frames: Arc::clone(frames) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Overheard<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).feed(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Overheard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
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
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("a small payload").to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    fn conversation() -> Vec<u8> {
        let mut bytes = frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100, 0, 4, 0, 1, 0, 0]);
        bytes.extend(frame(SETTINGS, ACK, 0, &[]));
        bytes.extend(frame(0, 1, 1, &[b'x'; 1000]));
        bytes.extend(frame(RST_STREAM, 0, 3, &[0, 0, 0, 7]));
        bytes.extend(frame(GOAWAY, 0, 0, b"\0\0\0\x01\0\0\0\x0bslow down"));
        bytes
    }

    #[test]
    fn settings_resets_and_goaway_are_read() {
        let mut frames = Frames::default();
        frames.feed(&conversation());
        let facts = frames.facts();
        assert!(facts.settings);
        assert_eq!((facts.max_concurrent_streams, facts.initial_window_size), (Some(100), Some(65_536)));
        assert_eq!(facts.resets, [StreamReset { stream: 3, code: 7 }]);
        let goaway = facts.goaway.expect("it was sent");
        assert_eq!((goaway.last_stream, goaway.code, goaway.debug.as_slice()), (1, 11, &b"slow down"[..]));
    }

    #[test]
    fn only_a_settings_frame_begins_http_2() {
        assert!(begins_http2(b"") && begins_http2(&conversation()));
        for other in [&b"HTTP/1.1 400"[..], b"SSH-2.0", b"\x15\x03\x03\0\x02\x02F", b"\0\0\x06\x04\0\0\0\0\x01"] {
            assert!(!begins_http2(other), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived_and_little_is_kept(bytes: Vec<u8>) {
            let mut frames = Frames::default();
            frames.feed(&bytes);
            prop_assert!(frames.payload.len() <= KEPT_BYTES && frames.facts.resets.len() <= RESETS);
        }

        #[test]
        fn how_the_bytes_are_cut_changes_nothing(at in 0..1100_usize) {
            let bytes = conversation();
            let (first, second) = bytes.split_at(at.min(bytes.len()));
            let (mut cut, mut whole) = (Frames::default(), Frames::default());
            cut.feed(first);
            cut.feed(second);
            whole.feed(&bytes);
            prop_assert_eq!(cut.facts(), whole.facts());
        }
    }
}
