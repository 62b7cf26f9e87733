//! Sockets as they come, batch by batch: a table like that of ss, the JSON document, or its lines. Nothing is held back but the widths
//! of the columns, so a million rows take no more memory than one batch; and each row is written by hand into one buffer, because
//! a cell of its own for every number costs more than reading the socket from the kernel.

mod details;
mod digits;
mod info;

use prost::Message as _;
use sonde_proto::json;
use sonde_proto::rows::SocketView;
use sonde_proto::v1::{ListSocketsResponse, Socket};

use crate::error::CommandError;
use crate::render::out::{raw, raw_bytes};
use crate::render::text::clean;

/// Takes the messages of a listing.
pub(crate) trait Rows {
    /// Some of the sockets, or the summary.
    fn take(&mut self, batch: &ListSocketsResponse) -> Result<(), CommandError>;

    /// There are no more.
    fn end(&mut self) -> Result<(), CommandError> {
        Ok(())
    }
}

/// All of them, for a form that must be whole.
impl Rows for ListSocketsResponse {
    fn take(&mut self, batch: &ListSocketsResponse) -> Result<(), CommandError> {
        self.extend(batch);
        self.summary = batch.summary.or(self.summary);
        Ok(())
    }
}

/// One JSON document on each line.
pub(crate) struct Lines;

impl Rows for Lines {
    fn take(&mut self, batch: &ListSocketsResponse) -> Result<(), CommandError> {
        let mut text = String::new();
        for row in batch.rows() {
            text.push_str(&element(row)?);
            text.push('\n');
        }
        raw(&text)
    }
}

/// The JSON of a whole listing, an element on each line.
#[derive(Default)]
pub(crate) struct Document {
    begun: bool,
    summary: ListSocketsResponse,
}

impl Rows for Document {
    fn take(&mut self, batch: &ListSocketsResponse) -> Result<(), CommandError> {
        let mut text = String::new();
        for row in batch.rows() {
            text.push_str(if self.begun { ",\n" } else { "{\"sockets\":[\n" });
            self.begun = true;
            text.push_str(&element(row)?);
        }
        self.summary.summary = batch.summary.or(self.summary.summary);
        raw(&text)
    }

    fn end(&mut self) -> Result<(), CommandError> {
        raw(if self.begun { "\n]" } else { "{\"sockets\":[]" })?;
        // `{"summary":...}`, or `{}`.
        let rest = json::to_string(&self.summary)?;
        let members = rest.trim_start_matches('{');
        raw(&format!("{}{members}\n", if members == "}" { "" } else { "," }))
    }
}

fn element(row: &[u8]) -> Result<String, CommandError> {
    let socket = Socket::decode(row).unwrap_or_default();
    Ok(json::to_string(&socket)?)
}

/// What to show of each.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command")]
pub(crate) struct Show {
    /// struct `tcp_info`.
    pub(crate) info: bool,
    /// Who holds it.
    pub(crate) processes: bool,
    /// Its memory.
    pub(crate) memory: bool,
    /// Timer, owner, inode, cookie, mark, cgroup.
    pub(crate) details: bool,
}

/// The table.
pub(crate) struct Table {
    show: Show,
    widths: Widths,
    headed: bool,
    text: Vec<u8>,
}

/// Of columns, as far as rows have come; they only grow.
struct Widths {
    state: usize,
    receive: usize,
    send: usize,
    local: usize,
    peer: usize,
}

impl Table {
    /// An empty one.
    pub(crate) fn new(show: Show) -> Self {
        let widths = Widths { state: 10, receive: 6, send: 6, local: 21, peer: 21 };
        Self { show, widths, headed: false, text: Vec::new() }
    }

    /// The rows of a batch, the header before the first; those of the first batch are looked at before one is drawn.
    fn draw(&mut self, batch: &ListSocketsResponse) {
        if !self.headed {
            self.headed = true;
            batch.rows().for_each(|row| self.widths.fit(&SocketView::of(row)));
            self.head();
        }
        for row in batch.rows() {
            let view = SocketView::of(row);
            self.widths.fit(&view);
            self.row(&view);
        }
    }

    fn head(&mut self) {
        let Widths { state, receive, send, local, peer } = self.widths;
        for (name, width) in [("NETID", 5), ("STATE", state)] {
            left(&mut self.text, name.as_bytes(), width);
            self.text.push(b' ');
        }
        for (name, width) in [("RECV-Q", receive), ("SEND-Q", send)] {
            right(&mut self.text, name.as_bytes(), width);
            self.text.push(b' ');
        }
        left(&mut self.text, b"LOCAL", local);
        self.text.push(b' ');
        if self.show.processes || self.show.details {
            left(&mut self.text, b"PEER", peer);
            self.text.extend_from_slice(if self.show.processes { b" PROCESS" } else { b" DETAILS" });
        } else {
            self.text.extend_from_slice(b"PEER");
        }
        self.text.push(b'\n');
    }

    fn row(&mut self, socket: &SocketView<'_>) {
        let text = &mut self.text;
        left(text, netid(socket), 5);
        text.push(b' ');
        left(text, socket.state, self.widths.state);
        text.push(b' ');
        number(text, socket.receive_queue, self.widths.receive);
        text.push(b' ');
        number(text, socket.send_queue, self.widths.send);
        text.push(b' ');
        let from = text.len();
        local(text, socket);
        fill(text, from, self.widths.local);
        text.push(b' ');
        let from = text.len();
        harmless(text, peer(socket));
        if self.show.processes || self.show.details {
            fill(text, from, self.widths.peer);
        }
        if self.show.processes {
            details::owners(text, socket);
        }
        if self.show.details {
            details::tokens(text, socket);
        }
        // The last column may have been filled up for nothing.
        text.truncate(text.trim_ascii_end().len());
        text.push(b'\n');
        if self.show.memory
            && let Some(memory) = socket.memory
        {
            details::memory(text, memory);
        }
        if self.show.info
            && let Some(bytes) = socket.info
        {
            info::line(text, socket.congestion, bytes, socket.flow.unwrap_or_default());
        }
    }
}

impl Rows for Table {
    fn take(&mut self, batch: &ListSocketsResponse) -> Result<(), CommandError> {
        if !batch.is_empty() {
            self.draw(batch);
        }
        // A write for some batches together is cheaper, but nobody should wait for the first.
        if self.text.len() >= FULL_BYTES || batch.summary.is_some() {
            self.flush()?;
        }
        if let Some(summary) = batch.summary {
            if !self.headed {
                self.text.extend_from_slice(b"no socket passes\n");
            } else if summary.limited {
                self.text.extend_from_slice(b"... (there are more)\n");
            }
            if summary.owners_cut {
                self.text
                    .extend_from_slice(b"(not every process could be looked at in time: some holders are missing)\n");
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), CommandError> {
        self.flush()
    }
}

impl Table {
    fn flush(&mut self) -> Result<(), CommandError> {
        let written = raw_bytes(&self.text);
        self.text.clear();
        written
    }
}

impl Widths {
    fn fit(&mut self, socket: &SocketView<'_>) {
        let device = if socket.device.is_empty() { 0 } else { socket.device.len() + 1 };
        for (width, wanted) in [
            (&mut self.local, socket.local.len() + device),
            (&mut self.peer, socket.peer.len()),
            (&mut self.receive, digits::length(socket.receive_queue)),
            (&mut self.send, digits::length(socket.send_queue)),
        ] {
            // A long path of one socket must not push all others apart.
            if wanted > *width && wanted <= WIDEST {
                *width = wanted;
            }
        }
    }
}

/// As ss: `u_str` and the like for unix sockets.
fn netid<'a>(socket: &SocketView<'a>) -> &'a [u8] {
    match socket.kind {
        b"" => socket.protocol,
        b"stream" => b"u_str",
        b"dgram" => b"u_dgr",
        b"seqpacket" => b"u_seq",
        other => other,
    }
}

/// With the device in front of the port, as ss writes it.
fn local(text: &mut Vec<u8>, socket: &SocketView<'_>) {
    let port = socket.local.iter().rposition(|byte| *byte == b':').filter(|_| !socket.device.is_empty());
    match port.and_then(|at| socket.local.split_at_checked(at)) {
        Some((address, port)) => {
            harmless(text, address);
            text.push(b'%');
            harmless(text, socket.device);
            harmless(text, port);
        }
        None => harmless(text, if socket.local.is_empty() { b"*" } else { socket.local }),
    }
}

fn peer<'a>(socket: &SocketView<'a>) -> &'a [u8] {
    match socket.peer {
        b"" => b"*",
        b"0.0.0.0:0" => b"0.0.0.0:*",
        b"[::]:0" => b"[::]:*",
        peer => peer,
    }
}

/// Names of the kernel and of programs are printed as they are where they are plain, and made harmless where not.
fn harmless(text: &mut Vec<u8>, name: &[u8]) {
    // All of them, without an end at the first that is not: that way many are compared at once.
    if name.iter().fold(true, |plain, byte| plain & (b' '..0x7f).contains(byte)) {
        text.extend_from_slice(name);
    } else {
        text.extend_from_slice(clean(&String::from_utf8_lossy(name)).as_bytes());
    }
}

fn left(text: &mut Vec<u8>, word: &[u8], width: usize) {
    let from = text.len();
    harmless(text, word);
    fill(text, from, width);
}

fn right(text: &mut Vec<u8>, word: &[u8], width: usize) {
    spaces(text, width.saturating_sub(word.len()));
    text.extend_from_slice(word);
}

fn number(text: &mut Vec<u8>, number: u32, width: usize) {
    let mut digits = itoa::Buffer::new();
    right(text, digits.format(number).as_bytes(), width);
}

/// Spaces up to the width of a column that began at `from`; bytes count, since nearly all is ASCII.
fn fill(text: &mut Vec<u8>, from: usize, width: usize) {
    spaces(text, width.saturating_sub(text.len() - from));
}

fn spaces(text: &mut Vec<u8>, count: usize) {
    block(text, &[b' '; 64], count);
}

/// Appends what stands first in a block: a copy of a size that the compiler knows costs half of one that it does not.
#[inline]
fn block<const N: usize>(text: &mut Vec<u8>, block: &[u8; N], length: usize) {
    let end = text.len() + length.min(N);
    text.extend_from_slice(block);
    text.truncate(end);
}

/// Of a column for addresses: the longest of IPv6 with its port.
const WIDEST: usize = 47;

/// Of a write.
const FULL_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests;
