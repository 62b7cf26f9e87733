//! Which arguments mean something to which kind of target.

use sonde_sdk::prelude::*;

/// An argument that the target's protocol has no use for, dropped in silence, would be taken for obeyed. What counts is that it is
/// given, and not its value: a default that is written out is a wish as well.
pub(super) fn refuse_useless(arguments: &Arguments, kind: TargetKind) -> Result<(), String> {
    let useless = |(name, kinds, _): &&Meant| arguments.given(name) && !kinds.contains(&kind);
    let Some((name, _, meant)) = MEANT.iter().find(useless) else { return Ok(()) };
    let value: String = arguments.required(name)?;
    Err(format!("argument {name}={value:?} means nothing to this target: it is for {meant}"))
}

/// A parameter, the targets it is for, and these in words.
type Meant = (&'static str, &'static [TargetKind], &'static str);

const TCP: &[TargetKind] = &[TargetKind::Tcp];
const TLS: &[TargetKind] = &[TargetKind::Tls];
const NAMED: &[TargetKind] = &[TargetKind::Tls, TargetKind::Https];
const HTTP: &[TargetKind] = &[TargetKind::Http, TargetKind::Https];

/// Those that are not here are for all.
const MEANT: [Meant; 12] = [
    ("close", TCP, "a tcp target"),
    ("hold", TCP, "a tcp target"),
    ("sni", NAMED, "a tls or https target"),
    ("send-sni", TLS, "a tls target"),
    ("alpn", TLS, "a tls target"),
    ("hello", TLS, "a tls target"),
    ("starttls", TLS, "a tls target"),
    ("protocol", HTTP, "an http or https target"),
    ("method", HTTP, "an http or https target"),
    ("headers", HTTP, "an http or https target"),
    ("body-limit", HTTP, "an http or https target"),
    ("redirects", HTTP, "an http or https target"),
];

#[cfg(test)]
mod tests {
    use sonde_sdk::check::Argument;

    use super::*;
    use crate::request::parameters;

    fn refused(kind: TargetKind, name: &str, value: &str) -> Result<(), String> {
        let given = vec![Argument { name: name.to_owned(), value: value.to_owned() }];
        refuse_useless(&Arguments::of(parameters(), given)?, kind)
    }

    #[test]
    fn every_parameter_is_declared() {
        for (name, ..) in MEANT {
            assert!(parameters().iter().any(|parameter| parameter.name == name), "{name}");
        }
    }

    #[test]
    fn what_has_no_use_is_refused_even_where_it_is_the_default() {
        for (kind, name, value) in [
            (TargetKind::Tcp, "send-sni", "false"),
            (TargetKind::Tcp, "protocol", "auto"),
            (TargetKind::Tls, "redirects", "10"),
            (TargetKind::Tls, "method", "GET"),
            (TargetKind::Tls, "body-limit", "1048576"),
            (TargetKind::Https, "send-sni", "false"),
            (TargetKind::Http, "sni", "a.example"),
        ] {
            let problem = refused(kind, name, value).expect_err(name);
            assert!(problem.starts_with(&format!("argument {name}={value:?} means nothing")), "{problem}");
        }
    }

    #[test]
    fn what_has_a_use_is_taken() {
        for (kind, name, value) in [
            (TargetKind::Tcp, "hold", "1s"),
            (TargetKind::Tls, "send-sni", "false"),
            (TargetKind::Https, "sni", "a.example"),
            (TargetKind::Http, "method", "HEAD"),
            (TargetKind::Http, "count", "3"),
        ] {
            assert_eq!(refused(kind, name, value), Ok(()), "{name}");
        }
    }
}
