//! The paths of many runs, which lie beside each other more often than not.
//!
//! In: runs with the positions at which the scan saw them. Out: their paths, in their order. Opens no transaction; the caller does.

use rusqlite::{Connection, Row, params};

use super::super::store::Paths;
use super::rows::{find_by_id, id_of, text_of};
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
            let id = id_of(row.get_ref(0)?);
            // The position need not be looked at where the next run that is asked for is there.
            if places.peek().is_none_or(|(_, run, _)| id != Some(run.id)) {
                let position: i64 = row.get(3)?;
                while places.next_if(|(of_run, ..)| *of_run < position).is_some() {}
            }
            if let Some((_, run, found)) = places.next_if(|(_, run, _)| id == Some(run.id)) {
                **found = Some(read_paths(row, &run.id)?.map(Some));
            }
        }
    }
    let by_id = format!("SELECT {columns} FROM pipeline_runs WHERE id = ?1");
    let found = runs.iter().zip(found).map(|(run, found)| match found {
        Some(found) => Ok(found),
        // VACUUM may have renumbered the rows.
        None => {
            let found = find_by_id(connection, &by_id, &run.id, |row| read_paths(row, &run.id))?;
            Ok(found.transpose())
        }
    });
    found.collect()
}

/// Reads `log_file` and `metrics_file` of a run's row.
fn read_paths(row: &Row<'_>, id: &RunId) -> rusqlite::Result<Result<Paths>> {
    let no_text = |column: &str| {
        let message = format!("read `{column}` of run {id}: it is not text");
        Err(Error::new(Kind::UnreadableRow, message).hint("the run is left alone; correct the row in the database"))
    };
    let Some(log) = text_of(row.get_ref(1)?) else { return Ok(no_text("log_file")) };
    let metrics = match row.get_ref(2)? {
        rusqlite::types::ValueRef::Null => None,
        value => match text_of(value) {
            Some(path) => Some(path.to_owned()).filter(|path| !path.is_empty()),
            None => return Ok(no_text("metrics_file")),
        },
    };
    Ok(Ok(Paths { log: log.to_owned(), metrics }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Status;
    use crate::time::Timestamp;

    fn run(number: i64, position: i64) -> Run {
        Run {
            id: format!("{number:032x}").parse().unwrap(),
            pipeline: "p".into(),
            status: Status::Success,
            started_at: Timestamp::from_micros(0),
            finished_at: None,
            position,
        }
    }

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE pipeline_runs (id CHAR(32) PRIMARY KEY, log_file, metrics_file);
                 WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 300)
                 INSERT INTO pipeline_runs (rowid, id, log_file, metrics_file)
                 SELECT n, printf('%032x', n), 'log-' || n, CASE WHEN n % 2 = 0 THEN 'metrics-' || n END FROM numbers;
                 DELETE FROM pipeline_runs WHERE rowid BETWEEN 50 AND 90;
                 UPDATE pipeline_runs SET log_file = 7 WHERE rowid = 100;",
            )
            .unwrap();
        connection
    }

    fn logs(connection: &Connection, runs: &[Run]) -> Vec<String> {
        let found = read(connection, "id, log_file, metrics_file", &runs.iter().collect::<Vec<_>>()).unwrap();
        let shown = |found: Found| match found {
            Ok(Some(Paths { log, metrics })) => format!("{log} {}", metrics.unwrap_or_default()),
            Ok(None) => "gone".to_owned(),
            Err(error) => error.kind.name().to_owned(),
        };
        found.into_iter().map(shown).collect()
    }

    #[test]
    fn each_run_gets_its_own_paths_wherever_its_row_is_by_now() {
        let connection = database();
        // In no order, near and far, with others between; gone; not text; seen elsewhere; without a position, twice.
        let runs = [
            (201, 201),
            (3, 3),
            (60, 60),
            (100, 100),
            (2, 2),
            (4, 5),
            (220, 0),
            (221, 0),
            (1, 1),
            (300, i64::MAX),
            (9, 9),
            (203, 203),
        ];
        let runs = runs.map(|(number, position)| run(number, position));
        let expected = [
            "log-201 ",
            "log-3 ",
            "gone",
            "unreadable_row",
            "log-2 metrics-2",
            "log-4 metrics-4",
            "log-220 metrics-220",
            "log-221 ",
            "log-1 ",
            "log-300 metrics-300",
            "log-9 ",
            "log-203 ",
        ];
        assert_eq!(logs(&connection, &runs), expected);
        // The rows behind the gap move, as VACUUM may do it.
        connection.execute_batch("UPDATE pipeline_runs SET rowid = rowid - 41 WHERE rowid > 90").unwrap();
        assert_eq!(logs(&connection, &runs), expected);
        assert!(logs(&connection, &[]).is_empty());
    }
}
