//! The lines of `ss -O`, as facts.

use super::facts::Facts;

/// Of `ss -tanieOmpH` or `-uaneOmpH`: a key for each socket, and its facts.
pub(crate) fn inet(output: &str) -> Vec<(String, Facts)> {
    output.lines().filter_map(|line| inet_line(line.trim())).collect()
}

fn inet_line(line: &str) -> Option<(String, Facts)> {
    let mut words = line.split_whitespace();
    // With a state in the filter, ss leaves the column out.
    let first = words.next()?;
    let (state, receive) =
        if first.bytes().all(|byte| byte.is_ascii_digit()) { (None, first) } else { (Some(first), words.next()?) };
    let (send, local, peer) = (words.next()?, words.next()?, words.next()?);
    let (local, device) = device(local);
    let mut facts = Facts::from([("recv".to_owned(), receive.to_owned()), ("send".to_owned(), send.to_owned())]);
    facts.extend(state.map(|state| ("state".to_owned(), state.to_owned())));
    facts.extend(device.map(|device| ("device".to_owned(), device)));
    rest(&words.collect::<Vec<_>>(), &mut facts);
    if state == Some("LISTEN") {
        // There the kernel puts the queue of the listener, which is no segment.
        facts.retain(|name, _| !["unacked", "sacked"].contains(&name.as_str()));
    }
    Some((format!("inet {} {}", end(&local), end(peer)), facts))
}

/// Of `ss -xaneOmpH`: `u_str ESTAB 0 0 NAME INODE * PEER users:...`.
pub(crate) fn unix(output: &str) -> Vec<(String, Facts)> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [kind, state, receive, send, name, inode, _, peer, more @ ..] = words.as_slice() else { return None };
        let kind = match *kind {
            "u_str" => "stream",
            "u_dgr" => "dgram",
            "u_seq" => "seqpacket",
            other => other,
        };
        let mut facts: Facts =
            [("kind", kind), ("state", *state), ("recv", *receive), ("send", *send), ("peer", *peer)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        facts.insert("name".to_owned(), if *name == "*" { String::new() } else { (*name).to_owned() });
        rest(more, &mut facts);
        // Owner and shutdown come in forms of their own.
        facts.retain(|name, _| !["uid", "ino", "sk"].contains(&name.as_str()));
        Some((format!("unix {inode}"), facts))
    };
    output.lines().filter_map(line).collect()
}

/// `users:((..)) timer:(..) uid:0 skmem:(..) ts sack cubic wscale:7,7 rto:204 ... pacing_rate 12bps ...`.
fn rest(words: &[&str], facts: &mut Facts) {
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        match word.split_once(':') {
            Some(("users", list)) => {
                facts.insert("users".to_owned(), users(list));
            }
            Some(("timer", timer)) => {
                let parts: Vec<&str> = timer.trim_matches(['(', ')']).split(',').collect();
                facts.insert("timer".to_owned(), format!("{} {}", parts[0], parts.last().unwrap_or(&"")));
            }
            Some(("busy" | "rwnd_limited" | "sndbuf_limited", time)) => {
                let name = word.split(':').next().unwrap_or_default();
                let time = time.split('(').next().unwrap_or_default();
                facts.insert(name.to_owned(), time.to_owned());
            }
            Some(("cgroup", path)) => {
                if !path.starts_with("unreachable") {
                    facts.insert("cgroup".to_owned(), path.to_owned());
                }
            }
            Some((name, value)) if MEANT.contains(&name) => {
                facts.insert(name.to_owned(), value.to_owned());
            }
            Some(_) => {}
            None => match word {
                "ts" | "sack" | "ecn" | "ecnseen" | "fastopen" | "app_limited" => {
                    facts.insert(word.to_owned(), "yes".to_owned());
                }
                "cubic" | "reno" | "bbr" | "dctcp" => {
                    facts.insert("cubic or another".to_owned(), word.to_owned());
                }
                "pacing_rate" | "delivery_rate" => {
                    let rate = words.next().unwrap_or_default();
                    facts.insert(word.to_owned(), rate.to_owned());
                }
                _ => {}
            },
        }
    }
}

/// Fields of ss that sonde has under the same name or another.
const MEANT: &[&str] = &[
    "uid",
    "ino",
    "sk",
    "fwmark",
    "v6only",
    "skmem",
    "wscale",
    "rto",
    "backoff",
    "rtt",
    "ato",
    "mss",
    "pmtu",
    "rcvmss",
    "advmss",
    "cwnd",
    "ssthresh",
    "bytes_sent",
    "bytes_retrans",
    "bytes_acked",
    "bytes_received",
    "segs_out",
    "segs_in",
    "data_segs_out",
    "data_segs_in",
    "delivered",
    "unacked",
    "retrans",
    "lost",
    "sacked",
    "dsack_dups",
    "reordering",
    "reord_seen",
    "rcv_rtt",
    "rcv_space",
    "rcv_ssthresh",
    "notsent",
    "minrtt",
    "rcv_ooopack",
    "snd_wnd",
    "lastsnd",
    "lastrcv",
    "lastack",
];

/// `(("nginx",pid=812,fd=9),("nginx",pid=900,fd=9))`, sorted.
fn users(list: &str) -> String {
    let mut users: Vec<&str> = list.trim_start_matches('(').trim_end_matches(')').split("),(").collect();
    users.sort_unstable();
    users.join(" ")
}

/// `0.0.0.0%lo:8002` is bound to a device.
fn device(local: &str) -> (String, Option<String>) {
    match local.split_once('%').and_then(|(address, rest)| Some((address, rest.rsplit_once(':')?))) {
        Some((address, (device, port))) => (format!("{address}:{port}"), Some(device.to_owned())),
        None => (local.to_owned(), None),
    }
}

/// `[::ffff:127.0.0.1]:8004` is 127.0.0.1, `*:8004` is any of both families, and a missing port is 0.
fn end(text: &str) -> String {
    let text = text.replace("[::ffff:127.0.0.1]", "127.0.0.1").replace(":*", ":0");
    match text.strip_prefix("*:") {
        Some(port) => format!("[::]:{port}"),
        None => text,
    }
}
