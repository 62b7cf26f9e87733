//! The `hosts` sources of nsswitch.conf as Go reads them: `parseNSSConf` of src/net/nss.go in Go 1.26.
//!
//! Only a space ends a source's name there, lines of one database add up, and a line without a colon spoils the whole file.

use super::super::resolv::golang::BUFFER_BYTES;
use super::super::resolv::{lines, text};

/// One source with its criteria.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) name: String,
    criteria: Vec<Criterion>,
}

#[derive(Debug, PartialEq, Eq)]
struct Criterion {
    negated: bool,
    /// In lower case, as is the action.
    status: String,
    action: String,
}

impl Source {
    /// Whether its criteria say what would hold without them.
    pub(super) fn is_standard(&self) -> bool {
        let last = self.criteria.len().saturating_sub(1);
        self.criteria.iter().enumerate().all(|(at, criterion)| criterion.is_standard(at == last))
    }
}

impl Criterion {
    fn is_standard(&self, last: bool) -> bool {
        let standard = match self.status.as_str() {
            "success" => "return",
            "notfound" | "unavail" | "tryagain" => "continue",
            _ => return false,
        };
        !self.negated && (last && self.action == "return" || self.action == standard)
    }
}

/// Those of every `hosts` line, or why the file does not parse.
pub(super) fn hosts(bytes: &[u8]) -> Result<Vec<Source>, String> {
    let mut all = Vec::new();
    for (number, line) in lines(bytes) {
        if line.len() >= BUFFER_BYTES {
            break;
        }
        let line = text(line);
        let line = line.split('#').next().unwrap_or_default().trim_matches(SPACE);
        if line.is_empty() {
            continue;
        }
        let (database, sources) = line.split_once(':').ok_or_else(|| format!("no colon in line {number}"))?;
        let sources = parse_sources(sources).map_err(|what| format!("{what} in line {number}"))?;
        if database.trim_matches(SPACE) == "hosts" {
            all.extend(sources);
        }
    }
    Ok(all)
}

fn parse_sources(line: &str) -> Result<Vec<Source>, &'static str> {
    let mut sources = Vec::new();
    let mut rest = line.trim_matches(SPACE);
    while !rest.is_empty() {
        let (name, behind) = rest.split_once(' ').unwrap_or((rest, ""));
        rest = behind.trim_matches(SPACE);
        let mut criteria = Vec::new();
        if let Some(block) = rest.strip_prefix('[') {
            let (block, behind) = block.split_once(']').ok_or("an unclosed bracket")?;
            for field in block.split(' ').map(|field| field.trim_matches(SPACE)).filter(|field| !field.is_empty()) {
                criteria.push(parse_criterion(field)?);
            }
            rest = behind.trim_matches(SPACE);
        }
        sources.push(Source { name: name.to_owned(), criteria });
    }
    Ok(sources)
}

fn parse_criterion(field: &str) -> Result<Criterion, &'static str> {
    let (negated, field) = field.strip_prefix('!').map_or((false, field), |field| (true, field));
    if field.len() < 3 {
        return Err("a criterion that is too short");
    }
    let field = field.to_ascii_lowercase();
    let (status, action) = field.split_once('=').ok_or("a criterion without an equal sign")?;
    Ok(Criterion { negated, status: status.to_owned(), action: action.to_owned() })
}

/// `isSpace` of src/net/parse.go.
const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];
