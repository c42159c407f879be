//! `doctor`: looks at everything that a night depends on, in that order; what depends on something broken is not looked at,
//! and says so.
//!
//! In: [`Cli`], the environment. Out: a line for each check. Changes nothing but one small object in the bucket.

use std::collections::BTreeMap;

use super::process::runtime;
use super::session::{narrowing_of, rules_of};
use super::spend::{Spending, check_guards};
use crate::cli::{Cli, Typed};
use crate::config::{self, Archive, Channels, Config, Host, Layers, LedgerPlace, OwnCleanup, Retention, SettingsPage};
use crate::doctor::{self, Check};
use crate::error::{Error, Kind, Result};
use crate::fastflow::{self, Access, Condition, LogsDir, Store};
use crate::ledger::Ledger;
use crate::plan::{self, Narrowing};
use crate::report::Report;
use crate::time::{Clock, Timestamp};

/// Where no run is due, the logs of so many others are looked for.
const SOME: usize = 100;
/// What cannot be judged without settings, and without the database.
const WITHOUT_SETTINGS: [&str; 8] =
    ["database", "logs", "path_map", "s3", "notifications", "fast_flow_cleanup", "state_dir", "ledger"];
const WITHOUT_DATABASE: [&str; 5] = ["database_write", "schema", "times", "path_map", "other_archiver"];

/// Runs the subcommand.
pub(super) fn run(
    cli: &Cli,
    typed: Typed,
    environment: BTreeMap<String, String>,
    clock: Clock,
    report: &mut Report,
) -> Result<()> {
    let read = config::read_layers(&cli.global, typed, environment);
    let read = read.and_then(|(layers, warnings)| {
        doctor::env_file(&warnings).iter().for_each(|check| report.check(check));
        let host = Host::resolve(&layers, &cli.global)?;
        Ok((layers, host))
    });
    match read {
        Ok((layers, host)) => Doctor { cli, layers, host, now: clock.now(), report }.examine(),
        Err(error) => {
            report.check(&Check::failed("configuration", &error));
            let skipped = |name| Check::skipped(name, "the settings cannot be read");
            WITHOUT_SETTINGS.map(skipped).iter().for_each(|check| report.check(check));
            Ok(())
        }
    }
}

struct Doctor<'a> {
    cli: &'a Cli,
    layers: Layers,
    host: Host,
    now: Timestamp,
    report: &'a mut Report,
}

impl Doctor<'_> {
    fn examine(mut self) -> Result<()> {
        let given = self.cli.command.selecting().ok_or_else(|| Error::new(Kind::Internal, "select runs"))?;
        let opened = fastflow::open(&self.host.database.value, Access::Read)
            .and_then(|mut store| store.settings_page().map(|page| (store, page)));
        let (store, page) = match opened {
            Ok((store, page)) => (Ok(store), page),
            Err(error) => (Err(error), SettingsPage::default()),
        };
        if self.host.ui_settings.value {
            self.layers.set_settings_page(page.clone());
        }
        let retention = Retention::resolve(&self.layers, &given.selection.retention);
        let archive = Archive::resolve(&self.layers, given.archive);
        let own = OwnCleanup::of(&self.layers, &page);
        let (archive, retention) = match (archive, retention) {
            (Ok(archive), Ok(retention)) => {
                let channels = Channels::resolve(&self.layers);
                let config = Config { host: self.host.clone(), retention, archive, channels };
                let listing = config.listing();
                self.report.settings(&listing);
                self.check(doctor::configuration(&listing));
                (Ok(config.archive), Ok(config.retention))
            }
            unresolved => unresolved,
        };
        match &retention {
            Ok(retention) => self.check(doctor::retention(retention)),
            Err(error) => self.check(Check::failed("retention", error)),
        }
        let mut store = store;
        let ledger = self.state(&mut store);
        let retention = retention.ok();
        self.instance(store, retention.as_ref(), ledger.as_ref());
        match &retention {
            Some(retention) => self.check(doctor::fast_flow_cleanup(&own, retention)),
            None => self.check(Check::skipped("fast_flow_cleanup", "the retention of this tool is not known")),
        }
        self.check(doctor::archive(&archive));
        match archive.as_ref().map(Archive::target) {
            Ok(Ok(target)) => self.store(target)?,
            _ => self.skip(&["s3_reach", "s3_tls", "s3_put", "s3_key"], "the archive is not configured"),
        }
        for check in doctor::notifications(&Channels::resolve(&self.layers)) {
            self.check(check);
        }
        Ok(())
    }

    fn check(&mut self, check: Check) {
        self.report.check(&check);
    }

    fn skip(&mut self, names: &[&'static str], why: &str) {
        names.iter().for_each(|name| self.report.check(&Check::skipped(name, why)));
    }

    /// State directory, lock, ledger.
    fn state(&mut self, store: &mut Result<Box<dyn Store>>) -> Option<Ledger> {
        let place = self.host.ledger.value.clone();
        match (&place, store) {
            (LedgerPlace::Folder(folder), _) => {
                self.check(doctor::state_dir(folder));
                self.check(doctor::lock(folder));
            }
            (LedgerPlace::Postgres { .. }, Ok(store)) => {
                self.check(doctor::state_in_database(&place));
                self.check(doctor::lock_in_database(store.as_mut()));
            }
            (LedgerPlace::Postgres { .. }, Err(_)) => {
                self.skip(&["state_dir", "lock", "ledger", "last_success"], "the database cannot be read");
                return None;
            }
        }
        match Ledger::open_existing(&place) {
            Ok(Some(ledger)) => {
                self.check(doctor::ledger(&ledger));
                self.check(doctor::last_success(&ledger, self.now));
                Some(ledger)
            }
            Ok(None) => {
                self.check(Check::ok("ledger", "none yet: the first backup or cleanup makes it"));
                self.skip(&["last_success"], "there is no ledger yet");
                None
            }
            Err(error) => {
                self.check(Check::failed("ledger", &error));
                self.skip(&["last_success"], "the ledger cannot be read");
                None
            }
        }
    }

    /// Database and log directory.
    fn instance(&mut self, store: Result<Box<dyn Store>>, retention: Option<&Retention>, ledger: Option<&Ledger>) {
        let logs = LogsDir::open(&self.host.logs_dir.value, &self.host.path_map.value);
        let mut store = match store {
            Ok(store) => store,
            Err(error) => {
                self.check(Check::failed("database", &error));
                self.skip(&WITHOUT_DATABASE, "the database cannot be read");
                self.logs(&logs, ledger);
                return;
            }
        };
        let mut runs = 0;
        let mut newest = None;
        let scanned = store.scan(&|_| true, &mut |row| {
            runs += 1;
            newest = newest.max(row.ok().map(|run| run.started_at));
        });
        let condition = scanned.and_then(|_| store.condition());
        let database = self.host.database.value.clone();
        match &condition {
            Ok(condition) => self.check(doctor::opened(&database, condition, runs)),
            Err(error) => self.check(Check::failed("database", error)),
        }
        match fastflow::open(&database, Access::Write).and_then(|mut store| store.try_write()) {
            Ok(()) => self.check(Check::ok("database_write", "rows can be removed")),
            Err(error) => self.check(Check::failed("database_write", &error)),
        }
        match &condition {
            Ok(condition) => self.described(condition, newest, ledger),
            Err(_) => self.skip(&["schema", "times", "other_archiver"], "the database cannot be read"),
        }
        self.logs(&logs, ledger);
        match logs {
            Ok(logs) => self.paths(store.as_mut(), retention, logs, ledger),
            Err(_) => self.skip(&["path_map"], "there is no log directory"),
        }
    }

    fn described(&mut self, condition: &Condition, newest: Option<Timestamp>, ledger: Option<&Ledger>) {
        doctor::condition(condition, newest, self.now).into_iter().for_each(|check| self.check(check));
        self.check(doctor::other_archiver(ledger, &condition.last_audit));
    }

    fn logs(&mut self, logs: &Result<LogsDir>, ledger: Option<&Ledger>) {
        let last = ledger.and_then(|ledger| ledger.last_logs().ok().flatten());
        match logs {
            Ok(logs) => self.check(doctor::volume(logs.path(), logs.is_empty(), last.as_ref())),
            Err(error) => self.check(Check::failed("logs", error)),
        }
    }

    /// Whether the logs of due runs are there; where none is due, those of some others.
    fn paths(&mut self, store: &mut dyn Store, retention: Option<&Retention>, logs: LogsDir, ledger: Option<&Ledger>) {
        let Some(retention) = retention else {
            self.skip(&["path_map"], "the retention is not known");
            return;
        };
        let selection = self.cli.command.selecting().map(|given| given.selection);
        let narrowing = |limit| Narrowing { limit, ..selection.map(narrowing_of).unwrap_or_default() };
        let open = || LogsDir::open(&self.host.logs_dir.value, &self.host.path_map.value);
        let limit = selection.and_then(|selection| selection.limit);
        let mut plan = |all, limit| {
            plan::build(store, &rules_of(retention, all), &narrowing(limit), self.now, None, open, || Ok(()))
        };
        let check = plan(false, limit).and_then(|(mut due, _)| {
            if due.due_count() > 0 {
                let guarded = check_guards(&due, &logs, &Spending::default(), ledger);
                return doctor::files(&mut due, &logs, true, guarded);
            }
            let (mut some, _) = plan(true, limit.or(Some(SOME)))?;
            doctor::files(&mut some, &logs, false, Ok(()))
        });
        self.check(check.unwrap_or_else(|error| Check::failed("path_map", &error)));
    }

    /// The store, with which nothing is certain if it cannot be reached.
    fn store(&mut self, target: &config::Target) -> Result<()> {
        let (checks, is_reached) = doctor::reach(target);
        checks.into_iter().for_each(|check| self.check(check));
        if !is_reached {
            self.skip(&["s3_clock", "s3_put", "s3_key"], "the store cannot be reached");
            return Ok(());
        }
        let report = &mut *self.report;
        let mut checks = |check: Check| report.check(&check);
        if let Err(error) = runtime()?.block_on(doctor::bucket(target, &mut checks)) {
            self.check(Check::failed("s3_put", &error));
        }
        Ok(())
    }
}
