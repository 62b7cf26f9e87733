//! A check's description of itself, from the contract's words to ours, checked: what passes here is shown, stored and planned
//! with, without further doubt.

use sonde_core::finding::CauseId;
use sonde_core::manifest::{CostClass, Manifest, Parameter, ParameterKind, Scheme};

use crate::bindings::exports::sonde::check::check as wit;

/// Why a manifest is not accepted; the message quotes the value and ends with what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its manifest's {field} {problem}")]
pub struct ManifestError {
    /// As the contract spells it.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

/// Items of any list.
const ITEMS: usize = 128;

/// Bytes of a text.
const TEXT_BYTES: usize = 512;

/// Bytes of a check's or parameter's name.
const NAME_BYTES: usize = 40;

/// The interfaces that a manifest may say it calls.
const INTERFACES: [&str; 6] = ["dns", "dial", "path", "history", "sockets", "system"];

pub(crate) fn accepted(manifest: wit::Manifest) -> Result<Manifest, ManifestError> {
    let name = name("name", manifest.name)?;
    if manifest.targets.is_empty() {
        return Err(ManifestError {
            field: "targets",
            problem: "is empty; name at least one kind of target".to_owned(),
        });
    }
    let parameters =
        bounded("parameters", manifest.parameters)?.into_iter().map(parameter).collect::<Result<Vec<_>, _>>()?;
    for (index, parameter) in parameters.iter().enumerate() {
        if parameters[..index].iter().any(|earlier| earlier.name == parameter.name) {
            return Err(ManifestError {
                field: "parameters",
                problem: format!("name {:?} twice; each name once", parameter.name),
            });
        }
    }
    let interfaces = texts("interfaces", manifest.interfaces)?;
    if let Some(unknown) = interfaces.iter().find(|interface| !INTERFACES.contains(&interface.as_str())) {
        return Err(ManifestError {
            field: "interfaces",
            problem: format!("name {unknown:?}; there are {}", INTERFACES.join(", ")),
        });
    }
    let causes = texts("causes", manifest.causes)?;
    if let Some(odd) = causes.iter().find(|cause| CauseId::parse(cause).is_none()) {
        return Err(ManifestError {
            field: "causes",
            problem: format!("name {odd:?}; write ids like dns.nxdomain or vendor.acme_expired"),
        });
    }
    let after = bounded("after", manifest.after)?
        .into_iter()
        .map(|after| self::name("after", after))
        .collect::<Result<_, _>>()?;
    let properties = bounded("properties", manifest.properties)?
        .into_iter()
        .map(|property| Ok((text("properties", property.name)?, text("properties", property.value)?)))
        .collect::<Result<Vec<_>, ManifestError>>()?;
    let is_odd = |(name, value): &&(String, String)| name == Manifest::PAST_TARGET && Scheme::named(value).is_none();
    if let Some((name, odd)) = properties.iter().find(is_odd) {
        return Err(ManifestError {
            field: "properties",
            problem: format!("have {odd:?} for {name}; write a kind of target, such as pid or tcp"),
        });
    }
    Ok(Manifest {
        version: text("version", manifest.version)?,
        summary: text("summary", manifest.summary)?,
        targets: bounded("targets", manifest.targets)?.into_iter().map(Into::into).collect(),
        destinations: texts("destinations", manifest.destinations)?,
        cost: match manifest.cost {
            wit::CostClass::Cheap => CostClass::Cheap,
            wit::CostClass::Moderate => CostClass::Moderate,
            wit::CostClass::Heavy => CostClass::Heavy,
        },
        name,
        parameters,
        interfaces,
        after,
        causes,
        properties,
    })
}

fn parameter(parameter: wit::Parameter) -> Result<Parameter, ManifestError> {
    Ok(Parameter {
        name: name("parameters", parameter.name)?,
        summary: text("parameters", parameter.summary)?,
        kind: match parameter.kind {
            wit::ParameterType::Text => ParameterKind::Text,
            wit::ParameterType::Integer => ParameterKind::Integer,
            wit::ParameterType::Number => ParameterKind::Number,
            wit::ParameterType::Boolean => ParameterKind::Boolean,
            wit::ParameterType::Duration => ParameterKind::Duration,
            wit::ParameterType::Address => ParameterKind::Address,
        },
        unit: parameter.unit.map(|unit| text("parameters", unit)).transpose()?,
        default: parameter.default.map(|default| text("parameters", default)).transpose()?,
    })
}

impl From<wit::TargetKind> for Scheme {
    fn from(kind: wit::TargetKind) -> Self {
        match kind {
            wit::TargetKind::Https => Self::Https,
            wit::TargetKind::Http => Self::Http,
            wit::TargetKind::Tcp => Self::Tcp,
            wit::TargetKind::Tls => Self::Tls,
            wit::TargetKind::Udp => Self::Udp,
            wit::TargetKind::Dns => Self::Dns,
            wit::TargetKind::Listener => Self::Listener,
            wit::TargetKind::Pid => Self::Pid,
            wit::TargetKind::Host => Self::Host,
            wit::TargetKind::Grpc => Self::Grpc,
            wit::TargetKind::Grpcs => Self::Grpcs,
        }
    }
}

fn name(field: &'static str, text: String) -> Result<String, ManifestError> {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let rest = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if first && rest && text.len() <= NAME_BYTES {
        return Ok(text);
    }
    let shown = crate::text::tidy(&text, NAME_BYTES);
    Err(ManifestError {
        field,
        problem: format!(
            "hold {shown:?}; a name is at most {NAME_BYTES} lower-case letters, digits and -, and begins with a letter"
        ),
    })
}

fn text(field: &'static str, text: String) -> Result<String, ManifestError> {
    if text.len() > TEXT_BYTES {
        return Err(ManifestError {
            field,
            problem: format!("hold a text of {} bytes; at most {TEXT_BYTES} are allowed", text.len()),
        });
    }
    if text.chars().any(char::is_control) {
        let shown = crate::text::tidy(&text, NAME_BYTES);
        return Err(ManifestError {
            field,
            problem: format!("hold {shown:?} with control characters; write one plain line"),
        });
    }
    Ok(text)
}

fn texts(field: &'static str, list: Vec<String>) -> Result<Vec<String>, ManifestError> {
    bounded(field, list)?.into_iter().map(|item| text(field, item)).collect()
}

fn bounded<T>(field: &'static str, list: Vec<T>) -> Result<Vec<T>, ManifestError> {
    if list.len() <= ITEMS {
        return Ok(list);
    }
    Err(ManifestError { field, problem: format!("hold {} items; at most {ITEMS} are allowed", list.len()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::sonde::check::types as shared;

    fn manifest() -> wit::Manifest {
        wit::Manifest {
            name: "connect".to_owned(),
            version: "1".to_owned(),
            summary: "dials".to_owned(),
            targets: vec![wit::TargetKind::Tcp],
            parameters: Vec::new(),
            interfaces: vec!["dial".to_owned()],
            destinations: Vec::new(),
            after: vec!["resolve".to_owned()],
            causes: vec!["tcp.port_closed".to_owned()],
            cost: wit::CostClass::Cheap,
            properties: Vec::new(),
        }
    }

    #[test]
    fn a_plain_manifest_is_accepted() {
        let accepted = accepted(manifest()).expect("is plain");
        assert_eq!((accepted.name.as_str(), accepted.targets.as_slice()), ("connect", &[Scheme::Tcp][..]));
    }

    #[test]
    fn names_that_could_be_paths_or_options_are_refused() {
        for bad in ["", "-x", "../x", "A", "a b", "a\u{1b}", "9a", &"a".repeat(NAME_BYTES + 1)] {
            assert!(accepted(wit::Manifest { name: bad.to_owned(), ..manifest() }).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn lists_and_texts_are_bounded() {
        let long =
            accepted(wit::Manifest { summary: "a".repeat(TEXT_BYTES + 1), ..manifest() }).expect_err("is too long");
        assert_eq!(long.field, "summary");
        let many = accepted(wit::Manifest { causes: vec!["a.b".to_owned(); ITEMS + 1], ..manifest() })
            .expect_err("are too many");
        assert_eq!(many.field, "causes");
    }

    #[test]
    fn a_kind_of_target_that_is_served_in_the_past_is_one_that_there_is() {
        let with = |value: &str| {
            let property = shared::Property { name: Manifest::PAST_TARGET.to_owned(), value: value.to_owned() };
            accepted(wit::Manifest { properties: vec![property], ..manifest() })
        };
        assert!(with("pid").is_ok());
        assert_eq!(with("process").expect_err("there is none").field, "properties");
    }

    #[test]
    fn a_check_that_serves_no_target_is_refused() {
        assert_eq!(
            accepted(wit::Manifest { targets: Vec::new(), ..manifest() }).expect_err("serves none").field,
            "targets"
        );
    }
}
