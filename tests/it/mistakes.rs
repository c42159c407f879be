//! The mistakes that people make most, each made for real: the whole message, as an operator reads it, and the exit code.
//!
//! Others are held beside what they belong to: wrong keys, a missing bucket, a store that is down and an unknown CA in
//! `refusal`; retention, half a configuration, `.env`, secret files and tokens in `configuration`; volumes in `guards`; a
//! locked database in `doctor`.

use crate::fault_server::{Behaviour, Fault, FaultServer, Tls};
use crate::faults::GOOD;
use crate::harness::{On, Sandbox};

/// An instance with three due runs.
fn sandbox(variables: &[(&str, &str)]) -> Sandbox {
    with_variables(Sandbox::new(On::Embedded), variables)
}

/// The same on SQLite, whatever the tests run on: for mistakes with its file.
fn sandbox_on_sqlite(variables: &[(&str, &str)]) -> Sandbox {
    with_variables(Sandbox::on_sqlite(On::Embedded), variables)
}

fn with_variables(sandbox: Sandbox, variables: &[(&str, &str)]) -> Sandbox {
    let mut sandbox = sandbox.settle(3);
    for (name, value) in variables {
        sandbox.variable(name, value);
    }
    sandbox
}

/// `cleanup` ends with `code`, one message and one hint, and nothing is touched.
#[track_caller]
fn says(sandbox: &Sandbox, code: i32, message: &str, hint: &str) {
    let stderr = format!("error: failed to {message}\n  hint: {hint}");
    sandbox.run(&["cleanup", "-q"]).expect(code, "", &stderr);
    sandbox.instance.runs().iter().for_each(|run| sandbox.assert_untouched(run));
}

/// The same where the store, or the way to it, is the matter: exit 12.
#[track_caller]
fn store_says(sandbox: &Sandbox, message: &str, hint: &str) {
    let count = "  [..] failed because of this[..]; they are untouched";
    let stderr = format!("error: failed to upload `pipeline-logs/[..]`: {message}\n{count}\n  hint: {hint}");
    sandbox.run(&["cleanup", "-q"]).expect(12, "", &stderr);
    sandbox.instance.runs().iter().for_each(|run| sandbox.assert_untouched(run));
}

/// The same at a store that behaves like this.
#[track_caller]
fn store_that(behaviour: Behaviour, message: &str, hint: &str) {
    let server = FaultServer::start(behaviour);
    let folder = tempfile::tempdir().unwrap();
    let mut sandbox = sandbox(&[("S3_ENDPOINT_URL", &server.endpoint())]);
    if let Some(pem) = server.ca_pem() {
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, pem).unwrap();
        sandbox.variable("S3_CA_BUNDLE", ca.to_str().unwrap());
    }
    store_says(&sandbox, message, hint);
}

fn refusing(status: u16, code: &'static str) -> Behaviour {
    Behaviour { fault: Fault::Refuse(status, code, None), ..GOOD }
}

#[test]
fn wrong_region() {
    let hint = "set S3_REGION to the region that the store names, and check S3_ENDPOINT_URL";
    store_that(refusing(400, "AuthorizationHeaderMalformed"), "AuthorizationHeaderMalformed[..] (HTTP 400[..])", hint);
}

#[test]
fn clock_that_differs() {
    let hint = "set the clock of this machine (NTP): it differs from the store's";
    store_that(refusing(403, "RequestTimeTooSkewed"), "RequestTimeTooSkewed[..] (HTTP 403[..])", hint);
}

#[test]
fn key_without_the_right_to_put() {
    let hint =
        "allow s3:PutObject on this bucket and prefix for the key (--proof head and readback also need s3:GetObject)";
    store_that(refusing(403, "AccessDenied"), "AccessDenied[..] (HTTP 403[..])", hint);
}

#[test]
fn name_of_the_store_that_dns_does_not_know() {
    // Path style false is the same mistake: the bucket becomes a part of the name.
    for style in ["true", "false"] {
        let sandbox = sandbox(&[("S3_ENDPOINT_URL", "https://minio.invalid:9000"), ("S3_USE_PATH_STYLE", style)]);
        let message = "dns error: failed to lookup address information: [..]; asked was https://minio.invalid:9000";
        let hint = "check the host in S3_ENDPOINT_URL, and DNS; with S3_USE_PATH_STYLE=false the bucket stands in front of it (MinIO: true)";
        store_says(&sandbox, message, hint);
    }
}

#[test]
fn https_to_a_port_of_http() {
    let mut sandbox = sandbox(&[]);
    let address = sandbox.store.endpoint().replace("http://", "https://");
    sandbox.variable("S3_ENDPOINT_URL", &address);
    let message =
        format!("TLS handshake failed: received corrupt message of type InvalidContentType; asked was {address}");
    let hint = "this port does not speak TLS: write S3_ENDPOINT_URL with http://, or with the port of https";
    store_says(&sandbox, &message, hint);
}

#[test]
fn http_to_a_port_of_https() {
    let mut sandbox = Sandbox::new(On::MinioTls).settle(3);
    let address = sandbox.store.endpoint().replace("https://", "http://");
    sandbox.variable("S3_ENDPOINT_URL", &address);
    let ran = sandbox.run(&["cleanup", "-q"]);
    // Whether its answer arrives before it hangs up is the server's affair; both hints ask for the same.
    assert_eq!((ran.code, ran.errors()), (Some(12), 1), "{ran:?}");
    let asked = format!("; asked was {address}\n");
    assert!(ran.stderr.contains(&asked), "{ran:?}");
    let hints = ["S3_ENDPOINT_URL (http or https?)", "then write S3_ENDPOINT_URL with https://"];
    assert!(hints.iter().any(|hint| ran.stderr.lines().last().unwrap().contains(hint)), "{ran:?}");
    sandbox.instance.runs().iter().for_each(|run| sandbox.assert_untouched(run));
}

#[test]
fn certificate_that_expired() {
    let message = "TLS handshake failed: invalid peer certificate: certificate expired: verification time [..] (UNIX), but certificate is not valid after [..]; asked was https://127.0.0.1:[..]";
    let hint = "renew the store's certificate; is the clock of this machine right?";
    store_that(Behaviour { tls: Tls::Expired, ..GOOD }, message, hint);
}

#[test]
fn certificate_of_another_host() {
    let message = "TLS handshake failed: invalid peer certificate: certificate not valid for name \"127.0.0.1\"; certificate is only valid for [..]; asked was https://127.0.0.1:[..]";
    let hint = "the certificate is for another host: write S3_ENDPOINT_URL with a name that is in it, or renew it with this one";
    store_that(Behaviour { tls: Tls::OtherHost, ..GOOD }, message, hint);
}

#[test]
fn address_without_a_scheme() {
    let message = "use `S3_ENDPOINT_URL` (environment, S3_ENDPOINT_URL): it has no scheme";
    says(&sandbox(&[("S3_ENDPOINT_URL", "minio:9000")]), 10, message, "write it as https://minio.example.org:9000");
}

#[test]
fn address_that_ends_in_the_bucket() {
    let sandbox = sandbox(&[("S3_ENDPOINT_URL", "https://minio.example.org:9000/fastflow-logs/")]);
    let message = "use `S3_ENDPOINT_URL` (environment, S3_ENDPOINT_URL): its path is the bucket";
    says(&sandbox, 10, message, "end it after host and port; S3_BUCKET names the bucket");
}

#[test]
fn bucket_with_a_slash() {
    let message = "use `S3_BUCKET` = `logs/fast-flow` (environment, S3_BUCKET): it holds a slash";
    let hint = "write the name alone, `logs`, and `fast-flow` into S3_PREFIX";
    says(&sandbox(&[("S3_BUCKET", "logs/fast-flow")]), 10, message, hint);
    let message = "use `S3_BUCKET` = `s3://logs/` (environment, S3_BUCKET): it holds a slash";
    says(&sandbox(&[("S3_BUCKET", "s3://logs/")]), 10, message, "write the name alone, `logs`");
}

#[test]
fn encryption_key_that_is_missing_or_none() {
    let rows = [
        ("", "`ENCRYPTION_KEY` is not set"),
        ("secret", "`ENCRYPTION_KEY` is not a Fernet key (32 bytes in URL-safe base64)"),
        (
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "the token was not made with this `ENCRYPTION_KEY`, or it is damaged",
        ),
    ];
    let fernet = fernet::Fernet::new(fastflow_archive_testkit::ENCRYPTION_KEY).unwrap();
    for (key, why) in rows {
        let sandbox = sandbox(&[("ENCRYPTION_KEY", key)]);
        sandbox.instance.setting("s3_access_key_encrypted", fernet.encrypt(b"kit-writer")).unwrap();
        let message = format!("decrypt `s3_access_key_encrypted` of the Settings page: {why}");
        let hint =
            "set ENCRYPTION_KEY to the key that Fast-Flow runs with, or save the value on the Settings page again";
        says(&sandbox, 10, &message, hint);
    }
}

#[test]
fn database_that_is_not_there() {
    let message = "open the database `./dat/fastflow.db`: No such file or directory (os error 2)";
    let hint = "check --data-dir or --database; relative paths count from the current directory, `[..]/fast-flow`";
    says(&sandbox_on_sqlite(&[("DATA_DIR", "./dat")]), 1, message, hint);
}

#[test]
fn database_that_is_empty() {
    let sandbox = sandbox(&[("DATABASE_URL", "sqlite:///empty.db")]);
    std::fs::write(sandbox.instance.root().join("empty.db"), "").unwrap();
    let message = "read `empty.db` as a Fast-Flow database: there is no table `pipeline_runs`";
    says(&sandbox, 1, message, "check --data-dir or --database; has Fast-Flow been started with it yet?");
}

#[test]
fn another_user() {
    let sandbox = sandbox_on_sqlite(&[]);
    let message = "open the database `[..]` as user [..]: it belongs to user [..], who could not write the files this would leave beside it";
    let stderr = format!("error: failed to {message}\n  hint: run as user [..] (sudo -u '#[..]') or as root");
    let ran = if rustix::process::geteuid().is_root() {
        sandbox.give_data_to(1001);
        sandbox.run_as(1002, &["cleanup", "-q"])
    } else {
        // Without root nobody can become somebody else; a database of root's serves as well.
        sandbox.run(&["cleanup", "-q", "--no-ui-settings", "--database", "sqlite:////etc/passwd"])
    };
    ran.expect(1, "", &stderr);
}

#[test]
fn env_file_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = sandbox(&[]);
    std::fs::set_permissions(sandbox.instance.env_file(), std::fs::Permissions::from_mode(0o000)).unwrap();
    let stderr = "error: failed to read `.env` (default): Permission denied (os error 13)\n  hint: make it readable for user [..], or run as the user it belongs to";
    let ran = if rustix::process::geteuid().is_root() {
        sandbox.give_data_to(1002);
        sandbox.run_as(1002, &["cleanup", "-q"])
    } else {
        sandbox.run(&["cleanup", "-q"])
    };
    ran.expect(10, "", stderr);
}

#[test]
fn state_directory_that_cannot_be_made() {
    let sandbox = sandbox(&[("FASTFLOW_ARCHIVE_STATE_DIR", "/dev/null/state")]);
    let message = "lock `/dev/null/state/fastflow-archive.lock`: Not a directory (os error 20)";
    says(&sandbox, 1, message, "check --state-dir: it must be there and writable for this user");
}

#[test]
fn mail_server_that_does_not_listen() {
    let rows =
        [("EMAIL_ENABLED", "true"), ("SMTP_HOST", "127.0.0.1"), ("SMTP_PORT", "1"), ("SMTP_FROM", "a@example.org")];
    let mut sandbox = sandbox(&rows);
    sandbox.variable("EMAIL_RECIPIENTS", "b@example.org");
    let message = "send the e-mail through `127.0.0.1:1`: Connection error: Connection refused (os error 111)";
    let hint = "check SMTP_HOST, SMTP_PORT, SMTP_TLS, SMTP_USER and the server's log; `notify test` tries again";
    let stderr = format!("error: failed to {message}\n  hint: {hint}");
    sandbox.run(&["notify", "test", "-q"]).expect(1, "", &stderr);
}

#[test]
fn proxies_of_the_environment_are_not_used_for_the_store() {
    let dead = "http://127.0.0.1:1";
    let sandbox = sandbox(&[("HTTP_PROXY", dead), ("HTTPS_PROXY", dead), ("http_proxy", dead), ("ALL_PROXY", dead)]);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
}
