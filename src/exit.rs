//! The exit codes, which scripts rely on (cli.md section 3).

use crate::error::Kind;
use crate::flow::Signal;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing due.
    Done,
    /// Could not do the job.
    Failed,
    /// Usage; made by the command line parser.
    Usage,
    /// Some runs failed and were kept.
    SomeKept,
    /// `verify` or `ledger verify` found differences.
    Differences,
    /// The configuration is wrong.
    Configuration,
    /// Another instance is at work.
    Locked,
    /// The store could not be reached, or refused, before any run succeeded.
    Storage,
    /// A guard stopped it before anything changed.
    Guarded,
    /// A signal stopped it; what was in flight is finished.
    Stopped(Signal),
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::SomeKept => 3,
            Exit::Differences => 4,
            Exit::Configuration => 10,
            Exit::Locked => 11,
            Exit::Storage => 12,
            Exit::Guarded => 13,
            Exit::Stopped(Signal::Interrupt) => 130,
            Exit::Stopped(Signal::Terminate) => 143,
        }
    }

    /// For an error that ends the command before any run was begun.
    pub fn of(kind: Kind) -> Exit {
        match kind {
            Kind::InvalidSetting
            | Kind::IncompleteConfiguration
            | Kind::UndecryptableSecret
            | Kind::MissingFile
            | Kind::BackupDisabled
            | Kind::UnsupportedDatabase => Exit::Configuration,
            Kind::LedgerBroken => Exit::Differences,
            Kind::Locked => Exit::Locked,
            Kind::LogsNotMounted | Kind::LogsMostlyMissing | Kind::LogsMoved | Kind::TooManyDue => Exit::Guarded,
            kind if kind.is_storage() => Exit::Storage,
            _ => Exit::Failed,
        }
    }
}
