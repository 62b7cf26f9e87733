//! The answer of `ListSockets`: a message like any other on the wire, but kept here as it came, since a hundred thousand sockets in
//! structs of their own cost more than reading them from the kernel. The daemon writes rows with a [`Batch`], the command line
//! reads them with [`ListSocketsResponse::rows`] and [`SocketView`]; everybody else asks for [`ListSocketsResponse::sockets`].

use prost::bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{DecodeContext, WireType, check_wire_type, decode_key, decode_varint, message, skip_field};
use prost::{DecodeError, Message};

use crate::v1::{ListingSummary, Socket};
use crate::wire::{Value, Writer, fields, holds_only};

/// Some of the sockets (`sonde.v1.ListSocketsResponse`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListSocketsResponse {
    /// Invariant: fields 1 of the message, one behind the other, each whole.
    rows: Bytes,
    /// Of all of them, in the last message.
    pub summary: Option<ListingSummary>,
}

impl ListSocketsResponse {
    /// The last message of a listing.
    pub fn last(summary: ListingSummary) -> Self {
        Self { rows: Bytes::new(), summary: Some(summary) }
    }

    /// Its rows: each a message `Socket`, to be read with [`SocketView::of`].
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        fields(&self.rows).filter_map(|(_, value)| match value {
            Value::Bytes(row) => Some(row),
            Value::Number(_) => None,
        })
    }

    /// Its rows as messages.
    pub fn sockets(&self) -> Result<Vec<Socket>, DecodeError> {
        self.rows().map(Socket::decode).collect()
    }

    /// Appends the rows of another.
    pub fn extend(&mut self, other: &Self) {
        self.append(|rows| rows.extend_from_slice(&other.rows));
    }

    /// They are copied where someone else has them, too.
    fn append(&mut self, write: impl FnOnce(&mut BytesMut)) {
        let rows = std::mem::take(&mut self.rows).try_into_mut();
        let mut rows = rows.unwrap_or_else(|shared| BytesMut::from(&*shared));
        write(&mut rows);
        self.rows = rows.freeze();
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl FromIterator<Socket> for ListSocketsResponse {
    fn from_iter<I: IntoIterator<Item = Socket>>(sockets: I) -> Self {
        let mut batch = Batch::default();
        for socket in sockets {
            batch.push(|writer| writer.append(&socket));
        }
        batch.take()
    }
}

impl prost::Name for ListSocketsResponse {
    const PACKAGE: &'static str = "sonde.v1";
    const NAME: &'static str = "ListSocketsResponse";
}

impl Message for ListSocketsResponse {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.rows);
        if let Some(summary) = &self.summary {
            message::encode(SUMMARY, summary, buf);
        }
    }

    fn merge(&mut self, mut buf: impl Buf) -> Result<(), DecodeError> {
        let mut message = buf.copy_to_bytes(buf.remaining());
        // As all but the last are: they are kept as they came.
        if self.rows.is_empty() && holds_only(&message, SOCKETS) {
            self.rows = message;
            return Ok(());
        }
        while message.has_remaining() {
            let (tag, wire_type) = decode_key(&mut message)?;
            self.merge_field(tag, wire_type, &mut message, DecodeContext::default())?;
        }
        Ok(())
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            SOCKETS => {
                check_wire_type(WireType::LengthDelimited, wire_type)?;
                let length = decode_varint(buf)?;
                let room = usize::try_from(length).ok().filter(|length| *length <= buf.remaining());
                let Some(room) = room else {
                    // The same words as prost's, which only a malformed message of its own can be made to say.
                    return Socket::decode(&[0x0a_u8, 1][..]).map(drop);
                };
                let mut key = Vec::new();
                Writer::new(&mut key).raw_length(SOCKETS, length);
                self.append(|rows| {
                    rows.put_slice(&key);
                    rows.put(buf.take(room));
                });
                Ok(())
            }
            SUMMARY => message::merge(wire_type, self.summary.get_or_insert_default(), buf, ctx),
            _ => skip_field(wire_type, tag, buf, ctx),
        }
    }

    fn encoded_len(&self) -> usize {
        self.rows.len() + self.summary.as_ref().map_or(0, |summary| message::encoded_len(SUMMARY, summary))
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.summary = None;
    }
}

/// Rows that are being written.
#[derive(Debug, Default)]
pub struct Batch {
    rows: Vec<u8>,
    count: usize,
}

impl Batch {
    /// Appends a row: the fields of a message `Socket`, see [`field`].
    #[inline]
    pub fn push(&mut self, write: impl FnOnce(&mut Writer<'_>)) {
        Writer::new(&mut self.rows).nested(SOCKETS, write);
        self.count += 1;
    }

    /// How many rows it has.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many bytes they take.
    pub fn size_bytes(&self) -> usize {
        self.rows.len()
    }

    /// What was written so far; the batch is empty then, with room for as much.
    pub fn take(&mut self) -> ListSocketsResponse {
        let room = self.rows.len();
        let rows = std::mem::replace(&mut self.rows, Vec::with_capacity(room));
        self.count = 0;
        ListSocketsResponse { rows: rows.into(), summary: None }
    }
}

/// A row without its details, borrowed from a message: its texts are the bytes that came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of `Socket`, by their names")]
pub struct SocketView<'a> {
    pub protocol: &'a [u8],
    pub state: &'a [u8],
    pub local: &'a [u8],
    pub peer: &'a [u8],
    pub receive_queue: u32,
    pub send_queue: u32,
    pub uid: u32,
    pub inode: u32,
    pub device: &'a [u8],
    pub v6only: bool,
    pub timer: Option<&'a [u8]>,
    pub memory: Option<&'a [u8]>,
    pub info: Option<&'a [u8]>,
    pub congestion: &'a [u8],
    pub cgroup: &'a [u8],
    pub flow: Option<&'a [u8]>,
    pub cookie: u64,
    pub mark: u32,
    pub kind: &'a [u8],
    row: &'a [u8],
}

impl<'a> SocketView<'a> {
    /// Reads a row; what is malformed in it is missing.
    pub fn of(row: &'a [u8]) -> Self {
        let mut view = Self { row, ..Self::default() };
        let bytes = |value: Value<'a>| match value {
            Value::Bytes(bytes) => Some(bytes),
            Value::Number(_) => None,
        };
        for (number, value) in fields(row) {
            match number {
                field::PROTOCOL => view.protocol = value.bytes(),
                field::STATE => view.state = value.bytes(),
                field::LOCAL => view.local = value.bytes(),
                field::PEER => view.peer = value.bytes(),
                field::RECEIVE_QUEUE => view.receive_queue = value.word(),
                field::SEND_QUEUE => view.send_queue = value.word(),
                field::UID => view.uid = value.word(),
                field::INODE => view.inode = value.word(),
                field::DEVICE => view.device = value.bytes(),
                field::V6ONLY => view.v6only = value.word() != 0,
                field::TIMER => view.timer = bytes(value),
                field::MEMORY => view.memory = bytes(value),
                field::INFO => view.info = bytes(value),
                field::CONGESTION => view.congestion = value.bytes(),
                field::CGROUP => view.cgroup = value.bytes(),
                field::FLOW => view.flow = bytes(value),
                field::COOKIE => {
                    view.cookie = match value {
                        Value::Number(cookie) => cookie,
                        Value::Bytes(_) => 0,
                    }
                }
                field::MARK => view.mark = value.word(),
                field::KIND => view.kind = value.bytes(),
                _ => {}
            }
        }
        view
    }

    /// The processes that hold it.
    pub fn owners(&self) -> impl Iterator<Item = OwnerView<'a>> + use<'a> {
        fields(self.row).filter_map(|(number, value)| match (number, value) {
            (field::OWNERS, Value::Bytes(owner)) => Some(OwnerView::of(owner)),
            _ => None,
        })
    }
}

/// A process that holds a socket, borrowed from a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of `SocketOwner`, by their names")]
pub struct OwnerView<'a> {
    pub pid: u32,
    pub command: &'a [u8],
    pub descriptor: u32,
    pub container_id: &'a [u8],
}

impl<'a> OwnerView<'a> {
    fn of(owner: &'a [u8]) -> Self {
        let mut view = Self::default();
        for (number, value) in fields(owner) {
            match number {
                1 => view.pid = value.word(),
                2 => view.command = value.bytes(),
                3 => view.descriptor = value.word(),
                4 => view.container_id = value.bytes(),
                _ => {}
            }
        }
        view
    }
}

/// The fields of `Socket` by number.
#[expect(missing_docs, reason = "the fields of `Socket`, by their names")]
pub mod field {
    pub const PROTOCOL: u32 = 1;
    pub const STATE: u32 = 2;
    pub const LOCAL: u32 = 3;
    pub const PEER: u32 = 4;
    pub const RECEIVE_QUEUE: u32 = 5;
    pub const SEND_QUEUE: u32 = 6;
    pub const UID: u32 = 7;
    pub const INODE: u32 = 8;
    pub const DEVICE: u32 = 9;
    pub const V6ONLY: u32 = 10;
    pub const TIMER: u32 = 11;
    pub const MEMORY: u32 = 12;
    pub const INFO: u32 = 13;
    pub const CONGESTION: u32 = 14;
    pub const OWNERS: u32 = 15;
    pub const CGROUP: u32 = 16;
    pub const FLOW: u32 = 17;
    pub const COOKIE: u32 = 18;
    pub const MARK: u32 = 19;
    pub const KIND: u32 = 20;
}

/// The fields of `ListSocketsResponse` by number.
const SOCKETS: u32 = 1;
const SUMMARY: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::{SocketOwner, SocketTimer, TcpInfo};

    fn socket() -> Socket {
        Socket {
            protocol: "tcp".into(),
            state: "ESTAB".into(),
            local: "10.0.0.5:443".into(),
            peer: "[fd00::1]:40000".into(),
            receive_queue: 1,
            send_queue: 2,
            uid: 3,
            inode: 4,
            device: "eth0".into(),
            v6only: true,
            timer: Some(SocketTimer { name: "on".into(), ..SocketTimer::default() }),
            info: Some(TcpInfo { pmtu_bytes: 1500, ..TcpInfo::default() }),
            congestion: "cubic".into(),
            owners: vec![
                SocketOwner { pid: 7, command: "nginx".into(), descriptor: 9, container_id: "ab".into() },
                SocketOwner { pid: 8, command: "nginx".into(), descriptor: 9, container_id: String::new() },
            ],
            cgroup: "/system.slice".into(),
            cookie: 1 << 40,
            mark: 5,
            kind: "stream".into(),
            ..Socket::default()
        }
    }

    #[test]
    fn a_message_survives_its_own_encoding_and_json() {
        let mut message: ListSocketsResponse = [socket(), Socket::default()].into_iter().collect();
        message.summary = Some(ListingSummary { sent: 2, limited: true, ..ListingSummary::default() });

        let decoded = ListSocketsResponse::decode(message.encode_to_vec().as_slice()).expect("it is ours");
        let json = crate::json::to_string(&message).expect("it belongs to sonde.v1");

        assert_eq!(decoded, message);
        assert_eq!(decoded.sockets().expect("sockets"), [socket(), Socket::default()]);
        assert!(json.starts_with(r#"{"sockets":[{"protocol":"tcp","state":"ESTAB","local":"10.0.0.5:443""#), "{json}");
        assert_eq!(crate::json::from_str::<ListSocketsResponse>(&json).expect("written by us"), message);
    }

    #[test]
    fn rows_around_a_summary_are_all_kept() {
        let rows: ListSocketsResponse = [socket()].into_iter().collect();
        let summary = ListingSummary { sent: 2, ..ListingSummary::default() };
        let end = ListSocketsResponse::last(summary);
        let bytes = [&rows, &end, &rows].map(Message::encode_to_vec).concat();

        let mut message = ListSocketsResponse::decode(&*bytes).expect("fields in any order");

        assert_eq!(message.sockets().expect("sockets"), [socket(), socket()]);
        assert_eq!(message.summary, Some(summary));
        let shared = message.clone();
        message.extend(&rows);
        assert_eq!((message.rows().count(), shared.rows().count()), (3, 2));
    }

    #[test]
    fn a_view_shows_what_the_message_holds() {
        let bytes = socket().encode_to_vec();
        let view = SocketView::of(&bytes);

        let owners: Vec<_> = view.owners().map(|owner| (owner.pid, owner.command, owner.container_id)).collect();
        assert_eq!(
            (view.protocol, view.state, view.local, view.peer),
            (&b"tcp"[..], &b"ESTAB"[..], &b"10.0.0.5:443"[..], &b"[fd00::1]:40000"[..])
        );
        assert_eq!((view.receive_queue, view.send_queue, view.uid, view.inode), (1, 2, 3, 4));
        assert_eq!(
            (view.device, view.v6only, view.congestion, view.cgroup),
            (&b"eth0"[..], true, &b"cubic"[..], &b"/system.slice"[..])
        );
        assert_eq!((view.cookie, view.mark, view.kind), (1 << 40, 5, &b"stream"[..]));
        assert_eq!(TcpInfo::decode(view.info.expect("info")).expect("an info").pmtu_bytes, 1500);
        assert_eq!(owners, [(7, &b"nginx"[..], &b"ab"[..]), (8, &b"nginx"[..], &b""[..])]);
        assert!(view.timer.is_some() && view.memory.is_none() && view.flow.is_none());
    }

    #[test]
    fn a_message_that_is_cut_short_is_an_error() {
        let bytes = [socket()].into_iter().collect::<ListSocketsResponse>().encode_to_vec();
        for length in 1..bytes.len() {
            assert!(ListSocketsResponse::decode(&bytes[..length]).is_err(), "{length}");
        }
    }
}
