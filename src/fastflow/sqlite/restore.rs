//! An archived row and its cells as rows of SQLite again: the way back of `record`.
//!
//! In: columns and lines of JSON. Out: the rows, in the caller's transaction, read back and compared.

use std::collections::BTreeMap;
use std::io::BufRead;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::rows::read_record;
use crate::error::{Error, Kind, Result};
use crate::run::RunId;
use crate::time::Timestamp;

/// Inserts row and cells; `tables` are the columns of both tables.
pub(super) fn insert(
    connection: &Connection,
    id: &RunId,
    columns: &Map<String, Value>,
    cells: &mut dyn BufRead,
    tables: &[Vec<String>; 2],
    failed: &dyn Fn(rusqlite::Error) -> Error,
) -> Result<()> {
    let [of_runs, of_cells] = tables;
    let refused = |why: String| Error::new(Kind::WriteFailed, format!("put run {id} back: {why}"));
    let read = || read_record(connection, id, !of_cells.is_empty(), &mut std::io::sink()).map_err(failed);
    if read()?.is_some() {
        return Err(Error::new(Kind::RunExists, format!("put run {id} back: the database has it")));
    }
    let known = columns.iter().filter(|(name, _)| of_runs.contains(name) && *name != "env_vars");
    let mut row: Vec<(&str, Sql)> = known.map(|(name, value)| (name.as_str(), sql_of(name, value))).collect();
    if of_runs.iter().any(|column| column == "env_vars") {
        row.push(("env_vars", Sql::Text("{}".to_owned())));
    }
    insert_row(connection, "pipeline_runs", row).map_err(failed)?;
    let mut count = 0;
    let mut line = String::new();
    loop {
        line.clear();
        let unreadable = |error: &dyn std::fmt::Display| refused(format!("line {} of its cells: {error}", count + 1));
        if cells.read_line(&mut line).map_err(|error| unreadable(&error))? == 0 {
            break;
        }
        if of_cells.is_empty() {
            return Err(refused("the database has no table for notebook cells".to_owned()));
        }
        let cell: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&line).map_err(|error| unreadable(&error))?;
        let known = cell.iter().filter(|(name, _)| of_cells.contains(name));
        let row = known.map(|(name, raw)| Ok((name.as_str(), cell_of(name, raw)?)));
        let row = row.collect::<serde_json::Result<Vec<_>>>().map_err(|error| unreadable(&error))?;
        insert_row(connection, "run_cell_logs", row).map_err(failed)?;
        count += 1;
    }
    let Some((record, _)) = read()? else { return Err(refused("its id is not the one of the row".to_owned())) };
    let other = record
        .columns
        .iter()
        .find(|(name, now)| *name != "env_var_names" && columns.get(*name).is_some_and(|archived| archived != *now));
    match other {
        Some((name, _)) => Err(refused(format!("`{}` would not read as it was archived", name.escape_debug()))),
        None if record.cells != count => Err(refused(format!("{} of its {count} cells would be there", record.cells))),
        None => Ok(()),
    }
}

/// Names of columns come from the table itself, never from the archive.
fn insert_row(connection: &Connection, table: &str, row: Vec<(&str, Sql)>) -> rusqlite::Result<()> {
    let (names, values): (Vec<&str>, Vec<Sql>) = row.into_iter().unzip();
    let names: Vec<String> = names.into_iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    let places = vec!["?"; names.len()].join(", ");
    let sql = format!("INSERT INTO {table} ({}) VALUES ({places})", names.join(", "));
    connection.prepare_cached(&sql)?.execute(params_from_iter(values)).map(drop)
}

/// A value of the manifest in its stored form.
fn sql_of(column: &str, value: &Value) -> Sql {
    match (column, value) {
        (_, Value::Null) => Sql::Null,
        ("parameters", Value::String(text)) if serde_json::from_str::<Value>(text).is_err() => Sql::Text(text.clone()),
        ("parameters", value) => Sql::Text(value.to_string()),
        ("id" | "run_id", Value::String(text)) => {
            Sql::Text(text.parse::<RunId>().map_or_else(|_| text.clone(), |id| id.simple()))
        }
        ("started_at" | "finished_at", Value::String(text)) => {
            let time = Timestamp::from_rfc3339(text).map(Timestamp::to_sqlite);
            // As Fast-Flow has it: no fraction where it is zero.
            let time = time.map(|time| time.trim_end_matches(".000000").to_owned());
            Sql::Text(time.unwrap_or_else(|| text.clone()))
        }
        (_, Value::String(text)) => Sql::Text(text.clone()),
        (_, Value::Bool(flag)) => Sql::Integer(i64::from(*flag)),
        (_, Value::Number(number)) => match number.as_i64() {
            Some(integer) => Sql::Integer(integer),
            None => Sql::Real(number.as_f64().unwrap_or_default()),
        },
        (_, value) => blob_of(value).map_or_else(|| Sql::Text(value.to_string()), Sql::Blob),
    }
}

/// A value of a cell; `outputs` is JSON that keeps its bytes.
fn cell_of(column: &str, raw: &RawValue) -> serde_json::Result<Sql> {
    let value: Value = match serde_json::from_str(raw.get()) {
        // A number that no type of ours holds; its bytes do.
        Err(_) if column == "outputs" => return Ok(Sql::Text(raw.get().to_owned())),
        value => value?,
    };
    Ok(match value {
        Value::Null => Sql::Null,
        // What is no JSON by itself was written as a string.
        Value::String(text) if column == "outputs" && serde_json::from_str::<Value>(&text).is_err() => Sql::Text(text),
        value if column == "outputs" => blob_of(&value).map_or_else(|| Sql::Text(raw.get().to_owned()), Sql::Blob),
        value => sql_of(column, &value),
    })
}

/// The bytes of `{"base64": ...}`.
fn blob_of(value: &Value) -> Option<Vec<u8>> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    STANDARD.decode(object.get("base64")?.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_back_to_what_they_were() {
        let id = "0123abcd-4567-89ab-cdef-0123456789ab";
        assert_eq!(sql_of("id", &id.into()), Sql::Text(id.replace('-', "")));
        let time = sql_of("started_at", &"2026-08-04T12:00:00Z".into());
        assert_eq!(time, Sql::Text("2026-08-04 12:00:00".into()));
        assert_eq!(sql_of("parameters", &serde_json::json!({"a": [1]})), Sql::Text(r#"{"a":[1]}"#.into()));
        assert_eq!(sql_of("parameters", &"{broken".into()), Sql::Text("{broken".into()));
        assert_eq!(sql_of("x", &serde_json::json!({"base64": "/w=="})), Sql::Blob(vec![0xff]));
        let cell = |column, raw: &str| cell_of(column, &RawValue::from_string(raw.to_owned()).unwrap()).unwrap();
        assert_eq!(cell("outputs", r#"[{"z": 1.00, "a": 1e400}]"#), Sql::Text(r#"[{"z": 1.00, "a": 1e400}]"#.into()));
        assert_eq!(cell("outputs", r#""{broken""#), Sql::Text("{broken".into()));
        assert_eq!((cell("stdout", r#""a\n""#), cell("cell_index", "3")), (Sql::Text("a\n".into()), Sql::Integer(3)));
    }
}
