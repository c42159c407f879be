//! What `plan`, `backup` and `cleanup` share: the resolved configuration, what is asked for, and the plan made of both.
//!
//! In: [`Cli`] and the layers of the configuration. Out: the plan, shown. Changes nothing; [`super::spend`] does.

use std::path::Path;
use std::sync::Arc;

use crate::cli::{Cli, Command, SelectionArgs};
use crate::config::{Config, Host, Layers, Retention};
use crate::error::{Error, Kind, Result, Warning};
use crate::fastflow::{self, Access, LogsDir};
use crate::flow::Stop;
use crate::ledger::Ledger;
use crate::plan::{self, Narrowing, Plan, Rules, Search};
use crate::report::Report;
use crate::time::{Clock, Timestamp};

/// What was asked for.
pub(super) fn narrowing_of(selection: &SelectionArgs) -> Narrowing {
    Narrowing {
        pipelines: selection.pipeline.clone(),
        runs: selection.run.iter().filter_map(|id| id.parse().ok()).collect(),
        older_than: selection.older_than,
        limit: selection.limit,
    }
}

/// The rules of a configuration; `all` makes every finished run due.
pub(super) fn rules_of(retention: &Retention, all: bool) -> Rules {
    Rules {
        keep_runs: retention.runs.value,
        keep_days: retention.days.value,
        max_log: retention.log_max_size.value,
        min_age: retention.min_age.value,
        all,
    }
}

/// What every subcommand needs: the resolved configuration and what is asked for.
pub(super) struct Session {
    pub(super) config: Config,
    pub(super) rules: Rules,
    pub(super) narrowing: Narrowing,
    pub(super) clock: Clock,
    pub(super) now: Timestamp,
    pub(super) stop: Arc<Stop>,
}

impl Session {
    pub(super) fn open(
        cli: &Cli,
        layers: &Layers,
        host: Host,
        clock: Clock,
        stop: &Arc<Stop>,
        report: &mut Report,
    ) -> Result<Session> {
        let given = cli.command.selecting().ok_or_else(|| Error::new(Kind::Internal, "select runs"))?;
        let config = Config::resolve(layers, &given, host)?;
        report.settings(&config.listing());
        config.archive.plain_http_warning().iter().for_each(|warning| report.warning(warning));
        let selection = given.selection;
        let mut rules = rules_of(&config.retention, given.all);
        if matches!(cli.command, Command::Backup(_)) {
            // It deletes nothing, and so cuts nothing.
            rules.max_log = None;
        }
        if !config.retention.is_any_set() && !rules.all {
            let message =
                "no retention rule is set anywhere: nothing is due; set LOG_RETENTION_RUNS or LOG_RETENTION_DAYS";
            report.warning(&Warning::new("no_retention_rule", message));
        }
        let narrowing = narrowing_of(selection);
        Ok(Session { config, rules, narrowing, clock, now: clock.now(), stop: Arc::clone(stop) })
    }

    /// The plan, where it is long in a file in `folder`.
    pub(super) fn plan(&self, folder: Option<&Path>) -> Result<(Plan, Option<LogsDir>)> {
        let mut store = fastflow::open(&self.config.host.database.value, Access::Read)?;
        let (open, go_on) = (|| self.open_logs(), || self.stop.check());
        plan::build(store.as_mut(), &self.rules, &self.narrowing, self.now, folder, open, go_on)
    }

    /// `plan`: what is due, and nothing else.
    pub(super) fn show(&self, report: &mut Report) -> Result<()> {
        self.config.archive.why_nothing_follows().iter().for_each(|warning| report.warning(warning));
        let mut store = fastflow::open(&self.config.host.database.value, Access::Read)?;
        let go_on = || self.stop.check();
        let mut search = Search::begin(store.as_mut(), &self.rules, &self.narrowing, self.now, &go_on)?;
        report.remarks(&std::mem::take(&mut search.remarks));
        search.run(
            || self.open_logs(),
            report.teller(),
            |told| {
                report.found(told);
                Ok(())
            },
        )?;
        report.planned();
        match self.known_ledger().and_then(|ledger| ledger.map(|ledger| ledger.head()).transpose()) {
            Ok(head) => head.into_iter().for_each(|head| report.sealed(head.hash)),
            Err(error) => report.warning(&Warning::new(error.kind.name(), error.message())),
        }
        Ok(())
    }

    /// The ledger, for reading, where there is one.
    pub(super) fn known_ledger(&self) -> Result<Option<Ledger>> {
        Ledger::open_existing(&self.config.host.ledger.value)
    }

    pub(super) fn open_logs(&self) -> Result<LogsDir> {
        LogsDir::open(&self.config.host.logs_dir.value, &self.config.host.path_map.value)
    }
}
