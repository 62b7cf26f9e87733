//! A page of labelled, wrapped paragraphs. What is put on it is made harmless first.

use crate::render::style::{FAINT, LABEL, Mark, STRONG, paint};
use crate::render::text::{clean, columns, wrap};

/// Lines of at most `width` columns, with colours inside.
pub(crate) struct Page {
    width: usize,
    text: String,
}

impl Page {
    /// An empty page.
    pub(crate) fn new(width: usize) -> Self {
        Self { width: width.clamp(NARROWEST, WIDEST), text: String::new() }
    }

    /// How wide it is.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// A line that is already made harmless and painted.
    pub(crate) fn line(&mut self, painted: &str) {
        self.text.push_str(painted.trim_end());
        self.text.push('\n');
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// A sign and the words that all below it explains.
    pub(crate) fn headline(&mut self, mark: Mark, text: &str) {
        for (number, line) in wrap(&clean(text), self.width - 2).iter().enumerate() {
            let sign = if number == 0 { paint(mark.style(), mark.sign()) } else { " ".to_owned() };
            let line = paint(mark.style(), line);
            self.line(&format!("{sign} {line}"));
        }
    }

    /// A paragraph, indented under its headline.
    pub(crate) fn paragraph(&mut self, text: &str) {
        for line in wrap(&clean(text), self.width - INDENT) {
            self.line(&format!("{:INDENT$}{}", "", paint(STRONG, &line)));
        }
    }

    /// A label and what it says; nothing when that is empty.
    pub(crate) fn field(&mut self, label: &str, text: &str) {
        if !text.is_empty() {
            self.list(label, std::iter::once(text));
        }
    }

    /// A label and several things; nothing when there are none.
    pub(crate) fn list<T: AsRef<str>>(&mut self, label: &str, items: impl IntoIterator<Item = T>) {
        let mut label = label;
        for item in items {
            for line in wrap(&clean(item.as_ref()), self.width - INDENT - LABEL_WIDTH) {
                let fill = LABEL_WIDTH.saturating_sub(columns(label));
                self.line(&format!("{:INDENT$}{}{:fill$}{line}", "", paint(LABEL, label), ""));
                label = "";
            }
        }
    }

    /// A line beside the point.
    pub(crate) fn faint(&mut self, text: &str) {
        for line in wrap(&clean(text), self.width) {
            self.line(&paint(FAINT, &line));
        }
    }

    /// All of it.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

const INDENT: usize = 2;
const LABEL_WIDTH: usize = 12;
const NARROWEST: usize = 40;
const WIDEST: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_item_and_the_second_line_stand_below_the_first() {
        let mut page = Page::new(40);

        page.list("proof", ["one two three four five seven", "eight"]);

        let text = anstream::adapter::strip_str(&page.finish()).to_string();
        assert_eq!(text, "  proof       one two three four five\n              seven\n              eight\n");
    }

    #[test]
    fn an_empty_field_leaves_no_line() {
        let mut page = Page::new(80);

        page.field("remedy", "");

        assert_eq!(page.finish(), "");
    }
}
