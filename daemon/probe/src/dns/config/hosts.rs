//! The hosts file: every line that names a name, and what each runtime's own reading of it gives.
//!
//! After `nss/nss_files/files-hosts.c` of glibc 2.41, `name_from_hosts` of `src/network/lookup_name.c` in musl 1.2.5, and
//! src/net/hosts.go of Go 1.26. Names are compared as passed: only Go takes `a.b.` for `a.b`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sonde_core::observation::dns::{Family, HostsLine};

use super::resolv::{Interfaces, golang, is_space, lines, musl, text, until_nul};

/// What a hosts file says to one runtime.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostsAnswer {
    /// In the order of the file, of the family asked for.
    pub(in crate::dns) addresses: Vec<IpAddr>,
    /// The first name of the first line that matched.
    pub(in crate::dns) canonical: Option<String>,
    /// The name is there, but only with addresses of the other family (musl: `EAI_NODATA`; Go: no suitable address).
    pub(in crate::dns) wrong_family: bool,
}

/// Reads text from anywhere as a hosts file, as every runtime does.
pub fn parse_hosts(bytes: &[u8], name: &str) -> (Vec<HostsLine>, Vec<HostsAnswer>) {
    let answers = [Family::Any, Family::Ipv4, Family::Ipv6].into_iter().flat_map(|family| {
        [as_glibc(bytes, name, family, true), as_musl(bytes, name, family, &|_| true), as_go(bytes, name, family)]
    });
    (lines_for(bytes, name), answers.collect())
}

/// The lines that name `name`, canonically or as an alias, in any case, with or without its final dot.
pub(super) fn lines_for(bytes: &[u8], name: &str) -> Vec<HostsLine> {
    let name = without_dot(name);
    let found = lines(bytes).filter_map(|(line, bytes)| {
        let (address, names) = entry(bytes)?;
        let (address, _zone) = address.split_once('%').unwrap_or((&address, ""));
        let address = address.parse::<IpAddr>().ok()?.to_canonical();
        names.iter().any(|word| without_dot(word).eq_ignore_ascii_case(name)).then_some(HostsLine {
            line,
            address,
            names,
        })
    });
    found.take(LINES).collect()
}

/// `_nss_files_gethostbyname4_r` for any family, else `_nss_files_gethostbyname3_r`. Without `multi on` in host.conf, the first
/// line that matches is the last one read.
pub(super) fn as_glibc(bytes: &[u8], name: &str, family: Family, multi: bool) -> HostsAnswer {
    let mut found = HostsAnswer::default();
    for (_, line) in lines(bytes) {
        let Some((address, names)) = entry(until_nul(line)) else { continue };
        let Some(address) = glibc_address(&address, family) else { continue };
        if !names.iter().any(|word| word.eq_ignore_ascii_case(name)) {
            continue;
        }
        found.addresses.push(address);
        found.canonical = found.canonical.or_else(|| names.into_iter().next());
        if !multi || found.addresses.len() == LINES {
            break;
        }
    }
    found
}

/// A line whose address cannot be had in this family does not exist.
fn glibc_address(word: &str, family: Family) -> Option<IpAddr> {
    let address = word.parse::<IpAddr>().ok()?;
    match (family, address) {
        (Family::Any, _) | (Family::Ipv4, IpAddr::V4(_)) | (Family::Ipv6, IpAddr::V6(_)) => Some(address),
        (Family::Ipv4, IpAddr::V6(Ipv6Addr::LOCALHOST)) => Some(Ipv4Addr::LOCALHOST.into()),
        (Family::Ipv4, IpAddr::V6(address)) => address.to_ipv4_mapped().map(IpAddr::V4),
        (Family::Ipv6, IpAddr::V4(_)) => None,
    }
}

/// Pieces of 511 bytes; names are compared byte by byte, and a white space must follow: the last word of a file without a final
/// newline is never found.
pub(super) fn as_musl(bytes: &[u8], name: &str, family: Family, interfaces: Interfaces<'_>) -> HostsAnswer {
    let mut found = HostsAnswer::default();
    let pieces = bytes.split_inclusive(|byte| *byte == b'\n').flat_map(|line| line.chunks(MUSL_LINE));
    for piece in pieces {
        if found.addresses.len() == MUSL_ADDRESSES {
            break;
        }
        let mut piece = until_nul(piece).to_vec();
        if let Some(comment) = piece.iter().position(|byte| *byte == b'#') {
            piece.truncate(comment);
            piece.push(b'\n');
        }
        if !names_word(&piece, name.as_bytes()) {
            continue;
        }
        let mut words = piece.splitn(2, |byte| is_space(*byte));
        let address = text(words.next().unwrap_or_default());
        match musl_address(&address, family, interfaces) {
            MuslAddress::Taken(address) => found.addresses.push(address),
            MuslAddress::None => continue,
            MuslAddress::Refused => found.wrong_family = true,
        }
        let names = words.next().unwrap_or_default();
        let first = names.split(|byte| is_space(*byte)).find(|word| !word.is_empty()).filter(|word| is_hostname(word));
        found.canonical = found.canonical.or_else(|| first.map(text));
    }
    found.wrong_family &= found.addresses.is_empty();
    found
}

enum MuslAddress {
    Taken(IpAddr),
    None,
    Refused,
}

/// `__lookup_ipliteral`, which refuses the other family, and an IPv6 address whose zone is not there.
fn musl_address(word: &str, family: Family, interfaces: Interfaces<'_>) -> MuslAddress {
    let zoned = || word.split_once('%').is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok());
    match musl::literal(word, interfaces) {
        Some((address, _)) if is_of(address, family) => MuslAddress::Taken(address),
        None if !zoned() => MuslAddress::None,
        Some(_) | None => MuslAddress::Refused,
    }
}

/// The name behind at least one byte, with white space on both sides.
fn names_word(piece: &[u8], name: &[u8]) -> bool {
    if name.is_empty() {
        return false;
    }
    let space = |at: usize| piece.get(at).is_some_and(|byte| is_space(*byte));
    piece
        .windows(name.len())
        .enumerate()
        .skip(1)
        .any(|(at, word)| word == name && space(at - 1) && space(at + name.len()))
}

/// `is_valid_hostname` of `lookup_name.c`: an underscore is not.
fn is_hostname(word: &[u8]) -> bool {
    let allowed = |byte: &u8| *byte >= 0x80 || matches!(byte, b'.' | b'-') || byte.is_ascii_alphanumeric();
    (1..255).contains(&word.len()) && word.iter().all(allowed)
}

/// `readHosts` and `lookupStaticHost`: without case, and a name with a dot in it is absolute.
pub(super) fn as_go(bytes: &[u8], name: &str, family: Family) -> HostsAnswer {
    let key = absolute(name);
    let mut found = HostsAnswer::default();
    let mut any = false;
    for (_, line) in lines(bytes) {
        // Its buffer is 64 KiB, and a line that does not fit ends the file.
        if line.len() >= golang::BUFFER_BYTES || found.addresses.len() == LINES {
            break;
        }
        let line = text(line);
        let mut words = golang::fields(line.split('#').next().unwrap_or_default());
        let Some((address, _zone)) = words.next().and_then(golang::literal) else { continue };
        let names: Vec<String> = words.map(absolute).collect();
        // A name that a line repeats has its address twice.
        let times = names.iter().filter(|word| **word == key).count();
        if times == 0 {
            continue;
        }
        any = true;
        found.canonical = found.canonical.or_else(|| names.into_iter().next());
        let address = address.to_canonical();
        if is_of(address, family) {
            found.addresses.extend(std::iter::repeat_n(address, times));
        }
    }
    found.wrong_family = any && found.addresses.is_empty();
    found
}

/// `absDomainName` of src/net/dnsclient.go, in lower case.
fn absolute(name: &str) -> String {
    let dot = if name.contains('.') && !name.ends_with('.') { "." } else { "" };
    format!("{}{dot}", name.to_ascii_lowercase())
}

fn is_of(address: IpAddr, family: Family) -> bool {
    match family {
        Family::Any => true,
        Family::Ipv4 => address.is_ipv4(),
        Family::Ipv6 => address.is_ipv6(),
    }
}

/// The address and the names of a line, without its comment.
fn entry(line: &[u8]) -> Option<(String, Vec<String>)> {
    let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
    let mut words = line.split(|byte| is_space(*byte)).filter(|word| !word.is_empty()).map(text);
    Some((words.next()?, words.collect()))
}

fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// What `fgets` puts into `char line[512]`.
const MUSL_LINE: usize = 511;
/// `MAXADDRS` of src/network/lookup.h.
const MUSL_ADDRESSES: usize = 48;
/// More lines for one name are not kept.
const LINES: usize = 256;

#[cfg(test)]
mod tests;
