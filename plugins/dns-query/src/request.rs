//! The arguments as a query. Every message quotes the value and ends with what would be right.

use std::time::Duration;

use sonde_sdk::dns::{
    ClientSubnet, Cookie, DEFAULT_TIMEOUT, EdnsOption, EdnsRequest, HeaderFlags, HttpMethod, Query, Transport, qtype,
};
use sonde_sdk::prelude::*;

/// What the check takes.
pub(crate) fn parameters() -> Vec<Parameter> {
    use ParameterType::{Address, Boolean, Integer, Text};
    let new = Parameter::new;
    vec![
        new("name", Text, "the name, as it goes on the wire; that of a dns:// target when absent"),
        new("type", Text, "its type: a mnemonic, TYPE65400 or a number; A when absent"),
        new("class", Text, "IN, CH, HS, ANY or a number").with_default("IN"),
        new("server", Address, "whom to ask; the first name server of resolv.conf when absent"),
        new("port", Integer, "of the server; 53, tls and quic 853, https 443 when absent"),
        new("transport", Text, "udp, tcp, tls, https or quic").with_default("udp"),
        new("flags", Text, "header bits to set, of aa,tc,rd,ra,z,ad,cd").with_default("rd"),
        new("edns", Boolean, "send an OPT record").with_default("true"),
        new("bufsize", Integer, "its UDP payload size").in_unit("By").with_default("1232"),
        new("edns-version", Integer, "its version").with_default("0"),
        new("dnssec", Boolean, "the DO bit").with_default("false"),
        new("nsid", Boolean, "ask for the server's identifier").with_default("false"),
        new("ecs", Text, "client subnet, such as 192.0.2.0/24"),
        new("cookie", Text, "16 hex digits, or 32 to 80 with the server's part"),
        new("padding", Integer, "pad the query to a multiple of this").in_unit("By"),
        new("options", Text, "further EDNS options, CODE:HEX separated by commas"),
        new("server-name", Text, "SNI and the name to verify; the address is verified when absent"),
        new("path", Text, "of https; /dns-query when absent"),
        new("method", Text, "of https: get or post").with_default("post"),
        new("timeout", ParameterType::Duration, "of the exchange"),
    ]
}

/// The query that the arguments ask for; its server's address is empty where none is named.
pub(crate) fn query(target: &Target, arguments: &Arguments, budget: Budget) -> Result<Query, String> {
    let text = |name: &str| arguments.optional::<String>(name);
    let name = text("name")?.or_else(|| target.host.clone()).ok_or("argument \"name\" is missing: give name=NAME")?;
    let wanted = match text("type")? {
        Some(text) => qtype::number(&text)
            .ok_or_else(|| format!("type {text:?}: write a mnemonic such as AAAA, TYPE65400 or a number"))?,
        None => target.qtype.unwrap_or(qtype::A),
    };
    let transport = transport(&arguments.required::<String>("transport")?)?;
    let server = text("server")?.or_else(|| target.server.clone()).unwrap_or_default();
    let port = arguments.optional::<u16>("port")?.unwrap_or(default_port(transport));
    let timeout = arguments.optional::<Duration>("timeout")?.unwrap_or(DEFAULT_TIMEOUT).min(budget.remaining());
    let mut query = Query::to(Endpoint::new(&server, port), &name, wanted).within(timeout);
    query.transport = transport;
    query.qclass = class(&arguments.required::<String>("class")?)?;
    query.flags = flags(&arguments.required::<String>("flags")?)?;
    query.edns = if arguments.required("edns")? { Some(edns(arguments)?) } else { None };
    query.server_name = text("server-name")?;
    query.http_path = text("path")?;
    query.http_method = match arguments.required::<String>("method")?.as_str() {
        "get" => HttpMethod::Get,
        "post" => HttpMethod::Post,
        other => return Err(format!("method {other:?}: write get or post")),
    };
    Ok(query)
}

fn edns(arguments: &Arguments) -> Result<EdnsRequest, String> {
    Ok(EdnsRequest {
        udp_size: arguments.required("bufsize")?,
        version: version(arguments.required("edns-version")?)?,
        dnssec_ok: arguments.required("dnssec")?,
        nsid: arguments.required("nsid")?,
        client_subnet: arguments.optional::<String>("ecs")?.map(|prefix| ClientSubnet { prefix, scope: 0 }),
        cookie: arguments.optional::<String>("cookie")?.as_deref().map(cookie).transpose()?,
        padding_block: arguments.optional("padding")?,
        options: options(&arguments.optional::<String>("options")?.unwrap_or_default())?,
    })
}

fn version(number: u16) -> Result<u8, String> {
    u8::try_from(number).map_err(|_| format!("edns-version {number}: write a number from 0 to 255"))
}

fn transport(text: &str) -> Result<Transport, String> {
    Ok(match text {
        "udp" => Transport::Udp,
        "tcp" => Transport::Tcp,
        "tls" => Transport::Tls,
        "https" => Transport::Https,
        "quic" => Transport::Quic,
        other => return Err(format!("transport {other:?}: write udp, tcp, tls, https or quic")),
    })
}

fn default_port(transport: Transport) -> u16 {
    match transport {
        Transport::Udp | Transport::Tcp => 53,
        Transport::Tls | Transport::Quic => 853,
        Transport::Https => 443,
    }
}

/// RFC 1035 section 3.2.4, RFC 6895 section 3.2.
fn class(text: &str) -> Result<u16, String> {
    Ok(match text.to_ascii_uppercase().as_str() {
        "IN" => 1,
        "CH" | "CHAOS" => 3,
        "HS" => 4,
        "ANY" => 255,
        other => {
            let number = other.strip_prefix("CLASS").unwrap_or(other).parse();
            number.map_err(|_| format!("class {text:?}: write IN, CH, HS, ANY, CLASS5 or a number"))?
        }
    })
}

fn flags(text: &str) -> Result<HeaderFlags, String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).try_fold(HeaderFlags::empty(), |flags, word| {
        let flag = match word.to_ascii_lowercase().as_str() {
            "aa" => HeaderFlags::AUTHORITATIVE,
            "tc" => HeaderFlags::TRUNCATED,
            "rd" => HeaderFlags::RECURSION_DESIRED,
            "ra" => HeaderFlags::RECURSION_AVAILABLE,
            "z" => HeaderFlags::Z,
            "ad" => HeaderFlags::AUTHENTIC_DATA,
            "cd" => HeaderFlags::CHECKING_DISABLED,
            other => return Err(format!("flag {other:?}: write some of aa,tc,rd,ra,z,ad,cd")),
        };
        Ok(flags | flag)
    })
}

/// RFC 7873: 8 bytes of the client, then none or 8 to 32 of the server.
fn cookie(text: &str) -> Result<Cookie, String> {
    let right = || format!("cookie {text:?}: write 16 hex digits, or 32 to 80 with the server's part");
    let bytes = hex(text).ok_or_else(right)?;
    let (client, server) = bytes.split_at_checked(8).ok_or_else(right)?;
    if !server.is_empty() && !(8..=32).contains(&server.len()) {
        return Err(right());
    }
    Ok(Cookie { client: client.to_vec(), server: server.to_vec() })
}

fn options(text: &str) -> Result<Vec<EdnsOption>, String> {
    let option = |word: &str| {
        let (code, data) = word.split_once(':').unwrap_or((word, ""));
        let right = || format!("EDNS option {word:?}: write CODE:HEX, such as 65001:0a0b");
        Ok(EdnsOption { code: code.parse().map_err(|_| right())?, data: hex(data).ok_or_else(right)? })
    };
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(option).collect()
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use sonde_sdk::check::Argument;
    use sonde_sdk::testkit;

    use super::*;

    fn asked(given: &[(&str, &str)]) -> Result<Query, String> {
        let given =
            given.iter().map(|(name, value)| Argument { name: (*name).into(), value: (*value).into() }).collect();
        let arguments = Arguments::of(parameters(), given)?;
        let target = Target { host: None, ..testkit::target(TargetKind::Host, "", 0, &[]) };
        query(&target, &arguments, testkit::budget())
    }

    #[test]
    fn a_plain_question_is_asked_for_recursion_with_edns() {
        let query = asked(&[("name", "orders.example")]).expect("it is right");

        assert_eq!((query.qtype, query.qclass, query.server.port), (qtype::A, 1, 53));
        assert_eq!(query.flags, HeaderFlags::RECURSION_DESIRED);
        assert_eq!(query.edns.map(|edns| edns.udp_size), Some(1232));
    }

    #[test]
    fn every_word_reaches_the_query() {
        let query = asked(&[
            ("name", "orders.example"),
            ("type", "SRV"),
            ("server", "192.0.2.1"),
            ("transport", "quic"),
            ("flags", "cd,z"),
            ("cookie", "0011223344556677"),
            ("options", "65001:0a0b, 10:"),
        ])
        .expect("it is right");

        assert_eq!((query.qtype, query.server.port, query.transport), (33, 853, Transport::Quic));
        assert_eq!(query.flags, HeaderFlags::CHECKING_DISABLED | HeaderFlags::Z);
        let edns = query.edns.expect("an OPT record");
        assert_eq!(edns.cookie.map(|cookie| cookie.client.len()), Some(8));
        assert_eq!(
            edns.options.iter().map(|option| (option.code, option.data.len())).collect::<Vec<_>>(),
            [(65001, 2), (10, 0)]
        );
    }

    #[test]
    fn what_makes_no_sense_is_quoted() {
        for (name, value) in [
            ("type", "AAAAA"),
            ("class", "OUT"),
            ("transport", "carrier"),
            ("flags", "rd,xx"),
            ("cookie", "00"),
            ("options", "x:1"),
            ("method", "put"),
        ] {
            let problem = asked(&[("name", "a.example"), (name, value)]).expect_err(value);
            assert!(problem.contains(value) || problem.contains("xx"), "{problem}");
        }
        assert!(asked(&[]).expect_err("no name").contains("name=NAME"));
    }
}
