//! Facts by name, their comparison, and which of them were ever anything but plain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What one side says of a socket, field by field.
pub(crate) type Facts = BTreeMap<String, String>;

/// What was compared, and what differed.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    rows: usize,
    differences: Vec<String>,
    /// Fields that both sides said the same of, and not what a reader that did not look would say.
    telling: BTreeSet<String>,
}

impl Comparison {
    /// Compares the facts of the peer, each of which sonde must have too.
    pub(crate) fn row(&mut self, what: &str, ours: &Facts, theirs: &Facts) {
        self.rows += 1;
        let mut told = String::new();
        for (field, their) in theirs {
            match ours.get(field) {
                Some(our) if our == their => {
                    if !["", "0", "0/0", "*"].contains(&their.as_str()) {
                        self.telling.insert(field.clone());
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
    /// Where anything differed, fewer rows than `at_least` were compared, or one of `fields` was plain in every row.
    pub(crate) fn expect_equal(&self, at_least: usize, fields: &[&str]) {
        assert!(self.differences.is_empty(), "of {} rows differ:\n{}", self.rows, self.differences.join("\n"));
        assert!(self.rows >= at_least, "only {} rows were compared", self.rows);
        let untold: Vec<_> = fields.iter().filter(|field| !self.telling.contains(**field)).collect();
        assert!(untold.is_empty(), "plain in every row, so their comparison proves nothing: {untold:?}");
    }
}
