use sonde_proto::v1::{ListingSummary, SocketMemory, SocketOwner, SocketTimer, TcpFlow, TcpInfo};

use super::*;

fn micros(micros: i64) -> prost_types::Duration {
    let nanos = i32::try_from(micros % 1_000_000 * 1_000).expect("small");
    prost_types::Duration { seconds: micros / 1_000_000, nanos }
}

fn batch() -> ListSocketsResponse {
    let tcp = |state: &str, local: &str, peer: &str| Socket {
        protocol: "tcp".into(),
        state: state.into(),
        local: local.into(),
        peer: peer.into(),
        ..Socket::default()
    };
    let owner = |pid, command: &str, container_id: &str| SocketOwner {
        pid,
        command: command.into(),
        descriptor: 9,
        container_id: container_id.into(),
    };
    [
        Socket {
            send_queue: 4096,
            v6only: true,
            inode: 4026,
            cookie: 0x1a,
            owners: vec![owner(812, "nginx", ""), owner(900, "nginx\u{1b}[31m", &"ab".repeat(32))],
            ..tcp("LISTEN", "[::]:443", "[::]:0")
        },
        Socket {
            receive_queue: 1_234_567,
            send_queue: 12,
            uid: 1000,
            device: "eth0".into(),
            mark: 7,
            cgroup: "/system.slice".into(),
            timer: Some(SocketTimer { name: "on".into(), expires: Some(micros(204_000)), retransmits: 3 }),
            memory: Some(SocketMemory { receive_buffer_bytes: 131_072, drops: 2, ..SocketMemory::default() }),
            congestion: "cubic".into(),
            info: Some(TcpInfo {
                state: "ESTAB".into(),
                rtt: Some(micros(34)),
                rtt_variance: Some(micros(17)),
                min_rtt: Some(micros(20)),
                snd_mss_bytes: 1448,
                pmtu_bytes: 1500,
                total_retransmits: 2,
                backoff: 3,
                bytes_sent: 5_000_000_000,
                ..TcpInfo::default()
            }),
            flow: Some(TcpFlow {
                timestamps: true,
                sack: true,
                snd_window_scale: 7,
                rcv_window_scale: 8,
                congestion_state: "Loss".into(),
                rto: Some(micros(1_632_000)),
                congestion_window: 1,
                pacing_rate: 150_000,
                retransmitting: 1,
                app_limited: true,
                ..TcpFlow::default()
            }),
            ..tcp("ESTAB", "192.0.2.100:40000", "[2001:db8:0:1:2:3:4:5]:5432")
        },
        Socket {
            protocol: "unix".into(),
            kind: "dgram".into(),
            state: "UNCONN".into(),
            local: "@bus\u{7}".into(),
            peer: "4711".into(),
            ..Socket::default()
        },
    ]
    .into_iter()
    .collect()
}

fn drawn(show: Show) -> String {
    let mut table = Table::new(show);
    table.draw(&batch());
    text(&table)
}

fn text(table: &Table) -> String {
    String::from_utf8(table.text.clone()).expect("what is no UTF-8 was replaced")
}

#[test]
fn sockets_are_a_table_like_that_of_ss() {
    insta::assert_snapshot!(drawn(Show::default()));
}

#[test]
fn everything_can_be_shown_of_them() {
    insta::assert_snapshot!(drawn(Show { info: true, processes: true, memory: true, details: true }));
}

#[test]
fn a_later_batch_has_no_second_header() {
    let mut table = Table::new(Show::default());
    table.draw(&batch());
    table.draw(&batch());
    assert_eq!(text(&table).matches("NETID").count(), 1);
}

#[test]
fn a_summary_says_when_there_are_more_and_what_is_missing() {
    let end = ListSocketsResponse::last(ListingSummary {
        sent: 3,
        limited: true,
        owners_cut: true,
        ..ListingSummary::default()
    });
    let mut table = Table::new(Show::default());
    table.headed = true;
    table.take(&end).expect("nothing is written yet");
    let text = text(&table);
    assert!(text.contains("there are more") && text.contains("holders are missing"), "{text}");
}
