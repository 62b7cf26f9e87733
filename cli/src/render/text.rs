//! Text for a terminal: made harmless, measured, wrapped and cut; and numbers in the words of people.
//!
//! Names, banners and certificates come from the network: nothing of theirs may reach the terminal as a control sequence.

use std::fmt::Write as _;

use prost_types::{Duration, Timestamp};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The text with every control and direction character written out as an escape.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_invisible(character) {
            // Writing to a String cannot fail.
            let _ = write!(cleaned, "{}", character.escape_default());
        } else {
            cleaned.push(character);
        }
    }
    cleaned
}

/// The columns that a clean text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// The text in exactly `width` columns: cut with an ellipsis, or filled with spaces.
pub(crate) fn fit(text: &str, width: usize) -> String {
    let mut fitted = cut(text, width);
    let fill = width.saturating_sub(columns(&fitted));
    fitted.extend(std::iter::repeat_n(' ', fill));
    fitted
}

/// The text in at most `width` columns, cut with an ellipsis.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut taken = 0;
    for character in text.chars() {
        taken += character.width().unwrap_or(0);
        if taken + 1 > width {
            break;
        }
        kept.push(character);
    }
    if width > 0 {
        kept.push('…');
    }
    kept
}

/// The text in lines of at most `width` columns, broken between words; a word longer than a line stays whole, so that it can be copied.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if columns(line) + 1 + columns(word) <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// In whole microseconds; 0 where there is none or it is negative.
pub(crate) fn micros(duration: Option<&Duration>) -> u64 {
    duration.map_or(0, |duration| {
        let seconds = u64::try_from(duration.seconds).unwrap_or(0);
        let nanos = u64::try_from(duration.nanos).unwrap_or(0);
        seconds.saturating_mul(1_000_000).saturating_add(nanos / 1_000)
    })
}

/// `340 µs`, `12.1 ms`, `1.204 s`.
pub(crate) fn elapsed(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        _ => format!("{}.{:03} s", micros / 1_000_000, micros % 1_000_000 / 1_000),
    }
}

/// `2026-11-18 11:06 UTC`; empty where it is outside what a calendar can say.
pub(crate) fn moment(timestamp: &Timestamp) -> String {
    let text = timestamp.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute} UTC"),
        _ => String::new(),
    }
}

/// An address and port as one dials it.
pub(crate) fn socket(address: &str, port: u32) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// `1 query`, `2 queries`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Zero-width and direction characters, which would make a text read as another.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_from_the_network_is_written_out() {
        assert_eq!(clean("a\u{1b}[31mb\nc\u{202e}d"), "a\\u{1b}[31mb\\nc\\u{202e}d");
    }

    #[test]
    fn a_long_text_is_cut_with_an_ellipsis_to_the_exact_width() {
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit("ab", 4), "ab  ");
        assert_eq!(columns(&fit("日本語日本語", 5)), 5);
        assert_eq!(fit("abc", 0), "");
    }

    #[test]
    fn lines_break_between_words_and_long_words_stay_whole() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("a 0123456789 b", 4), ["a", "0123456789", "b"]);
        assert_eq!(wrap("", 4), [""]);
    }

    #[test]
    fn durations_read_in_the_unit_that_suits_them() {
        assert_eq!(elapsed(340), "340 µs");
        assert_eq!(elapsed(12_149), "12.1 ms");
        assert_eq!(elapsed(1_204_000), "1.204 s");
    }

    #[test]
    fn a_negative_duration_is_nothing() {
        assert_eq!(micros(Some(&Duration { seconds: -1, nanos: 0 })), 0);
        assert_eq!(micros(Some(&Duration { seconds: 1, nanos: 204_000_000 })), 1_204_000);
    }

    #[test]
    fn a_moment_is_shown_to_the_minute() {
        assert_eq!(moment(&Timestamp { seconds: 1_795_000_000, nanos: 0 }), "2026-11-18 11:06 UTC");
    }
}
