//! What a recorded number is of, and its form in a chunk.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::varint::{self, Cursor};

/// What a number is of. Counters are kept as growth, all others as levels of which none is zero.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    /// The growth of a counter.
    Counter(Arc<str>),
    /// A gauge among the counters.
    Gauge(Arc<str>),
    /// TCP sockets in a state.
    Total(u8),
    /// Those of them with this peer; port 0 where the peer came to us, since its port says nothing then.
    Peer(u8, IpAddr, u16),
    /// Those of them that came to this port of ours.
    Local(u8, u16),
    /// Half-open connections of a local address and port.
    HalfOpen(IpAddr, u16),
    /// Connections that wait at a listener.
    Queued(IpAddr, u16),
    /// The limit of a listener that has some waiting.
    Backlog(IpAddr, u16),
}

impl Key {
    /// It is a level, which holds until it changes.
    pub(crate) fn is_level(&self) -> bool {
        !matches!(self, Self::Counter(_))
    }

    /// It comes from a walk over all sockets, which is not taken in every step.
    pub(crate) fn is_counted(&self) -> bool {
        matches!(self, Self::Total(_) | Self::Peer(..) | Self::Local(..) | Self::HalfOpen(..))
    }

    /// Bytes that a dictionary holds for it, roughly.
    pub(super) fn weight(&self) -> usize {
        let text = match self {
            Self::Counter(name) | Self::Gauge(name) => name.len(),
            _ => 0,
        };
        text + 128
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        let text = |kind: u8, name: &str, bytes: &mut Vec<u8>| {
            // No counter has so long a name.
            let name = name.get(..name.len().min(LONGEST_NAME)).unwrap_or_default();
            bytes.push(kind);
            varint::write(bytes, name.len() as u64);
            bytes.extend_from_slice(name.as_bytes());
        };
        match self {
            Self::Counter(name) => text(0, name, bytes),
            Self::Gauge(name) => text(1, name, bytes),
            Self::Total(state) => bytes.extend_from_slice(&[2, *state]),
            Self::Peer(state, peer, port) => {
                bytes.extend_from_slice(&[3, *state]);
                end(bytes, *peer, *port);
            }
            Self::Local(state, port) => {
                bytes.extend_from_slice(&[4, *state]);
                bytes.extend_from_slice(&port.to_be_bytes());
            }
            Self::HalfOpen(address, port) => {
                bytes.push(5);
                end(bytes, *address, *port);
            }
            Self::Queued(address, port) => {
                bytes.push(6);
                end(bytes, *address, *port);
            }
            Self::Backlog(address, port) => {
                bytes.push(7);
                end(bytes, *address, *port);
            }
        }
    }

    /// None where the bytes are no key.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        Some(match cursor.byte()? {
            0 => Self::Counter(name(cursor)?),
            1 => Self::Gauge(name(cursor)?),
            2 => Self::Total(cursor.byte()?),
            3 => {
                let state = cursor.byte()?;
                let (peer, port) = read_end(cursor)?;
                Self::Peer(state, peer, port)
            }
            4 => Self::Local(cursor.byte()?, cursor.port()?),
            kind @ 5..=7 => {
                let (address, port) = read_end(cursor)?;
                match kind {
                    5 => Self::HalfOpen(address, port),
                    6 => Self::Queued(address, port),
                    _ => Self::Backlog(address, port),
                }
            }
            _ => return None,
        })
    }
}

fn end(bytes: &mut Vec<u8>, address: IpAddr, port: u16) {
    match address {
        IpAddr::V4(address) => {
            bytes.push(4);
            bytes.extend_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            bytes.push(6);
            bytes.extend_from_slice(&address.octets());
        }
    }
    bytes.extend_from_slice(&port.to_be_bytes());
}

fn read_end(cursor: &mut Cursor<'_>) -> Option<(IpAddr, u16)> {
    let address = match cursor.byte()? {
        4 => IpAddr::V4(Ipv4Addr::from(*cursor.take(4)?.first_chunk::<4>()?)),
        6 => IpAddr::V6(Ipv6Addr::from(*cursor.take(16)?.first_chunk::<16>()?)),
        _ => return None,
    };
    Some((address, cursor.port()?))
}

fn name(cursor: &mut Cursor<'_>) -> Option<Arc<str>> {
    let length = usize::try_from(cursor.varint()?).ok().filter(|length| *length <= LONGEST_NAME)?;
    Some(std::str::from_utf8(cursor.take(length)?).ok()?.into())
}

const LONGEST_NAME: usize = 255;
