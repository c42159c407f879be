//! Secrets stay where they were: whatever is called, however it ends, none is printed, recorded, sent or shown to other
//! users of the machine.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastflow_archive_testkit::{ENCRYPTION_KEY, POSTGRES_PASSWORD};

use crate::harness::{On, Sandbox, old};

/// Everything that can be called, in an order in which each has something to do. New subcommands belong in here.
const COMMANDS: [&[&str]; 15] = [
    &["plan"],
    &["plan", "--all"],
    &["backup", "-n"],
    &["backup", "--limit", "2"],
    &["cleanup", "-n"],
    &["cleanup", "--limit", "3"],
    &["backup", "--all"],
    &["cleanup", "--allow-missing-logs"],
    &["list"],
    &["list", "--remote"],
    &["restore", "--pipeline", "etl", "--to", "back"],
    &["verify"],
    &["ledger", "rebuild"],
    &["ledger", "verify"],
    &["ledger", "export"],
];
/// How each of them is called.
const FORMS: [&[&str]; 2] = [&["-vvv"], &["-vvv", "--json"]];

/// Secrets of `.env`, by the name of their variable.
const OF_ENV: [(&str, &str); 7] = [
    ("S3_ACCESS_KEY", "EnvAccessKey5bd21c"),
    ("S3_SECRET_ACCESS_KEY", "EnvSecretKey5bd21c"),
    ("S3_VERIFY_ACCESS_KEY", "VerifyAccessKey5bd21c"),
    ("S3_VERIFY_SECRET_ACCESS_KEY", "VerifySecretKey5bd21c"),
    ("SMTP_PASSWORD", "EnvSmtpPassword5bd21c"),
    ("TEAMS_WEBHOOK_URL", "https://prod.westeurope.logic.azure.com/workflows/EnvTeams5bd21c?sig=EnvTeamsSig5bd21c"),
    ("JIRA_TOKEN", "SomebodyElsesSecret5bd21c"),
];
/// Secrets of the Settings page, by their column; the S3 keys are those of the store.
const OF_PAGE: [(&str, &str); 2] = [
    ("smtp_password_encrypted", "PageSmtpPassword5bd21c"),
    ("teams_webhook_url", "https://contoso.webhook.office.com/webhookb2/PageTeams5bd21c"),
];

/// What was seen, and what must not be in it.
struct Search {
    secrets: Vec<String>,
    seen: BTreeMap<String, Vec<u8>>,
}

impl Search {
    fn secret(&mut self, text: &str) {
        self.secrets.push(text.to_owned());
    }

    fn saw(&mut self, place: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.seen.entry(place.into()).or_default().extend(bytes.into());
    }

    /// Where secrets are, as they are or in Base64.
    fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for (place, bytes) in &self.seen {
            let text = String::from_utf8_lossy(bytes);
            let found = self.secrets.iter().filter(|secret| {
                let encoded = STANDARD.encode(secret.as_bytes());
                text.contains(secret.as_str()) || text.contains(encoded.trim_end_matches('='))
            });
            findings.extend(found.map(|secret| format!("{secret} in {place}")));
        }
        findings
    }

    #[track_caller]
    fn assert_nothing_found(&mut self, sandbox: &Sandbox) {
        for (key, digest) in sandbox.objects() {
            self.saw(format!("key {key}"), key.clone());
            self.saw(format!("object {key}, {digest:?}"), sandbox.store.object(&key).unwrap());
            let metadata = sandbox.store.metadata(&key).unwrap();
            self.saw(format!("metadata of {key}"), format!("{metadata:?}"));
        }
        // Ledger, lock and whatever else was left in the state directory.
        for entry in std::fs::read_dir(sandbox.instance.data_dir()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !name.starts_with("fastflow.db") {
                self.saw(name, std::fs::read(&path).unwrap());
            }
        }
        if let Ok(details) = sandbox.instance.session().unwrap().texts("SELECT details FROM audit_log") {
            self.saw("the audit page", details.concat());
        }
        assert_eq!(self.findings(), [""; 0]);
        // A search that finds nothing anywhere would pass, too.
        let (place, secret) = (self.seen.keys().next().unwrap().clone(), self.secrets[0].clone());
        self.saw(place, secret);
        assert_eq!(self.findings().len(), 1);
    }
}

/// An instance full of secrets, and a search for all of them.
fn instance() -> (Sandbox, Search) {
    let mut sandbox = Sandbox::new(On::Embedded).settle_refused();
    let mut search = Search { secrets: vec![ENCRYPTION_KEY.to_owned()], seen: BTreeMap::new() };
    let keys = sandbox.store.writer();
    if let Some(database) = sandbox.instance.postgres() {
        search.secret(POSTGRES_PASSWORD);
        search.secret(database.url().split(['@', ':']).nth(2).unwrap());
    }
    sandbox.instance.env(&OF_ENV).unwrap();
    let page = [("s3_access_key_encrypted", &*keys.access_key), ("s3_secret_access_key_encrypted", &*keys.secret_key)];
    let fernet = fernet::Fernet::new(ENCRYPTION_KEY).unwrap();
    for (column, value) in page.into_iter().chain(OF_PAGE) {
        let stored = if column.ends_with("_encrypted") { fernet.encrypt(value.as_bytes()) } else { value.to_owned() };
        sandbox.instance.setting(column, &stored).unwrap();
        search.secret(value);
    }
    OF_ENV.iter().for_each(|(_, value)| search.secret(value));
    search.secret("EnvTeamsSig5bd21c");
    for number in 1..=6 {
        let mut spec = old(number, "etl").notebook(2);
        spec.env_vars = Some(match number {
            1 => "{\"TOKEN\": \"EnvVarsValue5bd21c\", \"NESTED\": {\"INNER\": [\"EnvVarsValue5bd21c\"]}}".to_owned(),
            2 => "no JSON: EnvVarsValue5bd21c".to_owned(),
            _ => format!("{{\"TOKEN\": \"EnvVarsValue{number}of5bd21c\"}}"),
        });
        search.secret(&format!("EnvVarsValue{number}of5bd21c"));
        sandbox.add(spec);
    }
    search.secret("EnvVarsValue5bd21c");
    sandbox.add(old(20, "etl").without_log());
    sandbox.instance.runs().iter().for_each(|run| search.secret(&run.secret));
    // A run's own name and id are no secrets; numbers of runs are parts of these.
    search.secrets.retain(|secret| secret.len() > 10);
    // Libraries that log do it then.
    sandbox.variable("RUST_LOG", "trace").variable("RUST_BACKTRACE", "full");
    (sandbox, search)
}

/// Calls each command in each form, and notes what it says and, at each request, what the process table says of it.
fn call_everything(sandbox: &Sandbox, search: &mut Search) -> Vec<Option<i32>> {
    let mut codes = Vec::new();
    for args in COMMANDS.iter().flat_map(|command| FORMS.map(|form| [*command, form].concat())) {
        let pid = Arc::new(OnceLock::<u32>::new());
        let command_lines = Arc::new(Mutex::new(Vec::new()));
        let (of, seen) = (Arc::clone(&pid), Arc::clone(&command_lines));
        sandbox.embedded().set_fault(move |_| {
            let line = std::fs::read(format!("/proc/{}/cmdline", of.wait())).unwrap();
            seen.lock().unwrap().extend(line);
            None
        });
        let mut command = sandbox.command(&args);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        pid.set(child.id()).unwrap();
        let output = child.wait_with_output().unwrap();
        codes.push(output.status.code());
        let name = args.join(" ");
        search.saw(format!("stdout of {name}"), output.stdout);
        search.saw(format!("stderr of {name}"), output.stderr);
        search.saw(format!("command line of {name}"), std::mem::take(&mut *command_lines.lock().unwrap()));
    }
    codes
}

#[test]
fn when_all_goes_well() {
    let (sandbox, mut search) = instance();
    let codes = call_everything(&sandbox, &mut search);
    // The refused are reported; the credentials for reading are false ones; the ledger needs none.
    let expected = [(16, 3), (2, 0), (10, 12), (2, 0)].into_iter().flat_map(|(count, code)| vec![Some(code); count]);
    assert_eq!(codes, expected.collect::<Vec<_>>());
    let said = |place: &str, what: &str| {
        assert!(String::from_utf8_lossy(&search.seen[place]).contains(what), "{place}: {what}");
    };
    said("stdout of plan -vvv", "s3-secret-access-key");
    said("command line of cleanup --limit 3 -vvv", "cleanup");
    assert!(sandbox.objects().len() > 20);
    search.assert_nothing_found(&sandbox);
    let names = search.seen.values().any(|bytes| String::from_utf8_lossy(bytes).contains("DB_PASSWORD"));
    assert!(names, "the names are there");
}

#[test]
fn when_something_is_wrong_with_the_configuration_or_the_store() {
    type Spoil = fn(&mut Sandbox, &mut Search);
    let table: [(&str, i32, Spoil); 9] = [
        ("a wrong secret", 12, |sandbox, search| {
            page(sandbox, search, "s3_secret_access_key_encrypted", "WrongSecretKey5bd21c");
        }),
        ("an unknown key", 12, |sandbox, search| {
            page(sandbox, search, "s3_access_key_encrypted", "UnknownAccessKey5bd21c");
        }),
        ("a key with a line end in it", 12, |sandbox, search| {
            page(sandbox, search, "s3_secret_access_key_encrypted", "Broken5bd21c\nSecret5bd21c\u{1b}[2J");
            search.secret("Broken5bd21c");
            search.secret("Secret5bd21c");
        }),
        ("a store that is down", 12, |sandbox, _| sandbox.store.kill()),
        ("a bad token", 10, |sandbox, search| {
            let other = fernet::Fernet::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
            let token = other.encrypt(b"WrongKey5bd21c");
            sandbox.instance.setting("s3_secret_access_key_encrypted", &token).unwrap();
            search.secret(&token);
        }),
        ("a key that is none", 10, |sandbox, search| {
            sandbox.variable("ENCRYPTION_KEY", "NoFernetKey5bd21c");
            search.secret("NoFernetKey5bd21c");
        }),
        ("a database with a password", 1, |sandbox, search| {
            sandbox.variable("DATABASE_URL", "postgresql://fastflow:DbPassword5bd21c@127.0.0.1:9/fastflow");
            search.secret("DbPassword5bd21c");
        }),
        ("a store with a password in its address", 10, |sandbox, search| {
            let url = "https://minio:EndpointPassword5bd21c@minio.example.com";
            sandbox.instance.setting("s3_endpoint_url", url).unwrap();
            search.secret("EndpointPassword5bd21c");
        }),
        ("a secret in place of its file", 10, |sandbox, search| {
            for column in ["s3_access_key_encrypted", "s3_secret_access_key_encrypted"] {
                sandbox.instance.setting(column, None::<String>).unwrap();
            }
            sandbox.variable("S3_SECRET_ACCESS_KEY", "TwiceGiven5bd21c");
            sandbox.variable("S3_SECRET_ACCESS_KEY_FILE", "/nowhere/key");
            search.secret("TwiceGiven5bd21c");
        }),
    ];
    for (name, code, spoil) in table {
        let (mut sandbox, mut search) = instance();
        spoil(&mut sandbox, &mut search);
        let codes = call_everything(&sandbox, &mut search);
        assert!(codes.contains(&Some(code)), "{name}: {codes:?}");
        search.assert_nothing_found(&sandbox);
    }
}

/// Saves a secret on the Settings page, as Fast-Flow does.
fn page(sandbox: &Sandbox, search: &mut Search, column: &str, value: &str) {
    let token = fernet::Fernet::new(ENCRYPTION_KEY).unwrap().encrypt(value.as_bytes());
    sandbox.instance.setting(column, &token).unwrap();
    search.secret(value);
}
