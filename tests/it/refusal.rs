//! Where something is not as it should be, the run stays, and the operator learns why.

use fastflow_archive_testkit::{Fate, TestStore};

use crate::harness::{On, PREFIX, Sandbox, old};

#[test]
fn symlinked_and_escaping_logs_are_refused_and_reported_and_the_rest_moves() {
    let sandbox = Sandbox::new(On::Embedded).settle(10).settle_refused();
    let ran = sandbox.run(&["cleanup", "-q"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.errors()), (Some(3), "", 10), "{ran:?}");
    for run in sandbox.runs(Fate::Refused) {
        assert!(ran.stderr.contains(&run.id), "{} is named in\n{}", run.id, ran.stderr);
        assert!(sandbox.instance.run_exists(&run.id).unwrap());
    }
    let objects = sandbox.objects();
    sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
    for run in sandbox.runs(Fate::Refused) {
        sandbox.assert_untouched(run);
        assert!(objects.keys().all(|key| !key.contains(&run.id)));
    }
}

/// What Garage says instead of what MinIO says: it has one code for all that is denied, and no request ids.
fn in_garage(message: &str) -> String {
    let denied = "AccessDenied: Forbidden: ";
    message
        .replace("SignatureDoesNotMatch: ", denied)
        .replace("InvalidAccessKeyId: ", denied)
        .replace(", request id [..]", "")
}

/// Whatever is wrong with the store: exit 12, one message, nothing touched.
fn nothing_is_touched(mut sandbox: Sandbox, prepare: impl FnOnce(&mut Sandbox), message: &str, hint: &str) {
    prepare(&mut sandbox);
    let ran = sandbox.run(&["cleanup", "-q"]);
    let hint = format!("  hint: {hint}");
    let message = if matches!(sandbox.store, TestStore::Garage(_)) { in_garage(message) } else { message.to_owned() };
    ran.expect(
        12,
        "",
        &format!("error: failed to {message}\n  [..] failed because of this, [..]; they are untouched\n{hint}"),
    );
    sandbox.instance.runs().iter().for_each(|run| sandbox.assert_untouched(run));
}

#[test]
fn a_store_that_is_down_is_one_message_and_nothing_is_touched() {
    nothing_is_touched(
        Sandbox::new(On::Server).settle(41),
        |sandbox| sandbox.store.kill(),
        "upload `pipeline-logs/[..]`: [..]Connection refused[..]",
        "nothing listens there: is the store running? check host and port of S3_ENDPOINT_URL",
    );
}

#[test]
fn a_wrong_secret_is_one_message_and_nothing_is_touched() {
    nothing_is_touched(
        Sandbox::new(On::Server).settle(41),
        |sandbox| {
            sandbox.variable("S3_SECRET_ACCESS_KEY", "wrong-secret-wrong-secret");
        },
        "upload `pipeline-logs/[..]`: SignatureDoesNotMatch: [..] (HTTP 403, request id [..])",
        "check S3_SECRET_ACCESS_KEY; a proxy that changes headers or paths has the same effect",
    );
}

#[test]
fn an_unknown_key_is_one_message_and_nothing_is_touched() {
    nothing_is_touched(
        Sandbox::new(On::Server).settle(41),
        |sandbox| {
            sandbox.variable("S3_ACCESS_KEY", "nobody");
        },
        "upload `pipeline-logs/[..]`: InvalidAccessKeyId: [..] (HTTP 403, request id [..])",
        "check S3_ACCESS_KEY: the store does not know it",
    );
}

#[test]
fn a_missing_bucket_is_one_message_and_nothing_is_touched() {
    nothing_is_touched(
        Sandbox::new(On::ServerWithoutBucket).settle(41),
        |sandbox| {
            sandbox.as_admin();
        },
        "upload `pipeline-logs/[..]`: NoSuchBucket: [..] (HTTP 404, request id [..])",
        "create the bucket, or check S3_BUCKET and S3_USE_PATH_STYLE; S3_ENDPOINT_URL ends after host and port",
    );
}

#[test]
fn a_private_ca_that_is_not_named_is_one_message_and_nothing_is_touched() {
    nothing_is_touched(
        Sandbox::new(On::MinioTls).settle(41),
        |sandbox| {
            sandbox.variable("S3_CA_BUNDLE", "");
        },
        "upload `pipeline-logs/[..]`: [..]certificate[..]",
        "nobody whom this machine trusts has signed the certificate: name the CA's PEM file with S3_CA_BUNDLE",
    );
}

#[test]
fn a_put_only_key_cannot_prove_by_head_and_the_message_says_so() {
    nothing_is_touched(
        Sandbox::new(On::Server).settle(41),
        |sandbox| {
            sandbox.variable("FASTFLOW_ARCHIVE_PROOF", "head");
        },
        "look at `pipeline-logs/[..]` (HEAD): [..] (HTTP 403[..])",
        "allow this for the key, or use a lower --proof; a proxy in between can answer like this, too",
    );
}

#[test]
fn an_upload_that_fails_keeps_its_run_and_the_others_go() {
    let sandbox = Sandbox::new(On::Embedded).settle(20);
    let victim = sandbox.runs(Fate::Archived)[3].id.clone();
    let id = victim.clone();
    sandbox.embedded().set_fault(move |request| request.key.contains(&id).then_some("InvalidRequest"));
    let ran = sandbox.run(&["cleanup", "-q"]);
    assert_eq!((ran.code, ran.errors()), (Some(3), 1), "{ran:?}");
    assert!(ran.stderr.contains(&victim), "{ran:?}");
    let objects = sandbox.objects();
    for run in sandbox.runs(Fate::Archived) {
        if run.id == victim { sandbox.assert_untouched(run) } else { sandbox.assert_moved(run, &objects) }
    }
    sandbox.embedded().clear_fault();
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
}

#[test]
fn a_store_that_throttles_for_a_moment_is_asked_again() {
    let sandbox = Sandbox::new(On::Embedded).settle(8);
    let seen = std::sync::Mutex::new(std::collections::HashSet::new());
    sandbox.embedded().set_fault(move |request| seen.lock().unwrap().insert(request.key.clone()).then_some("SlowDown"));
    sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
    let objects = sandbox.objects();
    sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
}

#[test]
fn a_missing_log_keeps_the_run_unless_it_is_allowed() {
    let mut sandbox = Sandbox::new(On::Embedded).settle(5);
    let run = sandbox.add(old(77, "etl").without_log());
    let ran = sandbox.run(&["cleanup", "-q"]);
    assert_eq!((ran.code, ran.errors()), (Some(3), 1), "{ran:?}");
    assert!(ran.stderr.contains("its log") && ran.stderr.contains("--allow-missing-logs"), "{ran:?}");
    sandbox.assert_untouched(&run);
    sandbox.run(&["cleanup", "-q", "--allow-missing-logs"]).expect(0, "", "");
    let manifest: serde_json::Value =
        serde_json::from_slice(&sandbox.store.object(&run.key(PREFIX, "manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["missing"], serde_json::json!(["run.log"]));
    assert!(!sandbox.instance.run_exists(&run.id).unwrap());
}

#[test]
fn encryption_that_was_asked_for_must_be_confirmed() {
    let mut sandbox = Sandbox::new(On::Embedded).settle(3);
    sandbox.variable("S3_SSE", "AES256");
    let ran = sandbox.run(&["cleanup", "-q"]);
    assert_eq!((ran.code, ran.errors()), (Some(3), 3), "{ran:?}");
    assert!(ran.stderr.contains("encryption was asked for (S3_SSE), the store confirms nothing"), "{ran:?}");
    sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_untouched(run));
}

#[test]
fn a_store_that_encrypts_as_asked_gets_its_runs() {
    for (on, asked) in [(On::MinioSseS3, "AES256"), (On::MinioSseKms, "aws:kms")] {
        let mut sandbox = Sandbox::new(on).settle(3);
        let big = sandbox.add(old(900, "big").log_bytes(20 << 20));
        sandbox.variable("S3_SSE", asked);
        sandbox.run(&["cleanup", "-q"]).expect(0, "", "");
        let objects = sandbox.objects();
        sandbox.assert_moved(&big, &objects);
        sandbox.runs(Fate::Archived).into_iter().for_each(|run| sandbox.assert_moved(run, &objects));
    }
}
