//! Text from rows, files and servers, safe to print: control characters and direction marks become escapes.

use std::borrow::Cow;

/// Whether a terminal would act on the character instead of showing it, or show others in another order because of it.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// `text` with every acting character as `\n`, `\u{1b}` and the like.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().fold(String::with_capacity(text.len() + 8), |mut out, character| {
        if acts(character) {
            out.extend(character.escape_default())
        } else {
            out.push(character)
        }
        out
    });
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_acting_characters_are_escaped() {
        assert_eq!(printable("Täglicher \"Import\" 日本"), "Täglicher \"Import\" 日本");
        assert_eq!(printable("a\nb\u{1b}[2J\u{202e}c"), "a\\nb\\u{1b}[2J\\u{202e}c");
    }
}
