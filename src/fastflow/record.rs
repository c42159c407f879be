//! A run's whole row as it goes into the manifest, and a fingerprint that tells whether it has changed since.
//!
//! In: columns and values as the database gives them. Out: [`Record`], [`Fingerprint`], cell lines. The values of `env_vars`
//! (decrypted secrets) are dropped here, before anything else can see them; only their names pass.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// SHA-256 over the row (names instead of values for `env_vars`) and all its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// The whole row of a run.
#[derive(Debug, Clone)]
pub struct Record {
    /// Every column; `env_vars` as `env_var_names`.
    pub columns: Map<String, Value>,
    /// How many cells the run has.
    pub cells: u64,
    /// What row and cells were at this moment.
    pub fingerprint: Fingerprint,
}

/// One value of a row, as stored.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

impl Cell<'_> {
    /// Lossless JSON: text that is not UTF-8, and blobs, as `{"base64": ...}`; infinity, which JSON lacks, as `"inf"`.
    fn to_json(self) -> Value {
        let base64 = |bytes: &[u8]| Value::Object(Map::from_iter([("base64".into(), STANDARD.encode(bytes).into())]));
        match self {
            Cell::Null => Value::Null,
            Cell::Integer(number) => number.into(),
            Cell::Real(number) if number.is_finite() => number.into(),
            Cell::Real(number) => number.to_string().into(),
            Cell::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => text.into(),
                Err(_) => base64(bytes),
            },
            Cell::Blob(bytes) => base64(bytes),
        }
    }

    fn hash(self, hasher: &mut Sha256) {
        let tagged = |hasher: &mut Sha256, tag: u8, bytes: &[u8]| {
            hasher.update([tag]);
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        match self {
            Cell::Null => tagged(hasher, 0, &[]),
            Cell::Integer(number) => tagged(hasher, 1, &number.to_le_bytes()),
            Cell::Real(number) => tagged(hasher, 2, &number.to_le_bytes()),
            Cell::Text(bytes) => tagged(hasher, 3, bytes),
            Cell::Blob(bytes) => tagged(hasher, 4, bytes),
        }
    }
}

/// Builds a [`Record`] column by column, then cell by cell.
#[derive(Default)]
pub(super) struct RecordBuilder {
    columns: Map<String, Value>,
    cells: u64,
    hasher: Sha256,
}

impl RecordBuilder {
    /// Takes a column of `pipeline_runs`; `shown` replaces the stored form in the manifest where the stored one depends on
    /// the database (ids, times).
    pub(super) fn column(&mut self, name: &str, cell: Cell<'_>, shown: Option<String>) {
        Cell::Text(name.as_bytes()).hash(&mut self.hasher);
        if name == "env_vars" {
            let names = env_var_names(cell);
            Cell::Text(names.to_string().as_bytes()).hash(&mut self.hasher);
            self.columns.insert("env_var_names".into(), names);
            return;
        }
        cell.hash(&mut self.hasher);
        let value = match (shown, cell) {
            (Some(shown), _) => shown.into(),
            (None, Cell::Text(text)) if name == "parameters" => {
                serde_json::from_slice(text).unwrap_or_else(|_| cell.to_json())
            }
            (None, cell) => cell.to_json(),
        };
        self.columns.insert(name.to_owned(), value);
    }

    /// Takes one row of `run_cell_logs` and writes it as one line.
    pub(super) fn cell_row<'a>(
        &mut self,
        columns: impl Iterator<Item = (&'a str, Cell<'a>, Option<String>)>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut separator = b"{";
        for (name, cell, shown) in columns {
            Cell::Text(name.as_bytes()).hash(&mut self.hasher);
            cell.hash(&mut self.hasher);
            out.write_all(separator)?;
            separator = b",";
            serde_json::to_writer(&mut *out, name)?;
            out.write_all(b":")?;
            match (shown, verbatim_json(name, cell)) {
                (Some(shown), _) => serde_json::to_writer(&mut *out, &shown)?,
                (None, Some(raw)) => out.write_all(raw.get().as_bytes())?,
                (None, None) => serde_json::to_writer(&mut *out, &cell.to_json())?,
            }
        }
        out.write_all(b"}\n")?;
        self.cells += 1;
        Ok(())
    }

    pub(super) fn finish(self) -> Record {
        let fingerprint = Fingerprint(self.hasher.finalize().into());
        Record { columns: self.columns, cells: self.cells, fingerprint }
    }
}

/// The JSON of `outputs` byte for byte, where it is JSON on one line: numbers and key order stay as they were.
fn verbatim_json<'a>(name: &str, cell: Cell<'a>) -> Option<&'a RawValue> {
    let Cell::Text(text) = cell else { return None };
    if name != "outputs" || text.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return None;
    }
    serde_json::from_slice(text).ok()
}

/// The sorted names of the variables; null where the column is not a JSON object.
fn env_var_names(cell: Cell<'_>) -> Value {
    let Cell::Text(text) = cell else { return Value::Null };
    match serde_json::from_slice(text) {
        Ok(Value::Object(variables)) => {
            let mut names: Vec<_> = variables.keys().cloned().collect();
            names.sort();
            names.into()
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn env_vars_pass_as_sorted_names_only() {
        let mut builder = RecordBuilder::default();
        builder.column("env_vars", Cell::Text(br#"{"Z":"hunter2","A":"hunter3"}"#), None);
        let record = builder.finish();
        assert_eq!(Value::Object(record.columns).to_string(), r#"{"env_var_names":["A","Z"]}"#);

        let mut broken = RecordBuilder::default();
        broken.column("env_vars", Cell::Text(b"hunter2"), None);
        assert_eq!(Value::Object(broken.finish().columns).to_string(), r#"{"env_var_names":null}"#);
    }

    #[test]
    fn cells_keep_their_json_and_their_bytes() {
        let mut lines = Vec::new();
        let mut builder = RecordBuilder::default();
        let row = [
            ("cell_index", Cell::Integer(1), None),
            ("stdout", Cell::Text(b"a\n\"b\" \xff"), None),
            ("stderr", Cell::Text("ä\n".as_bytes()), None),
            ("outputs", Cell::Text(br#"[{"z": 1.00, "a": 1e400}]"#), None),
        ];
        builder.cell_row(row.into_iter(), &mut lines).unwrap();
        builder.cell_row([("outputs", Cell::Text(b"{broken"), None)].into_iter(), &mut lines).unwrap();
        let expected = "{\"cell_index\":1,\"stdout\":{\"base64\":\"YQoiYiIg/w==\"},\"stderr\":\"ä\\n\",\
                        \"outputs\":[{\"z\": 1.00, \"a\": 1e400}]}\n{\"outputs\":\"{broken\"}\n";
        assert_eq!(String::from_utf8(lines).unwrap(), expected);
        assert_eq!(builder.finish().cells, 2);
    }

    #[test]
    fn numbers_that_json_lacks_are_text() {
        let mut builder = RecordBuilder::default();
        for (name, number) in [("a", f64::INFINITY), ("b", f64::NEG_INFINITY), ("c", 1.25)] {
            builder.column(name, Cell::Real(number), None);
        }
        assert_eq!(Value::Object(builder.finish().columns).to_string(), r#"{"a":"inf","b":"-inf","c":1.25}"#);
    }

    #[test]
    fn any_change_of_row_or_cells_changes_the_fingerprint() {
        let build = |exit_code, stdout: &[u8]| {
            let mut builder = RecordBuilder::default();
            builder.column("exit_code", Cell::Integer(exit_code), None);
            builder.cell_row([("stdout", Cell::Text(stdout), None)].into_iter(), &mut io::sink()).unwrap();
            builder.finish().fingerprint
        };
        assert_eq!(build(0, b"x"), build(0, b"x"));
        assert_ne!(build(0, b"x"), build(1, b"x"));
        assert_ne!(build(0, b"x"), build(0, b"y"));
    }
}
