//! Two thousand due runs of all kinds on MinIO with a key that may only put.

use fastflow_archive_testkit::clock::fixed_now;
use fastflow_archive_testkit::{Fate, Fleet};

use crate::harness::{On, PREFIX, Sandbox};

#[test]
fn two_thousand_runs_move_byte_for_byte_and_what_is_refused_stays() {
    let mut sandbox = Sandbox::new(On::Server);
    Fleet::two_thousand(fixed_now()).with_refused().settle(&mut sandbox.instance).unwrap();
    let ran = sandbox.run(&["cleanup", "--json"]);
    let summary = ran.summary();
    assert_eq!(ran.code, Some(3), "{summary}");
    let counts = ["runs_due", "runs_archived", "runs_deleted", "runs_failed", "runs_not_attempted"]
        .map(|name| summary[name].as_u64().unwrap());
    assert_eq!(counts, [2010, 2000, 2000, 10, 0], "{summary}");
    let objects = sandbox.objects();
    let due = sandbox.runs(Fate::Archived);
    assert!(due.len() == 2000 && due.iter().filter(|run| !run.cells.is_empty()).count() == 60);
    assert!(due.iter().any(|run| run.pipeline == "Täglicher-Import"));
    due.iter().for_each(|run| sandbox.assert_moved(run, &objects));
    assert_eq!(objects.len(), due.iter().map(|run| run.expected_objects(PREFIX).len()).sum::<usize>());
    for fate in [Fate::Active, Fate::Young, Fate::Refused] {
        assert!(!sandbox.runs(fate).is_empty());
        sandbox.runs(fate).into_iter().for_each(|run| sandbox.assert_untouched(run));
    }
    let again = sandbox.run(&["cleanup", "-q"]);
    assert_eq!((again.code, again.errors()), (Some(3), 10), "{again:?}");
    let mut session = sandbox.instance.session().unwrap();
    for run in sandbox.runs(Fate::Refused) {
        session.execute(&format!("DELETE FROM pipeline_runs WHERE id = '{}'", run.id.replace('-', ""))).unwrap();
    }
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    assert_eq!(sandbox.objects(), objects);
}
