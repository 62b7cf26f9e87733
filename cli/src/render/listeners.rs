//! Listeners, for people.

use comfy_table::{Cell, CellAlignment};
use sonde_proto::v1::{ListListenersResponse, Listener};

use crate::render::catalogue::table_of;
use crate::render::style::{FAINT, paint};
use crate::render::text::{clean, socket};

/// The listeners, one on each line, with a word on every mark that was set.
pub(crate) fn table(found: &ListListenersResponse, wide: bool, width: usize) -> String {
    if found.listeners.is_empty() {
        return "nothing listens\n".to_owned();
    }
    let mut header = vec!["LISTENER", "QUEUED", "BACKLOG", "HALF-OPEN", "PROCESS"];
    if wide {
        header.extend(["UID", "INODE", "FILES"]);
    }
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    let clamped = |listener: &Listener| found.somaxconn.is_some_and(|most| most == listener.backlog);
    let rows = found.listeners.iter().map(|listener| {
        let only = if listener.v6only { " v6only" } else { "" };
        let device = if listener.device.is_empty() { String::new() } else { format!("%{}", clean(&listener.device)) };
        let mut row = vec![
            Cell::new(format!("{}{device}{only}", clean(&socket(&listener.address, listener.port)))),
            right(format!("{}{}", listener.queued, if overflows(listener) { "!" } else { "" })),
            right(format!("{}{}", listener.backlog, if clamped(listener) { "*" } else { "" })),
            right(listener.syn_received.to_string()),
            Cell::new(process(listener)),
        ];
        if wide {
            row.extend([
                right(listener.uid.to_string()),
                right(listener.inode.to_string()),
                Cell::new(files(listener)),
            ]);
        }
        row
    });
    let mut text = table_of(&header, rows, width);
    let mut note = |line: String| {
        text.push_str(&paint(FAINT, &line));
        text.push('\n');
    };
    if found.listeners.iter().any(overflows) {
        note("! the queue is full: further connections are dropped until the program accepts".to_owned());
    }
    if let Some(most) = found.somaxconn.filter(|_| found.listeners.iter().any(clamped)) {
        note(format!("* equals net.core.somaxconn ({most}): the program may have asked for more"));
    }
    text
}

/// The kernel takes one more than the backlog (`sk_acceptq_is_full` of net/sock.h).
fn overflows(listener: &Listener) -> bool {
    listener.queued > listener.backlog
}

fn process(listener: &Listener) -> String {
    match &listener.process {
        Some(process) => {
            let others = match listener.workers.len() {
                0 => String::new(),
                others => format!(" +{others}"),
            };
            format!("{} ({}){others}", clean(&process.command), process.pid)
        }
        None => "-".to_owned(),
    }
}

fn files(listener: &Listener) -> String {
    let Some(process) = &listener.process else { return "-".to_owned() };
    let number = |value: Option<u64>| value.map_or_else(|| "?".to_owned(), |value| value.to_string());
    format!("{} of {}", number(process.open_files), number(process.open_files_limit))
}

#[cfg(test)]
mod tests {
    use sonde_proto::v1::Process;

    use super::*;

    fn found() -> ListListenersResponse {
        let process = |command: &str, pid| {
            Some(Process {
                pid,
                command: command.into(),
                state: "S".into(),
                open_files: Some(12),
                open_files_limit: Some(1024),
            })
        };
        let listener = |address: &str, port, queued, backlog, process| Listener {
            address: address.into(),
            port,
            queued,
            backlog,
            process,
            ..Listener::default()
        };
        ListListenersResponse {
            listeners: vec![
                listener("0.0.0.0", 22, 0, 128, process("sshd", 812)),
                Listener {
                    v6only: true,
                    syn_received: 3,
                    ..listener("::", 443, 0, 4096, process("nginx\u{1b}[31m", 900))
                },
                listener("127.0.0.1", 8080, 6, 5, None),
            ],
            somaxconn: Some(4096),
        }
    }

    #[test]
    fn listeners_are_a_table_with_marks_and_what_they_mean() {
        insta::assert_snapshot!(anstream::adapter::strip_str(&table(&found(), false, 100)));
    }

    #[test]
    fn wide_adds_owner_inode_and_files() {
        insta::assert_snapshot!(anstream::adapter::strip_str(&table(&found(), true, 120)));
    }

    #[test]
    fn no_listener_is_said() {
        assert_eq!(table(&ListListenersResponse::default(), false, 80), "nothing listens\n");
    }
}
