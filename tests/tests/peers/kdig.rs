//! Knot's `kdig`: a query as its arguments, and its JSON (RFC 8427) as a [`Reply`] whose record data is the hex of the wire.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use sonde_core::observation::dns::{EdnsRequest, HeaderFlags, HttpMethod, Query, Transport};

use super::dig::{Told, switch};
use super::reply::{Edns, Reply, Row, Section, cookie, flags, hex, option, unhex};

/// The arguments that make kdig send `query`, once.
pub(crate) fn arguments(query: &Query) -> Vec<String> {
    let mut all: Vec<String> =
        ["+json", "+qr", "+noidn", "+ignore", "+nobadcookie", "+retry=0", "+timeout=5"].map(str::to_owned).to_vec();
    all.extend([format!("@{}", query.server.address), "-p".to_owned(), query.server.port.to_string()]);
    all.extend(["-q".to_owned(), query.name.clone(), "-t".to_owned(), format!("TYPE{}", query.qtype)]);
    all.extend(["-c".to_owned(), format!("CLASS{}", query.qclass)]);
    let path = query.http_path.as_deref().unwrap_or("/dns-query");
    match (query.transport, query.http_method) {
        (Transport::Udp, _) => all.push("+notcp".to_owned()),
        (Transport::Tcp, _) => all.push("+tcp".to_owned()),
        (Transport::Tls, _) => all.push("+tls".to_owned()),
        (Transport::Https, HttpMethod::Post) => all.push(format!("+https={path}")),
        (Transport::Https, HttpMethod::Get) => all.extend([format!("+https={path}"), "+https-get".to_owned()]),
        (Transport::Quic, _) => all.push("+quic".to_owned()),
    }
    for (name, set) in [
        ("aaflag", query.flags.authoritative),
        ("tcflag", query.flags.truncated),
        ("rdflag", query.flags.recursion_desired),
        ("raflag", query.flags.recursion_available),
        ("zflag", query.flags.z),
        ("adflag", query.flags.authentic_data),
        ("cdflag", query.flags.checking_disabled),
    ] {
        all.push(switch(name, set));
    }
    // Encrypted queries are padded unless told otherwise.
    if query.edns.as_ref().is_none_or(|edns| edns.padding_block.is_none()) {
        all.push("+nopadding".to_owned());
    }
    match &query.edns {
        None => all.push("+noedns".to_owned()),
        Some(edns) => all.extend(edns_arguments(edns)),
    }
    all
}

fn edns_arguments(edns: &EdnsRequest) -> Vec<String> {
    let mut all = vec![format!("+edns={}", edns.version), format!("+bufsize={}", edns.udp_size)];
    all.extend([switch("dnssec", edns.dnssec_ok), switch("nsid", edns.nsid)]);
    all.extend(edns.cookie.as_ref().map(|c| format!("+cookie={}", hex(&[&c.client[..], &c.server[..]].concat()))));
    all.extend(edns.client_subnet.map(|subnet| format!("+subnet={}", subnet.prefix)));
    all.extend(edns.padding_block.map(|block| format!("+alignment={block}")));
    all.extend(edns.options.iter().map(|one| format!("+ednsopt={}:{}", one.code, hex(&one.data))));
    all
}

/// Reads the output of a run with [`arguments`].
pub(crate) fn read(output: &str) -> Result<Told> {
    let json: Value = serde_json::from_str(output).context("no JSON")?;
    let query_bytes = number(&json["queryMessage"], "msgLength")?;
    Ok(Told { query_bytes, reply: reply(&json["responseMessage"])? })
}

fn reply(message: &Value) -> Result<Reply> {
    let bit = |name: &str| number::<u8>(message, name).map(|bit| bit == 1);
    let mut reply = Reply {
        opcode: number(message, "Opcode")?,
        rcode: number(message, "RCODE")?,
        flags: flags(HeaderFlags {
            authoritative: bit("AA")?,
            truncated: bit("TC")?,
            recursion_desired: bit("RD")?,
            recursion_available: bit("RA")?,
            z: false,
            authentic_data: bit("AD")?,
            checking_disabled: bit("CD")?,
        }),
        size: number(message, "msgLength")?,
        ..Reply::default()
    };
    if number::<u16>(message, "QDCOUNT")? > 0 {
        reply.question = Some((text(message, "QNAME")?, number(message, "QTYPE")?, number(message, "QCLASS")?));
    }
    for (section, key) in
        [(Section::Answer, "answerRRs"), (Section::Authority, "authorityRRs"), (Section::Additional, "additionalRRs")]
    {
        for record in message[key].as_array().map_or(&[][..], Vec::as_slice) {
            let rdata = record["RDATAHEX"].as_str().unwrap_or_default().to_ascii_lowercase();
            let rtype: u16 = number(record, "TYPE")?;
            if rtype == 41 {
                let ttl: u32 = number(record, "TTL")?;
                reply.rcode |= u16::from(ttl.to_be_bytes()[0]) << 4;
                reply.edns = Some(Edns {
                    version: ttl.to_be_bytes()[1],
                    dnssec_ok: ttl & 0x8000 != 0,
                    udp_size: number(record, "CLASS")?,
                    options: options(&unhex(&rdata))?,
                });
                continue;
            }
            let (class, ttl) = (number(record, "CLASS")?, number(record, "TTL")?);
            reply.sections.entry(section).or_default().push(Row {
                name: text(record, "NAME")?,
                ttl,
                class,
                rtype,
                rdata,
            });
        }
    }
    Ok(reply)
}

/// The options of an OPT record, RFC 6891 section 6.1.2.
fn options(mut bytes: &[u8]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    while let [c0, c1, l0, l1, rest @ ..] = bytes {
        let (code, length) = (u16::from_be_bytes([*c0, *c1]), usize::from(u16::from_be_bytes([*l0, *l1])));
        let Some((data, after)) = rest.split_at_checked(length) else { bail!("an option beyond its record") };
        bytes = after;
        all.push(match (code, data) {
            (8, [_, family, source, scope, address @ ..]) => {
                option(8, &format!("{}/{source}/{scope}", subnet(*family, address)))
            }
            (10, _) => cookie(data),
            (11, [t0, t1]) => option(11, &u16::from_be_bytes([*t0, *t1]).to_string()),
            (12, _) => option(12, &data.len().to_string()),
            (15, [c0, c1, text @ ..]) => {
                option(15, &format!("{} {}", u16::from_be_bytes([*c0, *c1]), String::from_utf8_lossy(text)))
            }
            _ => option(code, &hex(data)),
        });
    }
    all.sort();
    Ok(all)
}

/// The address of a client subnet, whose zeros at the end are left out (RFC 7871 section 6).
fn subnet(family: u8, bytes: &[u8]) -> std::net::IpAddr {
    let mut all = [0; 16];
    all.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    match (family, all) {
        (1, [a, b, c, d, ..]) => [a, b, c, d].into(),
        _ => all.into(),
    }
}

fn number<T: TryFrom<u64>>(object: &Value, key: &str) -> Result<T> {
    let number = object[key].as_u64().with_context(|| format!("no number {key} in {object}"))?;
    number.try_into().ok().with_context(|| format!("{key} is out of range in {object}"))
}

fn text(object: &Value, key: &str) -> Result<String> {
    object[key].as_str().map(str::to_owned).with_context(|| format!("no text {key} in {object}"))
}
