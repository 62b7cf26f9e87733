//! The arguments as a wish. Every message quotes the value and ends with what would be right.

use std::time::Duration;

use sonde_sdk::dial::{DEFAULT_TIMEOUT, HttpProtocol, Starttls};
use sonde_sdk::prelude::*;

use crate::place::Place;

/// What the check takes.
pub(crate) fn parameters() -> Vec<Parameter> {
    use ParameterType::{Address, Boolean, Integer, Text};
    let new = Parameter::new;
    vec![
        new("count", Integer, "dials of each address, one after another").with_default("1"),
        new("interval", ParameterType::Duration, "the pause between two of them").with_default("200ms"),
        new("family", Text, "any, 4 or 6").with_default("any"),
        new("bind", Address, "the local address to dial from"),
        new("device", Text, "the network device to dial through"),
        new("close", Text, "fin or rst: how an established connection ends; of tcp targets"),
        new("hold", ParameterType::Duration, "keep the connection open so long before it ends; of tcp targets"),
        new("timeout", ParameterType::Duration, "of each dial"),
        new("deltas", Boolean, "take counter deltas around each dial; they then run one at a time")
            .with_default("false"),
        new("sni", Text, "the server name to send and to verify; the target's host when absent"),
        new("send-sni", Boolean, "false verifies the name without sending it").with_default("true"),
        new("alpn", Text, "protocols to offer by tls, separated by commas"),
        new("hello", Text, "of tls: post-quantum (with X25519MLKEM768, two packets) or classical (one)"),
        new("starttls", Text, "of tls: ask for it first as postgres, mysql, smtp, imap or ldap do"),
        new("protocol", Text, "of http: auto, 1 or 2").with_default("auto"),
        new("method", Text, "of http").with_default("GET"),
        new("headers", Text, "of http: further ones, NAME: VALUE, one on each line"),
        new("body-limit", Integer, "of http: stop reading the body there").in_unit("By").with_default("1048576"),
        new("redirects", Integer, "of http: how many hops to follow, at most 20").with_default("10"),
    ]
}

/// What to dial, and how.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) count: u32,
    pub(crate) interval: Duration,
    pub(crate) family: Family,
    pub(crate) bind: Option<String>,
    pub(crate) device: Option<String>,
    pub(crate) tcp: TcpWish,
    pub(crate) timeout: Duration,
    pub(crate) deltas: bool,
    pub(crate) speak: Speak,
}

/// A connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TcpWish {
    pub(crate) reset: bool,
    pub(crate) hold: Duration,
}

/// What to say once connected.
#[derive(Clone, Debug)]
pub(crate) enum Speak {
    Tcp,
    Tls(TlsWish),
    Http(HttpWish),
}

/// A handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsWish {
    pub(crate) server_name: String,
    pub(crate) send_sni: bool,
    pub(crate) alpn: Vec<String>,
    pub(crate) small_hello: bool,
    pub(crate) starttls: Option<Starttls>,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpWish {
    pub(crate) place: Place,
    /// Instead of the place's own host.
    pub(crate) server_name: Option<String>,
    pub(crate) protocol: HttpProtocol,
    pub(crate) method: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body_limit: u32,
    pub(crate) redirects: u8,
}

impl HttpWish {
    /// The request that a redirect of this status makes of it (RFC 9110 section 15.4). Credentials stay with their server.
    pub(crate) fn at(&self, place: Place, status: u16) -> Self {
        let turns = status == 303 && self.method != "HEAD" || matches!(status, 301 | 302) && self.method == "POST";
        let stays = place.host == self.place.host && place.port == self.place.port && place.https == self.place.https;
        let secret = |name: &str| ["authorization", "cookie", "proxy-authorization"].contains(&name);
        Self {
            method: if turns { "GET".to_owned() } else { self.method.clone() },
            headers: self
                .headers
                .iter()
                .filter(|(name, _)| stays || !(secret(&name.to_ascii_lowercase()) || name.eq_ignore_ascii_case("host")))
                .cloned()
                .collect(),
            server_name: self.server_name.clone().filter(|_| stays),
            place,
            ..self.clone()
        }
    }
}

/// The statuses that a client follows by itself.
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Which addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Any,
    Ipv4,
    Ipv6,
}

impl Family {
    /// It dials this one.
    pub(crate) fn takes(self, endpoint: &Endpoint) -> bool {
        match self {
            Self::Any => true,
            Self::Ipv4 => !endpoint.is_ipv6(),
            Self::Ipv6 => endpoint.is_ipv6(),
        }
    }

    /// For people; none of any.
    pub(crate) fn word(self) -> Option<&'static str> {
        match self {
            Self::Any => None,
            Self::Ipv4 => Some("IPv4"),
            Self::Ipv6 => Some("IPv6"),
        }
    }
}

/// The wish that the arguments spell for this target.
pub(crate) fn wish(target: &Target, arguments: &Arguments, budget: Budget) -> Result<Wish, String> {
    let count = arguments.required("count")?;
    if !(1..=MOST).contains(&count) {
        return Err(format!("count {count}: write a number from 1 to {MOST}"));
    }
    let speak = speak(target, arguments)?;
    refuse_meaningless(arguments, &speak)?;
    Ok(Wish {
        count,
        interval: arguments.required("interval")?,
        family: family(&arguments.required::<String>("family")?)?,
        bind: arguments.optional("bind")?,
        device: arguments.optional("device")?,
        tcp: TcpWish {
            reset: close(arguments.optional::<String>("close")?.as_deref())?,
            hold: arguments.optional("hold")?.unwrap_or_default(),
        },
        timeout: arguments.optional("timeout")?.unwrap_or(DEFAULT_TIMEOUT).min(budget.remaining()),
        deltas: arguments.required("deltas")?,
        speak,
    })
}

fn speak(target: &Target, arguments: &Arguments) -> Result<Speak, String> {
    let host = target.host.as_deref().unwrap_or_default();
    let sni = arguments.optional::<String>("sni")?;
    Ok(match target.kind {
        TargetKind::Tls => Speak::Tls(TlsWish {
            server_name: sni.unwrap_or_else(|| host.to_owned()),
            send_sni: arguments.required("send-sni")?,
            alpn: words(&arguments.optional::<String>("alpn")?.unwrap_or_default()),
            small_hello: hello(arguments.optional::<String>("hello")?.as_deref())?,
            starttls: starttls(arguments.optional::<String>("starttls")?.as_deref())?,
        }),
        TargetKind::Https | TargetKind::Http => {
            let https = target.kind == TargetKind::Https;
            let port = target.port.unwrap_or(crate::place::default_port(https));
            let path = target.path.clone().unwrap_or_else(|| "/".to_owned());
            Speak::Http(HttpWish {
                place: Place { https, host: host.to_ascii_lowercase(), port, path },
                server_name: sni,
                protocol: protocol(&arguments.required::<String>("protocol")?)?,
                method: method(&arguments.required::<String>("method")?)?,
                headers: headers(&arguments.optional::<String>("headers")?.unwrap_or_default())?,
                body_limit: arguments.required("body-limit")?,
                redirects: redirects(arguments.required("redirects")?)?,
            })
        }
        _ => Speak::Tcp,
    })
}

/// An argument that the target's protocol has no use for, dropped in silence, would be taken for obeyed.
fn refuse_meaningless(arguments: &Arguments, speak: &Speak) -> Result<(), String> {
    let (useless, kinds): (&[&str], _) = match speak {
        Speak::Tcp => (&["sni", "alpn", "hello", "starttls", "headers"], "a tls, http or https target"),
        Speak::Tls(_) => (&["close", "hold", "headers"], "a tcp target, or headers for an http one"),
        Speak::Http(_) => (&["close", "hold", "alpn", "hello", "starttls"], "a tcp or tls target"),
    };
    for name in useless {
        if let Some(value) = arguments.optional::<String>(name)? {
            return Err(format!("argument {name}={value:?} means nothing to this target: it is for {kinds}"));
        }
    }
    Ok(())
}

fn family(text: &str) -> Result<Family, String> {
    match text {
        "any" => Ok(Family::Any),
        "4" => Ok(Family::Ipv4),
        "6" => Ok(Family::Ipv6),
        other => Err(format!("family {other:?}: write any, 4 or 6")),
    }
}

/// Whether it is the small one.
fn hello(text: Option<&str>) -> Result<bool, String> {
    match text {
        None | Some("post-quantum") => Ok(false),
        Some("classical") => Ok(true),
        Some(other) => Err(format!("hello {other:?}: write post-quantum or classical")),
    }
}

fn starttls(text: Option<&str>) -> Result<Option<Starttls>, String> {
    Ok(Some(match text {
        None => return Ok(None),
        Some("postgres") => Starttls::Postgres,
        Some("mysql") => Starttls::Mysql,
        Some("smtp") => Starttls::Smtp,
        Some("imap") => Starttls::Imap,
        Some("ldap") => Starttls::Ldap,
        Some(other) => return Err(format!("starttls {other:?}: write postgres, mysql, smtp, imap or ldap")),
    }))
}

fn protocol(text: &str) -> Result<HttpProtocol, String> {
    match text {
        "auto" => Ok(HttpProtocol::Auto),
        "1" => Ok(HttpProtocol::Http1),
        "2" => Ok(HttpProtocol::Http2),
        other => Err(format!("protocol {other:?}: write auto, 1 or 2")),
    }
}

/// Whether by RST.
fn close(text: Option<&str>) -> Result<bool, String> {
    match text {
        None | Some("fin") => Ok(false),
        Some("rst") => Ok(true),
        Some(other) => Err(format!("close {other:?}: write fin or rst")),
    }
}

fn redirects(number: u32) -> Result<u8, String> {
    let right = || format!("redirects {number}: write a number from 0 to {MOST_HOPS}");
    u8::try_from(number).ok().filter(|number| *number <= MOST_HOPS).ok_or_else(right)
}

/// RFC 9110 section 9.1: a token.
fn method(text: &str) -> Result<String, String> {
    let token =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    if token { Ok(text.to_owned()) } else { Err(format!("method {text:?}: write a token such as GET or HEAD")) }
}

fn headers(text: &str) -> Result<Vec<(String, String)>, String> {
    let field = |line: &str| {
        let (name, value) = line
            .split_once(':')
            .filter(|(name, _)| method(name).is_ok())
            .ok_or_else(|| format!("header {line:?}: write NAME: VALUE"))?;
        Ok((name.to_owned(), value.trim().to_owned()))
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(field).collect()
}

fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A run may make 2,000 host calls.
const MOST: u32 = 1_000;
/// As many as browsers follow.
const MOST_HOPS: u8 = 20;

#[cfg(test)]
mod tests {
    use sonde_sdk::check::Argument;
    use sonde_sdk::testkit;

    use super::*;

    fn wished(kind: TargetKind, given: &[(&str, &str)]) -> Result<Wish, String> {
        let given =
            given.iter().map(|(name, value)| Argument { name: (*name).into(), value: (*value).into() }).collect();
        let arguments = Arguments::of(parameters(), given)?;
        wish(&testkit::target(kind, "Shop.example", 8443, &["192.0.2.1"]), &arguments, testkit::budget())
    }

    fn http(given: &[(&str, &str)]) -> HttpWish {
        match wished(TargetKind::Https, given).expect("it is right").speak {
            Speak::Http(wanted) => wanted,
            other => panic!("{other:?} is no request"),
        }
    }

    #[test]
    fn the_target_says_what_is_spoken() {
        assert!(matches!(wished(TargetKind::Tcp, &[]).expect("it is right").speak, Speak::Tcp));
        let tls = wished(TargetKind::Tls, &[("alpn", "h2, http/1.1"), ("send-sni", "false")]).expect("it is right");
        let Speak::Tls(tls) = tls.speak else { panic!("{tls:?} is no handshake") };
        assert_eq!((tls.server_name.as_str(), tls.send_sni, tls.alpn.len()), ("Shop.example", false, 2));
        assert_eq!(http(&[]).place.url(), "https://shop.example:8443/");
    }

    #[test]
    fn a_redirect_to_another_server_takes_no_credentials_along() {
        let first =
            http(&[("headers", "Cookie: a=b\nAccept: text/html"), ("sni", "other.example"), ("method", "POST")]);

        let away = first.at(Place { host: "away.example".to_owned(), ..first.place.clone() }, 302);
        let here = first.at(Place { path: "/x".to_owned(), ..first.place.clone() }, 307);

        assert_eq!(away.headers, [("Accept".to_owned(), "text/html".to_owned())]);
        assert_eq!((away.method.as_str(), away.server_name.as_deref()), ("GET", None));
        assert_eq!((here.method.as_str(), here.headers.len()), ("POST", 2));
        assert_eq!(here.server_name.as_deref(), Some("other.example"));
    }

    #[test]
    fn what_makes_no_sense_is_quoted() {
        for (kind, name, value) in [
            (TargetKind::Tcp, "count", "0"),
            (TargetKind::Tcp, "count", "1001"),
            (TargetKind::Tcp, "family", "5"),
            (TargetKind::Tcp, "sni", "a.example"),
            (TargetKind::Tcp, "close", "ack"),
            (TargetKind::Tls, "hold", "3s"),
            (TargetKind::Tls, "hello", "small"),
            (TargetKind::Tls, "starttls", "pop3"),
            (TargetKind::Https, "protocol", "3"),
            (TargetKind::Https, "alpn", "h2"),
            (TargetKind::Https, "redirects", "21"),
            (TargetKind::Https, "method", "GE T"),
            (TargetKind::Https, "headers", "no colon"),
        ] {
            let problem = wished(kind, &[(name, value)]).expect_err(value);
            assert!(problem.contains(value) && problem.contains(name.trim_end_matches('s')), "{problem}");
        }
    }
}
