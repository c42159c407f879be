//! The columns of a table, each with the expressions that read and write it, whatever its type is.
//!
//! In: the catalog. Out: [`Columns`]. Knows types, not meanings.

use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::connection::{Connection, SqlError};
use crate::run::RunId;
use crate::time::Timestamp;

/// How a type is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Uuid,
    Integer,
    Real,
    Boolean,
    Bytes,
    /// With a zone.
    Time,
    /// Wall time of the session's zone.
    NaiveTime,
    Json,
    /// Text, enums, and every other type in its text form.
    Text,
}

/// One column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) form: Form,
    /// As in a cast.
    type_name: String,
}

impl Column {
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.name.replace('"', "\"\""))
    }

    /// The instant of a time column. A cast reads a naive time as the session's zone has it; in the hour that the end of
    /// daylight saving repeats it takes the later reading. (`AT TIME ZONE` would take some names of zones for abbreviations,
    /// which know no daylight saving.)
    pub(super) fn instant(&self) -> String {
        format!("{}::timestamptz", self.quoted())
    }

    /// What is selected: the stored value, and for times the instant too.
    pub(super) fn selected(&self) -> String {
        let name = self.quoted();
        match self.form {
            Form::Uuid | Form::Bytes => name,
            Form::Integer => format!("{name}::int8"),
            // Through text, so that a float of four bytes keeps the digits it is written with.
            Form::Real => format!("{name}::text::float8"),
            Form::Boolean => format!("{name}::int::int8"),
            Form::Time => format!("({name} AT TIME ZONE 'UTC')::text, {}", self.instant()),
            Form::NaiveTime => format!("{name}::text, {}", self.instant()),
            // The names alone: the values do not even leave the server.
            Form::Json if self.name == "env_vars" => format!(
                "CASE json_typeof({name}::json) WHEN 'object' THEN coalesce(\
                 (SELECT json_object_agg(name, NULL) FROM json_object_keys({name}::json) AS name)::text, '{{}}') END"
            ),
            Form::Json | Form::Text => format!("{name}::text"),
        }
    }

    /// What is inserted for the text in place `number`.
    pub(super) fn inserted(&self, number: usize) -> String {
        match self.form {
            Form::Bytes => format!("decode(${number}::text, 'base64')"),
            // From the instant to the wall time of the session's zone.
            Form::NaiveTime => format!("${number}::text::timestamptz::timestamp"),
            _ => format!("${number}::text::{}", self.type_name),
        }
    }
}

/// The columns of a table, in their order; empty where there is no such table.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns(pub(super) Vec<Column>);

impl Columns {
    /// Reads the catalog; the table is the one that its plain name means in this session.
    pub(super) fn of(connection: &Connection, table: &str) -> Result<Columns, SqlError> {
        let sql = "SELECT a.attname::text, coalesce(b.typname, t.typname)::text, format_type(a.atttypid, a.atttypmod) \
                   FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
                   LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype \
                   WHERE a.attrelid = to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
        let mut columns = Vec::new();
        for row in connection.query(sql, &[&table])? {
            let kind: String = row.try_get(1)?;
            let form = match kind.as_str() {
                "uuid" => Form::Uuid,
                "int2" | "int4" | "int8" => Form::Integer,
                "float4" | "float8" => Form::Real,
                "bool" => Form::Boolean,
                "bytea" => Form::Bytes,
                "timestamptz" => Form::Time,
                "timestamp" => Form::NaiveTime,
                "json" | "jsonb" => Form::Json,
                _ => Form::Text,
            };
            columns.push(Column { name: row.try_get(0)?, form, type_name: row.try_get(2)? });
        }
        Ok(Columns(columns))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Column> {
        self.0.iter().find(|column| column.name == name)
    }

    /// All of them, for a `SELECT`.
    pub(super) fn selected(&self) -> String {
        self.0.iter().map(Column::selected).collect::<Vec<_>>().join(", ")
    }
}

/// The id of a run as `uuid`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Uuid(pub(super) [u8; 16]);

impl From<&RunId> for Uuid {
    fn from(id: &RunId) -> Uuid {
        Uuid(*id.bytes())
    }
}

impl ToSql for Uuid {
    fn to_sql(&self, _: &Type, out: &mut bytes::BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::UUID
    }

    to_sql_checked!();
}

impl<'a> tokio_postgres::types::FromSql<'a> for Uuid {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Uuid(raw.try_into()?))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::UUID
    }
}

/// A `timestamptz`; `None` where it is infinite, or beyond what Fast-Flow can have written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instant(pub(super) Option<Timestamp>);

/// Microseconds from 1970 to 2000, where PostgreSQL counts from.
const FROM_1970_TO_2000: i64 = 946_684_800_000_000;
/// Microseconds from 1970 to the end of 9999.
const END_OF_9999: i64 = 253_402_300_800_000_000;

impl<'a> tokio_postgres::types::FromSql<'a> for Instant {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?).checked_add(FROM_1970_TO_2000);
        let usual = micros.filter(|micros| (0..END_OF_9999).contains(micros));
        Ok(Instant(usual.map(Timestamp::from_micros)))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TIMESTAMPTZ
    }
}
