//! Names as Go's resolver sees them: `isDomainName` of `net/dnsclient.go`, `nameList` and `avoidDNS` of `net/dnsclient_unix.go`.

/// Letters, digits, `-`, `_` and dots, at least one of them no digit: what Go asks DNS for at all. Anything else does not exist.
pub(super) fn is_domain_name(name: &str) -> bool {
    if name == "." {
        return true;
    }
    if name.is_empty() || name.len() > if name.ends_with('.') { 254 } else { 253 } {
        return false;
    }
    let relative = name.strip_suffix('.').unwrap_or(name);
    relative.split('.').all(is_label) && name.bytes().any(|byte| !byte.is_ascii_digit() && byte != b'.')
}

fn is_label(label: &str) -> bool {
    let letters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    letters && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
}

/// What is asked for, in order, each with its final dot. Empty for names below `.onion` (RFC 7686).
pub(super) fn names(name: &str, search: &[String], ndots: u32) -> Vec<String> {
    if name.ends_with('.') {
        return if avoids_dns(name) { Vec::new() } else { vec![name.to_owned()] };
    }
    let rooted = format!("{name}.");
    let dots = name.bytes().filter(|byte| *byte == b'.').count();
    let first = u32::try_from(dots).unwrap_or(u32::MAX) >= ndots;
    let itself = |wanted: bool| (wanted && !avoids_dns(&rooted)).then(|| rooted.clone());
    let suffixed = search.iter().map(|suffix| match suffix.strip_suffix('.') {
        Some(suffix) => format!("{rooted}{suffix}."),
        None => format!("{rooted}{suffix}."),
    });
    let suffixed = suffixed.filter(|name| !avoids_dns(name) && name.len() <= 254);
    itself(first).into_iter().chain(suffixed).chain(itself(!first)).collect()
}

fn avoids_dns(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).as_bytes();
    let suffix = b".onion";
    name.len().checked_sub(suffix.len()).is_some_and(|at| name[at..].eq_ignore_ascii_case(suffix))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(name: &str, ndots: u32) -> Vec<String> {
        names(name, &["a.example".to_owned(), "b.example".to_owned()], ndots)
    }

    #[test]
    fn underscores_are_names_and_numbers_and_other_letters_are_not() {
        for name in [".", "a", "a.", "_sip._tcp.x", "1.a", "a-b.c", "1-2", &"x".repeat(63)] {
            assert!(is_domain_name(name), "{name}");
        }
        for name in ["", "12", "1.2.3", "a..b", ".a", "a b", "bücher", "-a", "a-", "a-.b", "a..", &"x".repeat(64)] {
            assert!(!is_domain_name(name), "{name}");
        }
    }

    #[test]
    fn a_name_has_253_bytes_and_a_final_dot_at_most() {
        let name = format!("{}x", "x.".repeat(126));
        assert_eq!(name.len(), 253);
        assert!(is_domain_name(&name) && is_domain_name(&format!("{name}.")));
        assert!(!is_domain_name(&format!("{}xx", "x.".repeat(126))));
    }

    #[test]
    fn ndots_decides_whether_the_name_itself_is_first_or_last() {
        assert_eq!(list("web", 1), ["web.a.example.", "web.b.example.", "web."]);
        assert_eq!(list("web.x", 1), ["web.x.", "web.x.a.example.", "web.x.b.example."]);
        assert_eq!(list("web", 0), ["web.", "web.a.example.", "web.b.example."]);
        assert_eq!(list("web.", 5), ["web."]);
    }

    #[test]
    fn onions_are_not_asked_for() {
        assert_eq!(list("x.Onion", 1), ["x.Onion.a.example.", "x.Onion.b.example."]);
        assert_eq!(list("x.onion.", 1), [""; 0]);
        assert_eq!(list("onion", 1).len(), 3);
    }

    #[test]
    fn the_root_is_a_name() {
        assert_eq!(list(".", 1), ["."]);
    }

    #[test]
    fn a_suffix_that_makes_the_name_too_long_is_skipped() {
        assert_eq!(list(&"x".repeat(243), 1).len(), 3);
        assert_eq!(list(&"x".repeat(244), 1).len(), 1);
    }

    proptest! {
        #[test]
        fn no_text_panics(name in "(?s).{0,300}", search in "(?s).{0,20}") {
            is_domain_name(&name);
            names(&name, &[search], 1);
        }
    }
}
