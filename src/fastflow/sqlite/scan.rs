//! Every row of `pipeline_runs`, once: by as many connections at a time as there are processors, where there are many rows.
//!
//! In: connections. Out: the rows that matter, in no order. Holds no transaction longer than a page.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, params};

use super::super::names::Names;
use super::super::store::RowError;
use super::rows::read_run;
use crate::run::{Run, Standing};

/// Rows per page of the scan.
const PAGE_ROWS: u64 = 1024;
/// More readers than this would wait for the disk, and for each other.
const MOST_READERS: usize = 4;
/// A further reader is worth its start for so many rows.
const ROWS_PER_READER: u64 = 10_000;
/// Each page of the database is read once: more of a cache, in KiB, would only take memory.
const CACHE_KIB: i64 = 256;
/// Into more shares than this a scan is not divided: where rowids lie far apart, most of them would be empty.
const MOST_SHARES: u64 = 4096;
/// Pages that wait to be taken over from a further reader.
const PAGES_AHEAD: usize = 4;

/// What another reader has read.
struct Page {
    /// So many rows.
    read: usize,
    /// Those of them that matter.
    rows: Vec<Result<Run, RowError>>,
}

impl Page {
    fn hand_over(self, each: &mut dyn FnMut(Result<Run, RowError>)) -> usize {
        self.rows.into_iter().for_each(each);
        self.read
    }
}

/// Reads every row and hands those that are `wanted`, and those that cannot be read, to `each`. Out: how many were read.
///
/// `another` opens a connection to read with beside the one that there is. Where it cannot, that one reads all.
pub(super) fn scan(
    connection: &Connection,
    another: &(dyn Fn() -> rusqlite::Result<Connection> + Sync),
    wanted: &(dyn Fn(&Standing) -> bool + Sync),
    each: &mut dyn FnMut(Result<Run, RowError>),
) -> rusqlite::Result<usize> {
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    let shares = Shares::of(connection)?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_READERS);
    let readers = usize::try_from(shares.rows / ROWS_PER_READER).unwrap_or(usize::MAX).clamp(1, processors);
    let shares = Mutex::new(shares);
    std::thread::scope(|scope| {
        let (sender, pages) = sync_channel(PAGES_AHEAD);
        for _ in 1..readers {
            let (sender, shares) = (sender.clone(), &shares);
            scope.spawn(move || -> rusqlite::Result<()> {
                let connection = another()?;
                connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
                read_for_another(&connection, shares, wanted, &sender);
                Ok(())
            });
        }
        drop(sender);
        let (mut rows, mut names) = (0, Names::default());
        while let Some(share) = next(&shares) {
            rows += read(connection, share, &mut names, wanted, each)?;
            for page in pages.try_iter() {
                rows += page?.hand_over(each);
            }
        }
        for page in pages {
            rows += page?.hand_over(each);
        }
        Ok(rows)
    })
}

/// Reads shares until there are none, or until nobody takes the pages.
fn read_for_another(
    connection: &Connection,
    shares: &Mutex<Shares>,
    wanted: &(dyn Fn(&Standing) -> bool + Sync),
    sender: &SyncSender<rusqlite::Result<Page>>,
) {
    let mut names = Names::default();
    while let Some(share) = next(shares) {
        let mut rows = Vec::new();
        let read = read(connection, share, &mut names, wanted, &mut |row| rows.push(row));
        if sender.send(read.map(|read| Page { read, rows })).is_err() {
            return;
        }
    }
}

/// Reads the rows of a share, page by page.
fn read(
    connection: &Connection,
    share: Share,
    names: &mut Names,
    wanted: &(dyn Fn(&Standing) -> bool + Sync),
    each: &mut dyn FnMut(Result<Run, RowError>),
) -> rusqlite::Result<usize> {
    // By rowid: every row exactly once whatever its values are, and new rows come last.
    let sql = "SELECT rowid, id, pipeline_name, status, started_at, finished_at FROM pipeline_runs \
               WHERE rowid BETWEEN ?1 AND ?2 ORDER BY rowid LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let (mut first, mut read) = (Some(share.first), 0);
    while let Some(from) = first {
        let mut rows = statement.query(params![from, share.last, PAGE_ROWS as i64])?;
        let (mut last, mut count) = (None, 0u64);
        while let Some(row) = rows.next()? {
            (last, count) = (Some(row.get::<_, i64>(0)?), count + 1);
            if let Some(row) = read_run(row, names, wanted)? {
                each(row);
            }
        }
        read += count as usize;
        first = last.filter(|last| count == PAGE_ROWS && *last < share.last).map(|last| last + 1);
    }
    Ok(read)
}

/// Rows from one rowid to another, both of them too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Share {
    first: i64,
    last: i64,
}

/// All rowids there can be, in shares that are taken one after the other.
#[derive(Debug)]
struct Shares {
    /// Where the next share begins.
    next: Option<i64>,
    /// Where it ends, unless it is the last.
    end: i64,
    /// How many rowids make a share.
    width: u64,
    /// The greatest rowid that was seen.
    greatest: i64,
    /// So many rows there may be.
    rows: u64,
}

impl Shares {
    /// Looks where the rows are.
    fn of(connection: &Connection) -> rusqlite::Result<Shares> {
        // Each by itself is a look at one end of the table; both together would be a scan.
        let end = |which: &str| {
            connection.query_row(&format!("SELECT {which}(rowid) FROM pipeline_runs"), [], |row| row.get(0))
        };
        let (least, greatest): (Option<i64>, Option<i64>) = (end("min")?, end("max")?);
        Ok(Shares::between(least.unwrap_or(0), greatest.unwrap_or(0)))
    }

    /// The rows are between these; what is added meanwhile belongs to the last share.
    fn between(least: i64, greatest: i64) -> Shares {
        let span = greatest.abs_diff(least);
        let width = PAGE_ROWS.max(span / MOST_SHARES);
        let end = least.saturating_add_unsigned(width - 1);
        Shares { next: Some(i64::MIN), end, width, greatest, rows: span.saturating_add(1) }
    }
}

impl Iterator for Shares {
    type Item = Share;

    fn next(&mut self) -> Option<Share> {
        let first = self.next?;
        let last = if self.end >= self.greatest { i64::MAX } else { self.end };
        self.end = self.end.saturating_add_unsigned(self.width);
        self.next = last.checked_add(1);
        Some(Share { first, last })
    }
}

/// The next share for whoever asks.
fn next(shares: &Mutex<Shares>) -> Option<Share> {
    shares.lock().unwrap_or_else(PoisonError::into_inner).next()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use rusqlite::OpenFlags;

    use super::*;

    /// Rows on more pages than one reader gets, the last of them so many times as far away; one in a thousand cannot be read,
    /// one in ten is running.
    fn database(path: &Path, far: i64) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection
            .execute_batch(&format!(
                "CREATE TABLE pipeline_runs (id, pipeline_name, status, started_at, finished_at);
                 WITH RECURSIVE numbers(n) AS (SELECT -500 UNION ALL SELECT n + 1 FROM numbers WHERE n < 40000)
                 INSERT INTO pipeline_runs (rowid, id, pipeline_name, status, started_at)
                 SELECT CASE WHEN n > 39990 THEN n * {far} ELSE n END, printf('%032x', n + 500), 'p' || (n % 7),
                        CASE WHEN n % 10 = 0 THEN 'RUNNING' ELSE 'SUCCESS' END,
                        CASE WHEN n % 1000 = 1 THEN 'now' ELSE '2026-06-15 02:00:00' END
                 FROM numbers WHERE n % 4 > 0;"
            ))
            .unwrap();
        connection
    }

    #[test]
    fn every_row_is_read_once_by_however_many_readers() {
        check(1);
        check(1 << 40);
    }

    fn check(far: i64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fastflow.db");
        let connection = database(&path, far);
        let another = || Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY);
        let none = || Connection::open(folder.path());
        let openers: [&(dyn Fn() -> rusqlite::Result<Connection> + Sync); 2] = [&another, &none];
        for another in openers {
            let (mut runs, mut unreadable) = (Vec::new(), 0);
            let wanted = |run: &Standing| !run.status.is_finished();
            let read = scan(&connection, another, &wanted, &mut |row| match row {
                Ok(run) => runs.push((run.id.simple(), run.position)),
                Err(_) => unreadable += 1,
            });
            let sql = "SELECT id, rowid FROM pipeline_runs WHERE status = 'RUNNING' AND started_at <> 'now'";
            let mut statement = connection.prepare(sql).unwrap();
            let there = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            let there: BTreeSet<(String, i64)> = there.collect::<rusqlite::Result<_>>().unwrap();
            let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap() as usize;
            assert_eq!(read.unwrap(), count("SELECT count(*) FROM pipeline_runs"));
            assert_eq!(unreadable, count("SELECT count(*) FROM pipeline_runs WHERE started_at = 'now'"));
            assert_eq!((runs.len(), runs.into_iter().collect::<BTreeSet<_>>()), (there.len(), there));
        }
    }

    #[test]
    fn an_error_of_any_reader_ends_the_scan() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fastflow.db");
        let connection = database(&path, 1);
        let empty = Connection::open_in_memory;
        assert!(scan(&connection, &empty, &|_| true, &mut |_| {}).is_err());
    }

    #[test]
    fn shares_hold_every_rowid_once() {
        let page = PAGE_ROWS as i64;
        for (least, greatest) in [(0, 0), (1, 3), (1, page), (-5, 10 * page), (7, 1 << 50), (i64::MIN, i64::MAX)] {
            let shares: Vec<_> = Shares::between(least, greatest).collect();
            assert_eq!((shares[0].first, shares.last().map(|share| share.last)), (i64::MIN, Some(i64::MAX)));
            assert!(shares.windows(2).all(|pair| pair[0].last + 1 == pair[1].first), "{least} {greatest}");
            assert!(shares.iter().all(|share| share.first <= share.last), "{least} {greatest}");
            let span = greatest.abs_diff(least);
            assert!(shares.len() as u64 <= (span / PAGE_ROWS).min(MOST_SHARES) + 1, "{least} {greatest}");
        }
    }
}
