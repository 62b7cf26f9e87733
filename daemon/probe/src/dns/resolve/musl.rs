//! getaddrinfo of musl, without hints but the family: what `__lookup_name` of `src/network/lookup_name.c` does.
//!
//! A literal, else the hosts file, else DNS; no `localhost` of its own, no nsswitch.conf, no environment. All servers are asked
//! at once, and the first acceptable answer holds. Which release is emulated: [`Release`].

mod answer;
mod exchange;
mod literal;
mod question;
mod release;
mod sockets;
mod stream;

use std::io;
use std::net::IpAddr;

use sonde_core::observation::Phase;
use sonde_core::observation::dns::{Directive, Family, Personality, ResolveError, ResolverConfig, View};

use self::exchange::Exchange;
use self::literal::{Literal, literal};
use self::question::Question;
use self::release::Release;
use super::{Found, Lookup, Outcome};
use crate::failure::Fault;

/// `MAXADDRS` of `src/network/lookup.h`.
const MOST_ADDRESSES: usize = 48;

/// What getaddrinfo returns instead of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Eai {
    NoName,
    Again,
    NoData,
    System,
}

impl Eai {
    /// With the text of `src/network/gai_strerror.c`.
    fn error(self) -> ResolveError {
        let (code, text) = match self {
            Self::NoName => ("EAI_NONAME", "Name does not resolve"),
            Self::Again => ("EAI_AGAIN", "Try again"),
            Self::NoData => ("EAI_NODATA", "Name has no usable address"),
            Self::System => ("EAI_SYSTEM", "System error"),
        };
        ResolveError { code: code.to_owned(), text: text.to_owned() }
    }
}

pub(super) async fn perform(lookup: &Lookup<'_>) -> Outcome {
    let name = &lookup.request.name;
    if name.contains('\0') {
        return Err(Fault::invalid(format!("a name with a zero byte: {name:?}")));
    }
    // strnlen(name, 255) - 1 >= 254
    if name.is_empty() || name.len() > 254 {
        return Ok(Err(Eai::NoName.error()));
    }
    let view = lookup.view()?;
    let (release, numeric) = numeric(lookup).await?;
    match numeric {
        Err(eai) => return Ok(Err(eai.error())),
        Ok(Literal::Address(address)) => {
            return Ok(Ok(Found { source: "literal", addresses: vec![address], canonical_name: None }));
        }
        Ok(Literal::None) => {}
    }
    match hosts(lookup, release) {
        Err(eai) => return Ok(Err(eai.error())),
        Ok(Some(found)) => return Ok(Ok(found)),
        Ok(None) => {}
    }
    if view.attempts == 0 && !view.timeout.is_zero() {
        // src/network/res_msend.c: retry_interval = timeout / attempts.
        return Ok(Err(ResolveError { code: "SIGFPE".to_owned(), text: "Floating point exception".to_owned() }));
    }
    Ok(search(lookup, view, release).await?.map_err(Eai::error))
}

/// The literal that the name is, and the release; both need the vantage.
async fn numeric(lookup: &Lookup<'_>) -> Result<(Release, Result<Literal, Eai>), Fault> {
    let (name, family) = (lookup.request.name.clone(), lookup.request.family);
    let work = move || {
        let release = Release::installed();
        (release, literal(name.as_bytes(), family, release, index_of_interface))
    };
    let failed = |error: io::Error| Fault::os(Phase::Inspect, "look for a musl inside the vantage", &error);
    lookup.vantage.inspect(work).await.map_err(failed)
}

/// `name_from_hosts`: a name whose lines have the other family only does not go to DNS.
fn hosts(lookup: &Lookup<'_>, release: Release) -> Result<Option<Found>, Eai> {
    let request = lookup.request;
    let found = lookup.setup.hosts(Personality::Musl, &request.name, request.family);
    if found.addresses.is_empty() {
        let error = if release.is_current() { Eai::NoData } else { Eai::NoName };
        return if found.wrong_family { Err(error) } else { Ok(None) };
    }
    Ok(Some(Found { source: "files", addresses: found.addresses, canonical_name: found.canonical.map(rooted) }))
}

/// `if_nametoindex(3)`, inside the vantage.
pub(super) fn index_of_interface(name: &str) -> Option<u32> {
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None).ok()?;
    rustix::net::netdevice::name_to_index(&socket, name).ok()
}

/// `name_from_dns_search`: with fewer dots than `ndots` every suffix in turn, and the name as it is at last; else only that.
/// Whatever is not NXDOMAIN ends the search.
async fn search(lookup: &Lookup<'_>, view: &View, release: Release) -> Result<Result<Found, Eai>, Fault> {
    let name = lookup.request.name.as_str();
    let suffixes = suffixes(&lookup.setup.config, view, release);
    let Some(names) = names(name, &suffixes, view.ndots) else { return Ok(Err(Eai::NoName)) };
    for name in names {
        match ask(lookup, view, release, &name).await? {
            Ok(Some(found)) => return Ok(Ok(found)),
            Ok(None) => {}
            Err(eai) => return Ok(Err(eai)),
        }
    }
    Ok(Err(Eai::NoName))
}

/// The search list. Before 1.2.4 a `.` in it (systemd-resolved writes `search .`) was not skipped.
fn suffixes(config: &ResolverConfig, view: &View, release: Release) -> Vec<String> {
    let heeded = |line: &&Directive| {
        matches!(line.keyword.as_str(), "search" | "domain") && line.heeded_by.contains(&Personality::Musl)
    };
    let words = config.directives.iter().rfind(heeded).map(|line| line.words.as_slice()).unwrap_or_default();
    let named = words.iter().filter(|word| *word != ".").map(|word| word.strip_suffix('.').unwrap_or(word));
    if release.is_current() || !named.eq(view.search.iter().map(String::as_str)) {
        return view.search.clone();
    }
    words.to_vec()
}

/// The names to ask for, in order; nothing where two dots end it, or nothing but a dot is there.
fn names(name: &str, search: &[String], ndots: u32) -> Option<Vec<String>> {
    let stem = name.strip_suffix('.').unwrap_or(name);
    if stem.is_empty() || stem.ends_with('.') {
        return None;
    }
    let dots = name.bytes().filter(|byte| *byte == b'.').count();
    let searched = !name.ends_with('.') && u32::try_from(dots).is_ok_and(|dots| dots < ndots);
    let suffixes = search.iter().filter(|suffix| searched && suffix.len() + stem.len() < 255);
    Some(suffixes.map(|suffix| format!("{stem}.{suffix}")).chain([name.to_owned()]).collect())
}

/// `name_from_dns`: A and AAAA at once; nothing where the name does not exist, so that the search goes on.
async fn ask(
    lookup: &Lookup<'_>,
    view: &View,
    release: Release,
    name: &str,
) -> Result<Result<Option<Found>, Eai>, Fault> {
    let types: &[u16] = match lookup.request.family {
        Family::Any => &[A, AAAA],
        Family::Ipv4 => &[A],
        Family::Ipv6 => &[AAAA],
    };
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|error| Fault::invalid(format!("draw a random query id: {error}")))?;
    let id = u16::from_ne_bytes(id);
    let numbered = types.iter().zip(0_u16..);
    let questions = numbered.map(|(qtype, at)| Question::new(id.wrapping_add(at), name, *qtype, release)).collect();
    let Some(questions) = questions else {
        return Ok(if release.is_current() { Ok(None) } else { Err(Eai::NoName) });
    };
    let Some(exchange) = Exchange::open(lookup, view, release, questions)? else { return Ok(Err(Eai::System)) };
    let answers = exchange.run().await;
    for answer in &answers {
        match answer.as_deref().and_then(|answer| answer.get(3)).map(|byte| byte & 15) {
            Some(0) => {}
            // src/network/res_msend.c takes no other code.
            Some(3) => return Ok(Ok(None)),
            _ => return Ok(Err(Eai::Again)),
        }
    }
    let mut read = answer::Read::default();
    let both = answers.iter().zip(types).filter_map(|(answer, rtype)| Some((answer.as_deref()?, *rtype)));
    if release.is_current() {
        both.rev().for_each(|(answer, rtype)| read.add(answer, rtype, release));
    } else {
        both.for_each(|(answer, rtype)| read.add(answer, rtype, release));
    }
    let answer::Read { addresses, canonical_name } = read;
    if addresses.is_empty() {
        return Ok(Err(if release.is_current() { Eai::NoData } else { Eai::NoName }));
    }
    let canonical_name = canonical_name.unwrap_or_else(|| name.to_owned());
    Ok(Ok(Some(Found { source: "dns", addresses, canonical_name: Some(rooted(canonical_name)) })))
}

/// With its final dot.
fn rooted(name: String) -> String {
    if name.ends_with('.') { name } else { name + "." }
}

/// Whether the family wants this address.
fn wanted(family: Family, address: IpAddr) -> bool {
    match family {
        Family::Any => true,
        Family::Ipv4 => address.is_ipv4(),
        Family::Ipv6 => address.is_ipv6(),
    }
}

/// RFC 1035 TYPE.
const A: u16 = 1;
/// RFC 3596.
const AAAA: u16 = 28;

#[cfg(test)]
mod tests {
    use super::*;

    fn list(name: &str, ndots: u32) -> Option<Vec<String>> {
        names(name, &["a.example".to_owned(), "b.example".to_owned()], ndots)
    }

    #[test]
    fn fewer_dots_than_ndots_search_first_and_more_never() {
        assert_eq!(list("web", 1).expect("names"), ["web.a.example", "web.b.example", "web"]);
        assert_eq!(list("web.x", 2).expect("names"), ["web.x.a.example", "web.x.b.example", "web.x"]);
        assert_eq!(list("web.x", 1).expect("names"), ["web.x"]);
        assert_eq!(list("web", 0).expect("names"), ["web"]);
        assert_eq!(list("web.", 5).expect("names"), ["web."]);
    }

    #[test]
    fn a_dot_in_the_search_list_counted_before_1_2_4() {
        let line = Directive {
            line: 1,
            keyword: "search".to_owned(),
            words: vec![".".to_owned(), "a.example.".to_owned()],
            heeded_by: vec![Personality::Musl],
        };
        let config = ResolverConfig { directives: vec![line], ..Default::default() };
        let view = View {
            personality: Personality::Musl,
            nameservers: Vec::new(),
            search: vec!["a.example".to_owned()],
            ndots: 1,
            timeout: std::time::Duration::from_secs(5),
            attempts: 2,
            options: Vec::new(),
            sources: Vec::new(),
        };
        assert_eq!(suffixes(&config, &view, Release::OLD), [".", "a.example."]);
        assert_eq!(suffixes(&config, &view, Release::CURRENT), ["a.example"]);
    }

    #[test]
    fn nothing_is_asked_for_names_of_dots() {
        assert_eq!(list(".", 1), None);
        assert_eq!(list("web..", 1), None);
    }

    #[test]
    fn a_suffix_that_makes_the_name_too_long_is_skipped() {
        let name = "x".repeat(245);
        assert_eq!(list(&name, 1).expect("names").len(), 3);
        assert_eq!(list(&"x".repeat(246), 1).expect("names").len(), 1);
    }
}
