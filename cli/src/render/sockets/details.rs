//! What stands behind the columns of a socket: who holds it, its timer and memory.

use std::io::Write as _;

use sonde_proto::rows::SocketView;
use sonde_proto::wire::numbers;

use super::digits::{decimal, millis};
use super::harmless;

/// `nginx (812, fd 9)`, several behind commas.
pub(super) fn owners(text: &mut Vec<u8>, socket: &SocketView<'_>) {
    for (at, owner) in socket.owners().enumerate() {
        text.extend_from_slice(if at == 0 { b" " } else { b", " });
        harmless(text, owner.command);
        text.extend_from_slice(b" (");
        decimal(text, owner.pid.into());
        text.extend_from_slice(b", fd ");
        decimal(text, owner.descriptor.into());
        if !owner.container_id.is_empty() {
            text.extend_from_slice(b", container ");
            harmless(text, owner.container_id.get(..12).unwrap_or(owner.container_id));
        }
        text.push(b')');
    }
}

/// `timer:(on,204ms,1) uid:1000 ino:4026 sk:1a mark:1 v6only cgroup:/a`, as ss writes them.
pub(super) fn tokens(text: &mut Vec<u8>, socket: &SocketView<'_>) {
    if let Some(timer) = socket.timer {
        let ([_, _, expires, retransmits], name) = numbers::<4>(timer, 1);
        text.extend_from_slice(b" timer:(");
        harmless(text, name);
        text.push(b',');
        millis(text, expires);
        text.extend_from_slice(b"ms,");
        decimal(text, retransmits);
        text.push(b')');
    }
    for (name, value) in [(" uid:", socket.uid), (" ino:", socket.inode), (" mark:", socket.mark)] {
        if value != 0 {
            text.extend_from_slice(name.as_bytes());
            decimal(text, value.into());
        }
    }
    if socket.cookie != 0 {
        // Writing to a vector cannot fail.
        drop(write!(text, " sk:{:x}", socket.cookie));
    }
    if socket.v6only {
        text.extend_from_slice(b" v6only");
    }
    if !socket.cgroup.is_empty() {
        text.extend_from_slice(b" cgroup:");
        harmless(text, socket.cgroup);
    }
}

/// `skmem:(r0,rb131072,t0,tb87040,f0,w0,o0,bl0,d0)`, as ss writes it.
pub(super) fn memory(text: &mut Vec<u8>, memory: &[u8]) {
    let (values, _) = numbers::<10>(memory, 0);
    text.extend_from_slice(b"\t skmem:(");
    for (at, (name, value)) in MEMORY.iter().zip(values.iter().skip(1)).enumerate() {
        if at > 0 {
            text.push(b',');
        }
        text.extend_from_slice(name.as_bytes());
        decimal(text, *value);
    }
    text.extend_from_slice(b")\n");
}

/// In the order of `SocketMemory`.
const MEMORY: [&str; 9] = ["r", "rb", "t", "tb", "f", "w", "o", "bl", "d"];
