//! Runs the binary in a fresh directory with an environment of its own, and compares exit code, stdout and stderr.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use fastflow_archive_testkit::clock::{days, fixed_now, rfc3339};
use fastflow_archive_testkit::{
    Digest, Encryption, Fate, Fleet, Instance, MinioOptions, RunSpec, Session, TestStore, WrittenRun, digest_of,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::smtp_server::MailServer;
use crate::webhook_server::WebhookServer;

const BINARY: &str = env!("CARGO_BIN_EXE_fastflow-archive");

/// The prefix of keys that no setting changes.
pub(crate) const PREFIX: &str = "pipeline-logs";

/// A run that ended 60 days ago, and so is due; each number has another second, and so other files.
pub(crate) fn old(number: u64, pipeline: &str) -> RunSpec {
    RunSpec::finished(number, pipeline, fixed_now() - days(60) - Duration::from_secs(number))
}

/// Makes a named pipe, by the command that every Unix has.
pub(crate) fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success(), "{}", path.display());
}

/// How many runs, where more prove more: `FASTFLOW_ARCHIVE_TEST_RUNS` asks for as many.
pub(crate) fn population(enough: usize) -> usize {
    std::env::var("FASTFLOW_ARCHIVE_TEST_RUNS").ok().map_or(enough, |runs| runs.parse().unwrap())
}

/// An instance, a store, and the binary between them.
pub(crate) struct Sandbox {
    pub(crate) instance: Instance,
    pub(crate) store: TestStore,
    variables: BTreeMap<String, String>,
    folder: TempDir,
}

/// Names the folder of the ledger, which else is a schema where the database is one of PostgreSQL.
const STATE_DIR: &str = "FASTFLOW_ARCHIVE_STATE_DIR";

/// Which server a test runs on.
#[derive(Clone, Copy)]
pub(crate) enum On {
    Embedded,
    /// One of its own: Garage where the environment names one, else MinIO.
    Server,
    /// MinIO, for what Garage does not have: policies, versions.
    Minio,
    MinioSseS3,
    MinioSseKms,
    MinioTls,
    ServerWithoutBucket,
}

impl On {
    fn start(self) -> TestStore {
        let encrypted = |encryption| MinioOptions { encryption: Some(encryption), ..MinioOptions::default() };
        let started = match self {
            On::Embedded => TestStore::embedded(),
            On::Server => TestStore::real_or_embedded(MinioOptions::default()),
            On::Minio => TestStore::minio_or_embedded(MinioOptions::default()),
            On::MinioSseS3 => TestStore::minio_or_embedded(encrypted(Encryption::SseS3)),
            On::MinioSseKms => TestStore::minio_or_embedded(encrypted(Encryption::SseKms)),
            On::MinioTls => TestStore::minio_or_embedded(MinioOptions { tls: true, ..MinioOptions::default() }),
            On::ServerWithoutBucket => {
                TestStore::real_or_embedded(MinioOptions { bucket: None, ..MinioOptions::default() })
            }
        };
        started.unwrap()
    }
}

impl Sandbox {
    /// An empty instance of today's schema that points at the store with a put-only key and keeps runs for 30 days.
    pub(crate) fn new(on: On) -> Sandbox {
        Sandbox::with(on, |folder| Instance::create(folder).unwrap())
    }

    /// The same on SQLite, whatever the tests run on: for what is about its file or its types.
    pub(crate) fn on_sqlite(on: On) -> Sandbox {
        Sandbox::with(on, |folder| Instance::builder(folder).sqlite().build().unwrap())
    }

    /// An instance made by `create`.
    pub(crate) fn with(on: On, create: impl FnOnce(&Path) -> Instance) -> Sandbox {
        Sandbox::inside(&std::env::temp_dir(), on, create)
    }

    /// An instance made by `create` in a fresh folder below `parent`.
    pub(crate) fn inside(parent: &Path, on: On, create: impl FnOnce(&Path) -> Instance) -> Sandbox {
        let folder = tempfile::tempdir_in(parent).unwrap();
        let store = on.start();
        let instance = create(&folder.path().join("fast-flow"));
        instance.point_at(&store).unwrap();
        instance.env(&[("LOG_RETENTION_DAYS", "30")]).unwrap();
        let now = rfc3339(fixed_now());
        let mut variables = BTreeMap::from([("FASTFLOW_ARCHIVE_NOW".to_owned(), now)]);
        if instance.postgres().is_some() {
            variables.insert(STATE_DIR.to_owned(), "./data".to_owned());
        }
        Sandbox { instance, store, variables, folder }
    }

    /// Adds the standard mixture with `due` due runs.
    pub(crate) fn settle(mut self, due: usize) -> Sandbox {
        Fleet::small(fixed_now(), due).settle(&mut self.instance).unwrap();
        self
    }

    /// Adds the runs that must be refused.
    pub(crate) fn settle_refused(mut self) -> Sandbox {
        let fleet = Fleet { due: 0, notebooks: 0, young: 0, active: 0, ..Fleet::small(fixed_now(), 1).with_refused() };
        fleet.settle(&mut self.instance).unwrap();
        self
    }

    /// Adds one run.
    pub(crate) fn add(&mut self, spec: RunSpec) -> WrittenRun {
        self.instance.add(spec).unwrap()
    }

    /// Sets an environment variable for the calls that follow.
    pub(crate) fn variable(&mut self, name: &str, value: &str) -> &mut Sandbox {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Tells operators by e-mail: through this server, in the clear, to these recipients.
    pub(crate) fn mail_to(&mut self, server: &MailServer, recipients: &str) -> &mut Sandbox {
        self.variable("EMAIL_ENABLED", "true")
            .variable("SMTP_HOST", "127.0.0.1")
            .variable("SMTP_PORT", &server.port())
            .variable("SMTP_FROM", "Fast-Flow <fastflow@example.org>")
            .variable("EMAIL_RECIPIENTS", recipients)
    }

    /// Tells operators on Teams.
    pub(crate) fn post_to(&mut self, server: &WebhookServer) -> &mut Sandbox {
        self.allow_loopback().variable("TEAMS_ENABLED", "true").variable("TEAMS_WEBHOOK_URL", &server.url())
    }

    /// Permits plain http to loopback for webhooks and pings.
    pub(crate) fn allow_loopback(&mut self) -> &mut Sandbox {
        self.variable("FASTFLOW_ARCHIVE_ALLOW_LOOPBACK_WEBHOOK", "1")
    }

    /// Sets the clock so many hours after the fixed instant.
    pub(crate) fn later(&mut self, hours: u64) -> &mut Sandbox {
        self.variable("FASTFLOW_ARCHIVE_NOW", &rfc3339(fixed_now() + Duration::from_secs(hours * 3600)))
    }

    /// Puts the administrator's keys above those of `.env`: reading is allowed then.
    pub(crate) fn as_admin(&mut self) -> &mut Sandbox {
        let keys = self.store.admin();
        self.variable("S3_ACCESS_KEY", &keys.access_key).variable("S3_SECRET_ACCESS_KEY", &keys.secret_key)
    }

    /// Keeps the ledger where the tool has it unless told otherwise: in the database, where that is one of PostgreSQL. There
    /// the administrator makes its schema, as the README says, so that the role of the tests may add entries and no more.
    pub(crate) fn without_state_dir(mut self) -> Sandbox {
        self.variables.remove(STATE_DIR);
        if let Some(database) = self.instance.postgres() {
            database.make_ledger().unwrap();
        }
        self
    }

    fn is_ledger_in_database(&self) -> bool {
        self.instance.postgres().is_some() && !self.variables.contains_key(STATE_DIR)
    }

    /// The first column of what SQL finds in the ledger, wherever it is; nothing where there is none yet.
    pub(crate) fn in_ledger(&self, sql: &str) -> Vec<String> {
        let mut session = match self.instance.postgres() {
            Some(database) if self.is_ledger_in_database() => database.ledger().unwrap(),
            _ if !self.instance.data_dir().join("fastflow-archive.db").exists() => return Vec::new(),
            _ => Session::Sqlite(self.ledger()),
        };
        session.texts(sql).unwrap()
    }

    /// The binary with these arguments, in the instance's folder, nothing inherited.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.program(BINARY);
        command.args(args);
        command
    }

    /// A program in the instance's folder, nothing inherited.
    fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.instance.root()).env_clear().envs(&self.variables).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args))
    }

    /// Runs it to its end where no file can grow beyond so many bytes, as on a disk that has no more.
    pub(crate) fn run_with_files_up_to(&self, bytes: u64, args: &[&str]) -> Ran {
        let mut command = self.program("/bin/sh");
        command.args(["-c", "trap '' XFSZ; ulimit -f \"$0\" && exec \"$@\"", &(bytes / 512).to_string(), BINARY]);
        command.args(args);
        Ran::of(command)
    }

    /// Gives database and data directory to this user; the log directory stays with whom it is.
    pub(crate) fn give_data_to(&self, user: u32) {
        let data = self.instance.data_dir();
        for entry in std::fs::read_dir(&data).unwrap() {
            std::os::unix::fs::chown(entry.unwrap().path(), Some(user), None).unwrap();
        }
        std::os::unix::fs::chown(&data, Some(user), None).unwrap();
        open_to_all(self.folder.path());
    }

    /// Runs a copy of the binary as this user; only root can.
    pub(crate) fn run_as(&self, user: u32, args: &[&str]) -> Ran {
        use std::os::unix::process::CommandExt as _;
        let copy = self.folder.path().join("fastflow-archive");
        // By another process: were the copy open for writing in this one, a child that another test starts meanwhile would
        // hold it open, and it could not be run ("text file busy").
        assert!(Command::new("cp").args([Path::new(BINARY), &copy]).status().unwrap().success());
        let mut command = self.program(copy);
        command.args(args).uid(user).gid(user);
        Ran::of(command)
    }

    /// The embedded server, where the test runs on it.
    pub(crate) fn embedded(&self) -> &fastflow_archive_testkit::EmbeddedS3 {
        match &self.store {
            TestStore::Embedded(server) => server,
            _ => panic!("this test runs on the embedded server"),
        }
    }

    /// Every object of a run with its digest.
    pub(crate) fn objects(&self) -> BTreeMap<String, Digest> {
        let mut objects = self.store.objects().unwrap();
        objects.retain(|key, _| !key.contains("/_ledger/"));
        objects
    }

    /// Every object of a run with its length.
    pub(crate) fn sizes(&self) -> BTreeMap<String, u64> {
        let mut sizes = self.store.sizes().unwrap();
        sizes.retain(|key, _| !key.contains("/_ledger/"));
        sizes
    }

    /// The keys of objects of runs that the embedded server was asked to store since its requests were forgotten.
    pub(crate) fn sent(&self) -> Vec<String> {
        self.embedded().uploads().into_keys().filter(|key| !key.contains("/_ledger/")).collect()
    }

    /// The keys of the ledger's anchors.
    pub(crate) fn anchors(&self) -> Vec<String> {
        self.store.objects().unwrap().into_keys().filter(|key| key.contains("/_ledger/")).collect()
    }

    /// The ledger, for any use.
    pub(crate) fn ledger(&self) -> rusqlite::Connection {
        let path = self.instance.data_dir().join("fastflow-archive.db");
        rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
    }

    /// The runs with this fate.
    pub(crate) fn runs(&self, fate: Fate) -> Vec<&WrittenRun> {
        self.instance.runs().iter().filter(|run| run.fate == fate).collect()
    }

    /// Asserts that a run is in the archive, byte for byte, and gone from the instance.
    #[track_caller]
    pub(crate) fn assert_moved(&self, run: &WrittenRun, objects: &BTreeMap<String, Digest>) {
        assert_eq!(run.differences(PREFIX, objects), [""; 0], "{}", run.id);
        assert!(!self.instance.run_exists(&run.id).unwrap(), "row of {}", run.id);
        assert!(run.remaining_files().is_empty(), "{:?}", run.remaining_files());
    }

    /// Asserts that a run is as it was.
    #[track_caller]
    pub(crate) fn assert_untouched(&self, run: &WrittenRun) {
        assert!(self.instance.run_exists(&run.id).unwrap(), "row of {}", run.id);
        let files = [&run.log_path, &run.metrics_path, &run.route_path].into_iter().flatten().count();
        assert_eq!(run.remaining_files().len(), files, "files of {}", run.id);
    }

    /// Hashes of database, log directory and state directory.
    pub(crate) fn tree(&self) -> BTreeMap<String, Digest> {
        let mut tree = fastflow_archive_testkit::tree_files(self.instance.root(), &[]).unwrap();
        if self.instance.postgres().is_some() {
            for table in ["pipeline_runs", "run_cell_logs", "audit_log"] {
                let sql = format!("SELECT t::text FROM {table} t ORDER BY 1");
                let rows = self.instance.session().unwrap().texts(&sql).unwrap().join("\n");
                tree.insert(format!("table {table}"), digest_of(rows.as_bytes()).unwrap());
            }
        }
        tree
    }
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Lets every user into the folder, which a temporary one does not.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}

impl Ran {
    fn of(mut command: Command) -> Ran {
        let output = command.output().unwrap();
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Compares all three; `[..]` in an expected text stands for any text within a line.
    #[track_caller]
    pub(crate) fn expect(self, code: i32, stdout: &str, stderr: &str) -> Ran {
        let seen = format!("code {:?}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr);
        assert_eq!(self.code, Some(code), "{seen}");
        assert!(matches(stdout, &self.stdout), "stdout is not\n{stdout}\n{seen}");
        assert!(matches(stderr, &self.stderr), "stderr is not\n{stderr}\n{seen}");
        self
    }

    /// The JSON lines of stdout.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The last JSON line.
    pub(crate) fn summary(&self) -> Value {
        let last = self.lines().pop().unwrap();
        assert_eq!(last["type"], "summary");
        last
    }

    /// How many lines of stderr begin with `error:`.
    pub(crate) fn errors(&self) -> usize {
        self.stderr.lines().filter(|line| line.starts_with("error:")).count()
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let (patterns, lines): (Vec<_>, Vec<_>) = (pattern.lines().collect(), text.lines().collect());
    patterns.len() == lines.len() && patterns.iter().zip(lines).all(|(pattern, line)| line_matches(pattern, line))
}

fn line_matches(pattern: &str, line: &str) -> bool {
    let mut pieces = pattern.split("[..]");
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut last = None;
    for piece in pieces {
        if let Some(previous) = last.replace(piece) {
            let Some(at) = rest.find(previous) else { return false };
            rest = &rest[at + previous.len()..];
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

#[test]
fn patterns_match_whole_lines() {
    assert!(line_matches("a[..]c[..]e", "abcde") && line_matches("abc", "abc") && line_matches("a[..]", "abc"));
    assert!(!line_matches("a[..]c", "abcd") && !line_matches("a", "ab") && !line_matches("[..]x[..]", "abc"));
}
