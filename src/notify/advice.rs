//! What each class of errors means to an operator, and the next step.
//!
//! In: a [`Kind`]. Out: [`Advice`], in both languages.

use super::texts::{Both, both};
use crate::error::Kind;

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
