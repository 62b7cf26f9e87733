//! Policy rules: which table a packet's route is looked up in, as `ip rule` prints them.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use sonde_core::observation::Reason;
use sonde_core::observation::system::{Family, Rule};

use crate::inspection::Problem;
use crate::netlink::{Netlink, address, attributes, number};

const ALLOWED: Duration = Duration::from_secs(2);
const MOST: usize = 4096;
const RTM_NEWRULE: u16 = 32;
const RTM_GETRULE: u16 = 34;
/// struct `fib_rule_hdr` of `linux/fib_rules.h`.
const HEADER_BYTES: usize = 12;
/// `FIB_RULE_INVERT`.
const INVERT: u32 = 2;
/// `FR_ACT_TO_TBL`.
const TO_TABLE: u8 = 1;

/// FRA_* of `linux/fib_rules.h`.
mod attribute {
    pub(super) const DESTINATION: u16 = 1;
    pub(super) const SOURCE: u16 = 2;
    pub(super) const INPUT: u16 = 3;
    pub(super) const GOTO: u16 = 4;
    pub(super) const PRIORITY: u16 = 6;
    pub(super) const MARK: u16 = 10;
    pub(super) const TUNNEL: u16 = 12;
    pub(super) const SUPPRESS_GROUP: u16 = 13;
    pub(super) const SUPPRESS_LENGTH: u16 = 14;
    pub(super) const TABLE: u16 = 15;
    pub(super) const MASK: u16 = 16;
    pub(super) const OUTPUT: u16 = 17;
    pub(super) const L3MDEV: u16 = 19;
    pub(super) const USERS: u16 = 20;
    pub(super) const PROTOCOL: u16 = 22;
    pub(super) const SOURCE_PORTS: u16 = 23;
    pub(super) const DESTINATION_PORTS: u16 = 24;
    pub(super) const DSCP: u16 = 25;
}

/// The rules of both families, ascending in each.
pub(super) fn rules() -> Result<Vec<Rule>, Problem> {
    let netlink = Netlink::route("list the policy rules", ALLOWED);
    let mut rules = Vec::new();
    for (family, number) in [(Family::Ipv4, libc::AF_INET), (Family::Ipv6, libc::AF_INET6)] {
        let mut question = [0; HEADER_BYTES];
        question[0] = u8::try_from(number).unwrap_or(0);
        let outcome = netlink.dump(RTM_GETRULE, &question, Vec::new(), |found, kind, payload| {
            if kind == RTM_NEWRULE && found.len() < MOST {
                found.extend(parse(family, payload));
            }
        });
        match outcome.map_err(|refusal| netlink.failure(refusal)) {
            Ok(found) => rules.extend(found),
            // A kernel without this family, or without policy routing, has none of them.
            Err(Problem {
                reason: Reason::Unavailable(_), errno: Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT), ..
            }) => {}
            Err(problem) => return Err(problem),
        }
    }
    rules.truncate(MOST);
    Ok(rules)
}

/// One message. Rules without a priority attribute have 0.
pub(super) fn parse(family: Family, payload: &[u8]) -> Option<Rule> {
    let header = payload.first_chunk::<HEADER_BYTES>()?;
    let [_, to_length, from_length, tos, table, _, _, action, ..] = *header;
    let flags = number(header.get(8..)?)?;
    let value = |wanted| attributes(payload, HEADER_BYTES).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    let figure = |wanted| value(wanted).and_then(number);
    let prefix = |wanted, length| prefix(family, value(wanted), length);

    let mut selector = String::new();
    if flags & INVERT != 0 {
        selector.push_str("not ");
    }
    // Writing to a `String` cannot fail.
    let mut add = |text: String| selector.push_str(&text);
    add(format!("from {}", prefix(attribute::SOURCE, from_length)));
    if to_length != 0 || value(attribute::DESTINATION).is_some() {
        add(format!(" to {}", prefix(attribute::DESTINATION, to_length)));
    }
    if tos != 0 {
        add(format!(" tos {tos:#x}"));
    }
    if let Some(dscp) = value(attribute::DSCP).and_then(|value| value.first()) {
        add(format!(" dscp {dscp}"));
    }
    if let Some(mark) = figure(attribute::MARK) {
        add(format!(" fwmark {mark:#x}"));
        if let Some(mask) = figure(attribute::MASK).filter(|mask| *mask != u32::MAX) {
            add(format!("/{mask:#x}"));
        }
    }
    for (kind, word) in [(attribute::INPUT, "iif"), (attribute::OUTPUT, "oif")] {
        if let Some(name) = value(kind) {
            add(format!(" {word} {}", device(name)));
        }
    }
    if value(attribute::L3MDEV).is_some_and(|value| value.first() == Some(&1)) {
        add(" l3mdev".to_owned());
    }
    if let Some((first, last)) = value(attribute::USERS).and_then(pair32) {
        add(format!(" uidrange {first}-{last}"));
    }
    if let Some(protocol) = value(attribute::PROTOCOL).and_then(|value| value.first()) {
        add(format!(" ipproto {}", protocol_name(*protocol)));
    }
    for (kind, word) in [(attribute::SOURCE_PORTS, "sport"), (attribute::DESTINATION_PORTS, "dport")] {
        if let Some((first, last)) = value(kind).and_then(pair16) {
            add(if first == last { format!(" {word} {first}") } else { format!(" {word} {first}-{last}") });
        }
    }
    if let Some(tunnel) = value(attribute::TUNNEL).and_then(|value| Some(u64::from_be_bytes(value.try_into().ok()?))) {
        add(format!(" tun_id {tunnel}"));
    }
    // Not what the rule takes, but which of the table's routes it leaves aside: without it a full tunnel reads as if it took all.
    for (kind, word) in
        [(attribute::SUPPRESS_LENGTH, "suppress_prefixlength"), (attribute::SUPPRESS_GROUP, "suppress_ifgroup")]
    {
        if let Some(limit) = figure(kind).filter(|limit| *limit != u32::MAX) {
            add(format!(" {word} {limit}"));
        }
    }
    let table = figure(attribute::TABLE).unwrap_or_else(|| table.into());
    let mut word = action_name(action);
    if let Some(target) = figure(attribute::GOTO) {
        _ = write!(word, " {target}");
    }
    Some(Rule {
        family,
        priority: figure(attribute::PRIORITY).unwrap_or(0),
        selector: if selector == "from all" { "all".to_owned() } else { selector },
        action: word,
        table: (action == TO_TABLE && table != 0).then_some(table),
    })
}

/// `all`, `10.0.0.0/8`, `10.0.0.1`.
fn prefix(family: Family, value: Option<&[u8]>, length: u8) -> String {
    let (zero, whole): (IpAddr, u8) = match family {
        Family::Ipv4 => (Ipv4Addr::UNSPECIFIED.into(), 32),
        Family::Ipv6 => (Ipv6Addr::UNSPECIFIED.into(), 128),
    };
    match (value, length) {
        (None, 0) => "all".to_owned(),
        (value, length) => {
            let address = value.and_then(address).unwrap_or(zero);
            if length >= whole { address.to_string() } else { format!("{address}/{length}") }
        }
    }
}

fn device(name: &[u8]) -> String {
    String::from_utf8_lossy(name.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

fn action_name(action: u8) -> String {
    match action {
        TO_TABLE => "lookup".to_owned(),
        2 => "goto".to_owned(),
        3 => "nop".to_owned(),
        6 => "blackhole".to_owned(),
        7 => "unreachable".to_owned(),
        8 => "prohibit".to_owned(),
        other => other.to_string(),
    }
}

fn protocol_name(protocol: u8) -> String {
    match protocol {
        1 => "icmp".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        58 => "ipv6-icmp".to_owned(),
        132 => "sctp".to_owned(),
        other => other.to_string(),
    }
}

/// struct `fib_rule_uid_range`.
fn pair32(value: &[u8]) -> Option<(u32, u32)> {
    Some((number(value.get(..4)?)?, number(value.get(4..8)?)?))
}

/// struct `fib_rule_port_range`.
fn pair16(value: &[u8]) -> Option<(u16, u16)> {
    let word = |at: usize| Some(u16::from_ne_bytes(value.get(at..at.saturating_add(2))?.try_into().ok()?));
    Some((word(0)?, word(2)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(lengths: (u8, u8), action: u8, flags: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![2, lengths.0, lengths.1, 0, 254, 0, 0, action];
        bytes.extend(flags.to_ne_bytes());
        for (kind, value) in attributes {
            let length = u16::try_from(4 + value.len()).expect("short");
            bytes.extend(length.to_ne_bytes().into_iter().chain(kind.to_ne_bytes()).chain(value.iter().copied()));
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    fn rule(message: &[u8]) -> (String, String, Option<u32>) {
        let rule = parse(Family::Ipv4, message).expect("a rule");
        (rule.selector, rule.action, rule.table)
    }

    #[test]
    fn a_rule_for_everything_is_called_all() {
        assert_eq!(rule(&message((0, 0), TO_TABLE, 0, &[])), ("all".to_owned(), "lookup".to_owned(), Some(254)));
    }

    #[test]
    fn a_selector_reads_as_ip_prints_it() {
        let mark = 1_u32.to_ne_bytes();
        let ports: Vec<u8> = 80_u16.to_ne_bytes().into_iter().chain(90_u16.to_ne_bytes()).collect();
        let table = 1000_u32.to_ne_bytes();
        let found = rule(&message(
            (32, 8),
            TO_TABLE,
            INVERT,
            &[
                (attribute::SOURCE, &[10, 0, 0, 0]),
                (attribute::DESTINATION, &[192, 0, 2, 1]),
                (attribute::MARK, &mark),
                (attribute::MASK, &255_u32.to_ne_bytes()),
                (attribute::INPUT, b"eth0\0"),
                (attribute::PROTOCOL, &[6]),
                (attribute::DESTINATION_PORTS, &ports),
                (attribute::TABLE, &table),
                (attribute::SUPPRESS_LENGTH, &0_u32.to_ne_bytes()),
            ],
        ));
        let selector =
            "not from 10.0.0.0/8 to 192.0.2.1 fwmark 0x1/0xff iif eth0 ipproto tcp dport 80-90 suppress_prefixlength 0";
        assert_eq!(found, (selector.to_owned(), "lookup".to_owned(), Some(1000)));
    }

    #[test]
    fn only_a_lookup_has_a_table() {
        assert_eq!(rule(&message((0, 0), 7, 0, &[])), ("all".to_owned(), "unreachable".to_owned(), None));
        let target = 200_u32.to_ne_bytes();
        assert_eq!(rule(&message((0, 0), 2, 0, &[(attribute::GOTO, &target)])).1, "goto 200");
    }

    #[test]
    fn the_kernels_own_rules_are_there() {
        let rules = rules().expect("rules");
        assert!(
            rules.iter().any(|rule| (rule.priority, rule.table) == (0, Some(255)) && rule.selector == "all"),
            "{rules:?}"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_rule_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..160), v6: bool) {
            let family = if v6 { Family::Ipv6 } else { Family::Ipv4 };
            drop(parse(family, &bytes));
        }
    }
}
