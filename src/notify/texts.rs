//! Every word of a message, German and English side by side, and how each language writes numbers, sizes and times.
//!
//! In: a [`Language`] and plain values. Out: text without markup; nothing here knows of mail or Teams.

use std::time::Duration;

use crate::bytes::ByteSize;
use crate::config::Language;
use crate::time::Timestamp;

/// The same in both languages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Both {
    german: &'static str,
    english: &'static str,
}

pub(super) const fn both(german: &'static str, english: &'static str) -> Both {
    Both { german, english }
}

impl Both {
    pub(super) fn of(self, language: Language) -> &'static str {
        match language {
            Language::German => self.german,
            Language::English => self.english,
        }
    }
}

pub(super) const TEST_MARK: Both = both("TEST", "TEST");
pub(super) const TEST_SUBJECT: Both = both("Probenachricht", "test message");
pub(super) const TEST_LEAD: Both = both(
    "Dies ist eine Probe. Der Kanal funktioniert; es ist nichts zu tun.",
    "This is a test. The channel works; there is nothing to do.",
);
pub(super) const RECOVERED_SUBJECT: Both = both("wieder in Ordnung", "all is well again");
pub(super) const RECOVERED_LEAD: Both = both(
    "Die Störung ist behoben: Der letzte Aufruf lief ohne Fehler.",
    "The trouble is over: the last call ended well.",
);
pub(super) const DONE_SUBJECT: Both = both("ohne Fehler", "ended well");
pub(super) const DONE_LEAD: Both = both("Der Aufruf lief ohne Fehler.", "The call ended well.");
pub(super) const TROUBLE_TITLE: Both = both("gescheitert", "failed");
pub(super) const UNTOUCHED: Both = both(
    "Was nicht nachweislich archiviert ist, liegt unverändert auf der Platte.",
    "Whatever is not provably archived is still on the disk, unchanged.",
);
pub(super) const NEXT_STEP: Both = both("Nächster Schritt", "Next step");
pub(super) const MESSAGE: Both = both("Meldung", "Message");
pub(super) const CONCERNED: Both = both("Betroffene Läufe", "Runs concerned");
pub(super) const DUE: Both = both("fällig", "due");
pub(super) const ARCHIVED: Both = both("archiviert", "archived");
pub(super) const DELETED: Both = both("gelöscht", "deleted");
pub(super) const CUT: Both = both("Logs gekürzt", "logs cut");
pub(super) const FAILED: Both = both("gescheitert", "failed");
pub(super) const NOT_ATTEMPTED: Both = both("nicht versucht", "not attempted");
pub(super) const UPLOADED: Both = both("übertragen", "uploaded");
pub(super) const STAYS: Both = both("bleibt auf der Platte", "stays on the disk");
pub(super) const SINCE: Both = both("Störung seit", "trouble since");
pub(super) const LASTED: Both = both("Störung", "trouble");
pub(super) const EXIT_CODE: Both = both("Exit-Code", "exit code");
pub(super) const HOST: Both = both("Rechner", "host");
pub(super) const COMMAND: Both = both("Befehl", "command");
pub(super) const STARTED: Both = both("begonnen", "started");
pub(super) const DURATION: Both = both("Dauer", "duration");
pub(super) const LEDGER: Both = both("Ledger-Kopf", "ledger head");
pub(super) const OPEN_RUN: Both = both("Ersten Lauf öffnen", "Open the first run");
pub(super) const OPEN_FAST_FLOW: Both = both("Fast-Flow öffnen", "Open Fast-Flow");
pub(super) const REPEATED: Both = both(
    "Bleibt die Ursache dieselbe, kommt diese Nachricht höchstens einmal am Tag; ist alles wieder gut, kommt eine letzte.",
    "While the cause stays the same, this message comes at most once a day; when all is well again, a last one follows.",
);

/// What the subject says of runs that were to go and stayed.
pub(super) fn runs_left(language: Language, count: u64) -> String {
    let runs = runs(language, count);
    match (language, count) {
        (Language::German, 1) => format!("{runs} ist liegen geblieben"),
        (Language::German, _) => format!("{runs} sind liegen geblieben"),
        (Language::English, 1) => format!("{runs} was left behind"),
        (Language::English, _) => format!("{runs} were left behind"),
    }
}

/// `41 Läufe`, `1 run`.
pub(super) fn runs(language: Language, count: u64) -> String {
    match (language, count) {
        (Language::German, 1) => "1 Lauf".to_owned(),
        (Language::German, _) => format!("{} Läufe", number(language, count)),
        (Language::English, 1) => "1 run".to_owned(),
        (Language::English, _) => format!("{} runs", number(language, count)),
    }
}

/// Whom a cause concerns: `5 Läufe gescheitert, 36 nicht versucht`.
pub(super) fn concerned(language: Language, failed: u64, not_attempted: u64) -> Option<String> {
    let (failed_word, not_attempted_word) = (FAILED.of(language), NOT_ATTEMPTED.of(language));
    match (failed, not_attempted) {
        (0, 0) => None,
        (0, _) => Some(format!("{} {not_attempted_word}", runs(language, not_attempted))),
        (_, 0) => Some(format!("{} {failed_word}", runs(language, failed))),
        _ => Some(format!(
            "{} {failed_word}, {} {not_attempted_word}",
            runs(language, failed),
            number(language, not_attempted)
        )),
    }
}

/// `und 21 weitere`.
pub(super) fn and_more(language: Language, count: u64) -> String {
    let count = number(language, count);
    match language {
        Language::German => format!("und {count} weitere"),
        Language::English => format!("and {count} more"),
    }
}

/// What stays: `41 Läufe, 12,3 MiB, der älteste vom 4. August 2026, 02:30 UTC`.
pub(super) fn stays(language: Language, count: u64, bytes: ByteSize, oldest: Option<Timestamp>) -> String {
    let mut text = runs(language, count);
    if count > 0 {
        text = format!("{text}, {}", size(language, bytes));
    }
    match (language, oldest) {
        (Language::German, Some(oldest)) => format!("{text}, der älteste vom {}", time(language, oldest)),
        (Language::English, Some(oldest)) => format!("{text}, the oldest of {}", time(language, oldest)),
        (_, None) => text,
    }
}

/// From when to when.
pub(super) fn from_to(language: Language, from: &str, to: &str) -> String {
    match language {
        Language::German => format!("vom {from} bis {to}"),
        Language::English => format!("from {from} to {to}"),
    }
}

/// `1.234` or `1,234`.
pub(super) fn number(language: Language, number: u64) -> String {
    let separator = if language == Language::German { '.' } else { ',' };
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

/// `1,5 MiB` or `1.5 MiB`.
pub(super) fn size(language: Language, size: ByteSize) -> String {
    let text = size.to_string();
    if language == Language::German { text.replace('.', ",") } else { text }
}

/// `4. August 2026, 02:30 UTC` or `4 August 2026, 02:30 UTC`.
pub(super) fn time(language: Language, at: Timestamp) -> String {
    const MONTHS: [Both; 12] = [
        both("Januar", "January"),
        both("Februar", "February"),
        both("März", "March"),
        both("April", "April"),
        both("Mai", "May"),
        both("Juni", "June"),
        both("Juli", "July"),
        both("August", "August"),
        both("September", "September"),
        both("Oktober", "October"),
        both("November", "November"),
        both("Dezember", "December"),
    ];
    let text = at.to_minute();
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let month = part(5..7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    let (day, month) = (part(8..10).trim_start_matches('0'), month.map_or("", |month| month.of(language)));
    let dot = if language == Language::German { "." } else { "" };
    format!("{day}{dot} {month} {}, {} UTC", part(0..4), part(11..16))
}

/// `3,2 s`, `2 min 5 s`, `1 h 20 min`.
pub(super) fn duration(language: Language, duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => {
            let text = format!("{:.1} s", duration.as_secs_f64());
            if language == Language::German { text.replace('.', ",") } else { text }
        }
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", number(language, seconds / 3600), seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANGUAGES: [Language; 2] = [Language::German, Language::English];

    #[test]
    fn numbers_sizes_and_times_are_written_as_the_language_does() {
        let at = Timestamp::from_rfc3339("2026-03-04T02:05:00Z").unwrap();
        assert_eq!(LANGUAGES.map(|language| number(language, 1_234_567)), ["1.234.567", "1,234,567"]);
        assert_eq!(LANGUAGES.map(|language| number(language, 100)), ["100", "100"]);
        assert_eq!(LANGUAGES.map(|language| size(language, ByteSize(1536))), ["1,5 KiB", "1.5 KiB"]);
        assert_eq!(
            LANGUAGES.map(|language| time(language, at)),
            ["4. März 2026, 02:05 UTC", "4 March 2026, 02:05 UTC"]
        );
        assert_eq!(LANGUAGES.map(|language| duration(language, Duration::from_millis(3240))), ["3,2 s", "3.2 s"]);
        assert_eq!(duration(Language::German, Duration::from_secs(125)), "2 min 5 s");
        assert_eq!(duration(Language::English, Duration::from_secs(4800)), "1 h 20 min");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(LANGUAGES.map(|language| runs(language, 1)), ["1 Lauf", "1 run"]);
        assert_eq!(
            LANGUAGES.map(|language| concerned(language, 5, 36).unwrap()),
            ["5 Läufe gescheitert, 36 nicht versucht", "5 runs failed, 36 not attempted"]
        );
        assert_eq!(concerned(Language::English, 0, 0), None);
    }
}
