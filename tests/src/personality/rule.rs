//! What a scripted server does with a query: `KEY: ACTION`, one line per rule, the first that fits.
//!
//! `KEY` is `NAME [TYPE [TRANSPORT]]`; `*` fits everything, `*.corp.test` every name below it. `udp` or `tcp` alone is the
//! transport itself: `udp: closed` (ICMP port unreachable), `udp: unreachable` (no route), `tcp: closed` (reset).
//! A question that no rule fits gets NXDOMAIN with a SOA.
//!
//! `ACTION` is a list of words: addresses (those of the asked family), `cname:NAME` (a chain, in order), an rcode in lower
//! case, and the words of `parse`.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// One line of a script.
#[derive(Clone, Debug)]
pub struct Rule {
    name: Pattern,
    kind: Option<u16>,
    transport: Option<Transport>,
    /// How often it fits before it is passed over; `None`: always.
    pub times: Option<u32>,
    /// What is done.
    pub action: Action,
}

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A connection.
    Tcp,
}

impl Transport {
    /// `udp` or `tcp`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// What is done with a query; without any field set: the answer NOERROR without a record (NODATA).
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent word of the script's language")]
pub struct Action {
    /// No answer at all; over TCP the connection stays open.
    pub drop: bool,
    /// Over TCP: the connection is closed without an answer.
    pub close: bool,
    /// Beyond the server's own delay.
    pub delay: Duration,
    /// The header's RCODE.
    pub rcode: u8,
    /// The addresses at the end of the chain.
    pub addresses: Vec<IpAddr>,
    /// Targets of CNAME records, in order; the first belongs to the name asked.
    pub chain: Vec<String>,
    /// TC over UDP, with no records.
    pub truncated: bool,
    /// TC over UDP, with all records.
    pub truncated_with_records: bool,
    /// An empty answer without the SOA.
    pub without_soa: bool,
    /// AA is set.
    pub authoritative: bool,
    /// RA is not set.
    pub without_recursion: bool,
    /// AD is set.
    pub authentic: bool,
    /// No OPT in the answer to a query with one.
    pub without_opt: bool,
    /// FORMERR without OPT to a query with one; the rest of the action to any other.
    pub formerr_on_edns: bool,
    /// The answer has another id.
    pub wrong_id: bool,
    /// The answer repeats another question.
    pub wrong_question: bool,
    /// The answer repeats no question.
    pub without_question: bool,
    /// The answer comes from another address of the server's host.
    pub wrong_source: bool,
    /// QR is not set.
    pub not_an_answer: bool,
    /// The id, and then bytes that are no message.
    pub garbage: bool,
    /// Only the header, with its counts as if the rest were there.
    pub header_only: bool,
    /// A datagram of no bytes.
    pub empty: bool,
    /// The records belong to another name.
    pub wrong_owner: bool,
    /// The correct answer follows 100 ms after the one with a fault.
    pub then_right: bool,
}

/// How a server's transport itself behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// It listens.
    #[default]
    Open,
    /// Nothing listens: ICMP port unreachable, or a reset.
    Closed,
    /// There is no route: the kernel refuses to send.
    Unreachable,
}

/// The behaviour of one server address.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// Of UDP.
    pub udp: Reach,
    /// Of TCP.
    pub tcp: Reach,
    /// In order.
    pub rules: Vec<Rule>,
}

impl Script {
    /// Reads the lines.
    pub fn parse(lines: &[String]) -> Result<Self> {
        let mut script = Self::default();
        for line in lines {
            let (key, action) = line.split_once(": ").with_context(|| format!("{line:?} should read KEY: ACTION"))?;
            let reach = || match action.trim() {
                "closed" => Ok(Reach::Closed),
                "unreachable" => Ok(Reach::Unreachable),
                other => bail!("{other:?} should be closed or unreachable"),
            };
            match key {
                "udp" => script.udp = reach()?,
                "tcp" => script.tcp = reach()?,
                _ => script.rules.push(Rule::parse(key, action).with_context(|| format!("rule {line:?}"))?),
            }
        }
        Ok(script)
    }
}

impl Rule {
    /// Whether it is meant for this question; `name` in lower case without the final dot.
    pub fn fits(&self, name: &str, kind: u16, transport: Transport) -> bool {
        let named = match &self.name {
            Pattern::Any => true,
            Pattern::Below(suffix) => name.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.ends_with('.')),
            Pattern::Exactly(exact) => name == exact,
        };
        named && self.kind.is_none_or(|k| k == kind) && self.transport.is_none_or(|t| t == transport)
    }

    fn parse(key: &str, text: &str) -> Result<Self> {
        let mut words = key.split_whitespace();
        let name = match words.next().context("the name is missing")? {
            "*" => Pattern::Any,
            word => match word.strip_prefix("*.") {
                Some(suffix) => Pattern::Below(suffix.to_lowercase()),
                None => Pattern::Exactly(word.trim_end_matches('.').to_lowercase()),
            },
        };
        let kind = match words.next() {
            None | Some("*") => None,
            Some("A") => Some(1),
            Some("AAAA") => Some(28),
            Some(other) => bail!("the type {other:?} should be A, AAAA or *"),
        };
        let transport = match words.next() {
            None => None,
            Some("udp") => Some(Transport::Udp),
            Some("tcp") => Some(Transport::Tcp),
            Some(other) => bail!("the transport {other:?} should be udp or tcp"),
        };
        ensure!(words.next().is_none(), "the key should be NAME TYPE TRANSPORT");
        let (times, action) = parse(text)?;
        Ok(Self { name, kind, transport, times, action })
    }
}

#[derive(Clone, Debug)]
enum Pattern {
    Any,
    Below(String),
    Exactly(String),
}

/// The words of an action.
fn parse(text: &str) -> Result<(Option<u32>, Action)> {
    let mut action = Action::default();
    let mut times = None;
    for word in text.split_whitespace() {
        if let Ok(address) = word.parse() {
            action.addresses.push(address);
            continue;
        }
        match word.split_once(':') {
            Some(("cname", target)) => action.chain.push(target.to_owned()),
            Some(("delay", ms)) => action.delay = Duration::from_millis(ms.trim_end_matches("ms").parse()?),
            Some(("times", n)) => times = Some(n.parse()?),
            Some(_) => bail!("{word:?} should be cname:NAME, delay:200ms, times:2 or an address"),
            None => apply(&mut action, word)?,
        }
    }
    Ok((times, action))
}

fn apply(action: &mut Action, word: &str) -> Result<()> {
    match word {
        "nodata" => {}
        "formerr" => action.rcode = 1,
        "servfail" => action.rcode = 2,
        "nxdomain" => action.rcode = 3,
        "notimp" => action.rcode = 4,
        "refused" => action.rcode = 5,
        "yxdomain" => action.rcode = 6,
        "notauth" => action.rcode = 9,
        "drop" => action.drop = true,
        "close" => action.close = true,
        "tc" => action.truncated = true,
        "tc-with-records" => action.truncated_with_records = true,
        "no-soa" => action.without_soa = true,
        "aa" => action.authoritative = true,
        "no-ra" => action.without_recursion = true,
        "ad" => action.authentic = true,
        "no-opt" => action.without_opt = true,
        "formerr-on-edns" => action.formerr_on_edns = true,
        "wrong-id" => action.wrong_id = true,
        "wrong-question" => action.wrong_question = true,
        "no-question" => action.without_question = true,
        "wrong-source" => action.wrong_source = true,
        "no-qr" => action.not_an_answer = true,
        "garbage" => action.garbage = true,
        "header-only" => action.header_only = true,
        "empty" => action.empty = true,
        "wrong-owner" => action.wrong_owner = true,
        "then-right" => action.then_right = true,
        other => bail!("{other:?} is no word of a server script"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_chooses_by_name_type_and_transport() {
        let rule = Rule::parse("*.corp.test AAAA udp", "drop").expect("it parses");
        assert!(rule.fits("a.corp.test", 28, Transport::Udp));
        assert!(!rule.fits("corp.test", 28, Transport::Udp));
        assert!(!rule.fits("xcorp.test", 28, Transport::Udp));
        assert!(!rule.fits("a.corp.test", 1, Transport::Udp));
        assert!(!rule.fits("a.corp.test", 28, Transport::Tcp));
    }

    #[test]
    fn an_unknown_word_is_an_error_that_quotes_it() {
        let error = Script::parse(&["www.example.test: srvfail".to_owned()]).expect_err("there is no such word");
        assert!(format!("{error:#}").contains("srvfail"), "{error:#}");
    }
}
