//! The parser of targets: text in, [`TargetKind`] or one sentence fragment that ends with what would be right.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::{Host, Port, TargetKind, record_type_number};

/// Longer texts are refused before anything looks into them; bytes.
const TEXT_LIMIT: usize = 8192;
/// RFC 1035 section 2.3.4, in presentation format without the final dot; bytes.
const NAME_LIMIT: usize = 253;
/// RFC 1035 section 2.3.4; bytes.
const LABEL_LIMIT: usize = 63;
/// The kernel's `PID_MAX_LIMIT` on 64-bit machines (linux/threads.h).
const PID_LIMIT: u32 = 4 * 1024 * 1024;
/// How much of a refused text an error repeats; characters.
const QUOTE_LIMIT: usize = 120;

/// Every form, for an error to end with.
const FORMS: &str = "https://HOST[:PORT]/PATH, http://..., grpc://HOST:PORT[/SERVICE], grpcs://..., tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT, dns://NAME, :PORT, pid://N or host";

type Problem = String;

pub(super) fn parse(text: &str) -> Result<TargetKind, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("it is empty; give {FORMS}"));
    }
    if text.len() > TEXT_LIMIT {
        return Err(format!("it is {} bytes long; at most {TEXT_LIMIT} are taken", text.len()));
    }
    if let Some(bad) = text.chars().find(|c| c.is_control() || c.is_whitespace()) {
        return Err(format!("it contains {bad:?}; write it without spaces and control characters"));
    }
    match text.split_once("://") {
        Some((scheme, rest)) => with_scheme(scheme, rest),
        None => bare(text),
    }
}

/// The text as an error quotes it: bounded.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(QUOTE_LIMIT) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn with_scheme(scheme: &str, rest: &str) -> Result<TargetKind, Problem> {
    let rest = rest.split('#').next().unwrap_or_default();
    match scheme.to_ascii_lowercase().as_str() {
        "https" => http(rest, true),
        "http" => http(rest, false),
        "grpcs" => grpc(rest, true),
        "grpc" => grpc(rest, false),
        "tcp" => endpoint(rest, "tcp").map(|(host, port)| TargetKind::Tcp { host, port }),
        "tls" => endpoint(rest, "tls").map(|(host, port)| TargetKind::Tls { host, port }),
        "udp" => endpoint(rest, "udp").map(|(host, port)| TargetKind::Udp { host, port }),
        "dns" => dns(rest),
        "pid" => process(rest),
        _ => Err(format!("the scheme {scheme:?} is not known; give {FORMS}")),
    }
}

fn bare(text: &str) -> Result<TargetKind, Problem> {
    if text.eq_ignore_ascii_case("host") {
        return Ok(TargetKind::ThisHost);
    }
    if let Some(port) = text.strip_prefix(':')
        && !port.contains(':')
    {
        return port_as(port, ":PORT").map(|port| TargetKind::Listener { port });
    }
    if let Some(character) = text.chars().find(|c| matches!(c, '/' | '?' | '#')) {
        return Err(format!("{character:?} stands in it but no scheme; write https://{text} or http://{text}"));
    }
    if let Some(address) = literal(text)? {
        let shown = bracketed(address);
        return Err(format!(
            "it is an address without a port; write {shown}:PORT for a TCP service or https://{shown}/"
        ));
    }
    if text.contains(':') || text.starts_with('[') {
        return endpoint(text, "tcp").map(|(host, port)| TargetKind::Tcp { host, port });
    }
    let name = dns_name(text)?;
    Ok(TargetKind::Dns { name, qtype: None, server: None })
}

fn http(rest: &str, tls: bool) -> Result<TargetKind, Problem> {
    let (authority, path) = match rest.find(['/', '?']) {
        Some(end) => rest.split_at(end),
        None => (rest, ""),
    };
    let (host, port) = split_authority(authority)?;
    let host = parse_host(host)?;
    let port = match port {
        Some(port) => parse_port(port)?,
        None => Port(if tls { HTTPS } else { HTTP }),
    };
    Ok(TargetKind::Http { tls, host, port, path: normal_path(path)? })
}

const HTTPS: NonZeroU16 = NonZeroU16::new(443).expect("invariant: 443 is not zero");
const HTTP: NonZeroU16 = NonZeroU16::new(80).expect("invariant: 80 is not zero");

/// Path and query as they go on the wire: dot segments resolved, other bytes percent-encoded (WHATWG URL).
fn normal_path(path: &str) -> Result<String, Problem> {
    let refused = |_| format!("the path {:?} is no URL path; write /PATH?QUERY", shorten(path));
    let mut url = url::Url::parse("http://host/").map_err(refused)?;
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    url.set_path(path);
    url.set_query(query);
    let mut normal = url.path().to_owned();
    if let Some(query) = url.query() {
        normal.push('?');
        normal.push_str(query);
    }
    Ok(normal)
}

/// `host:port`, both required, and the service to ask for. Its name is that of a protobuf service: letters, digits, `_` and dots.
fn grpc(rest: &str, tls: bool) -> Result<TargetKind, Problem> {
    let scheme = if tls { "grpcs" } else { "grpc" };
    let (authority, service) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = endpoint(authority, scheme)?;
    let fits = service.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    if !fits || service.len() > SERVICE_LIMIT {
        return Err(format!(
            "{:?} is no name of a service; write {scheme}://HOST:PORT/package.Service",
            shorten(service)
        ));
    }
    Ok(TargetKind::Grpc { tls, host, port, service: service.to_owned() })
}

/// More than any protobuf name in use; bytes.
const SERVICE_LIMIT: usize = 255;

/// `host:port`, both required, at most one `/` behind.
fn endpoint(rest: &str, scheme: &str) -> Result<(Host, Port), Problem> {
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if let Some(at) = authority.find(['/', '?']) {
        return Err(format!("{:?} is too much; write {scheme}://HOST:PORT", shorten(&authority[at..])));
    }
    let (host, port) = split_authority(authority)?;
    let host = parse_host(host)?;
    let Some(port) = port else {
        return Err(format!("its port is missing; write {scheme}://{host}:PORT", host = super::Bracketed(&host)));
    };
    Ok((host, parse_port(port)?))
}

fn dns(rest: &str) -> Result<TargetKind, Problem> {
    let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
    let name = name.strip_suffix('/').unwrap_or(name);
    if name.contains('/') {
        return Err("a name holds no \"/\"; write dns://NAME?type=TYPE&server=ADDRESS".to_owned());
    }
    if let Some(address) = literal(name)? {
        return Err(format!("{address} is an address, not a name; write dns://{}?type=PTR", reverse_name(address)));
    }
    let name = dns_name(name)?;
    let (mut qtype, mut server) = (None, None);
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let twice = match key.as_ref() {
            "type" => qtype.replace(record_type(&value)?).is_some(),
            "server" => server.replace(server_address(&value)?).is_some(),
            _ => return Err(format!("{key:?} is no option of it; write dns://NAME?type=TYPE&server=ADDRESS")),
        };
        if twice {
            return Err(format!("{key:?} is given twice; give it once"));
        }
    }
    Ok(TargetKind::Dns { name, qtype, server })
}

fn record_type(text: &str) -> Result<u16, Problem> {
    record_type_number(text)
        .ok_or_else(|| format!("the type {text:?} is not known; give A, AAAA, SRV, MX, TXT, ... or its number"))
}

fn server_address(text: &str) -> Result<IpAddr, Problem> {
    literal(text)?.ok_or_else(|| format!("the server {text:?} is no IP address; write server=10.0.0.53"))
}

fn process(rest: &str) -> Result<TargetKind, Problem> {
    let pid = decimal(rest).and_then(|digits| digits.parse().ok()).filter(|pid| (1..=PID_LIMIT).contains(pid));
    match pid {
        Some(pid) => Ok(TargetKind::Process { pid }),
        None => Err(format!("{rest:?} is no process id; write pid://N with N from 1 to {PID_LIMIT}")),
    }
}

fn parse_port(text: &str) -> Result<Port, Problem> {
    port_as(text, "HOST:PORT")
}

/// A port, or the form to write it in.
fn port_as(text: &str, form: &str) -> Result<Port, Problem> {
    let number = decimal(text).and_then(|digits| digits.parse::<u16>().ok()).and_then(NonZeroU16::new);
    number.map(Port).ok_or_else(|| format!("the port {text:?} is no number from 1 to 65535; write {form}"))
}

/// Digits only: no sign, which `str::parse` would take.
fn decimal(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// Host and port, not looked into; IPv6 addresses stand in brackets (RFC 3986 section 3.2.2).
fn split_authority(text: &str) -> Result<(&str, Option<&str>), Problem> {
    if text.contains('@') {
        return Err("credentials in a target are refused; write it without USER@".to_owned());
    }
    if text.starts_with('[') {
        let Some(end) = text.find(']') else {
            return Err("\"[\" is never closed; write [ADDRESS]:PORT".to_owned());
        };
        let (host, rest) = text.split_at(end + 1);
        return match (rest, rest.strip_prefix(':')) {
            ("", _) => Ok((host, None)),
            (_, Some(port)) => Ok((host, Some(port))),
            _ => Err(format!("{rest:?} follows the address; write [ADDRESS]:PORT")),
        };
    }
    match text.split_once(':') {
        None => Ok((text, None)),
        Some((_, port)) if port.contains(':') => {
            Err("an IPv6 address before a port stands in brackets; write [ADDRESS]:PORT".to_owned())
        }
        Some((host, port)) => Ok((host, Some(port))),
    }
}

fn parse_host(text: &str) -> Result<Host, Problem> {
    if text.is_empty() {
        return Err("its host is missing; write HOST:PORT".to_owned());
    }
    if let Some(address) = literal(text)? {
        return Ok(Host::Address(address));
    }
    let name = ascii_name(text)?;
    let name = name.strip_suffix('.').unwrap_or(&name);
    if name.rsplit('.').next().is_some_and(|last| decimal(last).is_some()) {
        return Err(format!("{text:?} is neither a name nor an IPv4 address; an address is four numbers up to 255"));
    }
    if let Some(label) = name.split('.').find(|label| label.starts_with('-') || label.ends_with('-')) {
        return Err(format!("the label {label:?} begins or ends with \"-\"; a host name's labels do not"));
    }
    if name.contains('*') {
        return Err("\"*\" is no part of a host name; name one host".to_owned());
    }
    Ok(Host::Name(name.to_owned()))
}

/// An address literal, unmapped; `None` when the text is meant as a name.
fn literal(text: &str) -> Result<Option<IpAddr>, Problem> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let candidate = inner.unwrap_or(text);
    if candidate.split_once('%').is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok()) {
        return Err(format!("the zone in {text:?} is refused; write the address without %ZONE"));
    }
    if let Ok(address) = candidate.parse::<Ipv6Addr>() {
        return Ok(Some(IpAddr::V6(address).to_canonical()));
    }
    if inner.is_some() {
        return Err(format!("{candidate:?} is no IPv6 address; brackets hold one, as in [2001:db8::1]:443"));
    }
    Ok(candidate.parse::<Ipv4Addr>().ok().map(IpAddr::V4))
}

/// The name of a `dns://` target: with its final dot, and with labels that hosts may not have.
fn dns_name(text: &str) -> Result<String, Problem> {
    match text {
        "" => Err("its name is missing; write dns://NAME".to_owned()),
        "." => Ok(".".to_owned()),
        name => ascii_name(name),
    }
}

/// IDNA (UTS 46, not transitional) to lower-case ASCII, with the final dot that was written; lengths and characters checked.
fn ascii_name(text: &str) -> Result<String, Problem> {
    let name = Uts46::new()
        .to_ascii(text.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore)
        .map_err(|_| format!("the name {:?} is not valid under IDNA (UTS 46); write its xn-- form", shorten(text)))?;
    let labels = name.strip_suffix('.').unwrap_or(&name);
    if labels.len() > NAME_LIMIT {
        return Err(format!("its name is {} bytes long; a name has at most {NAME_LIMIT}", labels.len()));
    }
    for label in labels.split('.') {
        if label.is_empty() {
            return Err(format!("the name {:?} has an empty label; write one dot between labels", shorten(text)));
        }
        if label.len() > LABEL_LIMIT {
            return Err(format!(
                "the label {:?} is {} bytes long; a label has at most {LABEL_LIMIT}",
                shorten(label),
                label.len()
            ));
        }
        if let Some(bad) = label.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*'))) {
            return Err(format!("{bad:?} is no part of a name; names hold letters, digits, \"-\", \"_\" and dots"));
        }
    }
    Ok(name.into_owned())
}

fn bracketed(address: IpAddr) -> String {
    super::Bracketed(&Host::Address(address)).to_string()
}

/// RFC 1035 section 3.5 and RFC 3596 section 2.5.
fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let mut name = String::with_capacity(72);
            for byte in address.octets().iter().rev() {
                // Writing to a String cannot fail.
                let _ok = write!(name, "{:x}.{:x}.", byte & 0xf, byte >> 4);
            }
            name + "ip6.arpa"
        }
    }
}
