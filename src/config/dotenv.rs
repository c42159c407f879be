//! Reads a `.env` file as python-dotenv 1.2.4 does, because that is how Fast-Flow reads its own.
//!
//! Input: the bytes of the file, and a function that answers for the process environment while `${NAME}` is expanded.
//! Output: the value and the line of every name, and the numbers of the lines that could not be read.
//!
//! It never sets an environment variable, never prints or logs a value, and never decides between the file and the
//! process environment: the caller does. The types have no `Debug`, because the values are secrets.
//!
//! On purpose it differs from python-dotenv in this:
//! - Bytes that are not UTF-8 become U+FFFD and their line is a problem; python-dotenv raises an error.
//! - A byte order mark at the start is dropped. python-dotenv 1.2.4 does the same, but up to 1.2.2 it made the mark
//!   a part of the first name.
//! - A problem has the line of its statement; python-dotenv counts from the empty lines before it.
//! - Expansion stops after 64 MiB, so that values that double from line to line do not fill the memory.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes that all `${...}` of a file may insert together. After that, a value that has one is a problem and absent.
const MAX_SUBSTITUTED: usize = 64 << 20;

/// One entry of the file: the last one of its name.
pub struct Entry {
    /// The value, with escapes decoded and `${...}` expanded.
    pub value: String,
    /// The number of the line, from 1, where the binding starts.
    pub line: usize,
}

/// What a `.env` file says.
#[derive(Default)]
pub struct Dotenv {
    entries: BTreeMap<String, Entry>,
    problems: Vec<usize>,
}

impl Dotenv {
    /// Reads the bytes of a file; `environment` answers for the process environment during expansion.
    pub fn parse(bytes: &[u8], environment: &dyn Fn(&str) -> Option<String>) -> Dotenv {
        let (text, mut problems) = decode(bytes);
        let mut bindings = Bindings { environment, entries: BTreeMap::new(), budget: MAX_SUBSTITUTED };
        let mut scanner = Scanner { rest: &text, line: 1 };
        while scanner.skip_to_statement() {
            let line = scanner.line;
            let understood = match scanner.statement() {
                Some(Statement::Comment) => true,
                Some(Statement::Binding { key, value }) => bindings.bind(key, value, line),
                None => false,
            };
            if !understood {
                problems.insert(line);
                scanner.take_line();
            }
        }
        let entries = bindings.entries.into_iter().filter_map(|(key, entry)| Some((key.to_owned(), entry?))).collect();
        Dotenv { entries, problems: problems.into_iter().collect() }
    }

    /// The entry of this name; a name without `=` has none.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// All names with their entries.
    #[cfg(any(test, fuzzing))]
    pub(super) fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// The numbers of the lines that could not be read or hold bytes that are not UTF-8, ascending.
    pub fn problems(&self) -> &[usize] {
        &self.problems
    }
}

/// The text without byte order mark and with `\n` as its only line end, and the lines with bytes that are not UTF-8.
fn decode(bytes: &[u8]) -> (String, BTreeSet<usize>) {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut text = String::with_capacity(bytes.len());
    let mut damaged = BTreeSet::new();
    let mut line: usize = 1;
    for chunk in bytes.utf8_chunks() {
        // Python's text mode turns these into `\n` too, also inside quoted values.
        let valid = chunk.valid().replace("\r\n", "\n").replace('\r', "\n");
        line = line.saturating_add(newlines(&valid));
        text.push_str(&valid);
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            damaged.insert(line);
        }
    }
    (text, damaged)
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// What Python calls whitespace: Unicode's and the four ASCII separators.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

/// Whitespace within a line.
fn is_blank(c: char) -> bool {
    c != '\n' && is_space(c)
}

enum Statement<'a> {
    Comment,
    /// `value` is not yet expanded, and is missing where there is no `=`.
    Binding {
        key: &'a str,
        value: Option<String>,
    },
}

/// Reads statements from the front of the text.
///
/// The time is linear although a quote without an end is looked for up to the end of the text: of each kind (name,
/// single, double) that happens once, because a later quote of that kind would have been the end of the first.
struct Scanner<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes the next `length` bytes, all that is left if there are not so many.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        self.line = self.line.saturating_add(newlines(taken));
        taken
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        self.take(self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len()))
    }

    /// Takes what is left of the line, without its end.
    fn take_line(&mut self) -> &'a str {
        self.take_while(|c| c != '\n')
    }

    /// Goes to the next statement, over empty lines; false at the end of the text.
    fn skip_to_statement(&mut self) -> bool {
        self.take_while(is_space);
        !self.rest.is_empty()
    }

    /// Reads one statement with its comment. `None`: it is malformed; the scanner is still in the line to be skipped.
    fn statement(&mut self) -> Option<Statement<'a>> {
        self.skip_export();
        if self.peek() == Some('#') {
            self.take_line();
            return Some(Statement::Comment);
        }
        let key = self.key()?;
        self.take_while(is_blank);
        let value = if self.peek() == Some('=') { Some(self.assigned_value()?) } else { None };
        self.expect_end_of_line()?;
        Some(Statement::Binding { key, value })
    }

    fn skip_export(&mut self) {
        if self.rest.strip_prefix("export").is_some_and(|after| after.starts_with(is_blank)) {
            self.take("export".len());
            self.take_while(is_blank);
        }
    }

    /// A name in single quotes may hold anything, also line ends. One in double quotes keeps them as a part of it.
    fn key(&mut self) -> Option<&'a str> {
        let key = match self.rest.strip_prefix('\'') {
            Some(quoted) => {
                let (key, _) = quoted.split_once('\'')?;
                self.take(key.len().saturating_add(2));
                key
            }
            None => self.take_while(|c| !is_space(c) && c != '=' && c != '#'),
        };
        (!key.is_empty()).then_some(key)
    }

    /// Reads `=` and the value after it.
    fn assigned_value(&mut self) -> Option<String> {
        self.take("=".len());
        let spaced = !self.take_while(is_blank).is_empty();
        match self.peek() {
            Some(quote @ ('\'' | '"')) => self.quoted_value(quote),
            // `KEY= # comment`, whereas `KEY=#value` is a value.
            Some('#') if spaced => Some(String::new()),
            _ => Some(self.unquoted_value()),
        }
    }

    fn unquoted_value(&mut self) -> String {
        let line = self.take_line();
        let mut comments = line.match_indices('#').filter_map(|(at, _)| line.get(..at));
        let value = comments.find(|before| before.ends_with(is_space)).unwrap_or(line);
        value.trim_end_matches(is_space).to_owned()
    }

    /// Reads a value in quotes, over line ends, and decodes its escapes. Takes nothing if the closing quote is missing.
    fn quoted_value(&mut self, quote: char) -> Option<String> {
        let mut value = String::new();
        let mut chars = self.rest.chars();
        chars.next();
        loop {
            match chars.next()? {
                '\\' => {
                    let escaped = chars.next()?;
                    match unescape(quote, escaped) {
                        Some(c) => value.push(c),
                        None => value.extend(['\\', escaped]),
                    }
                }
                c if c == quote => break,
                c => value.push(c),
            }
        }
        self.take(self.rest.len().saturating_sub(chars.as_str().len()));
        Some(value)
    }

    /// Takes blanks and a comment, after which the line must end.
    fn expect_end_of_line(&mut self) -> Option<()> {
        self.take_while(is_blank);
        if self.peek() == Some('#') {
            self.take_line();
        }
        self.peek().is_none_or(|c| c == '\n').then_some(())
    }
}

/// What backslash and `escaped` stand for between these quotes; `None`: for themselves, as `\x41` and `\u00e4` do.
fn unescape(quote: char, escaped: char) -> Option<char> {
    match escaped {
        '\\' | '\'' => Some(escaped),
        _ if quote == '\'' => None,
        '"' => Some('"'),
        'a' => Some('\x07'),
        'b' => Some('\x08'),
        'f' => Some('\x0c'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\x0b'),
        _ => None,
    }
}

/// The entries so far, against which the next value is expanded.
struct Bindings<'a> {
    environment: &'a dyn Fn(&str) -> Option<String>,
    /// `None`: the last binding of the name has no value. It hides an earlier one and expands to nothing.
    entries: BTreeMap<&'a str, Option<Entry>>,
    budget: usize,
}

impl<'a> Bindings<'a> {
    /// Adds a binding; false if its value cannot be expanded within the budget.
    fn bind(&mut self, key: &'a str, value: Option<String>, line: usize) -> bool {
        let expanded = value.as_deref().map(|value| self.expand(value));
        let understood = !matches!(expanded, Some(None));
        self.entries.insert(key, expanded.flatten().map(|value| Entry { value, line }));
        understood
    }

    /// Expands `${NAME}` and `${NAME:-default}`, wherever the value came from; they do not nest.
    fn expand(&mut self, value: &str) -> Option<String> {
        let mut expanded = String::with_capacity(value.len());
        let mut rest = value;
        while let Some((before, after)) = rest.split_once("${") {
            expanded.push_str(before);
            let (reference, remainder) = Reference::parse(after);
            match reference {
                Reference::Variable { name, default } => expanded.push_str(&self.resolve(name, default)?),
                Reference::Literal(text) => expanded.extend(["${", text]),
            }
            rest = remainder;
        }
        expanded.push_str(rest);
        Some(expanded)
    }

    /// The process environment comes first, then the file up to here. The default is not for a name whose value is
    /// empty or missing, only for one that is nowhere. `None`: the budget is spent.
    fn resolve<'s>(&'s mut self, name: &str, default: &'s str) -> Option<Cow<'s, str>> {
        if self.budget == 0 {
            return None;
        }
        let found = match ((self.environment)(name), self.entries.get(name)) {
            (Some(value), _) => Cow::Owned(value),
            (None, Some(entry)) => Cow::Borrowed(entry.as_ref().map_or("", |entry| entry.value.as_str())),
            (None, None) => Cow::Borrowed(default),
        };
        self.budget = self.budget.saturating_sub(found.len());
        (self.budget > 0).then_some(found)
    }
}

/// What follows a `${`.
enum Reference<'a> {
    Variable {
        name: &'a str,
        default: &'a str,
    },
    /// Not a reference after all.
    Literal(&'a str),
}

impl<'a> Reference<'a> {
    /// Reads the text after a `${`; also returns what comes after the reference.
    ///
    /// What turns out to be literal is not searched for another `${`, which keeps the time linear: the name of such a
    /// one would end at the same place and fail in the same way.
    fn parse(text: &'a str) -> (Reference<'a>, &'a str) {
        let end = text.find(['}', ':']).unwrap_or(text.len());
        let (name, tail) = text.split_at_checked(end).unwrap_or((text, ""));
        let (default, remainder) = if let Some(remainder) = tail.strip_prefix('}') {
            ("", remainder)
        } else if let Some(default) = tail.strip_prefix(":-") {
            match default.split_once('}') {
                Some(parts) => parts,
                None => return (Reference::Literal(text), ""),
            }
        } else {
            return (Reference::Literal(name), tail);
        };
        (Reference::Variable { name, default }, remainder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::fmt::Write;
    use std::time::{Duration, Instant};

    fn parse(text: &str) -> Dotenv {
        Dotenv::parse(text.as_bytes(), &|_| None)
    }

    fn value<'a>(dotenv: &'a Dotenv, name: &str) -> Option<&'a str> {
        dotenv.get(name).map(|entry| entry.value.as_str())
    }

    #[test]
    fn files_read_as_python_dotenv_reads_them() {
        let cases: Value = serde_json::from_str(include_str!("../../tests/data/dotenv/cases.json")).unwrap();
        let cases = cases.as_array().unwrap();
        assert!(cases.len() >= 60);
        let mut differences = String::new();
        for case in cases {
            let environment = |name: &str| Some(case["environment"].get(name)?.as_str().unwrap().to_owned());
            let dotenv = Dotenv::parse(case["text"].as_str().unwrap().as_bytes(), &environment);
            let read: serde_json::Map<String, Value> =
                dotenv.entries.into_iter().map(|(name, entry)| (name, entry.value.into())).collect();
            if case["values"] != Value::Object(read.clone()) {
                let (name, text, expected) = (&case["name"], &case["text"], &case["values"]);
                let read = Value::Object(read);
                writeln!(differences, "{name}\n  text {text}\n  expected {expected}\n  read     {read}").unwrap();
            }
        }
        assert!(differences.is_empty(), "\n{differences}");
    }

    #[test]
    fn problems_have_the_line_where_their_statement_starts() {
        let dotenv = parse(
            "A=1\n\n\nthis is junk\nB='multi\nline'\nC=\"multi\nline\" junk\nD=4\n=5\nE='x\nF=6\n\nG H=7\nexport \nI",
        );
        assert_eq!(dotenv.problems(), [4, 7, 10, 11, 14, 15]);
        let lines = ["A", "B", "C", "D", "E", "F", "I"].map(|name| dotenv.get(name).map(|entry| entry.line));
        assert_eq!(lines, [Some(1), Some(5), None, Some(9), None, Some(12), None]);
        assert!(parse("# fine\n\nA=1\nB\n").problems().is_empty());
    }

    #[test]
    fn lines_are_counted_alike_for_every_line_end() {
        for end in ["\n", "\r\n", "\r"] {
            let dotenv = parse(&["", "A='1", "", "2'", "no binding", "A=3", ""].join(end));
            assert_eq!(dotenv.problems(), [5]);
            assert_eq!(dotenv.get("A").map(|entry| entry.line), Some(6));
        }
    }

    #[test]
    fn a_byte_order_mark_at_the_start_is_dropped() {
        for text in ["\u{feff}A=1\n", "\u{feff}\n A=1", "\u{feff}export A=1", "\u{feff}# comment\nA=1"] {
            let dotenv = parse(text);
            assert_eq!((value(&dotenv, "A"), dotenv.problems()), (Some("1"), [].as_slice()));
        }
        // Only one, and only at the start.
        assert_eq!(value(&parse("\u{feff}\u{feff}A=1"), "\u{feff}A"), Some("1"));
        assert_eq!(value(&parse("B=2\n\u{feff}A=1"), "A"), None);
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_replaced_and_reported() {
        let dotenv =
            Dotenv::parse(b"A=1\r\nB=x\xffy\nC='1\n\xc3'\nD=\xef\xbf\xbd\n\xe2\x82 E=5\nF=\xf0\x9f", &|_| None);
        assert_eq!(dotenv.problems(), [2, 4, 6, 7]);
        let values = ["A", "B", "C", "D", "E", "F"].map(|name| value(&dotenv, name));
        assert_eq!(
            values,
            [Some("1"), Some("x\u{fffd}y"), Some("1\n\u{fffd}"), Some("\u{fffd}"), None, Some("\u{fffd}")]
        );
    }

    #[test]
    fn values_that_double_stop_at_the_limit() {
        let mut text = String::from("V0=0123456789abcdef\n");
        for n in 1..100 {
            writeln!(text, "V{n}=${{V{}}}${{V{}}}", n - 1, n - 1).unwrap();
        }
        text.push_str("PLAIN=$1");
        let dotenv = parse(&text);
        assert_eq!(value(&dotenv, "V10").map(str::len), Some(16 << 10));
        assert_eq!(value(&dotenv, "PLAIN"), Some("$1"));
        let total: usize = dotenv.entries.values().map(|entry| entry.value.len()).sum();
        assert!(total <= MAX_SUBSTITUTED + text.len());
        assert_eq!(dotenv.problems().last(), Some(&100));
        assert_eq!(dotenv.problems().len() + dotenv.entries.len(), 101);
    }

    /// Seconds; minutes if the work for a byte grows with the length of the file.
    #[test]
    fn long_files_are_read_in_linear_time() {
        let count = 1 << 17;
        let numbered: String = (0..count).map(|n| format!("NAME_{n}=${{NAME_{}}}x # y\n", n / 2)).collect();
        let mut texts: Vec<String> =
            ["\n", "A='", "A=\"\n", "A='x\nB=\"y\n", "'A\n", "''\n", "A=' junk\n", "A \n", "\r"]
                .map(|unit| unit.repeat(count))
                .into();
        for unit in ["${", "${X", "${X:", "${X:-", "${}", "#", " ", "\\", "\\'", " #"] {
            texts.push(format!("A={}:\nB='{}", unit.repeat(count), unit.repeat(count)));
            texts.push(format!("A=\"{}\"\n", unit.repeat(count)));
        }
        texts.push(numbered);
        let start = Instant::now();
        for text in texts {
            parse(&text);
        }
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}
