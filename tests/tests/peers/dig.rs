//! BIND's `dig`: a query as its arguments, and its output as a [`Reply`].

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use sonde_core::observation::dns::{EdnsRequest, HttpMethod, Query, Transport};

use super::reply::{Edns, Reply, Row, Section, cookie, hex, option, unhex};
use super::types;

/// What dig said of the query that it sent, and of the reply.
#[derive(Debug)]
pub(crate) struct Told {
    /// Bytes of the query.
    pub(crate) query_bytes: u32,
    pub(crate) reply: Reply,
}

/// The arguments that make dig send `query`, once.
pub(crate) fn arguments(query: &Query) -> Vec<String> {
    let mut all: Vec<String> = [
        "-r",
        "+noidnin",
        "+noidnout",
        "+nosplit",
        "+ignore",
        "+nobadcookie",
        "+noednsneg",
        "+tries=1",
        "+timeout=5",
        "+qr",
        "+besteffort",
    ]
    .map(str::to_owned)
    .to_vec();
    all.extend([format!("@{}", query.server.address), "-p".to_owned(), query.server.port.to_string()]);
    all.extend(["-q".to_owned(), query.name.clone(), "-t".to_owned(), format!("TYPE{}", query.qtype)]);
    all.extend(["-c".to_owned(), format!("CLASS{}", query.qclass)]);
    let path = query.http_path.as_deref().unwrap_or("/dns-query");
    all.push(match (query.transport, query.http_method) {
        (Transport::Udp, _) => "+notcp".to_owned(),
        (Transport::Tcp, _) => "+tcp".to_owned(),
        (Transport::Tls, _) => "+tls".to_owned(),
        (Transport::Https, HttpMethod::Post) => format!("+https={path}"),
        (Transport::Https, HttpMethod::Get) => format!("+https-get={path}"),
        (Transport::Quic, _) => "+there-is-no-quic-in-dig".to_owned(),
    });
    let flags = query.flags;
    for (name, set) in [
        ("aaflag", flags.authoritative),
        ("tcflag", flags.truncated),
        ("rdflag", flags.recursion_desired),
        ("raflag", flags.recursion_available),
        ("zflag", flags.z),
        ("adflag", flags.authentic_data),
        ("cdflag", flags.checking_disabled),
    ] {
        all.push(switch(name, set));
    }
    match &query.edns {
        None => all.extend(["+nocookie".to_owned(), "+noedns".to_owned()]),
        Some(edns) => all.extend(edns_arguments(edns)),
    }
    all
}

fn edns_arguments(edns: &EdnsRequest) -> Vec<String> {
    let mut all = vec![format!("+edns={}", edns.version), format!("+bufsize={}", edns.udp_size)];
    all.extend([switch("dnssec", edns.dnssec_ok), switch("nsid", edns.nsid)]);
    all.push(match &edns.cookie {
        Some(cookie) => format!("+cookie={}", hex(&[&cookie.client[..], &cookie.server[..]].concat())),
        None => "+nocookie".to_owned(),
    });
    all.extend(edns.client_subnet.map(|subnet| format!("+subnet={}", subnet.prefix)));
    all.extend(edns.padding_block.map(|block| format!("+padding={block}")));
    all.extend(edns.options.iter().map(|one| format!("+ednsopt={}:{}", one.code, hex(&one.data))));
    all
}

pub(crate) fn switch(name: &str, on: bool) -> String {
    format!("+{}{name}", if on { "" } else { "no" })
}

/// Reads the output of a run with [`arguments`].
pub(crate) fn read(output: &str) -> Result<Told> {
    let (query, answer) = output.split_once(";; Got answer:").context("dig got no answer")?;
    let query_bytes = query.lines().find_map(|line| line.strip_prefix(";; QUERY SIZE: ")).context("no query size")?;
    let mut reply = Reply::default();
    let mut section = None;
    for line in answer.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix(";; ->>HEADER<<- ") {
            header(rest, &mut reply)?;
        } else if let Some(rest) = line.strip_prefix(";; flags: ") {
            reply.flags = names(rest);
        } else if let Some(rest) = line.strip_prefix(";; MSG SIZE  rcvd: ") {
            reply.size = rest.parse()?;
        } else if let Some(rest) = line.strip_prefix(";; ") {
            section = match rest {
                "ANSWER SECTION:" => Some(Section::Answer),
                "AUTHORITY SECTION:" => Some(Section::Authority),
                "ADDITIONAL SECTION:" => Some(Section::Additional),
                _ if rest.contains("bad packet") || rest.contains("malformed") => bail!("dig says {rest:?}"),
                _ => section,
            };
        } else if let Some(rest) = line.strip_prefix("; ") {
            pseudo(rest, &mut reply).with_context(|| format!("read {line:?}"))?;
        } else if let Some(rest) = line.strip_prefix(';') {
            let [name, class, rtype] = rest.split_whitespace().collect::<Vec<_>>()[..] else { bail!("read {line:?}") };
            reply.question = Some((name.to_owned(), types::number(rtype)?, types::class(class)?));
        } else {
            let section = section.with_context(|| format!("{line:?} is in no section"))?;
            reply.sections.entry(section).or_default().push(row(line).with_context(|| format!("read {line:?}"))?);
        }
    }
    if let Some(edns) = &mut reply.edns {
        edns.options.sort();
    }
    Ok(Told { query_bytes: query_bytes.parse()?, reply })
}

/// `opcode: QUERY, status: NOERROR, id: 1`.
fn header(text: &str, reply: &mut Reply) -> Result<()> {
    let fields: BTreeMap<_, _> = text.split(", ").filter_map(|field| field.split_once(": ")).collect();
    ensure!(fields.get("opcode") == Some(&"QUERY"), "an opcode that was not asked for: {text}");
    reply.opcode = 0;
    reply.rcode = types::rcode(fields.get("status").context("no status")?)?;
    Ok(())
}

/// `qr aa rd; MBZ: 0x4; QUERY: 1, ANSWER: 1, ...`; the reserved bit is shown apart.
fn names(text: &str) -> String {
    let (names, rest) = text.split_once(';').unwrap_or((text, ""));
    let set = |name: &str| names.split(' ').any(|one| one == name) || (name == "z" && rest.contains("MBZ"));
    ["aa", "tc", "rd", "ra", "z", "ad", "cd"].into_iter().filter(|name| set(name)).collect::<Vec<_>>().join(" ")
}

/// A line of the OPT pseudo-section.
fn pseudo(text: &str, reply: &mut Reply) -> Result<()> {
    if let Some(rest) = text.strip_prefix("EDNS: version: ") {
        let (version, rest) = rest.split_once(", flags:").context("no flags")?;
        let (flags, size) = rest.split_once("; udp: ").context("no size")?;
        let dnssec_ok = flags.split_whitespace().any(|flag| flag == "do");
        reply.edns = Some(Edns { version: version.parse()?, dnssec_ok, udp_size: size.parse()?, options: Vec::new() });
        return Ok(());
    }
    let edns = reply.edns.as_mut().context("an option before the EDNS line")?;
    let (name, value) = text.split_once(':').context("no option")?;
    let value = value.trim();
    // `6e 73 ("ns")`, `0011 (good)`
    let before_comment = value.split('(').next().unwrap_or_default();
    edns.options.push(match name {
        "NSID" => option(3, &hex(&unhex(before_comment))),
        "CLIENT-SUBNET" => option(8, value),
        "EXPIRE" => option(9, &hex(&before_comment.trim().parse::<u32>()?.to_be_bytes())),
        "COOKIE" => cookie(&unhex(before_comment)),
        "TCP KEEPALIVE" => {
            let seconds = value.strip_suffix(" secs").context("no seconds")?;
            option(11, &seconds.replace('.', ""))
        }
        "PAD" => option(12, value.trim_matches(['(', ')']).trim_end_matches(" bytes")),
        // `7 (Signature Expired): (the text)`
        "EDE" => {
            let code = before_comment.trim().trim_end_matches(':');
            let extra = value.split_once("): (").map_or("", |(_, text)| text.strip_suffix(')').unwrap_or(text));
            option(15, &format!("{code} {extra}"))
        }
        _ => {
            let code = name.strip_prefix("OPT=").context("an option that this test does not know")?;
            option(code.parse()?, &hex(&unhex(before_comment)))
        }
    });
    Ok(())
}

/// `name ttl class type rdata`.
fn row(line: &str) -> Result<Row> {
    let mut rest = line;
    let mut field = || {
        let (field, after) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        rest = after.trim_start();
        field
    };
    let (name, ttl, class, rtype) = (field(), field(), field(), field());
    Ok(Row {
        name: name.to_owned(),
        ttl: ttl.parse().with_context(|| format!("a TTL, not {ttl:?}"))?,
        class: types::class(class)?,
        rtype: types::number(rtype)?,
        rdata: rest.to_owned(),
    })
}
