//! A connection to PostgreSQL, driven by the thread that asks.
//!
//! In: an address. Out: rows, or why there are none: server and cause, never a password. The session's `TimeZone` stays what
//! the server gives it, as for Fast-Flow itself, unless an operator names one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use tokio::runtime::Runtime;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::pass_file::{self, Found};
use super::tls;
use crate::config::{PostgresAddress, TlsMode};
use crate::error::{Error, Kind, Result};
use crate::fastflow::Access;

/// What the library reports.
pub(crate) type SqlError = tokio_postgres::Error;
/// What it reads.
pub(crate) type SqlRow = Row;
/// What a statement is given.
pub(crate) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// How long a lock on a row may take, and a statement: rows come in pages, so that none takes long.
const TIMEOUTS: &str = "SET lock_timeout = '5s'; SET statement_timeout = '60s'";
/// How long a server that does not answer any more is waited for.
const SILENCE: Duration = Duration::from_secs(60);
/// `application_name` is cut to this by servers.
const LONGEST_NAME: usize = 63;

/// What to do where no server answers.
const UNREACHABLE: &str = "check --database and DATABASE_URL: does the server run, and may this machine reach it?";

/// Drives the sockets of all connections, on one thread of its own, for as long as the process lives.
static DRIVER: OnceLock<Runtime> = OnceLock::new();

/// An open session.
pub(crate) struct Connection {
    client: Client,
    driver: &'static Runtime,
    shown: String,
    prepared: RefCell<HashMap<String, Statement>>,
}

impl Connection {
    /// Connects; `note` is what others see of the session.
    pub(crate) fn open(address: &PostgresAddress, access: Access, note: &str) -> Result<Connection> {
        let driver = driver()?;
        let tls = tls::configuration(address)?;
        let mut last = None;
        for (host, port) in &address.hosts {
            match connect(driver, address, host, *port, &tls, note) {
                Ok(client) => {
                    let shown = address.to_string();
                    let connection = Connection { client, driver, shown, prepared: RefCell::default() };
                    connection.begin(address, access)?;
                    return Ok(connection);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::new(Kind::Internal, "connect to a database without a server")))
    }

    /// Settles what the session is for.
    fn begin(&self, address: &PostgresAddress, access: Access) -> Result<()> {
        if let Some(zone) = &address.time_zone {
            let set = self.query("SELECT set_config('TimeZone', $1, false)", &[&zone.trim()]);
            set.map_err(|error| {
                let context = format!("use `--database-timezone {}`", zone.escape_debug());
                Error::caused(Kind::InvalidSetting, context, cause(&error)).hint("write a name such as Europe/Berlin")
            })?;
        }
        let reads_only = if access == Access::Read { "on" } else { "off" };
        let settle = format!(
            "{TIMEOUTS}; SET DateStyle = 'ISO'; SET default_transaction_read_only = {reads_only}; \
             SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'; \
             SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
        );
        self.batch(&settle).map_err(|error| self.failed("begin a session", &error))
    }

    /// Runs a statement; says how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, SqlError> {
        let statement = self.prepare(sql)?;
        wait(self.driver, self.client.execute(&statement, values))
    }

    /// All rows of a statement.
    pub(crate) fn query(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, SqlError> {
        let statement = self.prepare(sql)?;
        wait(self.driver, self.client.query(&statement, values))
    }

    /// The first row of a statement.
    pub(crate) fn first(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, SqlError> {
        Ok(self.query(sql, values)?.into_iter().next())
    }

    /// Hands over the rows of a statement as they come, until `each` says `false`; memory does not grow.
    pub(crate) fn each(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
        mut each: impl FnMut(&Row) -> Result<bool, SqlError>,
    ) -> Result<(), SqlError> {
        let statement = self.prepare(sql)?;
        let values = values.iter().map(|value| *value as &dyn ToSql);
        wait(self.driver, async {
            let mut rows = pin!(self.client.query_raw(&statement, values).await?);
            while let Some(row) = rows.try_next().await? {
                if !each(&row)? {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Runs statements without values, one after the other.
    pub(crate) fn batch(&self, sql: &str) -> Result<(), SqlError> {
        wait(self.driver, self.client.batch_execute(sql))
    }

    fn prepare(&self, sql: &str) -> Result<Statement, SqlError> {
        if let Some(statement) = self.prepared.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = wait(self.driver, self.client.prepare(sql))?;
        self.prepared.borrow_mut().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Server and database, for messages.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// The error of something that was asked of the database.
    pub(crate) fn failed(&self, what: impl std::fmt::Display, error: &SqlError) -> Error {
        let kind = if is_busy(error) { Kind::DatabaseBusy } else { Kind::DatabaseUnreadable };
        Error::caused(kind, format!("{what} in `{}`", self.shown), cause(error)).hint(hint_of(error))
    }
}

/// Whether others held what was asked for, or the server was too slow.
pub(crate) fn is_busy(error: &SqlError) -> bool {
    let busy = [&SqlState::LOCK_NOT_AVAILABLE, &SqlState::QUERY_CANCELED, &SqlState::T_R_DEADLOCK_DETECTED];
    error.code().is_some_and(|code| busy.contains(&code))
}

/// The message of the server, or of the way to it; details, which hold values of rows, stay out.
pub(crate) fn cause(error: &SqlError) -> anyhow::Error {
    if let Some(error) = error.as_db_error() {
        return anyhow::anyhow!("{} (SQLSTATE {})", error.message(), error.code().code());
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    anyhow::Error::msg(text)
}

/// What to do about it.
pub(crate) fn hint_of(error: &SqlError) -> &'static str {
    let Some(code) = error.code() else { return UNREACHABLE };
    match code {
        code if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            "the README says under \"PostgreSQL\" what the role must be granted"
        }
        code if *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "check user and password of DATABASE_URL, PGPASSFILE, and the server's pg_hba.conf"
        }
        code if *code == SqlState::INVALID_CATALOG_NAME => "check the name of the database in DATABASE_URL",
        _ if is_busy(error) => "another session held it, or the server is slow; look for a long transaction, run again",
        _ => "look into the log of the server; nothing was deleted that is not archived",
    }
}

fn driver() -> Result<&'static Runtime> {
    if let Some(driver) = DRIVER.get() {
        return Ok(driver);
    }
    let built = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("postgres")
        .enable_all()
        .build()
        .map_err(|error| Error::caused(Kind::Internal, "start the runtime of the database", error))?;
    Ok(DRIVER.get_or_init(|| built))
}

/// Waits here and now, also on a thread that drives other work.
fn wait<F: Future>(driver: &Runtime, work: F) -> F::Output {
    tokio::task::block_in_place(|| driver.block_on(work))
}

/// As libpq: who names no role is the user of the process.
fn user_of_process() -> Option<String> {
    std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok().filter(|name| !name.is_empty())
}

fn connect(
    driver: &Runtime,
    address: &PostgresAddress,
    host: &str,
    port: u16,
    tls: &rustls::ClientConfig,
    note: &str,
) -> Result<Client> {
    let user = address.user.clone().or_else(user_of_process).unwrap_or_default();
    let database = address.database.clone().unwrap_or_else(|| user.clone());
    let is_socket = host.starts_with('/');
    let mode = match address.tls {
        _ if is_socket => SslMode::Disable,
        TlsMode::Disable => SslMode::Disable,
        TlsMode::Prefer => SslMode::Prefer,
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
    };
    let mut config = Config::new();
    config.host(host).port(port).user(&user).dbname(&database).ssl_mode(mode);
    config.connect_timeout(address.connect_timeout).tcp_user_timeout(SILENCE).keepalives_idle(SILENCE);
    config.application_name(note.chars().take(LONGEST_NAME).collect::<String>());
    if let Some(options) = &address.options {
        config.options(options);
    }
    if address.writable {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    let mut exposed = None;
    let given = address.password.clone().map(Found::Password);
    match given.unwrap_or_else(|| pass_file::look_up(address, host, port, &database, &user)) {
        Found::Password(password) => drop(config.password(password.expose())),
        Found::Exposed(path) => exposed = Some(path),
        Found::Nothing => {}
    }
    let tls = MakeRustlsConnect::new(tls.clone());
    let connected = wait(driver, async {
        // The library's own limit ends where the handshake begins.
        match tokio::time::timeout(address.connect_timeout, config.connect(tls)).await {
            Ok(Ok((client, connection))) => {
                drop(tokio::spawn(connection));
                Ok(client)
            }
            Ok(Err(error)) => Err((hint_of(&error), cause(&error))),
            Err(_) => {
                let seconds = address.connect_timeout.as_secs();
                Err((UNREACHABLE, anyhow::anyhow!("no answer within {seconds} s")))
            }
        }
    });
    connected.map_err(|(hint, cause)| {
        let one = PostgresAddress { hosts: vec![(host.to_owned(), port)], ..address.clone() };
        let hint = match exposed {
            Some(path) => format!("`{path}` is not used for passwords: others may read it (chmod 600)"),
            None => hint.to_owned(),
        };
        Error::caused(Kind::DatabaseUnreadable, format!("connect to the database {one} as `{user}`"), cause).hint(hint)
    })
}
