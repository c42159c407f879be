//! How an instance stands: settings, database, log directory, store, ledger, one thing at a time.
//!
//! In: what is configured, open databases and folders. Out: a [`Check`] for each thing that was looked at. Changes nothing
//! but one small object in the bucket, and sends no message; the order, and what depends on what, is `app::doctor`'s.

mod check;
mod instance;
mod settings;
mod state;
mod store;
mod tls;

pub use check::{Check, Verdict};
pub use instance::{condition, files, opened, volume};
pub use settings::{configuration, env_file, fast_flow_cleanup, notifications, retention};
pub use state::{last_success, ledger, lock, lock_in_database, other_archiver, state_dir, state_in_database};
pub use store::{archive, bucket};
pub use tls::{Door, reach};
