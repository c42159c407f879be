//! The paths of many runs, which lie beside each other more often than not.
//!
//! In: runs with the positions at which the scan saw them. Out: their paths, in their order. Opens no transaction; the caller does.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::store::Paths;
use super::rows::{BY_ID, id_forms, text_of};
use crate::error::{Error, Kind, Result};
use crate::run::{Run, RunId};

/// To go on over so many rows that are not asked for is faster than to seek.
const NEAR: u64 = 16;

/// The paths of a run; `None` where it is gone.
type Found = Result<Option<Paths>>;

/// Reads the paths of `runs`; `columns` are the id, `log_file` and `metrics_file`.
pub(super) fn read(connection: &Connection, columns: &str, runs: &[&Run]) -> rusqlite::Result<Vec<Found>> {
    let mut found: Vec<Option<Found>> = Vec::new();
    found.resize_with(runs.len(), || None);
    let mut places: Vec<(i64, &Run, &mut Option<Found>)> =
        runs.iter().zip(&mut found).map(|(run, found)| (run.position, *run, found)).collect();
    places.sort_unstable_by_key(|(position, ..)| *position);
    let sql = format!("SELECT {columns}, rowid FROM pipeline_runs WHERE rowid BETWEEN ?1 AND ?2 ORDER BY rowid");
    let mut between = connection.prepare_cached(&sql)?;
    for near in places.chunk_by_mut(|(one, ..), (next, ..)| next.abs_diff(*one) <= NEAR) {
        let (Some((first, ..)), Some((last, ..))) = (near.first(), near.last()) else { continue };
        let mut rows = between.query(params![first, last])?;
        let mut places = near.iter_mut().peekable();
        while let Some(row) = rows.next()? {
            let position: i64 = row.get(3)?;
            while places.next_if(|(of_run, ..)| *of_run < position).is_some() {}
            if let Some((_, run, found)) = places.next_if(|(of_run, ..)| *of_run == position) {
                **found = read_paths(row, &run.id)?;
            }
        }
    }
    let mut by_id = connection.prepare_cached(&format!("SELECT {columns} FROM pipeline_runs WHERE {BY_ID}"))?;
    let found = runs.iter().zip(found).map(|(run, found)| match found {
        Some(found) => Ok(found),
        // VACUUM may have renumbered the rows.
        None => {
            let found = by_id.query_row(id_forms(&run.id), |row| read_paths(row, &run.id)).optional()?;
            Ok(found.flatten().unwrap_or(Ok(None)))
        }
    });
    found.collect()
}

/// Reads id, `log_file` and `metrics_file`; `None` where the row is that of another run.
fn read_paths(row: &Row<'_>, id: &RunId) -> rusqlite::Result<Option<Found>> {
    if text_of(row.get_ref(0)?).and_then(|text| text.parse().ok()) != Some(*id) {
        return Ok(None);
    }
    let no_text = |column: &str| {
        let message = format!("read `{column}` of run {id}: it is not text");
        Err(Error::new(Kind::UnreadableRow, message).hint("the run is left alone; correct the row in the database"))
    };
    let Some(log) = text_of(row.get_ref(1)?) else { return Ok(Some(no_text("log_file"))) };
    let metrics = match row.get_ref(2)? {
        rusqlite::types::ValueRef::Null => None,
        value => match text_of(value) {
            Some(path) => Some(path.to_owned()).filter(|path| !path.is_empty()),
            None => return Ok(Some(no_text("metrics_file"))),
        },
    };
    Ok(Some(Ok(Some(Paths { log: log.to_owned(), metrics }))))
}
