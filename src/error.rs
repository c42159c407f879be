//! What went wrong, as a value: a stable kind, a message that reads after "failed to", a hint that says what to do.
//!
//! In: causes from libraries and checks of ours. Out: [`Error`], which reports, exit codes and retries are decided on.
//! Never prints and never holds a secret.

use std::fmt;

/// Declares [`Kind`] once: the variant, its stable name in JSON, and its documentation.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident => $name:literal,)+) => {
        /// The stable classes of errors; scripts may rely on the names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind { $($(#[doc = $doc])+ $variant,)+ }

        impl Kind {
            /// The name in `--json`, snake_case, never changed.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name,)+ }
            }
        }
    };
}

kinds! {
    /// A setting holds a value that cannot be used.
    InvalidSetting => "invalid_setting",
    /// Some, but not all of the settings that belong together are there.
    IncompleteConfiguration => "incomplete_configuration",
    /// A Fernet token that does not decrypt under `ENCRYPTION_KEY`.
    UndecryptableSecret => "undecryptable_secret",
    /// A file or folder that a setting names is not there or cannot be read.
    MissingFile => "missing_file",
    /// `S3_BACKUP_ENABLED` is switched off: nothing may be deleted that is not archived.
    BackupDisabled => "backup_disabled",
    /// A database that this version cannot speak to.
    UnsupportedDatabase => "unsupported_database",
    /// The database cannot be opened or read.
    DatabaseUnreadable => "database_unreadable",
    /// The database opened, but is not one of Fast-Flow.
    UnknownSchema => "unknown_schema",
    /// Opening the database would leave files behind that Fast-Flow cannot write.
    WrongUser => "wrong_user",
    /// Another writer held the database for longer than the busy timeout.
    DatabaseBusy => "database_busy",
    /// A row whose id, time or status cannot be understood.
    UnreadableRow => "unreadable_row",
    /// `--run` names a run that the database does not have.
    UnknownRun => "unknown_run",
    /// The run's log file is not there.
    LogMissing => "log_missing",
    /// A file of the run is there, but cannot be read.
    FileUnreadable => "file_unreadable",
    /// A path of the row leaves the log directory.
    OutsideLogsDir => "outside_logs_dir",
    /// A path of the row names a symlink, directory, device or the like.
    NotARegularFile => "not_a_regular_file",
    /// A file of the run is also one of a run that is active.
    FileInUse => "file_in_use",
    /// A file is not what it was when it was planned or archived.
    FileChanged => "file_changed",
    /// The row or its cells are not what they were when they were archived.
    RunChanged => "run_changed",
    /// The run became active again, or vanished, while it was archived.
    RunActive => "run_active",
    /// A file could not be removed; its row stays.
    UnlinkFailed => "unlink_failed",
    /// A log could not be cut; it is still there, whole.
    CutFailed => "cut_failed",
    /// The row could not be removed.
    RemovalFailed => "removal_failed",
    /// A file that is brought back could not be written.
    WriteFailed => "write_failed",
    /// A name would lead out of the folder that is written to.
    OutsideFolder => "outside_folder",
    /// Another file has the name of one that is brought back.
    FileExists => "file_exists",
    /// The run that is brought back is there.
    RunExists => "run_exists",
    /// A manifest in the archive is not one, or names what no archive of this program holds.
    ManifestRefused => "manifest_refused",
    /// No connection to the store.
    StorageUnreachable => "storage_unreachable",
    /// The store answers, but not as a working store does.
    StorageFailing => "storage_failing",
    /// The TLS connection is not trusted.
    TlsFailed => "tls_failed",
    /// The credentials may not do this.
    AccessDenied => "access_denied",
    /// Key id or secret are wrong, or none were found.
    InvalidCredentials => "invalid_credentials",
    /// The bucket does not exist.
    NoSuchBucket => "no_such_bucket",
    /// The store lives in another region or at another address.
    WrongRegion => "wrong_region",
    /// The clocks of this machine and the store differ too much.
    ClockSkew => "clock_skew",
    /// The store is full, or the quota is.
    StorageFull => "storage_full",
    /// No object has this key.
    ObjectMissing => "object_missing",
    /// An object that must not be overwritten has this key already.
    ObjectExists => "object_exists",
    /// The store refuses this one object for good.
    ObjectRefused => "object_refused",
    /// The store received other bytes than were sent, or says so.
    DigestMismatch => "digest_mismatch",
    /// The store's answer proves nothing at the configured level.
    Unproven => "unproven",
    /// The record of what was archived and deleted cannot be written or read.
    LedgerFailed => "ledger_failed",
    /// The ledger's chain is broken, or the archive knows entries that it does not have.
    LedgerBroken => "ledger_broken",
    /// Another instance holds the lock.
    Locked => "locked",
    /// The log directory is missing or empty while due runs point into it.
    LogsNotMounted => "logs_not_mounted",
    /// More than half of the due runs have no log.
    LogsMostlyMissing => "logs_mostly_missing",
    /// The log directory lies on another volume than last time.
    LogsMoved => "logs_moved",
    /// More runs are due than `--max-delete` allows.
    TooManyDue => "too_many_due",
    /// A signal arrived before the run was begun.
    Interrupted => "interrupted",
    /// A message to operators, or a figure for monitoring, did not get where it should.
    NotificationFailed => "notification_failed",
    /// A fault of this program or of the machine.
    Internal => "internal",
}

impl Kind {
    /// Whether the whole store is concerned, and not this object: no further run needs to be tried.
    pub fn ends_invocation(self) -> bool {
        matches!(
            self,
            Kind::TlsFailed
                | Kind::AccessDenied
                | Kind::InvalidCredentials
                | Kind::NoSuchBucket
                | Kind::WrongRegion
                | Kind::ClockSkew
                | Kind::StorageFull
                | Kind::LedgerFailed
        )
    }

    /// Whether the cause lies with the store or the way to it.
    pub fn is_storage(self) -> bool {
        matches!(
            self,
            Kind::StorageUnreachable
                | Kind::StorageFailing
                | Kind::TlsFailed
                | Kind::AccessDenied
                | Kind::InvalidCredentials
                | Kind::NoSuchBucket
                | Kind::WrongRegion
                | Kind::ClockSkew
                | Kind::StorageFull
        )
    }
}

/// A failure: kind, cause, and what to do about it.
pub struct Error {
    /// The stable class.
    pub kind: Kind,
    cause: anyhow::Error,
    hint: Option<String>,
}

/// The result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of `kind`; `message` is a lower-case fragment that names the thing and the reason.
    pub fn new(kind: Kind, message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Error { kind, cause: anyhow::Error::msg(message), hint: None }
    }

    /// A failure of `kind` that a library reported; `context` says on which thing.
    pub fn caused(
        kind: Kind,
        context: impl fmt::Display + Send + Sync + 'static,
        cause: impl Into<anyhow::Error>,
    ) -> Self {
        Error { kind, cause: cause.into().context(context), hint: None }
    }

    /// Adds what the operator should do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with something more at the end of its message.
    #[must_use]
    pub fn followed_by(&self, more: &str) -> Self {
        Error { cause: anyhow::Error::msg(self.message() + more), ..self.repeated() }
    }

    /// The same once more, for another run that the same cause concerns.
    pub fn repeated(&self) -> Self {
        Error { kind: self.kind, cause: anyhow::Error::msg(self.message()), hint: self.hint.clone() }
    }

    /// What to do, where something can be said.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The message with its causes, outermost first, on one line.
    pub fn message(&self) -> String {
        format!("{:#}", self.cause)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.cause)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:#}", self.kind.name(), self.cause)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

impl std::error::Error for Error {}

/// Something an operator should know that stops nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Stable snake_case class, as in `--json`.
    pub kind: &'static str,
    /// One sentence fragment.
    pub message: String,
}

impl Warning {
    /// A warning of class `kind`.
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Warning { kind, message: message.into() }
    }
}
