//! Facts by name, their comparison, and which of them were ever anything but plain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What one side says, field by field.
pub(crate) type Facts = BTreeMap<String, String>;

/// What was compared, and what differed.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    rows: usize,
    differences: Vec<String>,
    compared: BTreeSet<String>,
    /// Fields that had another than their plain value in some row, on both sides.
    telling: BTreeSet<String>,
}

impl Comparison {
    /// Compares the facts of the peer, each of which sonde must have too.
    pub(crate) fn row(&mut self, what: &str, ours: &Facts, theirs: &Facts) {
        self.rows += 1;
        let mut told = String::new();
        for (field, their) in theirs {
            let kind = kind(field);
            self.compared.insert(kind.clone());
            match ours.get(field) {
                Some(our) if our == their => {
                    if !PLAIN.contains(&(kind.as_str(), their.as_str())) && !their.is_empty() {
                        self.telling.insert(kind);
                    }
                }
                our => {
                    // Writing to a string cannot fail.
                    let _ = writeln!(told, "  {field}: sonde {our:?}, peer {their:?}");
                }
            }
        }
        if !told.is_empty() {
            self.differences.push(format!("{what}\n{told}"));
        }
    }

    /// # Panics
    /// Where anything differed, fewer rows than `at_least` were compared, or a field was plain in every row.
    pub(crate) fn expect_equal(&self, at_least: usize) {
        assert!(self.rows >= at_least, "only {} rows were compared", self.rows);
        assert!(self.differences.is_empty(), "of {} rows differ:\n{}", self.rows, self.differences.join("\n"));
        let untold: Vec<_> = self.compared.difference(&self.telling).collect();
        assert!(untold.is_empty(), "plain in every row, so their comparison proves nothing: {untold:?}");
    }
}

/// `certificate 1 subject` is a `certificate subject`.
fn kind(field: &str) -> String {
    field.split(' ').filter(|word| word.parse::<usize>().is_err()).collect::<Vec<_>>().join(" ")
}

/// Values that a client which did not look would show too.
const PLAIN: &[(&str, &str)] = &[
    ("alpn", "none"),
    ("verification", "accepted"),
    ("client certificate asked for", "false"),
    ("certificate ca", "false"),
    ("staple", "none"),
    ("group", "X25519"),
    ("http_code", "200"),
    ("num_redirects", "0"),
    ("size_download", "0"),
    ("ssl_verify_result", "0"),
    ("http_version", "1.1"),
    ("remote_port", "80"),
    ("mss", "536"),
    ("pmtu", "1500"),
    ("bytes_received", "0"),
    ("bytes_acked", "0"),
];
