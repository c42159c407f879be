//! Properties of `.env` files and of Fernet tokens that hold for any bytes; they panic where one does not.
//!
//! In: bytes of a fuzzer, of the committed corpus or of a property test. Out: nothing, or a panic. Not in any release.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use super::dotenv::Dotenv;
use super::secret::Secret;
use super::settings::decrypt;

/// The bytes are a `.env` file.
pub fn dotenv(data: &[u8]) {
    let read = parse(data);
    let lines = data.split(|byte| matches!(byte, b'\n' | b'\r')).count();
    assert!(read.problems.is_sorted_by(|one, next| one < next), "each line is a problem once");
    let numbers = read.problems.iter().chain(read.entries.iter().map(|(_, _, line)| line));
    assert!(numbers.into_iter().all(|line| (1..=lines).contains(line)), "every line is one of the file");
    assert!(read.entries.iter().all(|(name, ..)| !name.is_empty()));
    let unix = replaced(&replaced(data, b"\r\n", b"\n"), b"\r", b"\n");
    assert!(parse(&unix) == read, "line ends are alike");
    if !data.starts_with("\u{feff}".as_bytes()) {
        let mut lower = parse(&[b"\n", data].concat());
        lower.problems.iter_mut().for_each(|line| *line -= 1);
        lower.entries.iter_mut().for_each(|(.., line)| *line -= 1);
        assert!(lower == read, "an empty line on top moves all others");
    }
    if let Some(text) = str::from_utf8(data).ok().filter(|text| !text.contains("${")) {
        // A carriage return as it is would read as a line feed.
        let escaped = text.replace('\\', r"\\").replace('"', r#"\""#).replace('\r', r"\r");
        let quoted = parse(format!("X=\"{escaped}\" # comment\nY=2").as_bytes());
        let values: Vec<_> = quoted.entries.iter().map(|(name, value, _)| (name.as_str(), value.as_str())).collect();
        assert!(values == [("X", text), ("Y", "2")] && quoted.problems.is_empty(), "a quoted value reads back");
    }
}

/// What a file says, to be compared.
#[derive(PartialEq)]
struct Read {
    entries: Vec<(String, String, usize)>,
    problems: Vec<usize>,
}

fn parse(data: &[u8]) -> Read {
    let dotenv = Dotenv::parse(data, &|name| (name == "A").then(|| "${A}'".to_owned()));
    let entries = dotenv.entries().iter().map(|(name, entry)| (name.clone(), entry.value.clone(), entry.line));
    Read { entries: entries.collect(), problems: dotenv.problems().to_vec() }
}

fn replaced(data: &[u8], what: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut rest = data;
    while let Some(first) = rest.first() {
        match rest.strip_prefix(what) {
            Some(after) => {
                out.extend_from_slice(with);
                rest = after;
            }
            None => {
                out.push(*first);
                rest = &rest[1..];
            }
        }
    }
    out
}

/// The bytes are a key, a time, what is changed in a token, and a secret; as text, they are a token and a key themselves.
pub fn fernet(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let secret = |key: &[u8; 32]| Secret::new(URL_SAFE.encode(key));
    let opens = |token: &str, key: &Secret| decrypt(token, Some(key), "c").is_ok();
    assert!(!opens(&text, &Secret::new(&text)));
    let Some((key, rest)) = data.split_first_chunk() else { return };
    assert!(!opens(&text, &secret(key)), "nobody made this token");
    let Some((time, rest)) = rest.split_first_chunk() else { return };
    let Some(([high, low, mask, letter], plain)) = rest.split_first_chunk() else { return };
    let Some(made) = fernet::Fernet::new(secret(key).expose()) else { panic!("32 bytes are a key") };
    // Of any time but the last centuries of the universe.
    let token = made.encrypt_at_time(plain, u64::from_be_bytes(*time) >> 2);
    match (decrypt(&token, Some(&secret(key)), "c"), str::from_utf8(plain)) {
        (Ok(read), Ok(plain)) => assert!(read.expose() == plain.trim(), "what was encrypted comes out"),
        (read, plain) => assert!(read.is_err() && plain.is_err(), "text comes out, and nothing else"),
    }
    let place = usize::from(u16::from_be_bytes([*high, *low]));
    let flip = (*mask).max(1);
    let Ok(mut raw) = URL_SAFE.decode(&token) else { panic!("a token is base64") };
    let at = place % raw.len();
    raw[at] ^= flip;
    assert!(!opens(&URL_SAFE.encode(raw), &secret(key)), "byte {at} of the token was changed by {flip:#x}");
    let mut letters = token.clone().into_bytes();
    let at = place % letters.len();
    let letter = letter & 0x7f;
    if letters[at] != letter {
        letters[at] = letter;
        let changed = String::from_utf8_lossy(&letters);
        assert!(!opens(&changed, &secret(key)), "letter {at} of the token was changed to {letter:#x}");
    }
    let mut other = *key;
    other[place % 16] ^= flip;
    assert!(!opens(&token, &secret(&other)), "another signing key");
}
