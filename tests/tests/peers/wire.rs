//! Presentation form to wire form by BIND's `named-rrchecker`: so records of sonde are compared with those of a peer that shows
//! bytes, and that another's parser reads what sonde writes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::reply::{Reply, Row, hex};

/// Remembers what it has been asked before: the same records come with every transport.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    known: HashMap<(u16, String), String>,
}

impl Checker {
    /// The same reply with record data as hex, names free of the choice of escapes, and the question in lower case, as kdig
    /// shows it.
    pub(crate) fn bare(&mut self, reply: &Reply) -> Result<Reply> {
        let mut bare = reply.clone();
        for row in bare.sections.values_mut().flatten() {
            row.rdata = self.rdata(row)?;
            row.name = labels(&row.name)?;
        }
        if let Some((name, _, _)) = &mut bare.question {
            *name = labels(&name.to_ascii_lowercase())?;
        }
        Ok(bare)
    }

    fn rdata(&mut self, row: &Row) -> Result<String> {
        let key = (row.rtype, row.rdata.clone());
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        // The generic form of a known type is read as well (RFC 3597 section 5).
        let output = rrchecker(&format!("IN TYPE{} {}\n", row.rtype, row.rdata))
            .with_context(|| format!("presentation form {:?} of type {}", row.rdata, row.rtype))?;
        let (_, data) = output.split_once("\\# ").with_context(|| format!("no generic form in {output:?}"))?;
        let digits: String = data.split_whitespace().skip(1).collect();
        let digits = digits.trim_matches(['(', ')']).to_ascii_lowercase();
        self.known.insert(key, digits.clone());
        Ok(digits)
    }
}

/// `named-rrchecker -u`: one record from standard input, in generic form to standard output.
fn rrchecker(record: &str) -> Result<String> {
    let mut child = Command::new("named-rrchecker")
        .arg("-u")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start named-rrchecker")?;
    child.stdin.take().context("invariant: piped")?.write_all(record.as_bytes())?;
    let output = child.wait_with_output()?;
    let (text, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "named-rrchecker refuses {record:?}: {text}{error}");
    Ok(text.into_owned())
}

/// The labels of a name (RFC 1035 section 5.1), each as hex.
pub(crate) fn labels(name: &str) -> Result<String> {
    if name == "." {
        return Ok(".".to_owned());
    }
    let (mut label, mut all) = (Vec::new(), String::new());
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'.' => {
                write!(all, "{}.", hex(&label))?;
                label.clear();
            }
            b'\\' => {
                let first = bytes.next().with_context(|| format!("{name:?} ends in a backslash"))?;
                if first.is_ascii_digit() {
                    let (Some(second), Some(third)) = (bytes.next(), bytes.next()) else {
                        bail!("{name:?}: half an escape")
                    };
                    let digits = String::from_utf8(vec![first, second, third])?;
                    label.push(digits.parse().with_context(|| format!("{name:?}: the escape {digits:?}"))?);
                } else {
                    label.push(first);
                }
            }
            _ => label.push(byte),
        }
    }
    ensure!(label.is_empty(), "{name:?} has no final dot");
    Ok(all)
}
