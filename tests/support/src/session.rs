//! A session of Fast-Flow's own, beside the tool, on whichever database the instance has: SQL in, texts out.

use anyhow::{Context, Result};
use postgres::SimpleQueryMessage;
use rusqlite::types::ValueRef;

/// Open until it is dropped.
pub enum Session {
    /// Foreign keys off, as Fast-Flow has them.
    Sqlite(rusqlite::Connection),
    /// As the owner of the tables.
    Postgres(Box<Waiting>),
}

/// A client that may be asked on a thread that drives other work, such as a server's.
pub struct Waiting(Option<postgres::Client>);

impl Waiting {
    pub(crate) fn new(client: postgres::Client) -> Waiting {
        Waiting(Some(client))
    }

    /// Asks.
    pub fn ask<T>(&mut self, question: impl FnOnce(&mut postgres::Client) -> Result<T>) -> Result<T> {
        let client = self.0.as_mut().context("a session has a client")?;
        tokio::task::block_in_place(|| question(client))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        tokio::task::block_in_place(|| drop(self.0.take()));
    }
}

impl Session {
    /// Runs one statement; says how many rows it changed.
    pub fn execute(&mut self, sql: &str) -> Result<u64> {
        match self {
            Session::Sqlite(connection) => Ok(connection.execute(sql, [])? as u64),
            Session::Postgres(client) => client.ask(|client| Ok(client.execute(sql, &[])?)),
        }
    }

    /// Runs statements that give nothing back.
    pub fn batch(&mut self, sql: &str) -> Result<()> {
        match self {
            Session::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Session::Postgres(client) => client.ask(|client| Ok(client.batch_execute(sql)?)),
        }
    }

    /// The first column of each row, as text; NULL is `NULL`.
    pub fn texts(&mut self, sql: &str) -> Result<Vec<String>> {
        match self {
            Session::Sqlite(connection) => {
                let mut statement = connection.prepare(sql)?;
                let mut rows = statement.query([])?;
                let mut texts = Vec::new();
                while let Some(row) = rows.next()? {
                    texts.push(match row.get_ref(0)? {
                        ValueRef::Null => "NULL".to_owned(),
                        ValueRef::Integer(number) => number.to_string(),
                        ValueRef::Real(number) => number.to_string(),
                        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    });
                }
                Ok(texts)
            }
            Session::Postgres(client) => {
                let messages = client.ask(|client| Ok(client.simple_query(sql)?))?;
                let rows = messages.into_iter().filter_map(|message| match message {
                    SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
                    _ => None,
                });
                Ok(rows.collect())
            }
        }
    }

    /// The first column of the first row.
    pub fn text(&mut self, sql: &str) -> Result<String> {
        self.texts(sql)?.into_iter().next().context("no row")
    }

    /// Whether there is a row.
    pub fn exists(&mut self, sql: &str) -> Result<bool> {
        Ok(!self.texts(sql)?.is_empty())
    }
}

/// A text as SQL, on both databases.
pub fn quoted(text: &str) -> String {
    if text.contains('\0') {
        // SQLite's alone: its statements end at a NUL, and PostgreSQL's texts hold none.
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        return format!("CAST(X'{hex}' AS TEXT)");
    }
    format!("'{}'", text.replace('\'', "''"))
}
