//! Reading a `SocketFilter`: whatever a client may get wrong is refused with the field, the value and what would be right.

use std::net::IpAddr;

use ipnet::IpNet;
use sonde_probe::sockets::{Family, Filter, Protocol, States};
use sonde_proto::v1;
use tonic::Status;

use super::super::{quoted, refusal};

/// The filter that the message means; all of TCP and UDP where there is none.
pub(super) fn filter(asked: Option<&v1::SocketFilter>) -> Result<Filter, Status> {
    let Some(asked) = asked else { return Ok(Filter::default()) };
    let filter = Filter {
        protocols: asked.protocols.iter().enumerate().map(protocol).collect::<Result<_, _>>()?,
        family: family(asked.family)?,
        states: States::named(&asked.states).map_err(|problem| refusal::invalid("filter.states", problem))?,
        local: network("filter.local_address", &asked.local_address)?,
        local_port: port("filter.local_port", asked.local_port)?,
        peer: network("filter.peer_address", &asked.peer_address)?,
        peer_port: port("filter.peer_port", asked.peer_port)?,
        port: port("filter.port", asked.port)?,
        device: device(&asked.device)?,
        pid: (asked.pid != 0).then_some(asked.pid),
    };
    if filter.protocols == [Protocol::Unix] && filter.needs_addresses() {
        let problem =
            "unix sockets have neither addresses nor ports nor a device; ask for tcp or udp, or leave those out";
        return Err(refusal::invalid("filter.protocols", problem));
    }
    Ok(filter)
}

/// 0 where none is asked for.
pub(super) fn port(field: &str, asked: u32) -> Result<u16, Status> {
    u16::try_from(asked)
        .map_err(|_| refusal::invalid(field, format!("{asked} is no port; give 1 to 65535, or 0 for any")))
}

fn protocol((at, name): (usize, &String)) -> Result<Protocol, Status> {
    match name.as_str() {
        "tcp" => Ok(Protocol::Tcp),
        "udp" => Ok(Protocol::Udp),
        "unix" => Ok(Protocol::Unix),
        other => {
            let problem = format!("{} is no protocol; give tcp, udp or unix", quoted(other));
            Err(refusal::invalid(&format!("filter.protocols[{at}]"), problem))
        }
    }
}

fn family(asked: u32) -> Result<Option<Family>, Status> {
    match asked {
        0 => Ok(None),
        4 => Ok(Some(Family::Ipv4)),
        6 => Ok(Some(Family::Ipv6)),
        other => Err(refusal::invalid("filter.family", format!("{other} is no family; give 4, 6, or 0 for both"))),
    }
}

fn network(field: &str, text: &str) -> Result<Option<IpNet>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    let address = text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
    address.or_else(|| text.parse().ok()).map(Some).ok_or_else(|| {
        let problem = format!(
            "{} is no address; write one such as 10.0.0.5 or fd00::5, or a prefix such as 10.0.0.0/8",
            quoted(text)
        );
        refusal::invalid(field, problem)
    })
}

/// The kernel's names have at most 15 bytes (`IFNAMSIZ`).
fn device(name: &str) -> Result<Option<String>, Status> {
    if name.len() > 15 || name.contains(['/', '\0']) {
        let problem = format!("{} is no device; `ip link` lists those that are", quoted(name));
        return Err(refusal::invalid("filter.device", problem));
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_read_field_by_field() {
        let asked = v1::SocketFilter {
            protocols: vec!["tcp".into()],
            family: 6,
            states: vec!["established".into()],
            local_address: "10.0.0.0/8".into(),
            local_port: 443,
            peer_address: "::ffff:10.0.0.1".into(),
            peer_port: 1,
            device: "eth0".into(),
            pid: 7,
            port: 2,
        };

        let filter = filter(Some(&asked)).expect("it is right");

        assert_eq!((filter.family, filter.local_port, filter.peer_port, filter.port), (Some(Family::Ipv6), 443, 1, 2));
        assert_eq!((filter.local, filter.peer), ("10.0.0.0/8".parse().ok(), "10.0.0.1/32".parse().ok()));
        assert_eq!((filter.device.as_deref(), filter.pid), (Some("eth0"), Some(7)));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_field() {
        let base = v1::SocketFilter::default;
        for (asked, field, part) in [
            (
                v1::SocketFilter { protocols: vec!["tcp".into(), "sctp".into()], ..base() },
                "filter.protocols[1]",
                "\"sctp\"",
            ),
            (v1::SocketFilter { family: 5, ..base() }, "filter.family", "5 is no family"),
            (v1::SocketFilter { states: vec!["ESTB".into()], ..base() }, "filter.states", "\"ESTB\""),
            (v1::SocketFilter { local_address: "ten".into(), ..base() }, "filter.local_address", "\"ten\""),
            (v1::SocketFilter { peer_address: "10.0.0.0/33".into(), ..base() }, "filter.peer_address", "10.0.0.0/33"),
            (v1::SocketFilter { peer_port: 65_536, ..base() }, "filter.peer_port", "65536"),
            (v1::SocketFilter { device: "x".repeat(16), ..base() }, "filter.device", "ip link"),
            (
                v1::SocketFilter { protocols: vec!["unix".into()], port: 80, ..base() },
                "filter.protocols",
                "unix sockets",
            ),
        ] {
            let status = filter(Some(&asked)).expect_err(field);
            let details = tonic_types::StatusExt::get_error_details(&status);
            let found = details.bad_request().map(|bad| bad.field_violations[0].field.clone());
            assert_eq!(found.as_deref(), Some(field), "{status:?}");
            assert!(status.message().contains(part), "{status:?}");
        }
    }
}
