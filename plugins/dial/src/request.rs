//! The arguments as a wish. Every message quotes the value and ends with what would be right.

mod family;
mod http;
mod meaning;

use std::net::IpAddr;
use std::time::Duration;

use sonde_sdk::dial::Starttls;
use sonde_sdk::prelude::*;

pub(crate) use self::family::Family;
pub(crate) use self::http::{HttpWish, is_redirect};

/// What the check takes.
pub(crate) fn parameters() -> Vec<Parameter> {
    use ParameterType::{Address, Boolean, Integer, Text};
    let new = Parameter::new;
    vec![
        new("count", Integer, "dials of each address, one after another; at most 10000 of tcp targets, 1000 of others")
            .with_default("1"),
        new(
            "interval",
            ParameterType::Duration,
            "from the begin of one to the begin of the next, or until it has ended",
        )
        .with_default("200ms"),
        new("family", Text, "any, 4 or 6; any is that of bind, where it is given").with_default("any"),
        new("bind", Address, "the local address to dial from"),
        new("device", Text, "the network device to dial through"),
        new("close", Text, "fin or rst: how an established connection ends; of tcp targets"),
        new("hold", ParameterType::Duration, "keep the connection open so long before it ends; of tcp targets"),
        new("timeout", ParameterType::Duration, "of each dial; of several at most half of the run's time"),
        new("deltas", Boolean, "take counter deltas around each dial; they then run one at a time")
            .with_default("false"),
        new("sni", Text, "of tls and https: the server name to send and to verify; the target's host when absent"),
        new("send-sni", Boolean, "of tls: false verifies the name without sending it").with_default("true"),
        new("alpn", Text, "of tls: protocols to offer, separated by commas"),
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

impl Wish {
    /// The host repeats the dial by itself, which no guest's scheduling disturbs. A held connection it does not repeat, and deltas
    /// belong to one dial.
    pub(crate) fn is_one_call(&self) -> bool {
        matches!(self.speak, Speak::Tcp) && self.count > 1 && self.tcp.hold.is_zero() && !self.deltas
    }

    /// What would be beyond the calls of a run would fail one by one, as if the network had refused it.
    pub(crate) fn afford(&self, addresses: usize) -> Result<(), String> {
        let each = MOST_CALLS.checked_div(u32::try_from(addresses).unwrap_or(u32::MAX)).unwrap_or(MOST_CALLS);
        if self.is_one_call() || self.count <= each {
            return Ok(());
        }
        Err(format!(
            "count {} on {addresses} addresses is more than the {MOST_CALLS} dials of a run: write at most {each}",
            self.count
        ))
    }
}

/// The wish that the arguments spell for this target, of dials that may take `time` in all.
pub(crate) fn wish(
    target: &Target,
    arguments: &Arguments,
    probe_timeout: Duration,
    time: Duration,
) -> Result<Wish, String> {
    meaning::refuse_useless(arguments, target.kind)?;
    let count: u32 = arguments.required("count")?;
    let bind: Option<IpAddr> = arguments.optional("bind")?;
    let timeout: Duration = arguments.optional("timeout")?.unwrap_or(probe_timeout);
    if timeout.is_zero() {
        return Err("timeout 0s leaves no time for a dial: write a longer one, such as 3s".to_owned());
    }
    // None is begun that has not all of its timeout left: of several, the first must leave some time.
    let longest = if count > 1 { time / 2 } else { time };
    let (hold, deltas) = (arguments.optional("hold")?.unwrap_or_default(), arguments.required("deltas")?);
    if deltas && timeout > probe_timeout {
        let most = probe_timeout.as_millis();
        return Err(format!("timeout {timeout:?} with deltas: others wait for such a dial, so write at most {most}ms"));
    }
    let timeout = beside(hold, timeout.min(longest), if deltas { time.min(probe_timeout) } else { time }, deltas)?;
    let wish = Wish {
        count,
        interval: arguments.required("interval")?,
        family: Family::chosen(&arguments.required::<String>("family")?, bind)?,
        bind: bind.map(|address| address.to_string()),
        device: arguments.optional("device")?,
        tcp: TcpWish { reset: close(arguments.optional::<String>("close")?.as_deref())?, hold },
        timeout,
        deltas,
        speak: speak(target, arguments)?,
    };
    let most = if wish.is_one_call() { MOST_IN_ONE_CALL } else { MOST };
    if !(1..=most).contains(&count) {
        return Err(format!("count {count}: write a number from 1 to {most}"));
    }
    Ok(wish)
}

/// What the handshake gets beside a connection that is held: a hold that were cut would be told as one that was survived.
fn beside(hold: Duration, timeout: Duration, time: Duration, deltas: bool) -> Result<Duration, String> {
    let left = time.saturating_sub(hold);
    if left >= timeout.min(LEAST) {
        return Ok(timeout.min(left));
    }
    let (time, whose) = (time.as_millis(), if deltas { "a dial with deltas" } else { "this run" });
    Err(format!(
        "hold {hold:?} does not fit into the {time} ms of {whose}: hold the connection less long, or give more time"
    ))
}

fn speak(target: &Target, arguments: &Arguments) -> Result<Speak, String> {
    Ok(match target.kind {
        TargetKind::Tls => Speak::Tls(TlsWish {
            server_name: match arguments.optional("sni")? {
                Some(name) => name,
                None => target.host.clone().unwrap_or_default(),
            },
            send_sni: arguments.required("send-sni")?,
            alpn: words(&arguments.optional::<String>("alpn")?.unwrap_or_default()),
            small_hello: hello(arguments.optional::<String>("hello")?.as_deref())?,
            starttls: starttls(arguments.optional::<String>("starttls")?.as_deref())?,
        }),
        TargetKind::Https | TargetKind::Http => Speak::Http(HttpWish::of(target, arguments)?),
        _ => Speak::Tcp,
    })
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

/// Whether by RST.
fn close(text: Option<&str>) -> Result<bool, String> {
    match text {
        None | Some("fin") => Ok(false),
        Some("rst") => Ok(true),
        Some(other) => Err(format!("close {other:?}: write fin or rst")),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A handshake that is held gets at least this, or all of its timeout.
const LEAST: Duration = Duration::from_millis(500);

/// Of dials that are a host call each.
const MOST: u32 = 1_000;
/// As many as the host repeats in one call.
const MOST_IN_ONE_CALL: u32 = 10_000;
/// A run may make 2,000, and each hop of a redirect takes two.
const MOST_CALLS: u32 = 2_000 - 2 * http::MOST_HOPS as u32;

#[cfg(test)]
mod tests {
    use sonde_sdk::check::Argument;
    use sonde_sdk::location::Place;
    use sonde_sdk::testkit;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn wished(kind: TargetKind, given: &[(&str, &str)]) -> Result<Wish, String> {
        let given =
            given.iter().map(|(name, value)| Argument { name: (*name).into(), value: (*value).into() }).collect();
        let arguments = Arguments::of(parameters(), given)?;
        wish(&testkit::target(kind, "Shop.example", 8443, &["192.0.2.1"]), &arguments, MS(3500), MS(10_000))
    }

    #[test]
    fn a_hold_that_would_be_cut_is_refused_and_a_shorter_one_leaves_the_handshake_the_rest() {
        let wished = |given: &[(&str, &str)]| wished(TargetKind::Tcp, given);
        let kept = wished(&[("hold", "8s")]).expect("it fits");
        assert_eq!((kept.tcp.hold, kept.timeout), (MS(8000), MS(2000)));
        for given in [&[("hold", "9800ms")][..], &[("hold", "1h")], &[("hold", "3200ms"), ("deltas", "true")]] {
            let problem = wished(given).expect_err("it would be cut");
            assert!(problem.contains("hold") && problem.contains("ms of"), "{problem}");
        }
        let problem = wished(&[("timeout", "10s"), ("deltas", "true")]).expect_err("it would be cut");
        assert!(problem.contains("10s") && problem.contains("3500ms"), "{problem}");
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
        let first = http(&[
            ("headers", "Cookie: a=b\nHost: a.example\nAccept: text/html"),
            ("sni", "other.example"),
            ("method", "POST"),
        ]);

        let away = first.at(Place { host: "away.example".to_owned(), ..first.place.clone() }, 302);
        let here = first.at(Place { path: "/x".to_owned(), ..first.place.clone() }, 307);

        assert_eq!(away.headers, [("Accept".to_owned(), "text/html".to_owned())]);
        assert_eq!((away.method.as_str(), away.server_name.as_deref()), ("GET", None));
        assert_eq!((here.method.as_str(), here.headers.len()), ("POST", 2));
        assert_eq!((away.host.as_deref(), here.host.as_deref()), (None, Some("a.example")));
        assert_eq!(here.server_name.as_deref(), Some("other.example"));
    }

    #[test]
    fn a_dial_waits_as_long_as_a_probe_of_this_daemon_and_several_leave_time_for_each_other() {
        let timeout = |given: &[(&str, &str)]| wished(TargetKind::Tls, given).expect("it is right").timeout;
        assert_eq!(timeout(&[]), MS(3500));
        assert_eq!(timeout(&[("timeout", "20s")]), MS(10_000));
        assert_eq!(timeout(&[("timeout", "20s"), ("count", "2")]), MS(5000));
    }

    #[test]
    fn tcp_dials_are_repeated_in_one_call_unless_each_has_more_to_tell() {
        let one_call = |kind, given: &[(&str, &str)]| wished(kind, given).expect("it is right").is_one_call();
        assert!(one_call(TargetKind::Tcp, &[("count", "10000"), ("close", "rst")]));
        assert!(!one_call(TargetKind::Tcp, &[]));
        assert!(!one_call(TargetKind::Tcp, &[("count", "3"), ("hold", "1s")]));
        assert!(!one_call(TargetKind::Tcp, &[("count", "3"), ("deltas", "true")]));
        assert!(!one_call(TargetKind::Tls, &[("count", "3")]));
    }

    #[test]
    fn more_dials_than_a_run_may_make_are_refused() {
        let afford = |kind, count, addresses| wished(kind, &[("count", count)]).expect("it is right").afford(addresses);
        assert_eq!(afford(TargetKind::Tls, "980", 2), Ok(()));
        assert_eq!(afford(TargetKind::Tcp, "10000", 20), Ok(()));
        let problem = afford(TargetKind::Tls, "1000", 4).expect_err("they are too many");
        assert!(problem.ends_with("write at most 490"), "{problem}");
    }

    #[test]
    fn what_makes_no_sense_is_quoted() {
        for (kind, name, value) in [
            (TargetKind::Tcp, "count", "0"),
            (TargetKind::Tcp, "count", "10001"),
            (TargetKind::Tls, "count", "1001"),
            (TargetKind::Tcp, "timeout", "0s"),
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
