//! The cases: what is measured against whom.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use fastflow_archive_testkit::clock::{days, fixed_now};
use fastflow_archive_testkit::{Instance, RunSpec};

use crate::bare::{As, list_all, put_all};
use crate::measure::{Figures, measure, measure_any};
use crate::stage::{Stage, installed, ours_binary};
use crate::table::{Row, Table};
use crate::throttling::Limit;
use crate::{Asked, relay, throttling};

/// A case by name.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Asked) -> Result<Table>,
}

pub(crate) fn all() -> [Case; 10] {
    [
        Case {
            name: "small",
            about: "cleanup of 2,000 runs with logs of 4 to 160 KB, over loopback",
            run: |asked| small(asked, 2_000, None),
        },
        Case {
            name: "distance",
            about: "cleanup of 500 such runs with 10 ms of round trip to the store",
            run: |asked| small(asked, 500, Some(Duration::from_millis(10))),
        },
        Case {
            name: "many",
            about: "cleanup of 100,000 runs with logs of 400 bytes: time for each, memory",
            run: many,
        },
        Case { name: "large", about: "one log of 1 GiB against `rclone copyto`", run: |asked| large(asked, 1) },
        Case { name: "four", about: "four logs of 1 GiB at once: memory", run: |asked| large(asked, 4) },
        Case {
            name: "plan",
            about: "plan over 1,000,000 rows: 1,000 due, all due, and a bare scan by sqlite3",
            run: plan,
        },
        Case {
            name: "plan-postgres",
            about: "the same rows in PostgreSQL (FASTFLOW_ARCHIVE_TEST_POSTGRES names its programs), and a bare scan",
            run: plan_postgres,
        },
        Case {
            name: "verify",
            about: "verify and list over 20,000 archived objects, against bare listings",
            run: verify,
        },
        Case {
            name: "throttling",
            about: "cleanup of 500 runs to a store that refuses what is over its limit with `SlowDown`; until all are archived",
            run: throttling,
        },
        Case { name: "start", about: "`--help`", run: start },
    ]
}

/// A contender: one round of it.
type Round<'a> = Box<dyn Fn() -> Result<Figures> + 'a>;

/// Rounds in turn, so that what slows the machine down slows all.
fn alternate(asked: &Asked, contenders: Vec<(&str, Round<'_>)>) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> =
        contenders.iter().map(|(name, _)| Row { name: (*name).to_owned(), rounds: Vec::new() }).collect();
    for number in 1..=asked.rounds {
        for (row, (name, round)) in rows.iter_mut().zip(&contenders) {
            let figures = round().with_context(|| format!("round {number} of {name}"))?;
            eprintln!(
                "  round {number}: {name}: {:.3} s, cpu {:.3} s, store {:.3} s",
                figures.wall.as_secs_f64(),
                figures.cpu.as_secs_f64(),
                figures.store_cpu.as_secs_f64()
            );
            row.rounds.push(figures);
        }
    }
    Ok(rows)
}

/// Many small files: ours, the ceiling three times, and the movers.
fn small(asked: &Asked, runs: u64, round_trip: Option<Duration>) -> Result<Table> {
    let stage = Stage::new(&asked.dir)?;
    stage.settle_fleet(usize::try_from(asked.scaled(runs))?)?;
    let objects = stage.objects_of_ours(&["cleanup", "-q"])?;
    let logs: u64 = objects
        .iter()
        .filter(|object| !object.key.ends_with("manifest.json"))
        .map(|object| object.bytes.len() as u64)
        .sum();
    let address = match round_trip {
        None => stage.address()?,
        Some(time) => relay::start(stage.address()?, time)?,
    };
    let (host, endpoint) = (address.to_string(), format!("http://{address}"));
    let build = |binary: &Path| {
        let (instance, bucket) = (stage.fresh()?, stage.bucket()?);
        let arguments = ["cleanup", "-q"];
        let figures = stage
            .with_store(|| measure(&mut stage.build_of_ours(binary, &instance, &endpoint, &bucket.name, &arguments)))?;
        let (items, bytes) = bucket.arrived()?;
        ensure!(items == objects.len() as u64 && bytes >= logs, "{items} objects with {bytes} bytes arrived");
        Ok(Figures { items, ..figures })
    };
    let ours = ours_binary();
    let bare = |who: As<'_>| {
        let bucket = stage.bucket()?;
        bucket.open_to_all()?;
        let figures = stage.with_store(|| put_all(address, &host, &bucket.name, &objects, &who, 16))?;
        let (items, _) = bucket.arrived()?;
        ensure!(items == objects.len() as u64, "{items} objects arrived");
        Ok(Figures { items, ..figures })
    };
    let keys = stage.keys();
    let mut contenders: Vec<(&str, Round<'_>)> = vec![("`fastflow-archive cleanup`", Box::new(|| build(&ours)))];
    if let Some(other) = &asked.other {
        contenders.push(("the other build", Box::new(|| build(other))));
    }
    if asked.alone {
        return Ok(Table { item: "object", rows: alternate(asked, contenders)?, notes: Vec::new() });
    }
    contenders.push(("bare PUTs of the same bytes, unsigned, no digests", Box::new(|| bare(As::Anybody))));
    contenders.push(("the same with the metadata of the objects", Box::new(|| bare(As::AnybodyWithMetadata))));
    contenders.push(("bare PUTs of the same objects, signed, both digests", Box::new(|| bare(As::User(&keys)))));
    let mover = |make: &dyn Fn(&Path, &str) -> Option<Command>| {
        let (instance, bucket) = (stage.fresh()?, stage.bucket()?);
        std::fs::remove_dir_all(instance.join("logs").join("routes"))?;
        let logs = instance.join("logs");
        let files = std::fs::read_dir(&logs)?.count() as u64;
        let mut command = make(&logs, &bucket.name).context("it is installed")?;
        let figures = stage.with_store(|| measure(&mut command))?;
        let (items, _) = bucket.arrived()?;
        ensure!(items == files, "{items} of {files} objects arrived");
        Ok(Figures { items, ..figures })
    };
    let rclone = |logs: &Path, bucket: &str| {
        let target = format!("store:{bucket}/logs");
        stage.rclone(&endpoint, &["move", "--transfers", "16", &logs.to_string_lossy(), &target])
    };
    let s5cmd = |logs: &Path, bucket: &str| {
        let (source, target) = (format!("{}/*", logs.display()), format!("s3://{bucket}/logs/"));
        stage.s5cmd(&endpoint, &["mv", &source, &target])
    };
    let mut notes = Vec::new();
    if installed("s5cmd", "FASTFLOW_ARCHIVE_BENCH_S5CMD").is_some() {
        contenders.push(("`s5cmd mv` of the files", Box::new(|| mover(&s5cmd))));
    } else {
        notes.push("s5cmd is not installed.".to_owned());
    }
    if installed("rclone", "FASTFLOW_ARCHIVE_BENCH_RCLONE").is_some() {
        contenders.push(("`rclone move --transfers 16` of the files", Box::new(|| mover(&rclone))));
    } else {
        notes.push("rclone is not installed.".to_owned());
    }
    Ok(Table { item: "object", rows: alternate(asked, contenders)?, notes })
}

/// Many runs in one invocation, against a fiftieth of them.
fn many(asked: &Asked) -> Result<Table> {
    let once = Asked { rounds: 1, dir: asked.dir.clone(), ..Asked::default() };
    let mut rows = Vec::new();
    for runs in [2_000, 100_000].map(|runs| asked.scaled(runs)) {
        let stage = Stage::new(&asked.dir)?;
        stage.settle(|instance| {
            let ended = |number: u64| fixed_now() - days(60) - Duration::from_secs(number);
            let spec = |number| RunSpec::finished(number, "etl", ended(number)).log_bytes(400).without_metrics();
            (1..=runs)
                .step_by(5_000)
                .try_for_each(|from| instance.add_all((from..(from + 5_000).min(runs + 1)).map(spec)))
        })?;
        let name = format!("`fastflow-archive cleanup`, {runs} runs");
        let round = || {
            let (instance, bucket) = (stage.fresh()?, stage.bucket()?);
            let figures =
                measure(&mut stage.ours(&instance, &stage.minio.endpoint(), &bucket.name, &["cleanup", "-q"]))?;
            Ok(Figures { items: runs, ..figures })
        };
        rows.extend(alternate(&once, vec![(name.as_str(), Box::new(round))])?);
    }
    Ok(Table { item: "run", rows, notes: Vec::new() })
}

/// Logs of 1 GiB.
fn large(asked: &Asked, count: u64) -> Result<Table> {
    let log_bytes = asked.scaled(1 << 30);
    let stage = Stage::new(&asked.dir)?;
    stage.settle(|instance| {
        let ended = |number: u64| fixed_now() - days(60) - Duration::from_secs(number);
        let spec = |number| RunSpec::finished(number, "ml", ended(number)).log_bytes(log_bytes).without_metrics();
        instance.add_all((1..=count).map(spec))
    })?;
    let endpoint = stage.minio.endpoint();
    let arrived = |bucket: crate::stage::Bucket<'_>, figures: Figures| {
        let (_, bytes) = bucket.arrived()?;
        ensure!(bytes >= count * log_bytes, "{bytes} bytes arrived");
        bucket.remove()?;
        Ok(Figures { items: count, ..figures })
    };
    let ours = || {
        let (instance, bucket) = (stage.fresh()?, stage.bucket()?);
        let figures = measure(&mut stage.ours(&instance, &endpoint, &bucket.name, &["cleanup", "-q"]))?;
        arrived(bucket, figures)
    };
    let rclone = |program: &[&str]| {
        let (instance, bucket) = (stage.fresh()?, stage.bucket()?);
        let logs = instance.join("logs");
        std::fs::remove_dir_all(logs.join("routes"))?;
        let first = std::fs::read_dir(&logs)?.next().context("a log")??.path();
        let source = if count == 1 { first } else { logs };
        let target = format!("store:{}/log", bucket.name);
        let arguments: Vec<&str> =
            program.iter().copied().chain([source.to_str().context("a plain name")?, &target]).collect();
        let figures = measure(&mut stage.rclone(&endpoint, &arguments).context("it is installed")?)?;
        arrived(bucket, figures)
    };
    let mut contenders: Vec<(&str, Round<'_>)> = vec![("`fastflow-archive cleanup`", Box::new(ours))];
    let mut notes = Vec::new();
    if installed("rclone", "FASTFLOW_ARCHIVE_BENCH_RCLONE").is_none() {
        notes.push("rclone is not installed.".to_owned());
    } else if count == 1 {
        contenders.push(("`rclone copyto`", Box::new(|| rclone(&["copyto"]))));
    } else {
        contenders.push(("`rclone copy --transfers 16`", Box::new(|| rclone(&["copy", "--transfers", "16"]))));
    }
    Ok(Table { item: "log", rows: alternate(asked, contenders)?, notes })
}

/// Rows of the database in the cases of `plan`. No run has files, and so only the database is measured.
const ROWS: u64 = 1_000_000;
/// So many of them are 60 days old, the others 10.
const OLD_ROWS: u64 = 1_000;

/// A million rows.
fn plan(asked: &Asked) -> Result<Table> {
    let (all, old) = (asked.scaled(ROWS), asked.scaled(OLD_ROWS));
    let stage = Stage::new(&asked.dir)?;
    stage.settle(|instance| {
        let connection = instance.connect()?;
        connection.execute_batch(&format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {all})
             INSERT INTO pipeline_runs (id, pipeline_name, status, log_file, started_at, finished_at, env_vars, parameters, triggered_by)
             SELECT lower(hex(randomblob(16))), 'pipeline-' || (n % 50), 'SUCCESS', '/app/logs/run-' || n || '.log',
                    strftime('%Y-%m-%d %H:%M:%f000', '2026-06-15T02:00:00', '-' || (CASE WHEN n <= {old} THEN 60 ELSE 10 END) || ' days', '-' || (n % 40000) || ' seconds'),
                    strftime('%Y-%m-%d %H:%M:%f000', '2026-06-15T02:00:00', '-' || (CASE WHEN n <= {old} THEN 60 ELSE 10 END) || ' days', '-' || (n % 40000 - 90) || ' seconds'),
                    '{{}}', '{{\"batch\":' || n || '}}', 'scheduler' FROM numbers"
        ))?;
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(())
    })?;
    let instance = stage.fresh()?;
    std::fs::write(instance.join("logs").join("other.log"), "not of any run\n")?;
    let ours = |days: &'static str| -> Round<'_> {
        let (instance, stage) = (&instance, &stage);
        Box::new(move || {
            let arguments = ["plan", "--json", "--log-retention-days", days];
            Ok(Figures { items: all, ..measure(&mut stage.ours(instance, "http://127.0.0.1:9", "none", &arguments))? })
        })
    };
    let judged = &["id", "pipeline_name", "status", "started_at", "finished_at"];
    let database = instance.join("data").join("fastflow.db");
    let scan = || {
        let sql = format!("SELECT {} FROM pipeline_runs", judged.join(", "));
        Ok(Figures { items: all, ..measure(Command::new("sqlite3").arg("-readonly").arg(&database).arg(sql))? })
    };
    let bare = |columns: &'static [&'static str]| -> Round<'_> {
        let database = &database;
        Box::new(move || {
            let began = std::time::Instant::now();
            let connection = rusqlite::Connection::open(database)?;
            let mut statement =
                connection.prepare(&format!("SELECT rowid, {} FROM pipeline_runs", columns.join(", ")))?;
            let (mut rows, mut bytes) = (statement.query([])?, 0);
            while let Some(row) = rows.next()? {
                for column in 1..=columns.len() {
                    bytes += row.get_ref(column)?.as_str().map_or(0, str::len);
                }
            }
            ensure!(bytes > 0, "the scan saw no text");
            Ok(Figures { wall: began.elapsed(), items: all, ..Figures::default() })
        })
    };
    let planned = &["id", "pipeline_name", "status", "started_at", "finished_at", "log_file", "metrics_file"];
    let contenders: Vec<(&str, Round<'_>)> = vec![
        ("`plan --json`, 1,000 due", ours("30")),
        ("`plan --json`, 1,000,000 due", ours("1")),
        ("bare scan with the sqlite3 library", bare(judged)),
        ("the same, with the paths that due runs need", bare(planned)),
        ("bare scan with the sqlite3 shell", Box::new(scan)),
    ];
    Ok(Table { item: "row", rows: alternate(asked, contenders)?, notes: Vec::new() })
}

/// A million rows in PostgreSQL.
fn plan_postgres(asked: &Asked) -> Result<Table> {
    let (all, old) = (asked.scaled(ROWS), asked.scaled(OLD_ROWS));
    let stage = Stage::new(&asked.dir)?;
    let folder = tempfile::Builder::new().prefix("field-").tempdir_in(&asked.dir)?;
    let instance = Instance::create(folder.path().join("instance"))?;
    instance.env(&[("LOG_RETENTION_DAYS", "30")])?;
    let Some(database) = instance.postgres() else {
        return Ok(Table { item: "row", rows: Vec::new(), notes: vec!["PostgreSQL is not named.".to_owned()] });
    };
    let age = format!(
        "(TIMESTAMP '2026-06-15 02:00:00' - make_interval(days => CASE WHEN n <= {old} THEN 60 ELSE 10 END, secs => n % 40000"
    );
    database.connect()?.batch_execute(&format!(
        "INSERT INTO pipeline_runs (id, pipeline_name, status, log_file, started_at, finished_at, env_vars, parameters, triggered_by)
         SELECT gen_random_uuid(), 'pipeline-' || (n % 50), 'SUCCESS', '/app/logs/run-' || n || '.log',
                {age})), {age} - 90)) AT TIME ZONE 'UTC', '{{}}', '{{\"batch\":1}}', 'scheduler'
         FROM generate_series(1, {all}) AS n"
    ))?;
    database.connect()?.batch_execute("VACUUM ANALYZE pipeline_runs")?;
    std::fs::write(instance.logs_dir().join("other.log"), "not of any run\n")?;
    let ours = |days: &'static str| -> Round<'_> {
        let (root, stage) = (instance.root(), &stage);
        Box::new(move || {
            let arguments = ["plan", "--json", "--log-retention-days", days];
            Ok(Figures { items: all, ..measure(&mut stage.ours(root, "http://127.0.0.1:9", "none", &arguments))? })
        })
    };
    let bare = || {
        let mut client = database.connect()?;
        let began = std::time::Instant::now();
        let sql = "COPY (SELECT id, pipeline_name, status, started_at, finished_at FROM pipeline_runs) TO STDOUT";
        let bytes = std::io::copy(&mut client.copy_out(sql)?, &mut std::io::sink())?;
        ensure!(bytes > all, "the scan saw no text");
        Ok(Figures { wall: began.elapsed(), items: all, ..Figures::default() })
    };
    let contenders: Vec<(&str, Round<'_>)> = vec![
        ("`plan --json`, 1,000 due", ours("30")),
        ("`plan --json`, 1,000,000 due", ours("1")),
        ("bare `COPY` of the needed columns", Box::new(bare)),
    ];
    Ok(Table { item: "row", rows: alternate(asked, contenders)?, notes: Vec::new() })
}

/// Looks at what is archived: by the listing, by a request for each object, and whole.
fn verify(asked: &Asked) -> Result<Table> {
    let runs = asked.scaled(6_700);
    let stage = Stage::new(&asked.dir)?;
    stage.settle(|instance| {
        let ended = |number: u64| fixed_now() - days(60) - Duration::from_secs(number);
        let spec = |number| RunSpec::finished(number, "etl", ended(number)).log_bytes(4_000);
        instance.add_all((1..=runs).map(spec))
    })?;
    let (instance, bucket, endpoint) = (stage.fresh()?, stage.bucket()?, stage.minio.endpoint());
    measure(&mut stage.ours(&instance, &endpoint, &bucket.name, &["cleanup", "-q"]))?;
    bucket.show_to_all()?;
    let (address, host) = (stage.address()?, stage.address()?.to_string());
    let (items, _) = list_all(address, &host, &bucket.name)?;
    ensure!(items > runs * 3, "{items} objects are there");
    let ours = |arguments: &'static [&'static str]| -> Round<'_> {
        let (stage, instance, endpoint, bucket) = (&stage, &instance, &endpoint, &bucket.name);
        Box::new(move || Ok(Figures { items, ..measure(&mut stage.ours(instance, endpoint, bucket, arguments))? }))
    };
    let bare = || {
        let (items, wall) = list_all(address, &host, &bucket.name)?;
        Ok(Figures { wall, items, ..Figures::default() })
    };
    let contenders: Vec<(&str, Round<'_>)> = vec![
        ("`verify` (by the listing)", ours(&["verify", "-q"])),
        ("`verify --pipeline` (object by object)", ours(&["verify", "-q", "--pipeline", "etl"])),
        ("`verify --deep`", ours(&["verify", "-q", "--deep"])),
        ("`list`", ours(&["list", "--json"])),
        ("`list --remote`", ours(&["list", "--json", "--remote"])),
        ("bare listing", Box::new(bare)),
    ];
    Ok(Table { item: "object", rows: alternate(asked, contenders)?, notes: Vec::new() })
}

/// A store that throttles; a contender is called again until nothing fails, as cron would.
fn throttling(asked: &Asked) -> Result<Table> {
    let runs = asked.scaled(500);
    let stage = Stage::new(&asked.dir)?;
    stage.settle(|instance| {
        let ended = |number: u64| fixed_now() - days(60) - Duration::from_secs(number);
        instance.add_all((1..=runs).map(|number| RunSpec::finished(number, "etl", ended(number)).log_bytes(4_000)))
    })?;
    let calls = RefCell::new(Vec::new());
    let round = |name: &'static str, binary: PathBuf, limit: Limit| -> Round<'_> {
        let (stage, calls) = (&stage, &calls);
        Box::new(move || {
            let (instance, store) = (stage.fresh()?, throttling::start(limit)?);
            let endpoint = format!("http://{}", store.address);
            let mut sum = Figures::default();
            for call in 1..=20 {
                let mut command = stage.build_of_ours(&binary, &instance, &endpoint, "bucket", &["cleanup", "-q"]);
                let (figures, success) = measure_any(&mut command)?;
                sum.wall += figures.wall;
                sum.cpu += figures.cpu;
                sum.peak_bytes = sum.peak_bytes.max(figures.peak_bytes);
                if success {
                    let (taken, refused) = store.counts();
                    calls.borrow_mut().push(format!("{name}: {call} calls, {taken} taken, {refused} refused."));
                    return Ok(Figures { items: runs * 3, ..sum });
                }
            }
            bail!("twenty calls were not enough")
        })
    };
    let mut contenders = Vec::new();
    for (own, other, limit) in [
        ("ours, 4 at a time", "the other build, 4 at a time", Limit::AtOnce(4)),
        ("ours, 200 a second", "the other build, 200 a second", Limit::PerSecond(200)),
    ] {
        contenders.push((own, round(own, ours_binary(), limit)));
        if let Some(build) = &asked.other {
            contenders.push((other, round(other, build.clone(), limit)));
        }
    }
    Ok(Table { item: "object", rows: alternate(asked, contenders)?, notes: calls.take() })
}

/// How fast a call is that does nothing.
fn start(asked: &Asked) -> Result<Table> {
    let help = || Ok(Figures { items: 1, ..measure(Command::new(ours_binary()).arg("--help"))? });
    let version = || Ok(Figures { items: 1, ..measure(Command::new("true").arg("--help"))? });
    let contenders: Vec<(&str, Round<'_>)> =
        vec![("`fastflow-archive --help`", Box::new(help)), ("`true`", Box::new(version))];
    Ok(Table { item: "call", rows: alternate(asked, contenders)?, notes: Vec::new() })
}
