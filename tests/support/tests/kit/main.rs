//! The testkit's own promises.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastflow_archive_testkit::{
    Encryption, Fate, Fleet, Instance, Keys, RunSpec, StoreOptions, TestStore, clock, tree_hash,
};
use s3s::crypto::{Checksum as _, Md5};

use crate::client::{Client, hex};

mod client;

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
fn minio_lets_the_writer_put_and_nothing_else() {
    writer_may_only_put(&TestStore::real_or_embedded(StoreOptions::default()).unwrap());
}

#[test]
fn the_embedded_server_counts_uploads_and_answers_faults() {
    let store = TestStore::embedded().unwrap();
    let TestStore::Embedded(server) = &store else { unreachable!() };
    let client = Client::new(&store, store.writer());
    client.put("a/one", b"1");
    client.put("a/one", b"1");
    assert_eq!(server.uploads()["a/one"], 2);
    server.set_fault(|request| (request.operation == "PutObject").then_some("AccessDenied"));
    assert_eq!(client.put("a/two", b"2").refusal(), (403, "AccessDenied"));
    server.clear_fault();
    assert_eq!(client.put("a/two", b"2").status, 200);
}

/// The same promises, by the embedded server and by MinIO where there is one.
macro_rules! on_both {
    ($($name:ident($options:expr) => $check:ident;)*) => {
        mod the_embedded_server {
            use super::*;
            $(#[test] fn $name() { super::$check(TestStore::embedded_with($options).unwrap()); })*
        }

        mod minio {
            use super::*;
            $(#[test] fn $name() { super::$check(TestStore::real_or_embedded($options).unwrap()); })*
        }
    };
}

on_both! {
    speaks_tls(StoreOptions { tls: true, ..Default::default() }) => speaks_tls;
    may_have_no_bucket(StoreOptions { bucket: None, ..Default::default() }) => has_no_bucket;
    comes_back_with_its_objects(StoreOptions::default()) => comes_back;
    comes_back_with_its_certificate(StoreOptions { tls: true, ..Default::default() }) => comes_back;
    stores_no_body_whose_digests_are_wrong(StoreOptions::default()) => wrong_digests_store_nothing;
    knows_its_parts(StoreOptions::default()) => knows_its_parts;
    explains_a_wrong_signature(StoreOptions::default()) => explains_a_wrong_signature;
    says_nothing_of_encryption(StoreOptions::default()) => is_not_encrypted;
    encrypts_with_its_own_keys(encrypted(Encryption::SseS3)) => has_sse_s3;
    encrypts_with_keys_of_a_key_server(encrypted(Encryption::SseKms)) => has_sse_kms;
}

fn encrypted(encryption: Encryption) -> StoreOptions {
    StoreOptions { encryption: Some(encryption), ..Default::default() }
}

fn speaks_tls(store: TestStore) {
    assert!(store.endpoint().starts_with("https://127.0.0.1:") && store.ca_file().unwrap().is_file());
    writer_may_only_put(&store);
    let other = TestStore::embedded_with(StoreOptions { tls: true, ..Default::default() }).unwrap();
    let stranger = Client::new(&other, store.writer()).at(&store);
    assert!(stranger.send("PUT", "key", "", &[], b"").unwrap_err().to_string().contains("invalid peer certificate"));
}

fn has_no_bucket(store: TestStore) {
    let client = Client::new(&store, store.writer());
    assert_eq!(client.put("key", b"bytes").refusal(), (404, "NoSuchBucket"));
}

fn comes_back(mut store: TestStore) {
    let client = Client::new(&store, store.writer());
    assert_eq!(client.put("key", b"bytes").status, 200);
    for _ in 0..3 {
        store.kill();
        let refused = client.send("PUT", "key", "", &[], b"").unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        store.restart().unwrap();
        assert_eq!(store.object("key").unwrap(), b"bytes");
    }
    assert_eq!(client.put("key", b"other").status, 200);
    assert_eq!(store.object("key").unwrap(), b"other");
}

#[test]
fn the_embedded_server_drops_its_connections_when_killed() {
    let mut store = TestStore::embedded().unwrap();
    let mut stream = TcpStream::connect(store.endpoint().replace("http://", "")).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    stream.write_all(b"PUT /fastflow-logs/key HTTP/1.1\r\n").unwrap();
    store.kill();
    let ended = stream.read(&mut [0]);
    let is_dead = match &ended {
        Ok(read) => *read == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    };
    assert!(is_dead, "{ended:?}");
}

fn wrong_digests_store_nothing(store: TestStore) {
    let client = Client::new(&store, store.writer());
    assert_eq!(client.put("old", b"old").status, 200);
    let big = vec![b'x'; 6 * 1024 * 1024];
    let (md5, sha256) = (STANDARD.encode([7; 16]), hex(&[7; 32]));
    for (header, value, code) in [
        ("content-md5", md5.as_str(), "BadDigest"),
        ("x-amz-content-sha256", &sha256, "XAmzContentSHA256Mismatch"),
        ("x-amz-checksum-sha256", &STANDARD.encode([7; 32]), "XAmzContentChecksumMismatch"),
    ] {
        for (key, body) in [("old", b"new".as_slice()), ("key", b"bytes"), ("big", &big), ("empty", b"")] {
            let answer = client.send("PUT", key, "", &[(header, value)], body).unwrap();
            assert_eq!(answer.refusal(), (400, code), "{key} {header}: {answer:?}");
        }
        let created = client.send("POST", "parts", "uploads=", &[], b"").unwrap();
        let query = format!("partNumber=1&uploadId={}", created.element("UploadId"));
        let answer = client.send("PUT", "parts", &query, &[(header, value)], &big).unwrap();
        assert_eq!(answer.refusal(), (400, code), "part {header}: {answer:?}");
        let list = format!("<Part><PartNumber>1</PartNumber><ETag>\"{}\"</ETag></Part>", hex(&[7; 16]));
        let answer = client.complete("parts", created.element("UploadId"), &list);
        assert_eq!(answer.refusal(), (400, "InvalidPart"), "{answer:?}");
    }
    let answer = client.send("PUT", "key", "", &[("content-md5", "nonsense")], b"bytes").unwrap();
    assert_eq!(answer.refusal(), (400, "InvalidDigest"), "{answer:?}");
    let objects = store.objects().unwrap();
    assert_eq!(objects.keys().collect::<Vec<_>>(), ["old"]);
    assert_eq!(store.object("old").unwrap(), b"old");
    let right = STANDARD.encode(Md5::checksum(b"bytes"));
    assert_eq!(client.send("PUT", "key", "", &[("content-md5", &right)], b"bytes").unwrap().status, 200);
    assert_eq!(store.object("key").unwrap(), b"bytes");
}

fn knows_its_parts(store: TestStore) {
    let client = Client::new(&store, store.writer());
    let created = client.send("POST", "key", "uploads=", &[], b"").unwrap();
    let id = created.element("UploadId");
    let part = client.send("PUT", "key", &format!("partNumber=1&uploadId={id}"), &[], b"bytes").unwrap();
    let list = |etag: &str| format!("<Part><PartNumber>1</PartNumber><ETag>\"{etag}\"</ETag></Part>");
    assert_eq!(client.complete("key", id, &list(&hex(&[7; 16]))).refusal(), (400, "InvalidPart"));
    assert_eq!(client.complete("key", id, &list(part.etag())).status, 200);
    assert_eq!(client.complete("key", id, &list(part.etag())).refusal(), (404, "NoSuchUpload"));
    assert_eq!(store.object("key").unwrap(), b"bytes");
}

fn explains_a_wrong_signature(store: TestStore) {
    let keys = Keys { secret_key: "wrong-secret-wrong-secret".to_owned(), ..store.writer() };
    let answer = Client::new(&store, keys).put("key", b"bytes");
    assert_eq!(answer.refusal(), (403, "SignatureDoesNotMatch"));
    assert!(answer.element("Message").contains("signature") && answer.header("x-amz-request-id").is_some());
}

const SSE: &str = "x-amz-server-side-encryption";

fn is_not_encrypted(store: TestStore) {
    etags_are_digests(&store, None);
}

fn has_sse_s3(store: TestStore) {
    etags_are_digests(&store, Some("AES256"));
}

fn etags_are_digests(store: &TestStore, encryption: Option<&str>) {
    let client = Client::new(store, store.writer());
    let md5 = |bytes: &[u8]| hex(&Md5::checksum(bytes));
    let put = client.put("key", b"bytes");
    assert_eq!((put.header(SSE), put.etag()), (encryption, md5(b"bytes").as_str()));
    let big = vec![b'x'; 5 * 1024 * 1024];
    let (created, part, completed) = client.put_parts("parts", &[&big, b"end"]);
    let whole = md5(&[Md5::checksum(&big), Md5::checksum(b"end")].concat()) + "-2";
    assert_eq!((created.header(SSE), part.header(SSE), completed.header(SSE)), (None, encryption, None));
    assert_eq!(part.etag(), md5(b"end"));
    assert_eq!(completed.element("ETag").trim_matches('"'), whole);
}

fn has_sse_kms(store: TestStore) {
    let (client, reader) = (Client::new(&store, store.writer()), Client::new(&store, store.admin()));
    let is_opaque = |etag: &str| etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
    let kms = Some("aws:kms");
    let put = client.put("key", b"bytes");
    assert_eq!(put.header(SSE), kms);
    assert!(is_opaque(put.etag()) && put.etag() != hex(&Md5::checksum(b"bytes")), "{put:?}");
    let big = vec![b'x'; 5 * 1024 * 1024];
    let (created, part, completed) = client.put_parts("parts", &[&big, b"end"]);
    assert_eq!((created.header(SSE), part.header(SSE), completed.header(SSE)), (None, kms, None));
    assert!(is_opaque(part.etag()) && part.etag() != hex(&Md5::checksum(b"end")), "{part:?}");
    let whole = completed.element("ETag").trim_matches('"');
    assert!(whole.strip_suffix("-2").is_some_and(is_opaque), "{completed:?}");
    assert_ne!(whole, hex(&Md5::checksum(&[Md5::checksum(&big), Md5::checksum(b"end")].concat())) + "-2");
    for (key, etag) in [("key", put.etag()), ("parts", whole)] {
        for method in ["HEAD", "GET"] {
            let answer = reader.send(method, key, "", &[], b"").unwrap();
            assert_eq!((answer.status, answer.header(SSE), answer.etag()), (200, kms, etag), "{method} {key}");
        }
    }
    assert_eq!(store.object("parts").unwrap(), [big.as_slice(), b"end"].concat());
}

/// With the writer's keys; what was put is read back the testkit's way.
fn writer_may_only_put(store: &TestStore) {
    let client = Client::new(store, store.writer());
    let big = vec![b'x'; 10 * 1024 * 1024];
    assert_eq!(
        client.send("PUT", "Täglich/one two", "", &[("content-type", "text/plain")], b"hello").unwrap().status,
        200
    );
    assert_eq!(client.put_parts("big", &[&big, &big]).2.status, 200);
    for (method, key, query) in
        [("GET", "", "list-type=2"), ("GET", "big", ""), ("HEAD", "big", ""), ("DELETE", "big", "")]
    {
        let answer = client.send(method, key, query, &[], b"").unwrap();
        assert_eq!(answer.status, 403, "{method} {key}");
    }
    assert_eq!(store.sizes().unwrap()["big"], 2 * big.len() as u64);
    assert_eq!(store.objects().unwrap().len(), 2);
    assert_eq!(store.object("Täglich/one two").unwrap(), b"hello");
    assert_eq!(store.digest("big").unwrap(), store.objects().unwrap()["big"]);
    assert_eq!(store.metadata("Täglich/one two").unwrap()["content-type"], "text/plain");
}
