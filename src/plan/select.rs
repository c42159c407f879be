//! Retention rules -> due runs with reasons: a pure function of runs, rules and the instant.
//!
//! The semantics are Fast-Flow's documented ones, except that a run's age counts from its end, not from its start.

use std::collections::HashSet;
use std::time::Duration;

use super::excess::Excess;
use super::order::{by_start, sort};
use super::reason::Reason;
use crate::bytes::ByteSize;
use crate::run::{Run, RunId, Standing};
use crate::time::{Timestamp, days, days_and_less};

/// What makes runs due.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Per pipeline, the newest this many are kept; active runs count. `None`: unlimited.
    pub keep_runs: Option<u64>,
    /// Days a run is kept after its end. `None`: unlimited.
    pub keep_days: Option<u64>,
    /// A longer log is cut. `None`: unlimited. Judged by `plan`, which sees the files.
    pub max_log: Option<ByteSize>,
    /// What ended less than this ago is never due.
    pub min_age: Duration,
    /// Every finished run is due.
    pub all: bool,
}

impl Rules {
    /// Whether a run can matter to [`select`], seen by itself; where runs are counted, each does.
    pub(super) fn concern(&self, run: &Standing, now: Timestamp) -> bool {
        let by_age_alone = self.keep_runs.is_none() && self.max_log.is_none() && !self.all;
        !by_age_alone || over_age(run, self, now).is_some()
    }
}

/// What narrows the selection, and never widens it.
#[derive(Debug, Clone, Default)]
pub struct Narrowing {
    /// Only these pipelines; empty: all.
    pub pipelines: Vec<String>,
    /// Only these runs; empty: all.
    pub runs: Vec<RunId>,
    /// Only what ended longer ago than this.
    pub older_than: Option<Duration>,
    /// At most this many, the oldest first.
    pub limit: Option<usize>,
}

impl Narrowing {
    /// Whether a row may belong to the narrowed selection, as far as its id and pipeline are known.
    pub fn may_concern(&self, id: Option<&RunId>, pipeline: Option<&str>) -> bool {
        let pipeline_fits = self.pipelines.is_empty()
            || pipeline.is_none_or(|pipeline| self.pipelines.iter().any(|wanted| wanted == pipeline));
        pipeline_fits && (self.runs.is_empty() || id.is_some_and(|id| self.runs.contains(id)))
    }
}

/// How many whole days ago a run ended and how many are kept, where it ended before them.
fn over_age(run: &Standing, rules: &Rules, now: Timestamp) -> Option<(u64, u64)> {
    let kept = rules.keep_days.filter(|kept| run.aged_from() < now.minus(days(*kept)))?;
    Some((now.since(run.aged_from()).as_secs() / days(1).as_secs(), kept))
}

/// A run that was named and is not due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDue {
    /// The run.
    pub run: Run,
    /// Why not, a fragment that reads after "is not due:".
    pub why: String,
}

/// The outcome of [`select`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Due, the oldest start first.
    pub due: Vec<Run>,
    /// Finished, old enough and within the narrowing, but due by no rule so far: their logs may be too long. Empty where
    /// that rule is not set.
    pub unruled: Vec<Run>,
    /// Named by id, there, and not due.
    pub not_due: Vec<NotDue>,
    /// Named by id and not there.
    pub unknown_runs: Vec<RunId>,
    /// Named pipelines without any run.
    pub unknown_pipelines: Vec<String>,
    /// What pipelines have more than is kept.
    excess: Excess,
}

impl Selection {
    /// Why a run is due, by the same rules and at the same instant by which it was found to be.
    pub fn reason(&self, run: &Run, rules: &Rules, now: Timestamp) -> Reason {
        Reason {
            over_count: self.excess.of(run).zip(rules.keep_runs),
            over_age: over_age(&run.standing(), rules, now),
            over_size: None,
        }
    }
}

/// Why a run is not due that nothing else speaks against.
pub(super) const NO_RULE: &str = "no retention rule asks for it";

/// Decides which runs are due at `now`.
pub fn select(mut runs: Vec<Run>, rules: &Rules, narrowing: &Narrowing, now: Timestamp) -> Selection {
    // Only the rule that counts, and a limit, need all of them in order.
    let needs_order = rules.keep_runs.is_some() || narrowing.limit.is_some();
    if needs_order {
        sort(&mut runs);
    }
    let needs_count = rules.keep_runs.is_some() || !narrowing.pipelines.is_empty();
    let mut excess = if needs_count { Excess::count(&runs) } else { Excess::default() };
    let named: HashSet<RunId> = narrowing.runs.iter().copied().collect();
    let pipelines: HashSet<&str> = narrowing.pipelines.iter().map(String::as_str).collect();
    let unknown = narrowing.pipelines.iter().filter(|name| !excess.knows(name));
    let mut selection = Selection { unknown_pipelines: unknown.cloned().collect(), ..Selection::default() };
    let (mut seen, mut due) = (HashSet::new(), 0);
    runs.retain(|run| {
        let is_excess =
            rules.keep_runs.filter(|_| run.status.is_finished()).is_some_and(|kept| excess.takes(run, kept));
        let is_named = !named.is_empty() && named.contains(&run.id);
        if !named.is_empty() && !is_named {
            return false;
        }
        if is_named {
            seen.insert(run.id);
        }
        let age = now.since(run.aged_from());
        let is_ruled = is_excess || over_age(&run.standing(), rules, now).is_some() || rules.all;
        let obstacle = if !run.status.is_finished() {
            Some(Obstacle::Active)
        } else if age < rules.min_age {
            Some(Obstacle::JustEnded)
        } else if !is_ruled && rules.max_log.is_none() {
            Some(Obstacle::NoRule)
        } else if !pipelines.is_empty() && !pipelines.contains(run.pipeline.as_ref()) {
            Some(Obstacle::OtherPipeline)
        } else if narrowing.older_than.is_some_and(|least| age <= least) {
            Some(Obstacle::TooYoung)
        } else if narrowing.limit.is_some_and(|limit| due >= limit) {
            Some(Obstacle::Limit)
        } else {
            None
        };
        match &obstacle {
            None if is_ruled => due += 1,
            None => selection.unruled.push(run.clone()),
            Some(obstacle) if is_named => {
                let why = obstacle.describe(run, rules);
                selection.not_due.push(NotDue { run: run.clone(), why });
            }
            Some(_) => {}
        }
        obstacle.is_none() && is_ruled
    });
    if !needs_order {
        sort(&mut runs);
        sort(&mut selection.unruled);
        selection.not_due.sort_unstable_by_key(|not_due| by_start(&not_due.run));
    }
    runs.shrink_to_fit();
    let unknown_runs = narrowing.runs.iter().filter(|id| !seen.contains(id)).copied().collect();
    Selection { due: runs, unknown_runs, excess, ..selection }
}

/// What speaks against a run.
enum Obstacle {
    Active,
    JustEnded,
    NoRule,
    OtherPipeline,
    TooYoung,
    Limit,
}

impl Obstacle {
    /// A fragment that reads after "is not due:".
    fn describe(&self, run: &Run, rules: &Rules) -> String {
        match self {
            Obstacle::Active => format!("it is {}", run.status),
            Obstacle::JustEnded => format!("it ended less than {} ago", days_and_less(rules.min_age)),
            Obstacle::NoRule => NO_RULE.to_owned(),
            Obstacle::OtherPipeline => "its pipeline is not among those named".to_owned(),
            Obstacle::TooYoung => "it is younger than --older-than".to_owned(),
            Obstacle::Limit => "--limit was reached before it".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::Rule;
    use crate::run::Status;

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn run(number: u8, pipeline: &str, status: Status, started_ago: Duration, finished_ago: Option<Duration>) -> Run {
        Run {
            id: RunId::from([number; 16]),
            pipeline: pipeline.into(),
            status,
            started_at: NOW.minus(started_ago),
            finished_at: finished_ago.map(|ago| NOW.minus(ago)),
            position: 0,
        }
    }

    fn ids(selection: &Selection) -> Vec<u8> {
        selection.due.iter().map(|run| run.id.simple()).map(|id| u8::from_str_radix(&id[..2], 16).unwrap()).collect()
    }

    #[test]
    fn active_runs_count_but_are_never_due() {
        let runs = vec![
            run(1, "a", Status::Running, DAY * 9, None),
            run(2, "a", Status::Success, DAY * 8, Some(DAY * 8)),
            run(3, "a", Status::Success, DAY * 7, Some(DAY * 7)),
            run(4, "a", Status::Pending, DAY * 6, None),
        ];
        let rules = Rules { keep_runs: Some(2), ..Rules::default() };
        assert_eq!(ids(&select(runs.clone(), &rules, &Narrowing::default(), NOW)), [2, 3]);
        let rules = Rules { keep_runs: Some(3), ..Rules::default() };
        assert_eq!(ids(&select(runs, &rules, &Narrowing::default(), NOW)), [2]);
    }

    #[test]
    fn age_counts_from_the_end_and_from_the_start_only_where_there_is_no_end() {
        let runs = vec![
            run(1, "daemon", Status::Success, DAY * 90, Some(DAY)),
            run(2, "b", Status::Interrupted, DAY * 90, None),
            run(3, "c", Status::Failed, DAY * 91, Some(DAY * 30)),
            run(4, "c", Status::Failed, DAY * 91, Some(DAY * 30 + Duration::from_micros(1))),
        ];
        let rules = Rules { keep_days: Some(30), ..Rules::default() };
        assert_eq!(ids(&select(runs, &rules, &Narrowing::default(), NOW)), [4, 2]);
    }

    #[test]
    fn what_ended_just_now_is_left_alone_also_with_all() {
        let runs = vec![run(1, "a", Status::Success, DAY * 90, Some(Duration::from_secs(599)))];
        let rules = Rules {
            keep_runs: Some(0),
            keep_days: Some(1),
            min_age: Duration::from_secs(600),
            all: true,
            ..Rules::default()
        };
        assert!(select(runs, &rules, &Narrowing::default(), NOW).due.is_empty());
    }

    #[test]
    fn reasons_are_sentences_and_name_both_rules() {
        let runs =
            vec![run(1, "a", Status::Success, DAY * 95, Some(DAY * 95)), run(2, "a", Status::Success, DAY, Some(DAY))];
        let rules = Rules { keep_runs: Some(1), keep_days: Some(90), ..Rules::default() };
        let selection = select(runs, &rules, &Narrowing::default(), NOW);
        let reason = selection.reason(&selection.due[0], &rules, NOW);
        assert_eq!(reason.rule(), Rule::RetentionRuns);
        let sentence = "pipeline has 2 runs, the newest 1 is kept; ended 95 days ago, 90 days are kept";
        assert_eq!(reason.to_string(), sentence);
    }

    #[test]
    fn a_named_run_that_is_not_due_says_why_and_an_unknown_one_is_named() {
        let runs = vec![run(1, "a", Status::Running, DAY, None), run(2, "a", Status::Success, DAY, Some(DAY))];
        let narrowing = Narrowing {
            runs: vec![RunId::from([1; 16]), RunId::from([2; 16]), RunId::from([9; 16])],
            pipelines: vec!["none".into()],
            ..Narrowing::default()
        };
        let selection = select(runs, &Rules::default(), &narrowing, NOW);
        let why: Vec<_> = selection.not_due.iter().map(|run| run.why.as_str()).collect();
        assert_eq!(why, ["it is RUNNING", "no retention rule asks for it"]);
        assert_eq!(selection.unknown_runs, [RunId::from([9; 16])]);
        assert_eq!(selection.unknown_pipelines, ["none"]);
    }

    /// Whether there are more siblings than are kept, and a run is one of those.
    fn over_count(run: &Run, runs: &[Run], rules: &Rules) -> bool {
        let siblings: Vec<_> = runs.iter().filter(|other| other.pipeline == run.pipeline).collect();
        let older = siblings.iter().filter(|other| other.status.is_finished());
        let older = older.filter(|other| (other.started_at, other.id) < (run.started_at, run.id)).count() as i128;
        rules.keep_runs.is_some_and(|keep| older < siblings.len() as i128 - i128::from(keep))
    }

    /// The rules, written down as slowly and plainly as possible.
    fn naive(runs: &[Run], rules: &Rules, narrowing: &Narrowing) -> HashSet<RunId> {
        let mut due: Vec<&Run> = Vec::new();
        for run in runs {
            let by_count = over_count(run, runs, rules);
            let micros = NOW.micros() - run.finished_at.unwrap_or(run.started_at).micros();
            let by_days = rules.keep_days.is_some_and(|keep| micros > keep as i64 * 86_400_000_000);
            let ended = !matches!(run.status, Status::Pending | Status::Running | Status::Unknown);
            let old_enough = micros.max(0) >= rules.min_age.as_micros() as i64;
            let in_pipelines =
                narrowing.pipelines.is_empty() || narrowing.pipelines.contains(&run.pipeline.to_string());
            let in_runs = narrowing.runs.is_empty() || narrowing.runs.contains(&run.id);
            let in_age = narrowing.older_than.is_none_or(|least| micros > least.as_micros() as i64);
            if ended && old_enough && (by_count || by_days || rules.all) && in_pipelines && in_runs && in_age {
                due.push(run);
            }
        }
        due.sort_by_key(|run| (run.started_at, run.id));
        due.truncate(narrowing.limit.unwrap_or(usize::MAX));
        due.into_iter().map(|run| run.id).collect()
    }

    prop_compose! {
        fn any_run()(
            number in any::<u8>(), pipeline in 0usize..3, status in 0usize..7, started in 0u64..8, finished in proptest::option::of(0u64..8), jitter in 0u64..3,
        ) -> Run {
            let statuses = [Status::Pending, Status::Running, Status::Success, Status::Failed, Status::Interrupted, Status::Warning, Status::Unknown];
            let ago = |days: u64| (DAY * days as u32 + Duration::from_micros(jitter)).saturating_sub(Duration::from_micros(1));
            run(number, ["a", "b", "Täglicher-Import"][pipeline], statuses[status], ago(started), finished.map(ago))
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn the_selection_equals_the_naive_model(
            runs in proptest::collection::vec(any_run(), 0..40),
            keep_runs in proptest::option::of(1u64..6),
            keep_days in proptest::option::of(1u64..8),
            min_age in 0u64..3,
            all in any::<bool>(),
            pipelines in proptest::sample::subsequence(vec!["a".to_owned(), "b".into(), "c".into()], 0..3),
            named in proptest::collection::vec(any::<u8>(), 0..3),
            older_than in proptest::option::of(0u64..8),
            limit in proptest::option::of(0usize..10),
        ) {
            let mut unique = HashSet::new();
            let runs: Vec<Run> = runs.into_iter().filter(|run| unique.insert(run.id)).collect();
            let rules = Rules { keep_runs, keep_days, min_age: DAY * min_age as u32, all, ..Rules::default() };
            let narrowing = Narrowing {
                pipelines,
                runs: named.into_iter().map(|number| RunId::from([number; 16])).collect(),
                older_than: older_than.map(|days| DAY * days as u32),
                limit,
            };
            let selected = select(runs.clone(), &rules, &narrowing, NOW);
            prop_assert!(selected.due.is_sorted_by_key(by_start));
            let concerned = runs.iter().filter(|run| rules.concern(&run.standing(), NOW)).cloned().collect();
            for run in &selected.due {
                let reason = selected.reason(run, &rules, NOW);
                prop_assert_eq!(reason.over_count.is_some(), over_count(run, &runs, &rules));
            }
            prop_assert_eq!(&select(concerned, &rules, &narrowing, NOW).due, &selected.due, "the others do not matter");
            let selected: HashSet<_> = selected.due.into_iter().map(|run| run.id).collect();
            prop_assert_eq!(selected, naive(&runs, &rules, &narrowing));
        }
    }
}
