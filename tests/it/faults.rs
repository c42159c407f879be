//! Whatever the store does, nothing is deleted that it does not hold: a table of faults, each against the real binary.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fastflow_archive_testkit::clock::{fixed_now, rfc3339};
use fastflow_archive_testkit::{Instance, WrittenRun};
use serde_json::Value;

use crate::fault_server::{BUCKET, Behaviour, Checks, Etag, Fault, FaultServer, Tls};
use crate::harness::{PREFIX, old};

const ALWAYS: usize = usize::MAX;
/// A call that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);
pub(crate) const GOOD: Behaviour = Behaviour {
    fault: Fault::Nothing,
    times: ALWAYS,
    spares_probe: false,
    probe_refusal: None,
    etag: Etag::Md5,
    checks: Checks::Both,
    tls: Tls::Plain,
};
const HEAD: (&str, &str) = ("FASTFLOW_ARCHIVE_PROOF", "head");
const READBACK: (&str, &str) = ("FASTFLOW_ARCHIVE_PROOF", "readback");
const ACCEPT: (&str, &str) = ("S3_ACCEPT_OPAQUE_ETAG", "true");
const SMALL: u64 = 3000;
const LARGE: u64 = 17 << 20;

/// A fault and what has to come of it.
struct Row {
    name: &'static str,
    server: Behaviour,
    variables: Vec<(&'static str, &'static str)>,
    /// Whether the tool is told of the server's CA.
    ca_is_known: bool,
    log_bytes: u64,
    code: i32,
    /// Of every run that is kept and was tried; `None`: all three runs go.
    kind: Option<&'static str>,
    /// How many runs are kept.
    kept: usize,
    /// Whether the cause ends the invocation, so that some runs may not be attempted.
    ends: bool,
    /// How often the log of the first run is sent; where TLS fails, the number of handshakes for all five objects.
    tries: RangeInclusive<usize>,
}

/// A row that ends well.
fn moves(name: &'static str, server: Behaviour, tries: usize) -> Row {
    let (variables, ca_is_known, log_bytes) = (Vec::new(), true, SMALL);
    Row {
        name,
        server,
        variables,
        ca_is_known,
        log_bytes,
        code: 0,
        kind: None,
        kept: 0,
        ends: false,
        tries: tries..=tries,
    }
}

/// A row that keeps all runs.
fn keeps(name: &'static str, server: Behaviour, code: i32, kind: &'static str, tries: usize) -> Row {
    Row { code, kind: Some(kind), kept: 3, ..moves(name, server, tries) }
}

/// A row that keeps all runs because of what concerns the whole store: not every run is tried.
fn ends(name: &'static str, server: Behaviour, kind: &'static str, tries: usize) -> Row {
    Row { ends: true, tries: 0..=tries, ..keeps(name, server, 12, kind, tries) }
}

impl Row {
    fn with(mut self, variable: (&'static str, &'static str)) -> Row {
        self.variables.push(variable);
        self
    }

    fn kept(self, kept: usize) -> Row {
        Row { kept, ..self }
    }

    fn log(self, log_bytes: u64) -> Row {
        Row { log_bytes, ..self }
    }
}

fn always(fault: Fault) -> Behaviour {
    Behaviour { fault, ..GOOD }
}

fn once(fault: Fault) -> Behaviour {
    Behaviour { fault, times: 1, ..GOOD }
}

fn etags(etag: Etag, checks: Checks) -> Behaviour {
    Behaviour { etag, checks, ..GOOD }
}

fn tls(tls: Tls) -> Behaviour {
    Behaviour { tls, ..GOOD }
}

/// Faults of uploads only; the probe of digests is answered as a good store does.
fn but_probe(server: Behaviour) -> Behaviour {
    Behaviour { spares_probe: true, ..server }
}

#[rustfmt::skip]
fn table() -> Vec<Row> {
    let slow_down = |seconds| Fault::Refuse(503, "SlowDown", Some(seconds));
    let opaque = |server| Behaviour { etag: Etag::Opaque, ..server };
    let lax = |server| Behaviour { checks: Checks::Neither, ..server };
    vec![
        moves("all is well", GOOD, 1),
        moves("all is well, readback", GOOD, 1).with(READBACK),
        moves("all is well, in parts", GOOD, 1).log(LARGE),

        // What gets lost on the way.
        moves("answer lost, once", once(Fault::LoseAnswer), 2),
        keeps("answer lost, always", always(Fault::LoseAnswer), 12, "storage_unreachable", 4),
        moves("answer of complete lost, once", once(Fault::LoseCompleteAnswer), 2).log(LARGE),
        moves("closed before the body, once", once(Fault::CloseEarly), 2).log(300_000),
        keeps("closed before the body, always", always(Fault::CloseEarly), 12, "storage_unreachable", 4).log(300_000),
        moves("reset in mid-body, once", once(Fault::ResetInBody), 2).log(900_000),
        keeps("reset in mid-body, always", always(Fault::ResetInBody), 12, "storage_unreachable", 4).log(900_000),
        moves("body read slowly", always(Fault::SlowRead), 1).log(300_000),
        moves("bit flipped in transit, once", once(Fault::FlipInTransit), 2),
        keeps("bit flipped in transit, always", always(Fault::FlipInTransit), 3, "digest_mismatch", 2),
        keeps("bit flipped in transit, unchecked", lax(always(Fault::FlipInTransit)), 3, "digest_mismatch", 2),
        moves("bit flipped in transit, opaque ETag, once", opaque(once(Fault::FlipInTransit)), 2),

        // Refusals.
        moves("429, once", once(Fault::Refuse(429, "TooManyRequests", None)), 2),
        keeps("429, always", always(Fault::Refuse(429, "TooManyRequests", Some(0))), 12, "storage_failing", 4),
        moves("500, once", once(Fault::Refuse(500, "InternalError", None)), 2),
        keeps("500, always", always(Fault::Refuse(500, "InternalError", None)), 12, "storage_failing", 4),
        moves("503 SlowDown, retry after 1 s, once", once(slow_down(1)), 2),
        moves("503 SlowDown, three times", Behaviour { times: 3, ..once(slow_down(0)) }, 4),
        keeps("503 SlowDown, retry after 0 s, always", always(slow_down(0)), 12, "storage_failing", 4),
        ends("507", always(Fault::Refuse(507, "InsufficientStorage", None)), "storage_full", 1),
        ends("507 without a known code", always(Fault::Refuse(507, "Full", None)), "storage_full", 1),
        ends("301 PermanentRedirect", always(Fault::Redirect(301, "PermanentRedirect")), "wrong_region", 1),
        ends("307 TemporaryRedirect", always(Fault::Redirect(307, "TemporaryRedirect")), "wrong_region", 1),
        ends("clock skew", always(Fault::Refuse(403, "RequestTimeTooSkewed", None)), "clock_skew", 1),

        // A 200 that is none.
        keeps("200 with an error", always(Fault::OkWithError), 12, "storage_failing", 4),
        moves("200 with an error, once", once(Fault::OkWithError), 2),
        keeps("200 with an error, probe good", but_probe(always(Fault::OkWithError)), 12, "storage_failing", 4),
        keeps("200 with an error, opaque accepted", always(Fault::OkWithError), 12, "storage_failing", 4).with(ACCEPT),
        keeps("200 with half an error, probe good",
            but_probe(always(Fault::OkWithHalfAnError)), 12, "storage_failing", 4),
        keeps("200 with an error at complete", always(Fault::CompleteOkWithError), 3, "storage_failing", 4)
            .log(LARGE).kept(1),
        keeps("200 HTML of a proxy", always(Fault::Html(200)), 12, "storage_failing", 4),
        keeps("200 HTML of a proxy, probe good", but_probe(always(Fault::Html(200))), 12, "storage_failing", 4),
        keeps("200 for nothing, probe good", but_probe(always(Fault::OkWithoutStoring)), 12, "storage_failing", 4),
        keeps("200 for nothing, opaque accepted", always(Fault::OkWithoutStoring), 12, "storage_failing", 4).with(ACCEPT),
        keeps("complete leaves out a part", always(Fault::LosePart), 3, "digest_mismatch", 2).log(LARGE).kept(1),
        keeps("502 HTML of a proxy", always(Fault::Html(502)), 12, "storage_failing", 4),

        // ETags, and stores put to the test.
        keeps("wrong ETag", always(Fault::WrongEtag), 3, "digest_mismatch", 2),
        keeps("wrong ETag, opaque accepted", always(Fault::WrongEtag), 3, "digest_mismatch", 2).with(ACCEPT),
        keeps("wrong ETag, of parts", always(Fault::WrongEtag), 3, "digest_mismatch", 1).log(LARGE),
        moves("wrong ETag, once", once(Fault::WrongEtag), 2),
        moves("empty ETag, checks both", etags(Etag::Empty, Checks::Both), 1),
        keeps("empty ETag, checks nothing", etags(Etag::Empty, Checks::Neither), 3, "unproven", 1),
        keeps("no ETag, checks nothing", etags(Etag::Absent, Checks::Neither), 12, "storage_failing", 4),
        moves("multipart-shaped ETag, checks both", etags(Etag::MultipartShaped, Checks::Both), 1),
        keeps("multipart-shaped ETag, checks nothing", etags(Etag::MultipartShaped, Checks::Neither), 3, "unproven", 1),
        moves("opaque ETag, checks both", etags(Etag::Opaque, Checks::Both), 1),
        moves("opaque ETag, checks both, in parts", etags(Etag::Opaque, Checks::Both), 1).log(LARGE),
        keeps("opaque ETag, checks only MD5", etags(Etag::Opaque, Checks::OnlyMd5), 3, "unproven", 1),
        keeps("opaque ETag, checks only SHA-256", etags(Etag::Opaque, Checks::OnlySha256), 3, "unproven", 1),
        keeps("opaque ETag, checks nothing", etags(Etag::Opaque, Checks::Neither), 3, "unproven", 1),
        moves("opaque ETag, checks nothing, accepted", etags(Etag::Opaque, Checks::Neither), 1).with(ACCEPT),
        // HEAD shows the length, and repeats what we said ourselves.
        keeps("opaque ETag, checks nothing, head", etags(Etag::Opaque, Checks::Neither), 3, "unproven", 1).with(HEAD),
        moves("opaque ETag, checks nothing, readback", etags(Etag::Opaque, Checks::Neither), 1).with(READBACK),
        keeps("opaque ETag, the probe is answered IncompleteBody",
            Behaviour { probe_refusal: Some("IncompleteBody"), ..etags(Etag::Opaque, Checks::Neither) }, 3, "digest_mismatch", 1),
        moves("KMS, checks both", etags(Etag::Kms, Checks::Both), 1),
        keeps("KMS, checks nothing", etags(Etag::Kms, Checks::Neither), 3, "unproven", 1),

        ends("opaque ETag, the probe is denied",
            Behaviour { probe_refusal: Some("AccessDenied"), ..etags(Etag::Opaque, Checks::Both) }, "access_denied", 1),
        moves("opaque ETag, 503 once, the probe too", opaque(once(slow_down(0))), 2),

        // Damage after the answer.
        keeps("stored short, head", always(Fault::StoreShort), 3, "digest_mismatch", 1).with(HEAD),
        keeps("other SHA-256 in HEAD, head", always(Fault::OtherMetadata), 3, "digest_mismatch", 1).with(HEAD),
        keeps("bit flipped at rest, readback", always(Fault::FlipStored), 3, "digest_mismatch", 1).with(READBACK),
        keeps("not there for HEAD, head", always(Fault::HideFromHead), 3, "object_refused", 1).with(HEAD),
        keeps("bit flipped in transit, opaque, unchecked, head",
            opaque(lax(always(Fault::FlipInTransit))), 3, "unproven", 1).with(HEAD),
        keeps("no metadata kept, opaque, unchecked, bit flipped, head",
            opaque(lax(always(Fault::ForgetMetadataAndFlip))), 3, "unproven", 1).with(HEAD),
        keeps("bit flipped in transit, opaque, unchecked, readback",
            opaque(lax(always(Fault::FlipInTransit))), 3, "digest_mismatch", 1).with(READBACK),

        moves("GET breaks off, once, readback", once(Fault::CutGet), 1).with(READBACK),
        keeps("GET breaks off, always, readback", always(Fault::CutGet), 12, "storage_unreachable", 1)
            .with(READBACK),

        // Encryption that was asked for.
        keeps("AES256 asked for, not confirmed", GOOD, 3, "unproven", 1).with(("S3_SSE", "AES256")),
        keeps("AES256 asked for, aws:kms confirmed", etags(Etag::Kms, Checks::Both), 3, "unproven", 1)
            .with(("S3_SSE", "AES256")),
        moves("aws:kms asked for and confirmed", etags(Etag::Kms, Checks::Both), 1).with(("S3_SSE", "aws:kms")),
        keeps("aws:kms asked for, not confirmed, opaque accepted", etags(Etag::Opaque, Checks::Neither), 3, "unproven", 1)
            .with(("S3_SSE", "aws:kms")).with(ACCEPT),

        // TLS.
        moves("TLS with a known CA", tls(Tls::Good), 1),
        Row { ca_is_known: false, ..ends("TLS with an unknown CA", tls(Tls::Good), "tls_failed", 5) },
        ends("TLS, certificate expired", tls(Tls::Expired), "tls_failed", 5),
        ends("TLS, certificate of another host", tls(Tls::OtherHost), "tls_failed", 5),
    ]
}

/// What became of a row.
#[derive(Debug, Default)]
struct Seen {
    code: Option<i32>,
    /// Of the runs that failed.
    kinds: Vec<String>,
    not_attempted: usize,
    tries: usize,
    deleted: usize,
    seconds: f64,
    /// Whether it said that answers that prove nothing were accepted.
    warned: bool,
    /// Where it broke a rule that holds for every row.
    broken: Vec<String>,
    stderr: String,
}

impl Row {
    /// Three due runs, one `cleanup`, and a look at what is where.
    fn drive(&self) -> Seen {
        let server = FaultServer::start(self.server);
        let folder = tempfile::tempdir().unwrap();
        let mut instance = Instance::create(folder.path().join("fast-flow")).unwrap();
        let first = instance.add(old(1, "etl").log_bytes(self.log_bytes).without_metrics()).unwrap();
        instance.add(old(2, "etl").log_bytes(SMALL).without_metrics()).unwrap();
        instance.add(old(3, "etl").log_bytes(SMALL).metrics_bytes(700).notebook(2)).unwrap();
        let originals: Vec<_> = instance.runs().iter().map(|run| (run.clone(), contents(run))).collect();

        let started = Instant::now();
        let (code, stdout, stderr) = self.call(&server, &instance, folder.path());
        let mut seen = Seen { code, seconds: started.elapsed().as_secs_f64(), stderr, ..Seen::default() };
        if code.is_none() {
            seen.broken.push("hangs, or was killed".into());
        }
        seen.tries = server.tries(&first.key(PREFIX, "run.log")) + server.failed_handshakes();
        let lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let runs = || lines.iter().filter(|line| line["type"] == "run");
        seen.warned = lines.iter().any(|line| line["kind"] == "opaque_etag_accepted");
        seen.not_attempted = runs().filter(|line| line["outcome"] == "not_attempted").count();
        seen.kinds = runs().filter_map(|line| line["error"]["kind"].as_str()).map(str::to_owned).collect();
        for (run, files) in &originals {
            if instance.run_exists(&run.id).unwrap() {
                seen.broken.extend((contents(run) != *files).then(|| format!("{} is kept, but not untouched", run.id)));
            } else {
                seen.deleted += 1;
                seen.broken.extend(self.losses(run, files, &server));
            }
        }
        seen
    }

    fn call(
        &self,
        server: &FaultServer,
        instance: &Instance,
        folder: &std::path::Path,
    ) -> (Option<i32>, String, String) {
        let out = |name: &str| std::fs::File::create(folder.join(name)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_fastflow-archive"));
        command.args(["cleanup", "--json"]).current_dir(instance.root()).env_clear();
        command.stdin(Stdio::null()).stdout(out("stdout")).stderr(out("stderr"));
        command.env("FASTFLOW_ARCHIVE_NOW", rfc3339(fixed_now())).env("LOG_RETENTION_DAYS", "30");
        command.env("FASTFLOW_ARCHIVE_STATE_DIR", "./data");
        command.env("S3_BACKUP_ENABLED", "true").env("S3_ENDPOINT_URL", server.endpoint()).env("S3_BUCKET", BUCKET);
        command.env("S3_ACCESS_KEY", "key").env("S3_SECRET_ACCESS_KEY", "secret").env("S3_USE_PATH_STYLE", "true");
        command.envs(self.variables.iter().copied());
        if let Some(pem) = server.ca_pem().filter(|_| self.ca_is_known) {
            std::fs::write(folder.join("ca.pem"), pem).unwrap();
            command.env("S3_CA_BUNDLE", folder.join("ca.pem"));
        }
        let mut child = command.spawn().unwrap();
        let end = Instant::now() + PATIENCE;
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if Instant::now() > end => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    break None;
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        (status.and_then(|status| status.code()), read("stdout"), read("stderr"))
    }

    /// What a deleted run had and the server does not hold.
    fn losses(&self, run: &WrittenRun, files: &BTreeMap<PathBuf, Vec<u8>>, server: &FaultServer) -> Vec<String> {
        let mut losses = Vec::new();
        for key in run.expected_objects(PREFIX).into_keys() {
            let found = server.object(&key);
            let path = match key.rsplit('/').next() {
                Some("run.log") => run.log_path.as_ref(),
                Some("metrics.jsonl") => run.metrics_path.as_ref(),
                _ => None,
            };
            match (found, path.and_then(|path| files.get(path))) {
                (None, _) => losses.push(format!("LOST: deleted, and {key} is not in the archive")),
                (Some(found), Some(original)) if found != *original => {
                    losses.push(format!("LOST: deleted, and {key} has other bytes in the archive"));
                }
                _ => {}
            }
        }
        if !run.remaining_files().is_empty() {
            losses.push(format!("{} is deleted, but its files are there", run.id));
        }
        losses
    }

    /// Everything that is not as it should be.
    fn complaints(&self, seen: &Seen) -> Vec<String> {
        let mut complaints = seen.broken.clone();
        let mut compare = |what: &str, holds: bool, expected: String, found: String| {
            if !holds {
                complaints.push(format!("{what}: expected {expected}, found {found}"));
            }
        };
        compare("exit code", seen.code == Some(self.code), self.code.to_string(), format!("{:?}", seen.code));
        let all_as_told = seen.kinds.iter().all(|kind| Some(kind.as_str()) == self.kind);
        compare(
            "kinds",
            all_as_told && (seen.kinds.is_empty() == self.kind.is_none()),
            self.kind.into_iter().collect(),
            seen.kinds.join(", "),
        );
        let may_skip = self.ends || seen.not_attempted == 0;
        let kept = seen.kinds.len() + seen.not_attempted;
        compare(
            "kept runs",
            kept == self.kept && may_skip,
            self.kept.to_string(),
            format!("{} and {} not attempted", seen.kinds.len(), seen.not_attempted),
        );
        let accepts = self.name == "opaque ETag, checks nothing, accepted";
        compare("the warning of a downgrade", seen.warned == accepts, accepts.to_string(), seen.warned.to_string());
        compare("tries", self.tries.contains(&seen.tries), format!("{:?}", self.tries), seen.tries.to_string());
        compare("deleted runs", seen.deleted == 3 - self.kept, (3 - self.kept).to_string(), seen.deleted.to_string());
        complaints
    }
}

/// The files of a run that are there, with their bytes.
fn contents(run: &WrittenRun) -> BTreeMap<PathBuf, Vec<u8>> {
    run.remaining_files().into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn whatever_the_store_does_nothing_unproven_is_deleted() {
    let rows = table();
    let seen: Vec<Seen> = std::thread::scope(|scope| {
        let driven: Vec<_> = rows.iter().map(|row| scope.spawn(|| row.drive())).collect();
        driven.into_iter().map(|row| row.join().unwrap()).collect()
    });
    println!("{:<62} {:>4} {:<20} {:>5} {:>7} {:>6}", "fault", "exit", "kind", "tries", "deleted", "time");
    let mut failures = Vec::new();
    for (row, seen) in rows.iter().zip(&seen) {
        let code = seen.code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        let kind = seen.kinds.first().map_or("-", String::as_str);
        let (name, tries, deleted, seconds) = (row.name, seen.tries, seen.deleted, seen.seconds);
        println!("{name:<62} {code:>4} {kind:<20} {tries:>5} {deleted:>5}/3 {seconds:>5.1}s");
        let complaints = row.complaints(seen);
        if !complaints.is_empty() {
            failures.push(format!("{name}\n  {}\n{}", complaints.join("\n  "), seen.stderr));
        }
    }
    assert!(failures.is_empty(), "{} rows are not as they should be:\n{}", failures.len(), failures.join("\n"));
}
