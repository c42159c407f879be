//! A real PostgreSQL as a process on loopback, one for all tests of a process, and a database of its own for each instance.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use postgres::{Client, NoTls};

use crate::session::{Session, Waiting};
use crate::tls::PrivateCa;

/// The variable that names the folder of the server's programs (`initdb`, `postgres`); then instances are made in PostgreSQL.
pub const POSTGRES_VARIABLE: &str = "FASTFLOW_ARCHIVE_TEST_POSTGRES";
/// What the owner of Fast-Flow's tables is called, and the role of the tool, which may do what the README grants it.
const OWNER: &str = "fastflow";
/// As in the README.
pub const ROLE: &str = "fastflow_archive";
/// Of every role: nobody but this machine gets to the server.
pub const PASSWORD: &str = "kit p@ss/w:rd";
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Stops the server and removes its folder when the process that holds the other end of stdin is gone, however it ended.
const WATCH: &str = r#"trap '' INT; "$1"/postgres -D "$2/data" >"$2/log" 2>&1 </dev/null & server=$!
cat >/dev/null; kill -INT "$server"; wait "$server"; rm -rf "$2""#;

/// The running server.
#[derive(Debug)]
pub struct PostgresServer {
    folder: PathBuf,
    port: u16,
    ca: PrivateCa,
    databases: AtomicU32,
    _watch: Child,
}

static SHARED: OnceLock<PostgresServer> = OnceLock::new();

impl PostgresServer {
    /// The server that all tests share, where the variable asks for one.
    pub fn shared() -> Result<Option<&'static PostgresServer>> {
        let Some(programs) = std::env::var_os(POSTGRES_VARIABLE).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        static STARTING: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _alone = STARTING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if SHARED.get().is_none() {
            let server = PostgresServer::start(Path::new(&programs))
                .with_context(|| format!("start PostgreSQL from {POSTGRES_VARIABLE}={}", programs.display()))?;
            drop(SHARED.set(server));
        }
        Ok(SHARED.get())
    }

    fn start(programs: &Path) -> Result<PostgresServer> {
        let folder = tempfile::Builder::new().prefix("postgres-").tempdir()?.keep();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
        let ca = PrivateCa::create(&folder)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        fs::write(folder.join("password"), PASSWORD)?;
        let data = folder.join("data");
        fs::create_dir(&data)?;
        let key = ca.certs_dir.join("private.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
        // The server refuses to run as root.
        let run_as = user_for_server()?;
        if let Some(user) = run_as {
            let certificate = ca.certs_dir.join("public.crt");
            for path in [&folder, &data, &ca.certs_dir, &certificate, &key] {
                std::os::unix::fs::chown(path, Some(user), None)?;
            }
        }
        let program = |program: &str| {
            let Some(user) = run_as else { return Command::new(program) };
            let mut command = Command::new("setpriv");
            command
                .args([format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()])
                .arg(program);
            command
        };
        let mut initdb = program(&programs.join("initdb").to_string_lossy());
        initdb.args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"]);
        initdb.arg(&data).arg(format!("--pwfile={}", folder.join("password").display()));
        let made = initdb.current_dir(&folder).stdin(Stdio::null()).output()?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let certs = ca.certs_dir.display();
        let settings = format!(
            "listen_addresses = '127.0.0.1,127.0.0.2'\nport = {port}\nunix_socket_directories = '{}'\nmax_connections = 200\n\
             fsync = off\nfull_page_writes = off\nssl = on\nssl_cert_file = '{certs}/public.crt'\n\
             ssl_key_file = '{certs}/private.key'\ntimezone = 'Europe/Berlin'\nlog_connections = on\nlog_timezone = 'UTC'\n",
            folder.display()
        );
        let mut file = fs::OpenOptions::new().append(true).open(data.join("postgresql.conf"))?;
        std::io::Write::write_all(&mut file, settings.as_bytes())?;
        let mut file = fs::OpenOptions::new().append(true).open(data.join("pg_hba.conf"))?;
        std::io::Write::write_all(&mut file, b"host all all 127.0.0.0/8 scram-sha-256\n")?;
        let mut watch = program("sh");
        watch.args(["-c", WATCH, "sh"]).arg(programs).arg(&folder).current_dir(&folder);
        let watch = watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let server = PostgresServer { folder, port, ca, databases: AtomicU32::new(0), _watch: watch };
        let mut administrator = server.wait_until_ready()?;
        administrator.batch_execute(&format!(
            "CREATE ROLE {OWNER} LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'"
        ))?;
        Ok(server)
    }

    fn wait_until_ready(&self) -> Result<Client> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            match self.connect("postgres", "postgres") {
                Ok(client) => return Ok(client),
                Err(error) if Instant::now() > deadline => {
                    let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                    bail!("not ready within {READY_WITHIN:?}: {error}\n{log}");
                }
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    fn connect(&self, user: &str, database: &str) -> Result<Client, postgres::Error> {
        let mut config = Client::configure();
        config.host("127.0.0.1").port(self.port).user(user).password(PASSWORD).dbname(database).connect(NoTls)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its socket.
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// What it has logged; connections too.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The authority that signed its certificate, which is for `localhost` and `127.0.0.1`.
    pub fn ca_file(&self) -> &Path {
        &self.ca.ca_file
    }

    /// Makes an empty database that belongs to Fast-Flow.
    pub fn create_database(&'static self) -> Result<PostgresDatabase> {
        let name = format!("fastflow_{}", self.databases.fetch_add(1, Ordering::SeqCst));
        let mut administrator = self.connect("postgres", "postgres")?;
        administrator.batch_execute(&format!("CREATE DATABASE {name} OWNER {OWNER}"))?;
        Ok(PostgresDatabase { server: self, name })
    }
}

/// Root needs another user; whoever else is at work is one.
fn user_for_server() -> Result<Option<u32>> {
    let id = |args: &[&str]| -> Result<String> {
        let output = Command::new("id").args(args).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    if id(&["-u"])? != "0" {
        return Ok(None);
    }
    let user = id(&["-u", "postgres"]).ok().filter(|user| !user.is_empty());
    Ok(Some(user.map_or_else(|| id(&["-u", "nobody"]), Ok)?.parse()?))
}

/// A database on the shared server; dropped with its instance.
#[derive(Debug)]
pub struct PostgresDatabase {
    /// Where it is.
    pub server: &'static PostgresServer,
    /// What it is called.
    pub name: String,
}

impl PostgresDatabase {
    /// `DATABASE_URL` of the tool's role.
    pub fn url(&self) -> String {
        format!("postgresql://{ROLE}:kit%20p%40ss%2Fw%3Ard@127.0.0.1:{}/{}", self.server.port, self.name)
    }

    /// A session as Fast-Flow itself has one.
    pub fn connect(&self) -> Result<Client> {
        Ok(self.server.connect(OWNER, &self.name)?)
    }

    /// A session of the server's administrator.
    pub fn administrator(&self) -> Result<Client> {
        Ok(self.server.connect("postgres", &self.name)?)
    }

    /// Makes the schema of the tool's ledger, as an administrator does who follows the README.
    pub fn make_ledger(&self) -> Result<()> {
        let tables = include_str!("../../../packaging/postgresql/ledger.sql");
        let mut administrator = self.administrator()?;
        administrator.batch_execute(&format!("BEGIN; CREATE SCHEMA {ROLE}; {tables}; COMMIT"))?;
        self.grant(include_str!("../../../README.md"), 2..3)
    }

    /// A session of the server's administrator in the schema of the ledger.
    pub fn ledger(&self) -> Result<Session> {
        let mut administrator = self.administrator()?;
        administrator.batch_execute(&format!("SET search_path = {ROLE}"))?;
        Ok(Session::Postgres(Box::new(Waiting::new(administrator))))
    }

    /// Gives it another name.
    pub fn rename(&self, name: &str) -> Result<()> {
        let mut administrator = self.server.connect("postgres", "postgres")?;
        Ok(administrator.batch_execute(&format!("ALTER DATABASE {} RENAME TO {name}", self.name))?)
    }

    /// Grants what the README grants, as far as the tables are there; `parts` are its SQL blocks, in order.
    pub fn grant(&self, readme: &str, parts: std::ops::Range<usize>) -> Result<()> {
        let section = readme.split("\n## PostgreSQL\n").nth(1).context("the README has a section PostgreSQL")?;
        let section = section.split("\n## ").next().unwrap_or(section);
        let blocks: Vec<&str> = section.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        ensure!(blocks.len() >= parts.end, "the README's section PostgreSQL has {} SQL blocks", blocks.len());
        let mut administrator = self.administrator()?;
        let sql = blocks[parts].concat().replace("DATABASE fastflow", &format!("DATABASE {}", self.name));
        for statement in sql.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
            if statement.contains("CREATE ROLE") {
                continue;
            }
            match administrator.batch_execute(statement) {
                Err(error) if error.code() == Some(&postgres::error::SqlState::UNDEFINED_TABLE) => {}
                Err(error) => return Err(error).with_context(|| format!("run the README's {statement}")),
                Ok(()) => {}
            }
        }
        Ok(())
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        if let Ok(mut administrator) = self.server.connect("postgres", "postgres") {
            drop(administrator.batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)));
        }
    }
}
