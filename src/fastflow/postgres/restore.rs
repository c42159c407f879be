//! An archived row and its cells as rows of PostgreSQL again: the way back of `record`.
//!
//! In: columns and lines of JSON. Out: the rows, in the caller's transaction, read back and compared.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio_postgres::types::ToSql;

use super::connection::{Connection, SqlError};
use super::rows::{Fate, Tables, Trouble};
use super::schema::{Columns, Form};
use crate::error::{Error, Kind, Result};
use crate::run::RunId;

/// Inserts row and cells.
pub(super) fn insert(
    connection: &Connection,
    id: &RunId,
    columns: &Map<String, Value>,
    cells: &mut dyn BufRead,
    tables: &Tables,
    failed: &dyn Fn(Trouble) -> Error,
) -> Result<()> {
    let refused = |why: String| Error::new(Kind::WriteFailed, format!("put run {id} back: {why}"));
    let read = |cells: &mut dyn std::io::Write| tables.read_record(connection, id, cells, Fate::Stay);
    if read(&mut std::io::sink()).map_err(failed)?.is_some() {
        return Err(Error::new(Kind::RunExists, format!("put run {id} back: the database has it")));
    }
    let known = tables.runs.0.iter().filter(|column| column.name != "env_vars");
    let given =
        known.filter_map(|column| Some((column.name.as_str(), text_of(column.form, columns.get(&column.name)?))));
    let mut row: Vec<(&str, Option<String>)> = given.collect();
    if tables.runs.get("env_vars").is_some() {
        row.push(("env_vars", Some("{}".to_owned())));
    }
    insert_row(connection, "pipeline_runs", &tables.runs, &row).map_err(|error| failed(error.into()))?;
    let mut count = 0;
    let mut line = String::new();
    loop {
        line.clear();
        let unreadable = |error: &dyn std::fmt::Display| refused(format!("line {} of its cells: {error}", count + 1));
        if cells.read_line(&mut line).map_err(|error| unreadable(&error))? == 0 {
            break;
        }
        if tables.cells.is_empty() {
            return Err(refused("the database has no table for notebook cells".to_owned()));
        }
        let cell: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&line).map_err(|error| unreadable(&error))?;
        let known = tables.cells.0.iter();
        let given = known.filter_map(|column| Some((column, cell.get(&column.name)?)));
        let row = given.map(|(column, raw)| Ok((column.name.as_str(), text_of_cell(column.form, raw)?)));
        let row = row.collect::<serde_json::Result<Vec<_>>>().map_err(|error| unreadable(&error))?;
        insert_row(connection, "run_cell_logs", &tables.cells, &row).map_err(|error| failed(error.into()))?;
        count += 1;
    }
    let Some((record, _)) = read(&mut std::io::sink()).map_err(failed)? else {
        return Err(refused("its id is not the one of the row".to_owned()));
    };
    let other = record.columns.iter().find(|(name, now)| {
        *name != "env_var_names" && columns.get(*name).is_some_and(|archived| !is_same(archived, now))
    });
    match other {
        Some((name, _)) => Err(refused(format!("`{}` would not read as it was archived", name.escape_debug()))),
        None if record.cells != count => Err(refused(format!("{} of its {count} cells would be there", record.cells))),
        None => Ok(()),
    }
}

/// Names of columns come from the table itself, never from the archive.
fn insert_row(
    connection: &Connection,
    table: &str,
    columns: &Columns,
    row: &[(&str, Option<String>)],
) -> Result<(), SqlError> {
    let (mut names, mut places) = (Vec::new(), Vec::new());
    let mut values: Vec<&(dyn ToSql + Sync)> = Vec::new();
    for (name, value) in row {
        let Some(column) = columns.get(name) else { continue };
        values.push(value);
        names.push(column.quoted());
        places.push(column.inserted(values.len()));
    }
    let sql = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), places.join(", "));
    connection.execute(&sql, &values).map(drop)
}

/// A value of the manifest as text that its column reads.
fn text_of(form: Form, value: &Value) -> Option<String> {
    match (form, value) {
        (_, Value::Null) => None,
        // What was no JSON on SQLite was archived as a string, and is one here.
        (Form::Json, value) => Some(value.to_string()),
        (Form::Bytes, Value::Object(object)) => object.get("base64").and_then(Value::as_str).map(str::to_owned),
        (_, Value::String(text)) => Some(text.clone()),
        (_, value) => Some(value.to_string()),
    }
}

/// A value of a cell; JSON keeps its bytes.
fn text_of_cell(form: Form, raw: &RawValue) -> serde_json::Result<Option<String>> {
    match form {
        Form::Json if raw.get() != "null" => Ok(Some(raw.get().to_owned())),
        _ => Ok(text_of(form, &serde_json::from_str(raw.get())?)),
    }
}

/// Whether a value reads as it was archived; ids of other tables have no dashes where SQLite had them.
fn is_same(archived: &Value, now: &Value) -> bool {
    let id = |value: &Value| value.as_str().and_then(|text| text.parse::<RunId>().ok());
    archived == now || id(archived).is_some_and(|archived| id(now) == Some(archived))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_back_to_what_they_were() {
        let text = |form, value: Value| text_of(form, &value);
        assert_eq!(text(Form::Json, serde_json::json!({"a": [1]})), Some(r#"{"a":[1]}"#.to_owned()));
        assert_eq!(text(Form::Json, "{broken".into()), Some(r#""{broken""#.to_owned()));
        assert_eq!(text(Form::Bytes, serde_json::json!({"base64": "/w=="})), Some("/w==".to_owned()));
        assert_eq!((text(Form::Integer, 3.into()), text(Form::Text, Value::Null)), (Some("3".to_owned()), None));
        let cell = |form, raw: &str| text_of_cell(form, &RawValue::from_string(raw.to_owned()).unwrap()).unwrap();
        assert_eq!(cell(Form::Json, r#"[{"z": 1.00, "a": 1e400}]"#), Some(r#"[{"z": 1.00, "a": 1e400}]"#.to_owned()));
        assert_eq!((cell(Form::Json, "null"), cell(Form::Text, r#""a\n""#)), (None, Some("a\n".to_owned())));
        assert!(is_same(&"0123abcd456789abcdef0123456789ab".into(), &"0123abcd-4567-89ab-cdef-0123456789ab".into()));
        assert!(!is_same(&"a".into(), &"b".into()));
    }
}
