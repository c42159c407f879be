//! Every bad input of a setting ends in an error that names setting, source and remedy.

use std::ffi::OsString;

use super::*;

fn resolve(args: &[&str], environment: &[(&str, &str)], page: &[(&str, &str)]) -> Result<Config> {
    let args = ["fastflow-archive", "cleanup"].iter().chain(args).map(OsString::from);
    let (cli, typed) = crate::cli::Cli::parse_typed(args).map_err(|error| error.to_string()).unwrap();
    let environment = environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let mut layers = Layers::new(typed, environment, Dotenv::default(), Path::new(".env"));
    let host = Host::resolve(&layers, &cli.global)?;
    layers.set_settings_page(SettingsPage::from_columns(page.iter().map(|(c, v)| (c.to_string(), v.to_string()))));
    Config::resolve(&layers, &cli.command.selecting().unwrap(), host)
}

const COMPLETE: [(&str, &str); 4] = [
    ("S3_ENDPOINT_URL", "http://127.0.0.1:9000"),
    ("S3_BUCKET", "logs"),
    ("S3_ACCESS_KEY", "key"),
    ("S3_SECRET_ACCESS_KEY", "secret"),
];

#[test]
fn flags_beat_the_settings_page_which_beats_the_environment() {
    let environment = [("LOG_RETENTION_DAYS", "3"), ("LOG_RETENTION_RUNS", "4")];
    let page = [("log_retention_days", "2"), ("log_retention_runs", "5")];
    let config = resolve(&["--log-retention-days", "1"], &environment, &page).unwrap();
    assert_eq!(config.retention.days.value, Some(1));
    assert_eq!(config.retention.days.source, Source::Flag("--log-retention-days".into()));
    assert_eq!(config.retention.runs.value, Some(5));
    assert_eq!(config.retention.runs.source, Source::SettingsPage("log_retention_runs"));
    assert_eq!(resolve(&[], &environment, &[]).unwrap().retention.days.value, Some(3));
}

#[test]
fn zero_and_empty_are_unlimited() {
    let config = resolve(&["--log-retention-runs", ""], &[("LOG_RETENTION_DAYS", "0")], &[]).unwrap();
    assert!(!config.retention.is_any_set());
}

#[test]
fn bad_retention_names_setting_value_and_source() {
    for bad in ["-1", "abc", "1.5", "99999999999999999999999999999999999999999999"] {
        let error = resolve(&[], &[], &[("log_retention_days", bad)]).err().unwrap();
        assert_eq!(error.kind, Kind::InvalidSetting);
        let message = error.message();
        assert!(message.contains("LOG_RETENTION_DAYS") && message.contains(bad), "{message}");
        assert!(message.contains("Settings page, log_retention_days"), "{message}");
        assert!(error.hint_text().is_some());
        assert_eq!(resolve(&[&format!("--log-max-size-mb={bad}")], &[], &[]).err().unwrap().kind, Kind::InvalidSetting);
    }
}

#[test]
fn each_missing_part_of_s3_is_named() {
    for left_out in 0..COMPLETE.len() {
        let mut environment = COMPLETE.to_vec();
        let (name, _) = environment.remove(left_out);
        let error = resolve(&[], &environment, &[]).err().unwrap();
        assert_eq!(error.kind, Kind::IncompleteConfiguration);
        assert!(error.message().contains(&format!("`{name}` is not set")), "{error}");
    }
    assert!(matches!(resolve(&[], &COMPLETE, &[]).unwrap().archive, Archive::Ready(_)));
    assert!(matches!(resolve(&[], &[], &[]).unwrap().archive, Archive::Absent));
    let enabled_only = resolve(&[], &[("S3_BACKUP_ENABLED", "true")], &[]);
    assert_eq!(enabled_only.err().unwrap().kind, Kind::IncompleteConfiguration);
}

#[test]
fn switched_off_is_told_with_its_place() {
    let config = resolve(&[], &COMPLETE, &[("s3_backup_enabled", "0")]).unwrap();
    let error = config.archive.target().err().unwrap();
    assert_eq!(error.kind, Kind::BackupDisabled);
    assert!(error.message().contains("Settings page, s3_backup_enabled"), "{error}");
}

#[test]
fn an_undecryptable_secret_is_an_error_even_where_the_environment_has_one() {
    let error = resolve(&[], &COMPLETE, &[("s3_access_key_encrypted", "gAAAA")]).err().unwrap();
    assert_eq!(error.kind, Kind::UndecryptableSecret);
}

#[test]
fn a_secret_comes_from_the_file_that_its_variable_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "from-file\n").unwrap();
    let mut environment = COMPLETE.to_vec();
    environment[2] = ("S3_ACCESS_KEY_FILE", path.to_str().unwrap());
    let config = resolve(&[], &environment, &[]).unwrap();
    let Credentials::Keys { access_key, .. } = &config.archive.target().unwrap().credentials else { panic!() };
    assert!(access_key.value.expose() == "from-file");

    environment.push(("S3_ACCESS_KEY", "both"));
    assert_eq!(resolve(&[], &environment, &[]).err().unwrap().kind, Kind::InvalidSetting);
    environment.pop();
    environment[2].1 = "/nonexistent/key";
    assert_eq!(resolve(&[], &environment, &[]).err().unwrap().kind, Kind::MissingFile);
}

#[test]
fn endpoints_and_ca_bundles_are_judged() {
    for bad in ["minio:9000", "ftp://minio", "https://", "https://user:pw@minio"] {
        let error = resolve(&["--s3-endpoint-url", bad], &COMPLETE, &[]).err().unwrap();
        assert_eq!(error.kind, Kind::InvalidSetting, "{bad}");
    }
    let tls_only = [&COMPLETE[..], &[("S3_REQUIRE_TLS", "true")]].concat();
    assert!(resolve(&["--s3-endpoint-url", "http://minio"], &tls_only, &[]).is_err());
    assert!(resolve(&[], &tls_only, &[]).is_ok(), "loopback needs no TLS");
    for bad in ["a\\b", "a/../b", "a\nb", "a\u{ffff}", &"a".repeat(301)] {
        assert_eq!(resolve(&["--s3-prefix", bad], &COMPLETE, &[]).err().unwrap().kind, Kind::InvalidSetting, "{bad}");
    }
    let folder = tempfile::tempdir().unwrap();
    for text in ["", "no block", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, text).unwrap();
        let environment = [&COMPLETE[..], &[("S3_CA_BUNDLE", path.to_str().unwrap())]].concat();
        assert_eq!(resolve(&[], &environment, &[]).err().unwrap().kind, Kind::InvalidSetting, "{text}");
    }
}

#[test]
fn the_listing_shows_no_secret() {
    let config = resolve(&[], &COMPLETE, &[]).unwrap();
    let shown = config.listing().into_iter().map(|(name, value, source)| format!("{name} {value} {source}\n"));
    let shown: String = shown.collect();
    assert!(shown.contains("s3-secret-access-key set environment, S3_SECRET_ACCESS_KEY"), "{shown}");
    assert!(!shown.contains(" secret "), "{shown}");
}

#[test]
fn path_maps_need_an_absolute_from_and_the_longest_comes_first() {
    assert!(resolve(&["--path-map", "logs=/x"], &[], &[]).is_err());
    let config = resolve(&["--path-map", "/app=/x", "--path-map", "/app/logs/a=/y"], &[], &[]).unwrap();
    let order: Vec<_> = config.host.path_map.value.iter().map(|map| map.from.to_str().unwrap()).collect();
    assert_eq!(order, ["/app/logs/a", "/app/logs", "/app"]);
}
