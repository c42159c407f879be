//! E-mail against a real SMTP server, in the clear, with TLS and AUTH, and against servers that hang, drop and refuse.

use std::process::Stdio;
use std::time::{Duration, Instant};

use unicode_width::UnicodeWidthStr as _;

use crate::harness::{On, Ran, Sandbox, old};
use crate::smtp_server::{MailServer, PASSWORD, Security, UNKNOWN, USER, one_that_drops, one_that_hangs};

/// A sandbox whose `cleanup` stops at a guard, and so has something to tell.
fn sandbox(server: &MailServer) -> Sandbox {
    let mut sandbox = Sandbox::new(On::Embedded);
    sandbox.add(old(1, "etl"));
    sandbox.mail_to(server, "Ops Team <ops@example.org>, boss@example.org");
    sandbox
}

fn guarded(sandbox: &Sandbox) -> Ran {
    sandbox.run(&["cleanup", "-q", "--max-delete", "0"])
}

#[test]
fn a_mail_has_the_headers_and_both_bodies_that_it_should() {
    let server = MailServer::start(Security::Plain, false);
    assert_eq!(guarded(&sandbox(&server)).code, Some(13));
    let mail = server.only_mail();
    assert!(
        mail.header("Subject")
            .starts_with("fastflow-archive cleanup: gescheitert: Es ist mehr fällig, als --max-delete erlaubt ("),
        "{}",
        mail.header("Subject")
    );
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    assert_eq!(mail.header("X-Auto-Response-Suppress"), "All");
    assert_eq!(mail.header("MIME-Version"), "1.0");
    assert!(mail.header("Message-ID").contains('@'));
    assert!(mail.data.contains("\nDate: ") && mail.data.is_ascii());
    assert!(mail.data.lines().all(|line| line.len() <= 998), "RFC 5322");
    assert!(mail.data.contains("\"Ops Team\" <ops@example.org>") || mail.data.contains("Ops Team <ops@example.org>"));
    let text = mail.text();
    assert!(text.lines().all(|line| line.width() <= 78), "{text}");
    assert!(mail.html().contains("<h1") && mail.html().contains("Es ist mehr fällig, als --max-delete erlaubt"));
}

#[test]
fn names_cannot_act_in_html_nor_in_the_subject() {
    let server = MailServer::start(Security::Plain, false);
    let mut sandbox = sandbox(&server);
    let name = "<script>alert(1)\"&'\r\nBcc: evil@example.org\u{202e}";
    sandbox.add(old(2, name).without_log().log_file("/etc/passwd"));
    assert_eq!(sandbox.run(&["cleanup", "-q"]).code, Some(3));
    let mail = server.only_mail();
    let html = mail.html();
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;alert(1)&quot;&amp;&#39;\\r\\nBcc"), "{html}");
    assert!(!mail.data.contains("\nBcc: evil") && !html.contains('\u{202e}') && !mail.text().contains('\u{202e}'));
    assert_eq!(mail.to, ["ops@example.org", "boss@example.org"]);
}

#[test]
fn starttls_and_implicit_tls_with_auth_work_with_a_private_ca() {
    for (security, tls) in [(Security::StartTls, "starttls"), (Security::Implicit, "implicit")] {
        let server = MailServer::start(security, true);
        let mut sandbox = sandbox(&server);
        sandbox.variable("SMTP_TLS", tls).variable("SMTP_USER", USER).variable("SMTP_PASSWORD", PASSWORD);
        let (started, ran) = (Instant::now(), guarded(&sandbox));
        assert_eq!((ran.code, ran.errors(), server.mails().len()), (Some(13), 2, 0), "an unknown CA: {ran:?}");
        assert_eq!(ran.stderr.matches("invalid peer certificate: UnknownIssuer").count(), 1, "{ran:?}");
        assert!(started.elapsed() < Duration::from_secs(5), "no second try is made");
        sandbox.variable("SMTP_CA_BUNDLE", &server.ca_file());
        let ran = guarded(&sandbox);
        assert_eq!((ran.code, ran.errors()), (Some(13), 1), "{ran:?}");
        let mail = server.only_mail();
        assert_eq!((mail.user.as_deref(), mail.is_encrypted), (Some(USER), true));
        sandbox.variable("SMTP_PASSWORD", "wrong-wrong");
        let ran = sandbox.later(30).run(&["cleanup", "-q", "--max-delete", "0"]);
        assert!(ran.code == Some(13) && ran.stderr.contains("535"), "{ran:?}");
        assert!(!ran.stderr.contains("wrong-wrong"), "{ran:?}");
    }
}

#[test]
fn a_server_without_starttls_gets_nothing_when_it_is_required() {
    let server = MailServer::start(Security::Plain, false);
    let mut sandbox = sandbox(&server);
    sandbox.variable("SMTP_TLS", "starttls");
    let ran = guarded(&sandbox);
    assert!(ran.code == Some(13) && ran.stderr.contains("STARTTLS is not supported"), "{ran:?}");
    assert_eq!(server.mails(), []);
}

#[test]
fn one_refused_recipient_does_not_lose_the_others() {
    let server = MailServer::start(Security::Plain, false);
    let mut sandbox = sandbox(&server);
    sandbox.variable("EMAIL_RECIPIENTS", &format!("{UNKNOWN}, ops@example.org, not an address, boss@example.org"));
    let ran = guarded(&sandbox);
    assert_eq!((ran.code, ran.errors()), (Some(13), 3), "{ran:?}");
    assert!(ran.stderr.contains(UNKNOWN) && ran.stderr.contains("not an address"), "{ran:?}");
    assert_eq!(server.only_mail().to, ["ops@example.org", "boss@example.org"]);
    sandbox.variable("EMAIL_RECIPIENTS", UNKNOWN);
    assert_eq!(sandbox.later(30).run(&["cleanup", "-q", "--max-delete", "0"]).errors(), 2);
    assert_eq!(server.mails().len(), 1, "nobody is left");
}

#[test]
fn a_server_that_hangs_delays_by_half_a_minute_at_most_and_holds_no_lock() {
    let (port, _calls) = one_that_hangs("220 mail.example.org ESMTP\r\n");
    let server = MailServer::embedded(Security::Plain, false);
    let mut sandbox = sandbox(&server);
    sandbox.variable("SMTP_PORT", &port.to_string());
    let started = Instant::now();
    let (ran, other) = std::thread::scope(|scope| {
        let hanging = scope.spawn(|| sandbox.run(&["cleanup", "--notify", "always"]));
        // The row goes when the work is done; from then on only the mail server is waited for.
        while sandbox.instance.row_count("pipeline_runs").unwrap() > 0 {
            std::thread::yield_now();
        }
        let other = sandbox.run(&["backup", "--lock-wait", "5s", "--notify", "never"]);
        assert!(!hanging.is_finished(), "the first still waits for the mail server");
        (hanging.join().unwrap(), other)
    });
    assert_eq!(other.code, Some(0), "{other:?}");
    assert!((Duration::from_secs(20)..Duration::from_secs(45)).contains(&started.elapsed()), "{:?}", started.elapsed());
    assert!(ran.code == Some(1) && ran.stderr.contains("no answer within 30 s"), "{ran:?}");
}

#[test]
fn a_server_that_drops_is_tried_three_times_and_one_that_refuses_for_good_once() {
    let server = MailServer::embedded(Security::Plain, false);
    let mut sandbox = sandbox(&server);
    let (port, calls) = one_that_drops("");
    sandbox.variable("SMTP_PORT", &port.to_string());
    let ran = guarded(&sandbox);
    assert_eq!((ran.code, ran.errors(), *calls.lock().unwrap()), (Some(13), 2, 3), "{ran:?}");
    let (port, calls) = one_that_drops("554 go away\r\n");
    sandbox.variable("SMTP_PORT", &port.to_string());
    let ran = guarded(&sandbox);
    assert_eq!((ran.code, ran.errors(), *calls.lock().unwrap()), (Some(13), 2, 1), "{ran:?}");
    assert!(ran.stderr.contains("go away"), "{ran:?}");
}

#[test]
fn a_signal_ends_the_wait_for_a_mail_server_and_the_work_keeps_its_exit_code() {
    let (port, calls) = one_that_hangs("");
    let mut sandbox = sandbox(&MailServer::embedded(Security::Plain, false));
    sandbox.variable("SMTP_PORT", &port.to_string());
    let child = sandbox.command(&["cleanup", "-q", "--max-delete", "0"]).stderr(Stdio::piped()).spawn().unwrap();
    calls.recv().unwrap();
    let started = Instant::now();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(13), "{stderr}");
    assert!(stderr.contains("error: failed to send the message by email: stopped by a signal"), "{stderr}");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}
