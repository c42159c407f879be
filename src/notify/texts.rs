//! Every word of a message, German and English side by side, and how each language writes numbers, sizes and times.
//!
//! In: a [`Language`] and plain values. Out: text without markup; nothing here knows of mail or Teams.

use std::time::Duration;

use crate::bytes::ByteSize;
use crate::config::Language;
use crate::error::Kind;
use crate::time::Timestamp;

/// The same in both languages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Both {
    german: &'static str,
    english: &'static str,
}

const fn both(german: &'static str, english: &'static str) -> Both {
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

/// What a class of errors means, and what to do about it.
pub(super) struct Advice {
    pub(super) meaning: Both,
    pub(super) step: Both,
}

const fn advice(meaning: Both, step: Both) -> Advice {
    Advice { meaning, step }
}

const SEE_RUNS: Both = both(
    "Die genannten Läufe ansehen; der nächste Aufruf versucht sie wieder.",
    "Look at the runs that are named; the next call tries them again.",
);
const SEE_SETTING: Both = both(
    "Die genannte Einstellung berichtigen; `fastflow-archive plan -v` zeigt jeden Wert mit seiner Quelle.",
    "Correct the setting that is named; `fastflow-archive plan -v` shows each value with its source.",
);
const SEE_DATABASE: Both = both(
    "Datenbank, Rechte und Platte prüfen; läuft Fast-Flow?",
    "Check the database, its permissions and the disk; is Fast-Flow running?",
);
const SEE_STORE: Both = both("Zustand und Protokolle des Speichers prüfen.", "Check state and logs of the store.");
const SEE_KEYS: Both = both(
    "S3_ACCESS_KEY und S3_SECRET_ACCESS_KEY und die Rechte des Schlüssels prüfen (s3:PutObject genügt).",
    "Check S3_ACCESS_KEY, S3_SECRET_ACCESS_KEY and what the key may do (s3:PutObject is enough).",
);
const CALL_AGAIN: Both = both("Noch einmal aufrufen.", "Call again.");
const SEE_MOUNT: Both = both(
    "Ist das Volume eingehängt? --logs-dir und --path-map prüfen.",
    "Is the volume mounted? Check --logs-dir and --path-map.",
);

/// The words for a class of errors.
pub(super) fn of(kind: Kind) -> Advice {
    match kind {
        Kind::InvalidSetting => {
            advice(both("Eine Einstellung ist unbrauchbar", "A setting cannot be used"), SEE_SETTING)
        }
        Kind::IncompleteConfiguration => {
            advice(both("Die Konfiguration ist unvollständig", "The configuration is incomplete"), SEE_SETTING)
        }
        Kind::UndecryptableSecret => advice(
            both("Ein Geheimnis lässt sich nicht entschlüsseln", "A secret does not decrypt"),
            both(
                "ENCRYPTION_KEY auf den Schlüssel setzen, mit dem Fast-Flow läuft, oder den Wert auf der Einstellungsseite neu speichern.",
                "Set ENCRYPTION_KEY to the key that Fast-Flow runs with, or save the value on the Settings page again.",
            ),
        ),
        Kind::MissingFile => advice(
            both("Eine Datei der Konfiguration fehlt", "A file of the configuration is missing"),
            both("Datei anlegen oder lesbar machen.", "Create the file, or make it readable."),
        ),
        Kind::BackupDisabled => advice(
            both("Die Archivierung ist abgeschaltet", "Archiving is switched off"),
            both(
                "S3_BACKUP_ENABLED einschalten oder den Zeitplan entfernen.",
                "Switch S3_BACKUP_ENABLED on, or remove the schedule.",
            ),
        ),
        Kind::UnsupportedDatabase => advice(
            both("Die Datenbank wird nicht unterstützt", "The database is not supported"),
            both("--database auf eine unterstützte Datenbank richten.", "Point --database at a supported one."),
        ),
        Kind::DatabaseUnreadable => {
            advice(both("Die Datenbank ist nicht lesbar", "The database cannot be read"), SEE_DATABASE)
        }
        Kind::UnknownSchema => advice(
            both("Die Datenbank ist keine von Fast-Flow", "The database is not one of Fast-Flow"),
            both("--database und --data-dir prüfen.", "Check --database and --data-dir."),
        ),
        Kind::WrongUser => advice(
            both("Der Aufruf läuft unter dem falschen Benutzer", "The call runs as the wrong user"),
            both(
                "Als Eigentümer der Datenbank oder als root aufrufen.",
                "Call as the owner of the database, or as root.",
            ),
        ),
        Kind::DatabaseBusy => advice(both("Die Datenbank ist besetzt", "The database is busy"), SEE_DATABASE),
        Kind::WriteFailed | Kind::OutsideFolder | Kind::FileExists | Kind::RunExists => {
            advice(both("Dateien ließen sich nicht zurückholen", "Files could not be brought back"), SEE_RUNS)
        }
        Kind::ManifestRefused => {
            advice(both("Ein Manifest im Archiv ist unbrauchbar", "A manifest in the archive cannot be used"), SEE_RUNS)
        }
        Kind::UnreadableRow => advice(
            both("Zeilen der Datenbank sind unverständlich", "Rows of the database cannot be understood"),
            SEE_RUNS,
        ),
        Kind::UnknownRun => advice(
            both("Ein genannter Lauf ist unbekannt", "A run that was named is unknown"),
            both("Die Kennung prüfen.", "Check the id."),
        ),
        Kind::LogMissing => advice(
            both("Logdateien fehlen", "Logs are missing"),
            both(
                "Klären, wo die Logs geblieben sind; --allow-missing-logs archiviert und löscht auch ohne sie.",
                "Find out where the logs went; --allow-missing-logs archives and deletes without them.",
            ),
        ),
        Kind::FileUnreadable => advice(both("Dateien sind nicht lesbar", "Files cannot be read"), SEE_RUNS),
        Kind::OutsideLogsDir => {
            advice(both("Pfade führen aus dem Logverzeichnis", "Paths lead out of the log directory"), SEE_RUNS)
        }
        Kind::NotARegularFile => advice(
            both(
                "Pfade nennen keine gewöhnliche Datei (Verweis, Verzeichnis, Gerät)",
                "Paths name no regular file (link, directory, device)",
            ),
            SEE_RUNS,
        ),
        Kind::FileInUse => {
            advice(both("Zeilen nennen Dateien laufender Läufe", "Rows name files of runs that are active"), SEE_RUNS)
        }
        Kind::ObjectMissing => advice(
            both("Dem Archiv fehlen Objekte", "Objects are missing from the archive"),
            both("`fastflow-archive verify` zeigt, welche", "`fastflow-archive verify` shows which"),
        ),
        Kind::ObjectExists => advice(
            both(
                "Im Archiv liegt unter diesem Schlüssel schon etwas anderes",
                "The archive holds something else under this key",
            ),
            SEE_RUNS,
        ),
        Kind::LedgerBroken => advice(
            both("Das Protokoll wurde verändert oder gekürzt", "The ledger was changed or cut"),
            both(
                "Protokoll und Bucket so lassen, wie sie sind, und klären, wer was geändert hat.",
                "Keep ledger and bucket as they are, and find out who changed what.",
            ),
        ),
        Kind::LogsMoved => advice(
            both(
                "Das Logverzeichnis liegt auf einem anderen Volume als beim letzten Mal",
                "The log directory lies on another volume than last time",
            ),
            both(
                "Ist das richtige Volume eingehängt? Wurde es mit Absicht verlegt: einmal --accept-moved-logs angeben.",
                "Is the right volume mounted? If it was moved on purpose, say --accept-moved-logs once.",
            ),
        ),
        Kind::FileChanged | Kind::RunChanged | Kind::RunActive => {
            advice(both("Läufe änderten sich währenddessen", "Runs changed meanwhile"), SEE_RUNS)
        }
        Kind::UnlinkFailed => advice(both("Dateien ließen sich nicht löschen", "Files could not be removed"), SEE_RUNS),
        Kind::CutFailed => advice(both("Logs ließen sich nicht kürzen", "Logs could not be cut"), SEE_RUNS),
        Kind::RemovalFailed => advice(both("Läufe ließen sich nicht löschen", "Runs could not be removed"), SEE_RUNS),
        Kind::StorageUnreachable => advice(
            both("Der Speicher ist nicht erreichbar", "The store cannot be reached"),
            both(
                "Läuft der Speicher? S3_ENDPOINT_URL, Netz und Firewall prüfen.",
                "Is the store running? Check S3_ENDPOINT_URL, network and firewall.",
            ),
        ),
        Kind::StorageFailing => advice(both("Der Speicher arbeitet fehlerhaft", "The store is failing"), SEE_STORE),
        Kind::TlsFailed => advice(
            both("Dem Zertifikat des Speichers wird nicht vertraut", "The store's certificate is not trusted"),
            both(
                "Zertifikat und S3_ENDPOINT_URL prüfen; eine private CA mit S3_CA_BUNDLE nennen.",
                "Check the certificate and S3_ENDPOINT_URL; name a private CA with S3_CA_BUNDLE.",
            ),
        ),
        Kind::AccessDenied => advice(both("Der Speicher verweigert den Zugriff", "The store denies access"), SEE_KEYS),
        Kind::InvalidCredentials => {
            advice(both("Der Speicher lehnt die Zugangsdaten ab", "The store refuses the credentials"), SEE_KEYS)
        }
        Kind::NoSuchBucket => advice(
            both("Der Bucket fehlt", "The bucket is missing"),
            both("Bucket anlegen, oder S3_BUCKET prüfen.", "Create the bucket, or check S3_BUCKET."),
        ),
        Kind::WrongRegion => advice(
            both("Der Speicher liegt in einer anderen Region", "The store is in another region"),
            both("S3_REGION und S3_ENDPOINT_URL prüfen.", "Check S3_REGION and S3_ENDPOINT_URL."),
        ),
        Kind::ClockSkew => advice(
            both("Die Uhren gehen verschieden", "The clocks differ"),
            both("Die Uhr dieses Rechners stellen (NTP).", "Set the clock of this machine (NTP)."),
        ),
        Kind::StorageFull => advice(
            both("Der Speicher ist voll", "The store is full"),
            both("Platz schaffen oder das Kontingent erhöhen.", "Make room, or raise the quota."),
        ),
        Kind::ObjectRefused => advice(both("Der Speicher lehnt Objekte ab", "The store refuses objects"), SEE_STORE),
        Kind::DigestMismatch => {
            advice(both("Beim Speicher kam anderes an", "Something else arrived at the store"), SEE_STORE)
        }
        Kind::Unproven => advice(
            both("Die Antwort des Speichers beweist nichts", "The store's answer proves nothing"),
            both(
                "Eine höhere Stufe von --proof wählen, oder S3_SSE und die Einstellungen des Buckets prüfen.",
                "Choose a higher --proof, or check S3_SSE and the settings of the bucket.",
            ),
        ),
        Kind::LedgerFailed => advice(
            both("Das Ledger ist nicht benutzbar", "The ledger cannot be used"),
            both("--state-dir, Platte und Rechte prüfen.", "Check --state-dir, disk and permissions."),
        ),
        Kind::Locked => advice(
            both("Ein anderer Aufruf ist noch am Werk", "Another call is still at work"),
            both("Warten, oder --lock-wait setzen.", "Wait, or set --lock-wait."),
        ),
        Kind::LogsNotMounted => {
            advice(both("Das Logverzeichnis fehlt oder ist leer", "The log directory is missing or empty"), SEE_MOUNT)
        }
        Kind::LogsMostlyMissing => advice(both("Die meisten Logs fehlen", "Most logs are missing"), SEE_MOUNT),
        Kind::TooManyDue => advice(
            both("Es ist mehr fällig, als --max-delete erlaubt", "More is due than --max-delete allows"),
            both(
                "`fastflow-archive plan` ansehen, dann --max-delete erhöhen oder --limit setzen.",
                "Look at `fastflow-archive plan`, then raise --max-delete or set --limit.",
            ),
        ),
        Kind::Interrupted => advice(both("Der Aufruf wurde abgebrochen", "The call was stopped"), CALL_AGAIN),
        Kind::NotificationFailed => advice(
            both("Eine Nachricht ging nicht hinaus", "A message was not delivered"),
            both("`fastflow-archive notify test` aufrufen.", "Call `fastflow-archive notify test`."),
        ),
        Kind::Internal => advice(
            both("Ein Fehler im Programm oder im Rechner", "A fault of the program or the machine"),
            both("Die Meldung an die Entwickler geben.", "Hand the message to the developers."),
        ),
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
