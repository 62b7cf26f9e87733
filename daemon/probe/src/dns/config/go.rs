//! Which of Go's resolvers a program takes that is built with both, and in which order it asks: `lookupOrder` of src/net/conf.go
//! in Go 1.26, whose rules are those of 1.22.

mod nss;

use std::io::ErrorKind;

use sonde_core::observation::dns::GoChoice;

use self::nss::Source;
use super::environment::Environment;
use super::resolv::Parsed;

/// What the rules look at.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) environment: &'a Environment,
    /// Absent: any name that no rule is about.
    pub(super) name: Option<&'a str>,
    pub(super) hostname: Option<&'a str>,
    pub(super) resolv: &'a Parsed,
    /// Why resolv.conf could not be read.
    pub(super) resolv_error: Option<ErrorKind>,
    pub(super) nsswitch: Result<&'a [u8], ErrorKind>,
    /// Whether mdns.allow is there; absent: it cannot be told.
    pub(super) mdns_allow: Option<bool>,
}

impl Facts<'_> {
    /// The choice of a program with cgo.
    pub(super) fn choice(&self) -> GoChoice {
        let mode = netdns(self.environment);
        match mode {
            Some("go") => {
                let (order, _) = self.order(false);
                GoChoice { netgo: true, because: "GODEBUG has netdns=go".to_owned(), order: order.to_owned() }
            }
            Some("cgo") => cgo("GODEBUG has netdns=cgo".to_owned()),
            _ => self.preferred(),
        }
    }

    /// The order of a program that has only Go's resolver.
    pub(super) fn forced_order(&self) -> &'static str {
        self.order(false).0
    }

    fn preferred(&self) -> GoChoice {
        // Only being set is enough for LOCALDOMAIN.
        if self.environment.get("LOCALDOMAIN").is_some() {
            return cgo("LOCALDOMAIN is set".to_owned());
        }
        for name in ["RES_OPTIONS", "HOSTALIASES"] {
            if self.environment.get(name).is_some_and(|value| !value.is_empty()) {
                return cgo(format!("{name} is set"));
            }
        }
        if self.name.is_some_and(|name| name.contains(['\\', '%'])) {
            return cgo("the name has a backslash or a percent sign".to_owned());
        }
        let (order, because) = self.order(true);
        GoChoice { netgo: order != CGO, because, order: order.to_owned() }
    }

    /// The order and the rule that decided it. Without cgo, what is not understood is read as files, then DNS.
    fn order(&self, can_use_cgo: bool) -> (&'static str, String) {
        if can_use_cgo {
            if let Some(kind) = self.resolv_error.filter(|kind| !is_absent(*kind)) {
                return (CGO, format!("resolv.conf cannot be read ({kind})"));
            }
            if let Some((line, word)) = &self.resolv.unknown {
                return (CGO, format!("resolv.conf has something unknown in line {line}: {word:?}"));
            }
        }
        let fallback = if can_use_cgo { CGO } else { FILES_DNS };
        let sources = match self.nsswitch {
            Err(ErrorKind::NotFound) => return (FILES_DNS, "there is no nsswitch.conf".to_owned()),
            Err(kind) => return (fallback, format!("nsswitch.conf cannot be read ({kind})")),
            Ok(bytes) => match nss::hosts(bytes) {
                Err(what) => return (fallback, format!("nsswitch.conf does not parse: {what}")),
                Ok(sources) if sources.is_empty() => {
                    return (FILES_DNS, "nsswitch.conf has no hosts line".to_owned());
                }
                Ok(sources) => sources,
            },
        };
        if can_use_cgo && let Some(rule) = sources.iter().find_map(|source| self.needs_cgo(source)) {
            return (CGO, rule);
        }
        let order = known_order(&sources, can_use_cgo).unwrap_or(fallback);
        let words: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let because = match order {
            CGO => format!("the hosts line of nsswitch.conf names nothing that Go can ask: {}", words.join(" ")),
            _ => format!("every rule is met; the hosts line of nsswitch.conf is: {}", words.join(" ")),
        };
        (order, because)
    }

    /// The rule by which this source is left to libc.
    fn needs_cgo(&self, source: &Source) -> Option<String> {
        let written = &source.name;
        let name = self.name.map(|name| name.strip_suffix('.').unwrap_or(name));
        // `""` is how Go looks addresses up, for which these two count as unknown.
        let unknown = || Some(format!("unknown nsswitch source {written:?}"));
        match written.as_str() {
            "files" | "dns" => (!source.is_standard())
                .then(|| format!("the actions after nsswitch source {written:?} are not the standard ones")),
            _ if name == Some("") => unknown(),
            "myhostname" => {
                let name = name?;
                let own = self.hostname.is_none_or(|own| own.eq_ignore_ascii_case(name));
                (own || is_special(name)).then(|| format!("nsswitch source \"myhostname\" answers for {name:?}"))
            }
            _ if written.starts_with("mdns") => {
                if name.is_some_and(|name| ends_with(name, ".local")) {
                    return Some(format!("nsswitch source {written:?} answers for names below .local"));
                }
                match self.mdns_allow {
                    Some(false) => None,
                    Some(true) => Some(format!("there is an mdns.allow for nsswitch source {written:?}")),
                    None => Some("mdns.allow cannot be looked for".to_owned()),
                }
            }
            _ => unknown(),
        }
    }
}

/// Files and DNS in the order of their first mention. A source that Go does not know stands for DNS where no DNS is named and
/// libc cannot be asked.
fn known_order(sources: &[Source], can_use_cgo: bool) -> Option<&'static str> {
    let has_dns = sources.iter().any(|source| source.name == "dns");
    let meaning = |source: &Source| match source.name.as_str() {
        "files" => Some(true),
        "dns" => Some(false),
        _ => (!can_use_cgo && !has_dns).then_some(false),
    };
    let asked: Vec<bool> = sources.iter().filter_map(meaning).collect();
    let files_first = *asked.first()?;
    match (asked.contains(&true), asked.contains(&false)) {
        (true, true) if files_first => Some(FILES_DNS),
        (true, true) => Some("dns,files"),
        (true, false) => Some("files"),
        (false, _) => Some("dns"),
    }
}

/// The mode in `netdns=`, which may stand before or behind a debug level: `cgo+2`, `1+go`.
fn netdns(environment: &Environment) -> Option<&str> {
    let value = environment.godebug("netdns")?;
    let (first, second) = value.split_once('+').unwrap_or((value, ""));
    let mode = |part: &&str| !part.is_empty() && !part.starts_with(|letter: char| letter.is_ascii_digit());
    [second, first].into_iter().find(mode)
}

/// isLocalhost, isGateway and isOutbound of conf.go.
fn is_special(name: &str) -> bool {
    let whole = ["localhost", "localhost.localdomain", "_gateway", "_outbound"];
    whole.iter().any(|special| name.eq_ignore_ascii_case(special))
        || ends_with(name, ".localhost")
        || ends_with(name, ".localhost.localdomain")
}

fn ends_with(name: &str, suffix: &str) -> bool {
    let at = name.len().checked_sub(suffix.len());
    at.and_then(|at| name.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

/// fs.ErrNotExist and fs.ErrPermission.
fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::PermissionDenied)
}

fn cgo(because: String) -> GoChoice {
    GoChoice { netgo: false, because, order: CGO.to_owned() }
}

const CGO: &str = "cgo";
const FILES_DNS: &str = "files,dns";

#[cfg(test)]
mod tests;
