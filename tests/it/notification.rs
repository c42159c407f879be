//! One digest for each invocation that needs attention; the same trouble once a day, its end once; `notify test`.

use fastflow_archive_testkit::Fate;

use crate::harness::{On, Sandbox, old};
use crate::smtp_server::{MailServer, Security, UNKNOWN};
use crate::webhook_server::{Reply, WebhookServer};

const RECIPIENTS: &str = "ops@example.org, boss@example.org";

/// Due runs of four pipelines, and both channels.
fn with_channels(on: On, runs: u64) -> (Sandbox, MailServer, WebhookServer) {
    let mut sandbox = Sandbox::new(on);
    for number in 0..runs {
        sandbox.add(old(number, ["etl", "Täglicher-Import", "ml <train> & co", "report"][number as usize % 4]));
    }
    let (mail, teams) = (MailServer::start(Security::Plain, false), WebhookServer::start(&[]));
    sandbox.mail_to(&mail, RECIPIENTS).post_to(&teams);
    (sandbox, mail, teams)
}

/// The text with one space where there are more.
fn narrow(text: &str) -> String {
    text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_store_that_is_down_is_told_once_with_all_counts_then_not_again_that_day_and_its_end_once() {
    let (mut sandbox, mail, teams) = with_channels(On::Server, 41);
    sandbox.store.kill();
    let ran = sandbox.run(&["cleanup", "-q"]);
    assert_eq!((ran.code, ran.errors()), (Some(12), 1), "{ran:?}");
    let letter = mail.only_mail();
    assert_eq!(letter.to, ["ops@example.org", "boss@example.org"]);
    assert_eq!(letter.from, "fastflow@example.org");
    let text = narrow(&letter.text());
    let not_attempted: u64 = text.split("gescheitert, ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let failed = 41 - not_attempted;
    let counts = format!("{failed} Läufe gescheitert, {not_attempted} nicht versucht");
    for part in [
        "41 Läufe sind liegen geblieben",
        &counts,
        "und 21 weitere",
        "Nächster Schritt: Läuft der Speicher?",
        "\nExit-Code 12\n",
        "\nFällig 41\n",
        "\nStörung seit 15. Juni 2026, 02:00 UTC\n",
        "\nBefehl fastflow-archive cleanup\n",
        "http://fastflow.example.com/runs/",
    ] {
        assert!(text.contains(part), "{part}\nis not in\n{text}");
    }
    assert_eq!(text.matches("Der Speicher ist nicht erreichbar").count(), 1, "{text}");
    let named = sandbox.instance.runs().iter().filter(|run| text.contains(&format!("\n {} ", run.id))).count();
    assert_eq!(named, 20, "{text}");
    let sql = "SELECT hash FROM entries ORDER BY seq DESC LIMIT 1";
    let head: String = sandbox.ledger().query_row(sql, [], |row| row.get(0)).unwrap();
    assert!(text.contains(&head), "the head of the ledger\n{text}");
    let card = teams.only_post().card()["body"].to_string();
    assert_eq!(card.matches("Der Speicher ist nicht erreichbar (").count(), 1, "{card}");
    assert!(card.contains(&counts) && card.contains("und 21 weitere"), "{card}");

    for hours in [1, 12] {
        assert_eq!(sandbox.later(hours).run(&["cleanup", "-q"]).code, Some(12));
    }
    assert_eq!((mail.mails().len(), teams.posted().len()), (1, 1), "again within the day");
    assert_eq!(sandbox.later(24).run(&["cleanup", "-q"]).code, Some(12));
    assert_eq!((mail.mails().len(), teams.posted().len()), (2, 2), "the next night");
    assert!(narrow(&mail.mails()[1].text()).contains("Störung seit 15. Juni 2026, 02:00 UTC"), "since the first night");

    sandbox.store.restart().unwrap();
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    assert_eq!((mail.mails().len(), teams.posted().len()), (3, 3));
    let recovered = &mail.mails()[2];
    assert!(recovered.header("Subject").contains("wieder in Ordnung"), "{recovered:?}");
    let lasted = "vom 15. Juni 2026, 02:00 UTC bis 16. Juni 2026, 02:00 UTC";
    assert!(narrow(&recovered.text()).contains(lasted), "{}", recovered.text());
    assert!(teams.posted()[2].card().to_string().contains("Wieder in Ordnung"));
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    assert_eq!((mail.mails().len(), teams.posted().len()), (3, 3), "well is told once");
}

#[test]
fn another_cause_is_told_at_once() {
    let (mut sandbox, mail, _teams) = with_channels(On::Embedded, 3);
    sandbox.variable("S3_ENDPOINT_URL", "http://127.0.0.1:9");
    assert_eq!(sandbox.run(&["cleanup", "-q"]).code, Some(12));
    sandbox.variable("LOG_RETENTION_DAYS", "-1");
    assert_eq!(sandbox.later(1).run(&["cleanup", "-q"]).code, Some(10));
    assert_eq!(mail.mails().len(), 2);
    assert!(mail.mails()[1].text().contains("Eine Einstellung ist unbrauchbar"));
}

#[test]
fn a_guard_a_lock_and_a_database_that_is_gone_are_told() {
    let (mut sandbox, mail, teams) = with_channels(On::Embedded, 3);
    sandbox.variable("NOTIFY_LANG", "en");
    assert_eq!(sandbox.run(&["cleanup", "-q", "--max-delete", "1"]).code, Some(13));
    let lock = std::fs::File::create(sandbox.instance.data_dir().join("fastflow-archive.lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(sandbox.run(&["cleanup", "-q"]).code, Some(11));
    drop(lock);
    sandbox.instance.take_database_away().unwrap();
    assert_eq!(sandbox.run(&["cleanup", "-q"]).code, Some(1));
    let texts: Vec<_> = mail.mails().iter().map(|mail| narrow(&mail.text())).collect();
    assert_eq!((texts.len(), teams.posted().len()), (3, 3));
    for part in ["More is due than --max-delete allows", "\nExit code 13\n", "3 runs, ", "the oldest of 16 April 2026"]
    {
        assert!(texts[0].contains(part), "{part}\nis not in\n{}", texts[0]);
    }
    assert!(texts[1].contains("Another call is still at work"), "{}", texts[1]);
    assert!(texts[2].contains("The database cannot be read"), "{}", texts[2]);
}

#[test]
fn what_the_environment_says_is_enough_where_nothing_else_can_be_read() {
    let (sandbox, mail, teams) = with_channels(On::Embedded, 1);
    let ran = sandbox.run(&["cleanup", "-q", "--env-file", "nowhere.env"]);
    assert_eq!((ran.code, ran.errors()), (Some(10), 1), "{ran:?}");
    assert!(mail.only_mail().text().contains("Eine Datei der Konfiguration fehlt"));
    assert_eq!(teams.posted().len(), 1);
}

#[test]
fn the_settings_page_decides_with_its_encrypted_password() {
    let mut sandbox = Sandbox::new(On::Embedded);
    let mail = MailServer::start(Security::StartTls, true);
    let fernet = fernet::Fernet::new(fastflow_archive_testkit::ENCRYPTION_KEY).unwrap();
    let instance = &sandbox.instance;
    instance.setting("email_enabled", true).unwrap();
    instance.setting("smtp_host", "127.0.0.1").unwrap();
    instance.setting("smtp_port", mail.port().parse::<i64>().unwrap()).unwrap();
    instance.setting("smtp_user", crate::smtp_server::USER).unwrap();
    let token = fernet.encrypt(crate::smtp_server::PASSWORD.as_bytes());
    instance.setting("smtp_password_encrypted", token).unwrap();
    instance.setting("email_recipients", "ops@example.org").unwrap();
    sandbox.variable("EMAIL_ENABLED", "false").variable("SMTP_HOST", "other.invalid").variable("SMTP_TLS", "starttls");
    sandbox.variable("SMTP_CA_BUNDLE", &mail.ca_file()).variable("S3_BUCKET", "");
    sandbox.variable("LOG_RETENTION_DAYS", "-1");
    let ran = sandbox.run(&["cleanup", "-q"]);
    assert_eq!((ran.code, ran.errors()), (Some(10), 1), "{ran:?}");
    let letter = mail.only_mail();
    assert_eq!(
        (letter.user.as_deref(), letter.from.as_str()),
        (Some(crate::smtp_server::USER), crate::smtp_server::USER)
    );
}

#[test]
fn notify_never_and_always_mean_what_they_say() {
    let (mut sandbox, mail, teams) = with_channels(On::Embedded, 2);
    sandbox.variable("NOTIFY_LANG", "en");
    assert_eq!(sandbox.run(&["cleanup", "-q", "--notify", "never", "--max-delete", "1"]).code, Some(13));
    sandbox.run(&["cleanup", "-n", "-q", "--notify", "always"]).expect(0, "", "");
    assert_eq!((mail.mails().len(), teams.posted().len()), (0, 0));
    sandbox.run(&["cleanup", "-q", "--notify", "always"]).expect(0, "", "");
    assert!(mail.only_mail().header("Subject").contains("ended well"));
    assert_eq!(teams.posted().len(), 1);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    assert_eq!((mail.mails().len(), teams.posted().len()), (1, 1));
}

#[test]
fn a_call_that_looks_at_a_part_does_not_say_that_all_is_well() {
    let (mut sandbox, mail, _teams) = with_channels(On::Embedded, 8);
    let address = sandbox.store.endpoint();
    sandbox.variable("S3_ENDPOINT_URL", "http://127.0.0.1:9");
    assert_eq!(sandbox.run(&["cleanup", "-q"]).code, Some(12));
    sandbox.variable("S3_ENDPOINT_URL", &address);
    sandbox.run(&["cleanup", "-q", "--pipeline", "etl"]).expect(0, "", "");
    assert_eq!(mail.mails().len(), 1);
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    assert_eq!(mail.mails().len(), 2);
}

#[test]
fn a_message_that_is_lost_makes_0_a_1_but_never_hides_how_the_work_ended() {
    let (mut sandbox, mail, _teams) = with_channels(On::Embedded, 2);
    let teams = WebhookServer::start(&[Reply::Say(400, None, "no such workflow"), Reply::Say(400, None, "")]);
    sandbox.post_to(&teams);
    let said = "error: failed to post to Teams at `127.0.0.1`: HTTP 400: no such workflow\n  hint: check TEAMS_WEBHOOK_URL and the workflow behind it; `notify test` tries again";
    sandbox.run(&["cleanup", "-q", "--notify", "always", "-n"]).expect(0, "", "");
    sandbox.run(&["cleanup", "-q", "--notify", "always"]).expect(1, "", said);
    assert_eq!(mail.mails().len(), 1, "the other channel got it");
    assert!(sandbox.runs(Fate::Archived).iter().all(|run| !sandbox.instance.run_exists(&run.id).unwrap()));
    sandbox.add(old(9, "etl"));
    let ran = sandbox.run(&["cleanup", "-q", "--max-delete", "0"]);
    assert_eq!((ran.code, ran.errors()), (Some(13), 2), "{ran:?}");
    assert_eq!((mail.mails().len(), teams.posted().len()), (2, 2));
    assert_eq!(sandbox.run(&["cleanup", "-q", "--max-delete", "0"]).code, Some(13));
    assert_eq!((mail.mails().len(), teams.posted().len()), (2, 3), "only what did not arrive is sent again");
}

#[test]
fn a_channel_that_cannot_be_used_is_told_on_the_other_one() {
    let (mut sandbox, _mail, teams) = with_channels(On::Embedded, 1);
    sandbox.variable("SMTP_HOST", "");
    let stderr = "error: failed to use the e-mail configuration: `SMTP_HOST` is not set\n  hint: set what is missing (Settings page, environment or .env), or EMAIL_ENABLED=false";
    sandbox.run(&["cleanup", "-q"]).expect(1, "", stderr);
    assert!(teams.only_post().card().to_string().contains("`SMTP_HOST` is not set"));
    sandbox.runs(Fate::Archived).iter().for_each(|run| assert!(!sandbox.instance.run_exists(&run.id).unwrap()));
}

#[test]
fn notify_test_sends_a_marked_message_on_each_channel_and_says_what_happened() {
    let (mut sandbox, mail, teams) = with_channels(On::Embedded, 1);
    let stdout = "email: sent to ops@example.org, boss@example.org\nteams: sent to 127.0.0.1";
    sandbox.run(&["notify", "test"]).expect(0, stdout, "");
    assert!(mail.only_mail().header("Subject").starts_with("[TEST] "));
    assert!(teams.only_post().card().to_string().contains("[TEST] Probenachricht"));
    let lines = sandbox.run(&["notify", "test", "--json"]).lines();
    let states: Vec<_> = lines.iter().map(|line| line["state"].as_str().unwrap_or("summary")).collect();
    assert_eq!(states, ["sent", "sent", "summary"]);

    sandbox.variable("EMAIL_RECIPIENTS", &format!("ops@example.org, {UNKNOWN}")).variable("TEAMS_ENABLED", "false");
    let ran = sandbox.run(&["notify", "test"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("teams: not configured") && ran.stdout.contains("email: sent to"), "{ran:?}");
    assert!(ran.stderr.contains(&format!("error: failed to send the e-mail to `{UNKNOWN}`")), "{ran:?}");

    sandbox.variable("EMAIL_ENABLED", "false");
    let ran = sandbox.run(&["notify", "test"]);
    assert_eq!((ran.code, ran.errors()), (Some(10), 1), "{ran:?}");
    sandbox.variable("EMAIL_ENABLED", "true").variable("SMTP_PORT", "none");
    assert_eq!(sandbox.run(&["notify", "test"]).code, Some(10));
}

#[test]
fn no_secret_and_no_address_of_a_webhook_is_anywhere() {
    let mail = MailServer::start(Security::Plain, true);
    let teams = WebhookServer::start(&[Reply::Say(500, None, "x"), Reply::Drop, Reply::Say(403, None, "")]);
    let mut sandbox = Sandbox::new(On::Embedded).settle(2);
    sandbox.mail_to(&mail, "ops@example.org").post_to(&teams);
    sandbox.variable("SMTP_USER", crate::smtp_server::USER).variable("SMTP_PASSWORD", "wrong-secret-4711");
    let ping = teams.url();
    let mut said = String::new();
    for args in [
        &["plan", "-vvv"][..],
        &["notify", "test", "-v"],
        &["cleanup", "--max-delete", "1", "-v", "--ping-url", &ping],
        &["cleanup", "--json", "-v", "--notify", "always", "--ping-url", "ftp://host/webhook-secret-0815"],
    ] {
        let ran = sandbox.run(args);
        assert!(args[0] == "plan" || ran.code != Some(0), "{ran:?}");
        said = said + &ran.stdout + &ran.stderr;
    }
    for posted in teams.posted() {
        said += &posted.body;
    }
    said += &String::from_utf8_lossy(&std::fs::read(sandbox.instance.data_dir().join("fastflow-archive.db")).unwrap());
    assert!(said.contains("teams-webhook-host") && said.contains("smtp-password"), "{said}");
    for secret in ["webhook-secret", "secret-4711", fastflow_archive_testkit::ENCRYPTION_KEY] {
        assert!(!said.contains(secret), "{secret} got out:\n{said}");
    }
}
