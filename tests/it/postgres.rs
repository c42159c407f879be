//! What only PostgreSQL has: zones of naive times, certificates, several hosts, rights, locks on rows.
//!
//! The rest of the suite runs on it where `FASTFLOW_ARCHIVE_TEST_POSTGRES` names the server's programs. These need it: they are
//! there with the feature `test-postgres` only, and fail without a server.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use fastflow_archive_testkit::clock::{days, fixed_now, parse, rfc3339};
use fastflow_archive_testkit::{
    Instance, POSTGRES_PASSWORD, POSTGRES_VARIABLE, PostgresDatabase, PostgresServer, PrivateCa, RunSpec, WrittenRun,
};
use serde_json::Value;

use crate::harness::{On, PREFIX, Ran, Sandbox, old};

/// The server.
fn server() -> &'static PostgresServer {
    let server = PostgresServer::shared().unwrap();
    server.unwrap_or_else(|| panic!("{POSTGRES_VARIABLE} does not name the programs of a PostgreSQL server"))
}

fn database(sandbox: &Sandbox) -> &PostgresDatabase {
    sandbox.instance.postgres().unwrap()
}

/// An instance on a server of that zone.
fn in_zone(zone: &str, create: impl FnOnce(&Path) -> Instance) -> Sandbox {
    let sandbox = Sandbox::with(On::Embedded, create);
    let name = &database(&sandbox).name;
    let sql = format!("ALTER DATABASE {name} SET timezone = '{zone}'");
    database(&sandbox).administrator().unwrap().batch_execute(&sql).unwrap();
    sandbox
}

fn due(ran: &Ran) -> Vec<String> {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines = ran.lines().into_iter().filter(|line| line["type"] == "run");
    lines.map(|line| line["run_id"].as_str().unwrap().to_owned()).collect()
}

fn manifest(sandbox: &Sandbox, run: &WrittenRun) -> Value {
    serde_json::from_slice(&sandbox.store.object(&run.key(PREFIX, "manifest.json")).unwrap()).unwrap()
}

#[test]
fn the_rule_of_days_is_fast_flows_to_the_minute_east_and_west_of_utc_naive_or_not() {
    server();
    let minute = Duration::from_secs(60);
    // CET is an abbreviation without daylight saving in SQL, and a zone that has it as a setting.
    for zone in ["America/New_York", "Europe/Berlin", "CET", "UTC"] {
        for (start, end) in [(true, true), (true, false), (false, true), (false, false)] {
            let mut sandbox =
                in_zone(zone, |folder| Instance::builder(folder).naive_times(start, end).build().unwrap());
            let older = sandbox.add(RunSpec::finished(1, "etl", fixed_now() - days(30) - minute));
            let _younger = sandbox.add(RunSpec::finished(2, "etl", fixed_now() - days(30) + minute));
            let started = fixed_now() - days(30) - minute;
            let mut without_end = RunSpec::new(3, "etl", started).status("INTERRUPTED");
            without_end.finished_at = None;
            let without_end = sandbox.add(without_end);
            let mut young = RunSpec::new(4, "etl", started + 2 * minute).status("INTERRUPTED");
            young.finished_at = None;
            sandbox.add(young);
            let mut found = due(&sandbox.run(&["plan", "--json"]));
            let mut expected = vec![older.id.clone(), without_end.id];
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{zone}, naive start {start}, naive end {end}");
            sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
            let row = &manifest(&sandbox, &older)["run"];
            assert_eq!(row["finished_at"], rfc3339(older.finished_at.unwrap()), "{zone}");
        }
    }
}

#[test]
fn in_the_hour_that_daylight_saving_repeats_the_later_reading_counts() {
    server();
    let hours = [
        ("Europe/Berlin", "2026-10-25 02:30:00", "2026-10-25T01:30:00Z"),
        ("America/New_York", "2026-11-01 01:30:00", "2026-11-01T06:30:00Z"),
    ];
    for (zone, wall, later) in hours {
        let mut sandbox = in_zone(zone, |folder| Instance::builder(folder).naive_times(true, true).build().unwrap());
        let run = sandbox.add(old(1, "etl"));
        let sql = format!("UPDATE pipeline_runs SET finished_at = '{wall}'");
        assert_eq!(sandbox.instance.session().unwrap().execute(&sql).unwrap(), 1);
        for (after, is_due) in [
            (parse(later) - Duration::from_secs(60), false),
            (parse(later), false),
            (parse(later) + Duration::from_secs(60), true),
        ] {
            sandbox.variable("FASTFLOW_ARCHIVE_NOW", &rfc3339(after + days(30)));
            assert_eq!(!due(&sandbox.run(&["plan", "--json"])).is_empty(), is_due, "{zone} at {after:?}");
        }
        sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
        assert_eq!(manifest(&sandbox, &run)["run"]["finished_at"], later);
    }
}

#[test]
fn a_named_zone_wins_over_that_of_the_session_and_one_that_is_none_is_refused() {
    server();
    let mut sandbox = in_zone("UTC", |folder| Instance::builder(folder).naive_times(true, true).build().unwrap());
    sandbox.add(old(1, "etl"));
    // What Fast-Flow writes whose role has another zone than ours: two hours more than UTC in summer.
    let sql = "UPDATE pipeline_runs SET finished_at = '2026-05-16 04:00:01'";
    sandbox.instance.session().unwrap().execute(sql).unwrap();
    sandbox.variable("FASTFLOW_ARCHIVE_NOW", "2026-06-15T03:00:00Z");
    assert_eq!(due(&sandbox.run(&["plan", "--json"])).len(), 0);
    assert_eq!(due(&sandbox.run(&["plan", "--json", "--database-timezone", "Europe/Berlin"])).len(), 1);
    let refused = sandbox.run(&["plan", "--database-timezone", "Europe/Nowhere"]);
    assert_eq!((refused.code, refused.errors()), (Some(10), 1), "{refused:?}");
    assert!(refused.stderr.contains("Europe/Nowhere"), "{refused:?}");
}

#[test]
fn certificates_are_checked_as_sslmode_says() {
    let server = server();
    let sandbox = Sandbox::new(On::Embedded);
    let other = PrivateCa::create(&sandbox.instance.root().join("other")).unwrap();
    let (ca, other) = (server.ca_file().display().to_string(), other.ca_file.display().to_string());
    let password = "kit%20p%40ss%2Fw%3Ard";
    // 127.0.0.2 is the server, too; its certificate does not name it.
    let table = [
        ("127.0.0.1", "sslmode=disable".to_owned(), Ok("no")),
        ("127.0.0.1", "sslmode=prefer".to_owned(), Ok("TLS")),
        ("127.0.0.1", String::new(), Ok("TLS")),
        ("127.0.0.1", "sslmode=require".to_owned(), Ok("TLS")),
        ("127.0.0.2", format!("sslmode=verify-ca&sslrootcert={ca}"), Ok("TLS")),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={ca}"), Ok("TLS")),
        ("localhost", format!("sslmode=verify-full&sslrootcert={ca}"), Ok("TLS")),
        ("127.0.0.2", format!("sslmode=verify-full&sslrootcert={ca}"), Err("not valid for name")),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={other}"), Err("invalid peer certificate")),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={other}"), Err("invalid peer certificate")),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={other}"), Err("invalid peer certificate")),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert=/nowhere.pem".to_owned(), Err("/nowhere.pem")),
        ("127.0.0.1", "sslmode=verify-full".to_owned(), Err("invalid peer certificate")),
    ];
    for (host, query, expected) in table {
        let name = &database(&sandbox).name;
        let url = format!("postgresql://fastflow_archive:{password}@{host}:{}/{name}?{query}", server.port());
        let before = server.log().len();
        let ran = sandbox.run(&["plan", "-q", "--database", &url]);
        match expected {
            Ok(encryption) => {
                assert_eq!(ran.code, Some(0), "{host} {query}: {ran:?}");
                let log = server.log()[before..].to_owned();
                let mut ours = log.lines().filter(|line| {
                    line.contains("authorized: user=fastflow_archive") && line.contains(&format!("database={name} "))
                });
                let first = ours.next().unwrap_or_else(|| panic!("{host} {query}: {log}"));
                assert_eq!(first.contains("SSL enabled"), encryption == "TLS", "{host} {query}: {first}");
            }
            Err(message) => {
                assert!(matches!(ran.code, Some(1 | 10)), "{host} {query}: {ran:?}");
                assert!(ran.stderr.contains(message), "{host} {query}: {ran:?}");
            }
        }
    }
}

#[test]
fn sockets_and_password_files_lead_in_as_with_libpq() {
    let server = server();
    let mut sandbox = Sandbox::new(On::Embedded);
    sandbox.add(old(1, "etl"));
    let (name, port) = (database(&sandbox).name.clone(), server.port());
    let file = sandbox.instance.root().join("pgpass");
    std::fs::write(&file, format!("*:{port}:{name}:fastflow_archive:{}\n", POSTGRES_PASSWORD.replace(':', "\\:")))
        .unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    sandbox.variable("PGPASSFILE", &file.display().to_string());
    let socket =
        format!("postgresql+psycopg2://fastflow_archive@/{name}?host={}&port={port}", server.socket_folder().display());
    let address = format!("postgres://fastflow_archive@localhost:{port}/{name}");
    for url in [&socket, &address] {
        assert_eq!(due(&sandbox.run(&["plan", "--json", "--database", url])).len(), 1, "{url}");
    }
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = sandbox.run(&["plan", "--database", &address]);
    assert!(exposed.code == Some(1) && exposed.stderr.contains("others may read it (chmod 600)"), "{exposed:?}");
}

#[test]
fn a_database_that_cannot_be_had_is_named_without_its_password() {
    let server = server();
    let sandbox = Sandbox::new(On::Embedded);
    let (name, port) = (&database(&sandbox).name, server.port());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // Accepts and says nothing, for longer than anybody waits.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    let table = [
        (format!("postgresql://ff:hunter2@127.0.0.1:{free}/{name}"), 1, format!("127.0.0.1:{free}"), "refused"),
        (
            format!("postgresql://fastflow_archive:hunter2@127.0.0.1:{port}/{name}"),
            1,
            format!("127.0.0.1:{port}"),
            "password",
        ),
        (
            format!("postgresql://ff:hunter2@no-such-host.invalid/{name}"),
            1,
            "no-such-host.invalid".to_owned(),
            "address",
        ),
        (
            format!("postgresql://ff:hunter2@127.0.0.1:{silent_port}/x?connect_timeout=1"),
            1,
            silent_port.to_string(),
            "within 1 s",
        ),
        ("postgresql://ff:hunter2@/x?host=/nowhere/at/all".to_owned(), 1, "/nowhere/at/all".to_owned(), "No such file"),
        ("postgresql://ff:hunter2@h/x?sslmode=always".to_owned(), 10, "DATABASE_URL".to_owned(), "sslmode"),
        ("postgresql://ff:hunter2@h:99999/x".to_owned(), 10, "DATABASE_URL".to_owned(), "port"),
    ];
    for (url, code, place, why) in table {
        for command in ["plan", "cleanup"] {
            let ran = sandbox.run(&[command, "-vvv", "--database", &url]);
            assert_eq!((ran.code, ran.errors()), (Some(code), 1), "{place}: {ran:?}");
            assert!(ran.stderr.contains(&place) && ran.stderr.contains(why), "{place}, {why}: {ran:?}");
            assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
        }
    }
    let missing = database(&sandbox).url().replace(name.as_str(), "not_there");
    let ran = sandbox.run(&["plan", "--database", &missing]);
    assert!(ran.code == Some(1) && ran.stderr.contains("not_there"), "{ran:?}");
    assert!(!format!("{ran:?}").contains("p%40ss") && !format!("{ran:?}").contains(POSTGRES_PASSWORD), "{ran:?}");
}

#[test]
fn a_second_host_is_kept_out_for_as_long_as_the_first_is_at_work() {
    server();
    let sandbox = Sandbox::new(On::Embedded).settle(3);
    let (entered, entering) = mpsc::channel();
    let (go_on, going_on) = mpsc::channel::<()>();
    let going_on = std::sync::Mutex::new(going_on);
    sandbox.embedded().set_fault(move |_| {
        let _ = entered.send(());
        let _ = going_on.lock().unwrap().recv_timeout(Duration::from_secs(60));
        None
    });
    let first = sandbox.command(&["cleanup", "-q"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    entering.recv_timeout(Duration::from_secs(60)).unwrap();
    for command in [&["cleanup", "-q"][..], &["backup", "-q"]] {
        let second = sandbox.run(&[command, &["--state-dir", "./of-another-host"]].concat());
        assert_eq!(second.code, Some(11), "{second:?}");
        assert!(second.stderr.contains(&format!("pid {} holds it", first.id())), "{second:?}");
    }
    drop(go_on);
    sandbox.embedded().clear_fault();
    let output = first.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    sandbox.run(&["cleanup", "-q", "--state-dir", "./of-another-host"]).expect(0, "", "");
}

#[test]
fn the_role_of_the_readme_can_do_its_work_and_no_more() {
    server();
    let mut sandbox = Sandbox::new(On::Embedded);
    let runs = [sandbox.add(old(1, "notebook").notebook(3)), sandbox.add(old(2, "etl"))];
    let database = database(&sandbox);
    let mut administrator = database.administrator().unwrap();
    administrator.batch_execute("REVOKE INSERT ON pipeline_runs, run_cell_logs FROM fastflow_archive").unwrap();
    let mut role = postgres::Client::connect(&database.url(), postgres::NoTls).unwrap();
    for refused in [
        "UPDATE pipeline_runs SET status = 'SUCCESS'",
        "DELETE FROM pipelines",
        "UPDATE orchestrator_settings SET log_retention_days = 1",
        "SELECT * FROM audit_log",
        "CREATE TABLE of_mine (x integer)",
        "TRUNCATE pipeline_runs",
    ] {
        let error = role.batch_execute(refused).unwrap_err();
        assert_eq!(error.code(), Some(&postgres::error::SqlState::INSUFFICIENT_PRIVILEGE), "{refused}: {error}");
    }
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    runs.iter().for_each(|run| sandbox.assert_moved(run, &sandbox.objects()));
    let keys = sandbox.store.admin();
    sandbox
        .variable("S3_VERIFY_ACCESS_KEY", &keys.access_key)
        .variable("S3_VERIFY_SECRET_ACCESS_KEY", &keys.secret_key);
    let doctor = sandbox.run(&["doctor", "--json"]);
    let audit = doctor.lines().into_iter().find(|line| line["name"] == "other_archiver").unwrap();
    assert_eq!(audit["verdict"], "skipped", "what may not be read is not well: {audit}");
    let back = sandbox.run(&["restore", &runs[0].id, "--to-instance", "-q"]);
    assert!(
        back.code != Some(0) && back.stderr.contains("permission denied") && back.stderr.contains("README"),
        "{back:?}"
    );
    assert!(runs[0].remaining_files().is_empty() && !sandbox.instance.run_exists(&runs[0].id).unwrap());
}

#[test]
fn what_the_role_may_not_delete_is_not_sent_first() {
    server();
    for (revoked, named) in [
        ("DELETE ON pipeline_runs", "DELETE ON pipeline_runs"),
        ("UPDATE (uv_version) ON pipeline_runs", "UPDATE (uv_version) ON pipeline_runs"),
        ("DELETE ON run_cell_logs", "DELETE ON run_cell_logs"),
    ] {
        let mut sandbox = Sandbox::new(On::Embedded);
        let run = sandbox.add(old(1, "notebook").notebook(2));
        let mut administrator = database(&sandbox).administrator().unwrap();
        administrator.batch_execute(&format!("REVOKE {revoked} FROM fastflow_archive")).unwrap();
        let ran = sandbox.run(&["cleanup", "-q"]);
        assert_eq!((ran.code, ran.errors()), (Some(1), 1), "{ran:?}");
        assert!(ran.stderr.contains(&format!("GRANT {named} TO \"fastflow_archive\"")), "{ran:?}");
        assert!(sandbox.embedded().requests().is_empty());
        sandbox.assert_untouched(&run);
        sandbox.run(&["backup", "-q"]).expect(0, "", "");
    }
}

#[test]
fn a_row_that_somebody_holds_is_kept_and_the_others_go() {
    server();
    let mut sandbox = Sandbox::new(On::Embedded);
    let runs: Vec<_> = (1..=5).map(|number| sandbox.add(old(number, "etl"))).collect();
    let mut holder = sandbox.instance.session().unwrap();
    holder.batch("BEGIN").unwrap();
    assert!(holder.exists(&format!("SELECT 1 FROM pipeline_runs WHERE id = '{}' FOR UPDATE", runs[2].id)).unwrap());
    let ran = sandbox.run(&["cleanup", "-q"]);
    assert_eq!((ran.code, ran.errors()), (Some(3), 1), "{ran:?}");
    assert!(ran.stderr.contains("lock timeout"), "{ran:?}");
    sandbox.assert_untouched(&runs[2]);
    holder.batch("COMMIT").unwrap();
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    runs.iter().for_each(|run| sandbox.assert_moved(run, &sandbox.objects()));
}

#[test]
fn a_run_that_another_table_refers_to_keeps_row_cells_and_files() {
    server();
    for deferred in ["", "DEFERRABLE INITIALLY DEFERRED"] {
        let mut sandbox = Sandbox::new(On::Embedded);
        let (kept, moved) = (sandbox.add(old(1, "notebook").notebook(3)), sandbox.add(old(2, "etl")));
        let mut session = sandbox.instance.session().unwrap();
        let table = format!("CREATE TABLE bookmarks (run uuid NOT NULL REFERENCES pipeline_runs (id) {deferred})");
        session.batch(&format!("{table}; INSERT INTO bookmarks VALUES ('{}')", kept.id)).unwrap();
        let ran = sandbox.run(&["cleanup", "-q"]);
        assert_eq!((ran.code, ran.errors()), (Some(3), 1), "{ran:?}");
        assert!(ran.stderr.contains("bookmarks"), "{ran:?}");
        sandbox.assert_untouched(&kept);
        assert_eq!(sandbox.instance.row_count("run_cell_logs").unwrap(), 3);
        sandbox.assert_moved(&moved, &sandbox.objects());
    }
}

#[test]
fn a_file_that_cannot_be_removed_keeps_its_row_and_cells() {
    server();
    let mut sandbox = Sandbox::new(On::Embedded);
    let runs: Vec<_> = (1..=4).map(|number| sandbox.add(old(number, "notebook").notebook(2))).collect();
    // The log changes once everything is sent: its row is deleted by then, in the same transaction.
    let (log, manifest) = (runs[1].log_path.clone().unwrap(), runs[1].key(PREFIX, "manifest.json"));
    sandbox.embedded().set_fault(move |request| {
        if request.key.ends_with(&manifest) {
            std::fs::write(&log, "another log\n").unwrap();
        }
        None
    });
    let ran = sandbox.run(&["cleanup", "-q"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("it changed since it was archived"), "{ran:?}");
    sandbox.assert_untouched(&runs[1]);
    assert_eq!(sandbox.instance.row_count("run_cell_logs").unwrap(), 2);
    let others = runs.iter().filter(|run| run.id != runs[1].id);
    others.for_each(|run| sandbox.assert_moved(run, &sandbox.objects()));
}

#[test]
fn times_without_end_keep_their_runs_and_a_text_status_is_read() {
    server();
    let mut sandbox = Sandbox::with(On::Embedded, |folder| Instance::builder(folder).text_status().build().unwrap());
    let odd: Vec<_> = (1..=3).map(|number| sandbox.add(old(number, "etl"))).collect();
    let (moved, paused) = (sandbox.add(old(9, "etl")), sandbox.add(old(10, "etl").status("PAUSED")));
    let mut session = sandbox.instance.session().unwrap();
    let times = [("started_at", "infinity"), ("finished_at", "-infinity"), ("started_at", "0044-03-15 12:00:00 BC")];
    for (run, (column, time)) in odd.iter().zip(times) {
        session.execute(&format!("UPDATE pipeline_runs SET {column} = '{time}' WHERE id = '{}'", run.id)).unwrap();
    }
    let ran = sandbox.run(&["cleanup", "-q"]);
    assert_eq!((ran.code, ran.errors()), (Some(3), 3), "{ran:?}");
    for part in ["`started_at` is `infinity`", "`finished_at` is `-infinity`", "BC`", "1 runs have a status"] {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
    odd.iter().chain([&paused]).for_each(|run| sandbox.assert_untouched(run));
    sandbox.assert_moved(&moved, &sandbox.objects());
}

#[test]
fn both_databases_archive_the_same_and_what_one_archived_the_other_takes_back() {
    server();
    let spec = || old(1, "notebook").notebook(4);
    let mut sandboxes = [Sandbox::on_sqlite(On::Embedded), Sandbox::new(On::Embedded)];
    let runs = sandboxes.each_mut().map(|sandbox| sandbox.add(spec()));
    let archived = sandboxes.each_ref().map(|sandbox| {
        sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
        let cells = sandbox.store.object(&runs[0].key(PREFIX, "cells.jsonl")).unwrap();
        (manifest(sandbox, &runs[0])["run"].clone(), String::from_utf8(cells).unwrap())
    });
    assert_eq!(archived[0], archived[1]);
    let [sqlite, postgres] = &mut sandboxes;
    let cross = |from: &Sandbox, to: &mut Sandbox| {
        let keys = from.store.admin();
        to.variable("S3_ENDPOINT_URL", &from.store.endpoint())
            .variable("S3_VERIFY_ACCESS_KEY", &keys.access_key)
            .variable("S3_VERIFY_SECRET_ACCESS_KEY", &keys.secret_key);
        to.run(&["restore", &runs[0].id, "--to-instance", "--remote", "-q"]).expect(0, "", "");
        assert!(to.instance.run_exists(&runs[0].id).unwrap());
        assert_eq!(to.instance.row_count("run_cell_logs").unwrap(), 4);
        assert_eq!(due(&to.run(&["plan", "--json"])), [runs[0].id.clone()]);
    };
    cross(sqlite, postgres);
    cross(postgres, sqlite);
}
