//! The process itself: its runtime, its signals, the machine and the user it runs as.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use crate::config::LedgerPlace;
use crate::error::{Error, Kind, Result};
use crate::exit::Exit;
use crate::fastflow::Store;
use crate::flow::{Signal, Stop};
use crate::lock::Lock;
use crate::printable::printable;
use crate::time::Timestamp;

/// From now on, on a thread of its own: the first signal lets what is in flight finish; the second ends the process at once.
pub(super) fn watch_signals(stop: Arc<Stop>) -> Result<()> {
    let failed = |error| Error::caused(Kind::Internal, "listen for signals", error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt()).map_err(failed)?, signal(SignalKind::terminate()).map_err(failed)?)
    };
    let listen = async move {
        loop {
            let received = tokio::select! {
                _ = interrupt.recv() => Signal::Interrupt,
                _ = terminate.recv() => Signal::Terminate,
            };
            if !stop.on_signal(received) {
                #[expect(clippy::exit, reason = "the operator asked twice; every state on the way can be resumed")]
                std::process::exit(Exit::Stopped(received).code().into());
            }
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || runtime.block_on(listen)).map(drop).map_err(failed)
}

/// Half of the processors, and at most four, for requests: the rest is for what hashes and reads, for Fast-Flow, and often
/// for the store. On two processors, one thread needs a tenth less of them than two.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    let threads = (processors / 2).clamp(1, 4);
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    built.map_err(|error| Error::caused(Kind::Internal, "start the runtime", error))
}

pub(super) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

pub(super) fn user_name() -> String {
    let id = rustix::process::geteuid().as_raw();
    let name = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    if name.is_empty() { id.to_string() } else { format!("{name} ({id})") }
}

/// A server takes a moment to notice that the session of a process that was killed is over.
const SERVER_NOTICES: Duration = Duration::from_secs(2);

/// How often the lock of the database is asked for again.
const RETRY: Duration = Duration::from_millis(100);

/// Keeps out other invocations, here and on other hosts, for as long as `store` is open and the lock is held, waiting up to
/// `wait`. Where the ledger is in the database, the database alone keeps them out.
pub(super) fn be_alone(
    place: &LedgerPlace,
    store: &mut dyn Store,
    wait: Duration,
    command: &str,
    now: Timestamp,
    go_on: impl Fn() -> Result<()>,
) -> Result<Option<Lock>> {
    let lock = match place {
        LedgerPlace::Folder(folder) => Some(Lock::acquire(folder, wait, command, now, &go_on)?),
        LedgerPlace::Postgres { .. } => None,
    };
    keep_others_out(store, wait, go_on)?;
    Ok(lock)
}

/// Keeps out invocations on other hosts for as long as `store` is open, waiting up to `wait`; the error names who holds it.
/// An error of `go_on` ends the waiting.
pub(super) fn keep_others_out(store: &mut dyn Store, wait: Duration, go_on: impl Fn() -> Result<()>) -> Result<()> {
    let deadline = Instant::now() + wait.max(SERVER_NOTICES);
    while let Some(holder) = store.keep_others_out()? {
        go_on()?;
        if Instant::now() >= deadline {
            let message = format!("lock the database: {} holds it", printable(&holder));
            return Err(Error::new(Kind::Locked, message)
                .hint("wait until it has finished, or use --lock-wait; the lock ends with its session"));
        }
        std::thread::sleep(RETRY);
    }
    Ok(())
}
