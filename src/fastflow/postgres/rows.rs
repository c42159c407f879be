//! Rows of PostgreSQL as values of ours: a run, a whole record.
//!
//! In: rows. Out: [`Run`], [`Record`], or what could not be read. Opens no transaction; the caller does.

use std::io::Write;

use tokio_postgres::Row;

use super::super::names::Names;
use super::super::record::{Cell, Record, RecordBuilder};
use super::super::store::RowError;
use super::connection::{Connection, SqlError};
use super::schema::{Columns, Form, Instant, Uuid};
use crate::error::{Error, Kind, Result};
use crate::run::{Run, RunId, Standing, Status};

/// Reads the columns of the scan: id, pipeline, status, start, end, and both times as text; `None` where the
/// run is readable and not wanted.
pub(super) fn read_run(
    row: &Row,
    names: &mut Names,
    wanted: &dyn Fn(&Standing) -> bool,
) -> Result<Option<Result<Run, RowError>>, SqlError> {
    let Uuid(id) = row.try_get(0)?;
    let id = RunId::from(id);
    let pipeline: Option<&str> = row.try_get(1)?;
    let unreadable = |column: &str, value: Option<&str>| {
        let shown = value.map_or_else(|| "NULL".to_owned(), |value| format!("`{}`", value.escape_debug()));
        let shown: String = shown.chars().take(80).collect();
        let error = Error::new(Kind::UnreadableRow, format!("read the row of run {id}: `{column}` is {shown}"))
            .hint("the run is left alone; correct the row in the database");
        Ok(Some(Err(RowError { id: Some(id), pipeline: pipeline.map(str::to_owned), error })))
    };
    let Some(pipeline_name) = pipeline else { return unreadable("pipeline_name", None) };
    let Some(status) = row.try_get::<_, Option<&str>>(2)? else { return unreadable("status", None) };
    let Some(Instant(Some(started_at))) = row.try_get::<_, Option<Instant>>(3)? else {
        return unreadable("started_at", row.try_get(5)?);
    };
    let finished_at = match row.try_get::<_, Option<Instant>>(4)? {
        None => None,
        Some(Instant(Some(end))) => Some(end),
        Some(Instant(None)) => return unreadable("finished_at", row.try_get(6)?),
    };
    let status = Status::from_label(status);
    if !wanted(&Standing { status, started_at, finished_at }) {
        return Ok(None);
    }
    Ok(Some(Ok(Run { id, pipeline: names.shared(pipeline_name), status, started_at, finished_at, position: 0 })))
}

/// The tables of runs and cells.
pub(super) struct Tables {
    pub(super) runs: Columns,
    pub(super) cells: Columns,
}

/// What is done with the rows that are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// They stay.
    Stay,
    /// The row is locked until the transaction ends; the cells are deleted, and are what was deleted.
    Go,
}

impl Tables {
    /// Reads row and cells.
    pub(super) fn read_record(
        &self,
        connection: &Connection,
        id: &RunId,
        cells: &mut dyn Write,
        fate: Fate,
    ) -> Result<Option<(Record, Status)>, Trouble> {
        let mut builder = RecordBuilder::default();
        let mut status = Status::Unknown;
        let lock = if fate == Fate::Go { "FOR UPDATE" } else { "" };
        let sql = format!("SELECT {} FROM pipeline_runs WHERE id = $1 {lock}", self.runs.selected());
        let Some(row) = connection.first(&sql, &[&Uuid::from(id)])? else { return Ok(None) };
        for value in values(&self.runs, &row) {
            let Value { name, stored, shown } = value?;
            if let ("status", Stored::Text(label)) = (name, &stored) {
                status = Status::from_label(label);
            }
            builder.column(name, stored.cell(), shown);
        }
        if self.cells.is_empty() {
            return Ok(Some((builder.finish(), status)));
        }
        let of_run = "run_cell_logs WHERE run_id = $1";
        let sql = match fate {
            Fate::Stay => format!("SELECT {} FROM {of_run} ORDER BY cell_index", self.cells.selected()),
            Fate::Go => format!(
                "WITH gone AS (DELETE FROM {of_run} RETURNING *) SELECT {} FROM gone ORDER BY cell_index",
                self.cells.selected()
            ),
        };
        let mut written = Ok(());
        connection.each(&sql, &[&Uuid::from(id)], |row| {
            let values = values(&self.cells, row).collect::<Result<Vec<_>, _>>()?;
            let columns = values.iter().map(|value| (value.name, value.stored.cell(), value.shown.clone()));
            written = builder.cell_row(columns, cells);
            Ok(written.is_ok())
        })?;
        written?;
        Ok(Some((builder.finish(), status)))
    }
}

/// Why a record could not be read: the database, or where its cells go.
pub(super) enum Trouble {
    Sql(SqlError),
    Io(std::io::Error),
}

impl From<SqlError> for Trouble {
    fn from(error: SqlError) -> Trouble {
        Trouble::Sql(error)
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Trouble {
        Trouble::Io(error)
    }
}

/// One value of a row: as stored, and in the form that does not depend on the database.
struct Value<'a> {
    name: &'a str,
    stored: Stored<'a>,
    shown: Option<String>,
}

enum Stored<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'a str),
    Owned(String),
    Bytes(&'a [u8]),
}

impl Stored<'_> {
    fn cell(&self) -> Cell<'_> {
        match self {
            Stored::Null => Cell::Null,
            Stored::Integer(number) => Cell::Integer(*number),
            Stored::Real(number) => Cell::Real(*number),
            Stored::Text(text) => Cell::Text(text.as_bytes()),
            Stored::Owned(text) => Cell::Text(text.as_bytes()),
            Stored::Bytes(bytes) => Cell::Blob(bytes),
        }
    }
}

/// The values of a row that was selected by [`Columns::selected`].
fn values<'a>(columns: &'a Columns, row: &'a Row) -> impl Iterator<Item = Result<Value<'a>, SqlError>> {
    let mut place = 0;
    columns.0.iter().map(move |column| {
        let at = place;
        place += if matches!(column.form, Form::Time | Form::NaiveTime) { 2 } else { 1 };
        let mut shown = None;
        let stored = match column.form {
            Form::Uuid => row.try_get::<_, Option<Uuid>>(at)?.map(|Uuid(id)| {
                let id = RunId::from(id);
                shown = Some(id.to_string());
                Stored::Owned(id.simple())
            }),
            Form::Integer | Form::Boolean => row.try_get::<_, Option<i64>>(at)?.map(Stored::Integer),
            Form::Real => row.try_get::<_, Option<f64>>(at)?.map(Stored::Real),
            Form::Bytes => row.try_get::<_, Option<&[u8]>>(at)?.map(Stored::Bytes),
            Form::Time | Form::NaiveTime => {
                let instant = row.try_get::<_, Option<Instant>>(at + 1)?.and_then(|Instant(instant)| instant);
                shown = instant.map(|instant| instant.to_string());
                row.try_get::<_, Option<&str>>(at)?.map(Stored::Text)
            }
            Form::Json | Form::Text => row.try_get::<_, Option<&str>>(at)?.map(Stored::Text),
        };
        Ok(Value { name: &column.name, stored: stored.unwrap_or(Stored::Null), shown })
    })
}
