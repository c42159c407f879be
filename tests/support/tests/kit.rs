//! The testkit's own promises.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use fastflow_archive_testkit::{Fate, Fleet, Instance, Mc, Minio, RunSpec, TestStore, clock, tree_hash};

fn instance() -> (tempfile::TempDir, Instance) {
    let folder = tempfile::tempdir().unwrap();
    let instance = Instance::create(folder.path().join("fastflow")).unwrap();
    (folder, instance)
}

#[test]
fn an_instance_holds_what_it_says_it_wrote() {
    let (_folder, mut instance) = instance();
    Fleet::small(clock::fixed_now(), 100).with_refused().settle(&mut instance).unwrap();
    assert_eq!(instance.row_count("pipeline_runs").unwrap(), 118);
    assert_eq!(instance.runs().iter().filter(|run| run.fate == Fate::Archived).count(), 100);
    assert_eq!(instance.runs().iter().filter(|run| run.fate == Fate::Refused).count(), 10);
    assert!(instance.row_count("run_cell_logs").unwrap() > 0);
    assert!(instance.runs().iter().any(|run| run.pipeline == "Täglicher-Import"));
    for run in instance.runs() {
        assert!(instance.run_exists(&run.id).unwrap());
        let named = ["run.log", "metrics.jsonl"].map(|name| run.files.contains_key(name));
        if run.fate == Fate::Archived {
            assert!(named[0] && run.log_path.as_ref().unwrap().starts_with(instance.logs_dir()));
        }
        for path in run.remaining_files() {
            assert!(path.exists(), "{}", path.display());
        }
    }
    let secret = &instance.runs()[0].secret;
    let found: i64 = instance
        .connect()
        .unwrap()
        .query_row("SELECT COUNT(*) FROM pipeline_runs WHERE env_vars LIKE '%' || ?1 || '%'", [secret], |row| {
            row.get(0)
        })
        .unwrap();
    assert!(found >= 1);
}

#[test]
fn the_settings_row_and_the_old_schema_are_to_be_had() {
    let (_folder, instance) = instance();
    instance.setting("log_retention_days", 30).unwrap();
    instance.setting("s3_bucket", "elsewhere").unwrap();
    assert_eq!(instance.row_count("orchestrator_settings").unwrap(), 1);
    assert!(instance.setting("no_such_column", 1).is_err());

    let folder = tempfile::tempdir().unwrap();
    let mut old = Instance::builder(folder.path()).old_schema().journal_mode("delete").build().unwrap();
    old.add(RunSpec::finished(1, "etl", clock::fixed_now()).notebook(3)).unwrap();
    assert!(old.row_count("audit_log").is_err());
    assert_eq!(old.row_count("run_cell_logs").unwrap(), 3);
}

#[test]
fn the_hash_of_a_tree_tells_every_change() {
    let (_folder, mut instance) = instance();
    instance.add(RunSpec::finished(1, "etl", clock::fixed_now())).unwrap();
    let before = tree_hash(instance.root(), &[]).unwrap();
    assert_eq!(before, tree_hash(instance.root(), &[]).unwrap());
    std::fs::write(instance.logs_dir().join("new"), "").unwrap();
    assert_ne!(before, tree_hash(instance.root(), &[]).unwrap());
}

#[test]
fn the_embedded_server_turns_away_who_has_not_signed() {
    let store = TestStore::embedded().unwrap();
    let address = store.endpoint().replace("http://", "");
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET /{}/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n", store.bucket()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let TestStore::Embedded(server) = &store else { unreachable!() };
    assert_eq!(server.requests()[0].refused.as_deref(), Some("AccessDenied"));
}

#[test]
fn the_embedded_server_lets_the_writer_put_and_nothing_else() {
    writer_may_only_put(&TestStore::embedded().unwrap());
}

#[test]
fn the_embedded_server_counts_uploads_and_answers_faults() {
    let store = TestStore::embedded().unwrap();
    let TestStore::Embedded(server) = &store else { unreachable!() };
    let mc = mc(&store);
    put(&mc, &store, "a/one", b"1");
    put(&mc, &store, "a/one", b"1");
    assert_eq!(server.uploads()["a/one"], 2);
    server.set_fault(|request| (request.operation == "PutObject").then_some("AccessDenied"));
    assert!(!mc_put(&mc, &store, "a/two", b"2"));
    server.clear_fault();
    put(&mc, &store, "a/two", b"2");
}

#[test]
fn minio_lets_the_writer_put_and_nothing_else() {
    writer_may_only_put(&TestStore::minio(Default::default()).unwrap());
}

#[test]
fn minio_keeps_its_objects_when_it_is_killed() {
    let mut server = Minio::start(Default::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    std::fs::write(&file, "bytes").unwrap();
    let target = format!("kit/{}/key", server.bucket());
    server.mc().run(&["cp", "--quiet", &file.to_string_lossy(), &target]).unwrap();
    server.kill();
    assert!(server.objects().is_err());
    server.restart().unwrap();
    assert_eq!(server.object("key").unwrap(), b"bytes");
}

#[test]
fn minio_speaks_tls_and_encrypts() {
    use fastflow_archive_testkit::{Encryption, MinioOptions};
    for encryption in [Encryption::SseS3, Encryption::SseKms] {
        let options = MinioOptions { tls: true, encryption: Some(encryption), ..Default::default() };
        let store = TestStore::minio(options).unwrap();
        assert!(store.endpoint().starts_with("https://") && store.ca_file().unwrap().is_file());
        writer_may_only_put(&store);
        let TestStore::Minio(server) = &store else { unreachable!() };
        let said = server.mc().run(&["stat", "--json", &format!("kit/{}/Täglich/one two", server.bucket())]).unwrap();
        let said = String::from_utf8(said).unwrap();
        let expected = if encryption == Encryption::SseKms { "aws:kms" } else { "AES256" };
        assert!(said.contains(expected), "{said}");
    }
}

/// As seen by MinIO's client with the writer's keys; what was put is read back the testkit's way.
fn writer_may_only_put(store: &TestStore) {
    let mc = mc(store);
    let big = vec![b'x'; 20 * 1024 * 1024];
    put(&mc, store, "Täglich/one two", b"hello");
    put(&mc, store, "big", &big);
    let bucket = store.bucket();
    for arguments in [
        vec!["ls".to_owned(), format!("kit/{bucket}")],
        vec!["cat".to_owned(), format!("kit/{bucket}/big")],
        vec!["stat".to_owned(), "--no-list".to_owned(), format!("kit/{bucket}/big")],
        vec!["rm".to_owned(), format!("kit/{bucket}/big")],
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        assert!(!mc.output(&arguments).unwrap().status.success(), "{arguments:?}");
    }
    assert_eq!(store.sizes().unwrap()["big"], big.len() as u64);
    assert_eq!(store.objects().unwrap().len(), 2);
    assert_eq!(store.object("Täglich/one two").unwrap(), b"hello");
    assert_eq!(store.digest("big").unwrap(), store.objects().unwrap()["big"]);
    assert!(store.metadata("big").unwrap().contains_key("content-type"));
}

/// `mc` with the writer's keys, and the folder it keeps its configuration in.
struct WritersMc {
    mc: Mc,
    folder: tempfile::TempDir,
}

impl std::ops::Deref for WritersMc {
    type Target = Mc;

    fn deref(&self) -> &Mc {
        &self.mc
    }
}

fn mc(store: &TestStore) -> WritersMc {
    let folder = tempfile::tempdir().unwrap();
    let mc = Mc::new(folder.path(), &store.endpoint(), &store.writer(), store.ca_file().as_deref()).unwrap();
    WritersMc { mc, folder }
}

fn put(mc: &WritersMc, store: &TestStore, key: &str, bytes: &[u8]) {
    assert!(mc_put(mc, store, key, bytes), "put {key}");
}

fn mc_put(mc: &WritersMc, store: &TestStore, key: &str, bytes: &[u8]) -> bool {
    let file = mc.folder.path().join("body");
    std::fs::write(&file, bytes).unwrap();
    let target = format!("kit/{}/{key}", store.bucket());
    mc.output(&["cp", "--quiet", &file.to_string_lossy(), &target]).unwrap().status.success()
}
