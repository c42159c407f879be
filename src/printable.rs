//! Text from rows, files and servers, safe to print: control characters and direction marks become escapes, and what is
//! too long for a message is cut.

use std::borrow::Cow;

/// Whether a terminal would act on the character instead of showing it, or show others in another order because of it.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// `text` with every acting character as `\n`, `\u{1b}` and the like.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |out, character| out.extend(character.escape_default()))
}

/// JSON with every acting character as `\u001b` and the like: the same JSON, as such characters are in its strings only.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    escaped(json, |out, character| out.push_str(&format!("\\u{:04x}", u32::from(character))))
}

fn escaped(text: &str, escape: impl Fn(&mut String, char)) -> Cow<'_, str> {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~');
    if text.as_bytes().iter().all(is_plain) || !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().fold(String::with_capacity(text.len() + 8), |mut out, character| {
        if acts(character) {
            escape(&mut out, character)
        } else {
            out.push(character)
        }
        out
    });
    Cow::Owned(escaped)
}

/// The first 200 characters: names and paths in rows have any length.
pub fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(200) {
        Some((at, _)) => Cow::Owned(format!("{}\u{2026}", text.get(..at).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_acting_characters_are_escaped() {
        assert_eq!(printable("Täglicher \"Import\" 日本"), "Täglicher \"Import\" 日本");
        assert_eq!(printable("a\nb\u{1b}[2J\u{202e}c"), "a\\nb\\u{1b}[2J\\u{202e}c");
    }

    #[test]
    fn json_stays_the_same_json() {
        let text = "a\n\u{1b}\u{7f}\u{9b}\u{61c}\u{202e}\u{feff} ä\"\\";
        let json = serde_json::to_string(text).unwrap();
        let line = printable_json(&json);
        assert_eq!(line, "\"a\\n\\u001b\\u007f\\u009b\\u061c\\u202e\\ufeff ä\\\"\\\\\"");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(shortened(&"ä".repeat(200)), "ä".repeat(200));
        assert_eq!(shortened(&"ä".repeat(201)), "ä".repeat(200) + "\u{2026}");
    }
}
