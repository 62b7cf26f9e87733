//! Texts that come from a guest: bounded, and without control characters that could act on a terminal.

/// `text` with line breaks and tabs as spaces, without other control characters, cut to `limit` bytes at a character's edge.
pub(crate) fn tidy(text: &str, limit: usize) -> String {
    let mut tidied = String::with_capacity(text.len().min(limit));
    for character in text.chars() {
        let character = match character {
            '\n' | '\r' | '\t' => ' ',
            // Bidirectional overrides reorder what stands around them.
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => continue,
            c => c,
        };
        if tidied.len() + character.len_utf8() > limit {
            break;
        }
        tidied.push(character);
    }
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_lose_their_escape() {
        assert_eq!(tidy("a\u{1b}[31mb\nc\u{202e}d", 100), "a[31mb cd");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        assert_eq!(tidy("äöü", 3), "ä");
        assert_eq!(tidy("äöü", 4), "äö");
        assert_eq!(tidy("abc", 0), "");
    }
}
