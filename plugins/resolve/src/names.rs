//! Which names a lookup would ask for, and how names compare: glibc's rules of `search` and `ndots` (resolv.conf(5)).
//!
//! Owns no I/O. Names are without final dot unless they are the root.

/// One name of a lookup, in the order in which glibc would try it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// As asked on the wire.
    pub(crate) name: String,
    /// The search suffix that was appended; absent for the name as written.
    pub(crate) suffix: Option<String>,
}

/// The names that a lookup of `name` tries, first to last.
pub(crate) fn candidates(name: &str, search: &[String], ndots: u8) -> Vec<Candidate> {
    let plain = canonical(name);
    let as_written = Candidate { name: plain.clone(), suffix: None };
    if name.ends_with('.') || plain == "." {
        return vec![as_written];
    }
    let suffixed = search
        .iter()
        .take(MOST_SUFFIXES)
        .map(|suffix| canonical(suffix))
        .filter(|suffix| suffix != ".")
        .map(|suffix| Candidate { name: format!("{plain}.{suffix}"), suffix: Some(suffix) });
    let fits = |candidate: &Candidate| candidate.name.len() <= LONGEST_NAME;
    let mut all: Vec<_> = suffixed.filter(fits).collect();
    if dots(&plain) >= usize::from(ndots) {
        all.insert(0, as_written);
    } else {
        all.push(as_written);
    }
    all
}

/// Lower case, without final dot; the root is `.`.
pub(crate) fn canonical(name: &str) -> String {
    let trimmed = name.trim_end_matches('.');
    if trimmed.is_empty() { ".".to_owned() } else { trimmed.to_ascii_lowercase() }
}

/// Whether two spellings are one name.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.trim_end_matches('.').eq_ignore_ascii_case(b.trim_end_matches('.'))
}

/// How many dots are inside the name.
pub(crate) fn dots(name: &str) -> usize {
    name.trim_end_matches('.').matches('.').count()
}

/// The host part of a service name: `_sip._tcp.example.com` belongs to `example.com`.
pub(crate) fn service_owner(name: &str) -> String {
    let mut rest = name;
    while let Some((label, tail)) = rest.split_once('.') {
        if !label.starts_with('_') {
            break;
        }
        rest = tail;
    }
    canonical(rest)
}

/// The name without its first label.
pub(crate) fn parent(name: &str) -> Option<&str> {
    name.trim_end_matches('.').split_once('.').map(|(_, tail)| tail).filter(|tail| !tail.is_empty())
}

/// The name under which an IPv4 address is looked up in reverse (RFC 1035 section 3.5).
pub(crate) fn reverse(address: &str) -> Option<String> {
    let address: std::net::Ipv4Addr = address.parse().ok()?;
    let [a, b, c, d] = address.octets();
    Some(format!("{d}.{c}.{b}.{a}.in-addr.arpa"))
}

/// glibc reads no more suffixes than this in practice, and no run should send more.
const MOST_SUFFIXES: usize = 6;
/// RFC 1035 section 2.3.4, in presentation form.
const LONGEST_NAME: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(name: &str, search: &[&str], ndots: u8) -> Vec<String> {
        let search: Vec<String> = search.iter().map(ToString::to_string).collect();
        candidates(name, &search, ndots).into_iter().map(|candidate| candidate.name).collect()
    }

    #[test]
    fn a_name_with_enough_dots_is_tried_as_written_first() {
        assert_eq!(tried("www.example.com", &["corp"], 1), ["www.example.com", "www.example.com.corp"]);
    }

    #[test]
    fn a_name_with_too_few_dots_goes_through_the_search_list_first() {
        assert_eq!(tried("web", &["a.b", "b."], 1), ["web.a.b", "web.b", "web"]);
    }

    #[test]
    fn a_final_dot_switches_the_search_list_off() {
        assert_eq!(tried("web.", &["a.b"], 5), ["web"]);
    }

    #[test]
    fn the_root_has_one_spelling() {
        assert_eq!(tried(".", &["a"], 1), ["."]);
    }

    #[test]
    fn a_suffix_that_makes_the_name_too_long_is_left_out() {
        let name = "a".repeat(250);
        assert_eq!(tried(&name, &["long"], 1), std::slice::from_ref(&name));
    }

    #[test]
    fn the_service_labels_are_stripped_from_a_service_name() {
        assert_eq!(service_owner("_sip._tcp.example.com"), "example.com");
        assert_eq!(service_owner("example.com"), "example.com");
    }

    #[test]
    fn names_compare_without_case_and_final_dot() {
        assert!(same("WWW.Example.com.", "www.example.COM"));
        assert!(!same("a.example", "b.example"));
    }

    #[test]
    fn an_ipv4_address_has_a_reverse_name() {
        assert_eq!(reverse("10.1.2.3").as_deref(), Some("3.2.1.10.in-addr.arpa"));
        assert_eq!(reverse("fe80::1"), None);
    }
}
