//! A search for sockets.

use sonde_proto::v1::{FoundSocket, SocketFilter, SocketOrder, SocketSearch};

use crate::render::text::{clean, count, elapsed, micros};

/// `sockets of process 12 in ESTAB, the longest silent first`.
pub(super) fn asked(search: &SocketSearch) -> String {
    let which = search.filter.as_ref().map_or_else(|| "sockets".to_owned(), filter);
    match search.order() {
        SocketOrder::Unspecified | SocketOrder::Listed => which,
        SocketOrder::SendQueue => format!("{which}, most unacknowledged first"),
        SocketOrder::ReceiveQueue => format!("{which}, most unread first"),
        SocketOrder::Drops => format!("{which}, most drops first"),
        SocketOrder::Backoff => format!("{which}, most timeouts first"),
        SocketOrder::Silence => format!("{which}, the longest silent first"),
    }
}

/// How many, and the foremost.
pub(super) fn found(search: &SocketSearch) -> String {
    let total = usize::try_from(search.total).unwrap_or(usize::MAX);
    let total = count(total, "socket", "sockets");
    match search.sockets.first() {
        Some(first) => format!("{total}, first {}", socket(first)),
        None => total,
    }
}

fn filter(filter: &SocketFilter) -> String {
    let mut text = format!("{} sockets", clean(&filter.protocols.join(" and ")));
    let mut add = |wanted: bool, part: String| {
        if wanted {
            text.push_str(&part);
        }
    };
    add(!filter.states.is_empty(), format!(" in {}", clean(&filter.states.join(", "))));
    add(filter.pid != 0, format!(" of process {}", filter.pid));
    add(!filter.local_address.is_empty(), format!(" at {}", clean(&filter.local_address)));
    add(filter.local_port != 0, format!(" at port {}", filter.local_port));
    add(!filter.peer_address.is_empty(), format!(" to {}", clean(&filter.peer_address)));
    add(filter.peer_port != 0, format!(" to port {}", filter.peer_port));
    text
}

fn socket(found: &FoundSocket) -> String {
    let Some(socket) = &found.socket else { return String::new() };
    let peer = match clean(&socket.peer) {
        peer if peer.is_empty() => peer,
        peer => format!(" to {peer}"),
    };
    let process = found.processes.first().map(|process| format!(" {} ({})", clean(&process.command), process.pid));
    let mut parts =
        vec![format!("{} {}{peer}{}", clean(&socket.state), clean(&socket.local), process.unwrap_or_default())];
    if socket.send_queue != 0 || socket.receive_queue != 0 {
        parts.push(format!("{} bytes unread", socket.receive_queue));
        parts.push(format!("{} unacknowledged", socket.send_queue));
    }
    if let Some(info) = socket.info.as_ref().filter(|info| info.backoff > 0) {
        parts.push(count(info.backoff as usize, "timeout in a row", "timeouts in a row"));
    }
    if let Some(timer) = socket.timer.as_ref().filter(|timer| timer.name == "persist") {
        parts.push(format!("zero window, next probe in {}", elapsed(micros(timer.expires.as_ref()))));
    }
    if let Some(drops) = socket.memory.as_ref().map(|memory| memory.drops).filter(|drops| *drops > 0) {
        parts.push(format!("{} dropped", count(drops as usize, "packet", "packets")));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use sonde_proto::v1::{Process, Socket, SocketMemory, TcpInfo};

    use super::*;

    #[test]
    fn a_search_says_what_was_wanted_and_what_stands_out() {
        let search = SocketSearch {
            filter: Some(SocketFilter {
                protocols: vec!["tcp".into()],
                states: vec!["ESTAB".into()],
                pid: 12,
                ..SocketFilter::default()
            }),
            order: SocketOrder::Backoff.into(),
            limit: 8,
            sockets: vec![FoundSocket {
                socket: Some(Socket {
                    state: "ESTAB".into(),
                    local: "10.0.0.1:40000".into(),
                    peer: "10.0.0.2:443".into(),
                    send_queue: 300,
                    info: Some(TcpInfo { backoff: 3, ..TcpInfo::default() }),
                    memory: Some(SocketMemory { drops: 1, ..SocketMemory::default() }),
                    ..Socket::default()
                }),
                processes: vec![Process { pid: 12, command: "api".into(), ..Process::default() }],
            }],
            total: 40,
        };

        assert_eq!(asked(&search), "tcp sockets in ESTAB of process 12, most timeouts first");
        assert_eq!(
            found(&search),
            "40 sockets, first ESTAB 10.0.0.1:40000 to 10.0.0.2:443 api (12), 0 bytes unread, 300 unacknowledged, \
             3 timeouts in a row, 1 packet dropped"
        );
    }
}
