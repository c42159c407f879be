//! Bad configuration ends with 10, names setting, source and remedy, and touches nothing.

use fastflow_archive_testkit::Fate;

use crate::harness::{On, Sandbox};

/// Runs `cleanup` with the variables, expects exit 10 and these two lines, and nothing touched.
fn refuses(variables: &[(&str, &str)], message: &str, hint: &str) {
    let mut sandbox = Sandbox::new(On::Embedded).settle(3);
    for (name, value) in variables {
        sandbox.variable(name, value);
    }
    let before = sandbox.tree();
    for command in ["cleanup", "backup"] {
        sandbox.run(&[command, "-q"]).expect(10, "", &format!("error: failed to {message}\n  hint: {hint}"));
    }
    assert_eq!(sandbox.tree(), before);
    assert!(sandbox.embedded().requests().is_empty());
}

const WHOLE_NUMBER: &str = "give a whole number; 0 or nothing means unlimited";

#[test]
fn negative_retention() {
    let message = "use `LOG_RETENTION_DAYS` = `-1` (environment, LOG_RETENTION_DAYS): it is negative";
    refuses(&[("LOG_RETENTION_DAYS", "-1")], message, WHOLE_NUMBER);
}

#[test]
fn retention_that_is_no_number() {
    let message = "use `LOG_RETENTION_RUNS` = `many` (environment, FASTFLOW_ARCHIVE_LOG_RETENTION_RUNS): it is not a whole number";
    refuses(&[("FASTFLOW_ARCHIVE_LOG_RETENTION_RUNS", "many")], message, WHOLE_NUMBER);
}

#[test]
fn half_an_s3_configuration() {
    let message = "use the S3 configuration: `S3_BUCKET` is not set (flag, Settings page, environment or .env)";
    let hint = "set what is missing; S3_AWS_CREDENTIALS=true takes credentials from the AWS default chain";
    refuses(&[("S3_BUCKET", "")], message, hint);
}

#[test]
fn an_archive_that_is_switched_off() {
    let message = "archive anything: `S3_BACKUP_ENABLED` is switched off (environment, S3_BACKUP_ENABLED)";
    let hint = "switch it on there, or remove it; this tool never deletes what it has not archived";
    refuses(&[("S3_BACKUP_ENABLED", "False")], message, hint);
}

#[test]
fn a_named_env_file_that_is_missing() {
    let message = "read `nowhere.env` (--env-file): No such file or directory (os error 2)";
    let hint = "name the .env file of Fast-Flow with --env-file, readable for this user";
    refuses(&[("FASTFLOW_ARCHIVE_ENV_FILE", "nowhere.env")], message, hint);
}

#[test]
fn a_secret_file_that_is_missing() {
    let message =
        "read the secret file `/nowhere/key` (environment, S3_ACCESS_KEY_FILE): No such file or directory (os error 2)";
    let hint = "create the file, or make it readable for this user";
    refuses(&[("S3_ACCESS_KEY_FILE", "/nowhere/key")], message, hint);
}

#[test]
fn an_unknown_scheme_of_the_store() {
    let message = "use `S3_ENDPOINT_URL` (environment, S3_ENDPOINT_URL): the scheme `ftp` is unknown";
    refuses(&[("S3_ENDPOINT_URL", "ftp://minio")], message, "write it as https://minio.example.org:9000");
}

#[test]
fn an_unknown_scheme_of_the_database_and_half_an_address() {
    let hint =
        "write sqlite:///relative/path, sqlite:////absolute/path, or postgresql://user:password@host:5432/database";
    let message = "use `DATABASE_URL` (environment, DATABASE_URL): the scheme `mysql` is unknown";
    refuses(&[("DATABASE_URL", "mysql://user:hunter2@db/fastflow")], message, hint);
    let message = "use `DATABASE_URL` (environment, DATABASE_URL): its port is not one";
    refuses(&[("DATABASE_URL", "postgresql://user:hunter2@db:port/fastflow")], message, hint);
}

#[test]
fn an_undecryptable_token_of_the_settings_page() {
    let sandbox = Sandbox::new(On::Embedded).settle(3);
    sandbox.instance.setting("s3_access_key_encrypted", "gAAAAABnonsense").unwrap();
    let before = sandbox.tree();
    let message = "decrypt `s3_access_key_encrypted` of the Settings page: the token was not made with this `ENCRYPTION_KEY`, or it is damaged";
    let hint = "set ENCRYPTION_KEY to the key that Fast-Flow runs with, or save the value on the Settings page again";
    sandbox.run(&["cleanup"]).expect(10, "", &format!("error: failed to {message}\n  hint: {hint}"));
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn negative_retention_on_the_settings_page() {
    let sandbox = Sandbox::new(On::Embedded).settle(3);
    sandbox.instance.setting("log_retention_days", -1).unwrap();
    let message = "use `LOG_RETENTION_DAYS` = `-1` (Settings page, log_retention_days): it is negative";
    let stderr = format!("error: failed to {message}\n  hint: {WHOLE_NUMBER}");
    sandbox.run(&["plan"]).expect(10, "", &stderr);
    sandbox.run(&["cleanup", "-q"]).expect(10, "", &stderr);
    sandbox.run(&["plan", "--no-ui-settings", "-q"]).expect(0, "", "");
}

#[test]
fn secrets_of_the_settings_page_are_decrypted_and_used() {
    let mut sandbox = Sandbox::new(On::Embedded).settle(3);
    let fernet = fernet::Fernet::new(fastflow_archive_testkit::ENCRYPTION_KEY).unwrap();
    let keys = sandbox.store.writer();
    sandbox.instance.setting("s3_access_key_encrypted", fernet.encrypt(keys.access_key.as_bytes())).unwrap();
    sandbox.instance.setting("s3_secret_access_key_encrypted", fernet.encrypt(keys.secret_key.as_bytes())).unwrap();
    sandbox.variable("S3_ACCESS_KEY", "wrong").variable("S3_SECRET_ACCESS_KEY", "wrong");
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
}

#[test]
fn a_line_of_the_env_file_that_cannot_be_parsed_is_a_warning_with_its_number() {
    let sandbox = Sandbox::new(On::Embedded).settle(3);
    let lines = std::fs::read_to_string(sandbox.instance.env_file()).unwrap().lines().count();
    sandbox.instance.env_text("this is not = a setting\n'broken\n").unwrap();
    let ran = sandbox.run(&["cleanup", "-q"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let expected = format!("warning: .env:{}: cannot be parsed and is left out", lines + 2);
    assert!(ran.stderr.lines().any(|line| line == expected), "{expected}\n{}", ran.stderr);
}

#[test]
fn no_retention_rule_is_a_warning_and_nothing_is_due() {
    let mut sandbox = Sandbox::new(On::Embedded).settle(3);
    sandbox.variable("LOG_RETENTION_DAYS", "");
    let warning =
        "warning: no retention rule is set anywhere: nothing is due; set LOG_RETENTION_RUNS or LOG_RETENTION_DAYS";
    sandbox.run(&["cleanup"]).expect(0, "Nothing is due.", warning);
}

#[test]
fn usage_errors_end_with_2() {
    let sandbox = Sandbox::new(On::Embedded);
    for args in [&["cleanup", "--all"][..], &["nonsense"], &["plan", "--min-age", "5"], &["plan", "--run", "xyz"], &[]]
    {
        assert_eq!(sandbox.run(args).code, Some(2), "{args:?}");
    }
}

#[test]
fn the_aws_default_chain_gives_credentials_where_it_is_asked_for() {
    let mut sandbox = Sandbox::new(On::Embedded).settle(3);
    let keys = sandbox.store.writer();
    sandbox
        .variable("S3_ACCESS_KEY", "")
        .variable("S3_SECRET_ACCESS_KEY", "")
        .variable("AWS_EC2_METADATA_DISABLED", "true");
    assert_eq!(sandbox.run(&["cleanup", "-q"]).code, Some(10), "not asked for");
    sandbox.variable("S3_AWS_CREDENTIALS", "true");
    let ran = sandbox.run(&["cleanup", "-q"]);
    assert_eq!((ran.code, ran.errors()), (Some(12), 1), "the chain is empty: {ran:?}");
    assert!(ran.stderr.contains("the AWS default chain found no credentials"), "{ran:?}");
    sandbox.variable("AWS_ACCESS_KEY_ID", &keys.access_key).variable("AWS_SECRET_ACCESS_KEY", &keys.secret_key);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let objects = sandbox.objects();
    sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
}
