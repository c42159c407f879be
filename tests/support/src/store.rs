//! An S3 server for tests, whichever it is: the same tests run on the embedded one, on MinIO and on Garage.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Result;

use crate::content::Digest;
use crate::embedded::EmbeddedS3;
use crate::garage::{Garage, garage_binary};
use crate::mc::{Mc, find_mc};
use crate::minio::{MINIO_VARIABLE, Minio, minio_binary};

/// A pair of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// Access key.
    pub access_key: String,
    /// Secret key.
    pub secret_key: String,
}

impl Keys {
    pub(crate) fn new(access_key: &str, secret_key: &str) -> Self {
        Keys { access_key: access_key.to_owned(), secret_key: secret_key.to_owned() }
    }
}

/// How a bucket encrypts by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Keys of the store: ETags stay MD5.
    SseS3,
    /// Keys of a key server: ETags are 32 hex digits and not the MD5.
    SseKms,
}

/// What kind of server.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The bucket; `None` makes none, so that a test can see what a missing one does.
    pub bucket: Option<String>,
    /// Encryption by default of that bucket; the server then holds a key.
    pub encryption: Option<Encryption>,
    /// Speaks TLS with a certificate of a private CA.
    pub tls: bool,
}

/// The name from when only MinIO had options.
pub type MinioOptions = StoreOptions;

impl Default for StoreOptions {
    /// A bucket `fastflow-logs`, no encryption, plain HTTP.
    fn default() -> Self {
        StoreOptions { bucket: Some(BUCKET.to_owned()), encryption: None, tls: false }
    }
}

/// The bucket's name where a test does not care.
pub(crate) const BUCKET: &str = "fastflow-logs";

/// A running server with a bucket, an administrator, and a user who may only put objects.
#[derive(Debug)]
pub enum TestStore {
    /// In this process, on its own thread.
    Embedded(EmbeddedS3),
    /// A process of its own.
    Minio(Box<Minio>),
    /// Another, of another make.
    Garage(Box<Garage>),
}

impl TestStore {
    /// The embedded server.
    pub fn embedded() -> Result<Self> {
        Self::embedded_with(StoreOptions::default())
    }

    /// The embedded server, of that kind.
    pub fn embedded_with(options: StoreOptions) -> Result<Self> {
        Ok(TestStore::Embedded(EmbeddedS3::start_with(options)?))
    }

    /// MinIO; an error where its binary or that of `mc` is missing, never a skipped test.
    pub fn minio(options: StoreOptions) -> Result<Self> {
        Ok(TestStore::Minio(Box::new(Minio::start(options)?)))
    }

    /// A server of its own: Garage where the environment names one (`FASTFLOW_ARCHIVE_TEST_GARAGE`) and it can be of that
    /// kind, else as [`TestStore::minio_or_embedded`].
    pub fn real_or_embedded(options: StoreOptions) -> Result<Self> {
        match garage_binary()? {
            Some(_) if Garage::serves(&options) => Ok(TestStore::Garage(Box::new(Garage::start(options)?))),
            _ => Self::minio_or_embedded(options),
        }
    }

    /// MinIO, and where there is none the embedded server of the same kind, with a line on stderr that says so.
    ///
    /// Where the environment names a MinIO (`FASTFLOW_ARCHIVE_TEST_MINIO`, as in CI), one that cannot be had is an error.
    pub fn minio_or_embedded(options: StoreOptions) -> Result<Self> {
        match minio_binary().and_then(|_| find_mc()) {
            Ok(_) => Self::minio(options),
            Err(error) if std::env::var_os(MINIO_VARIABLE).is_some() => Err(error),
            Err(error) => {
                let thread = std::thread::current();
                let test = thread.name().filter(|name| *name != "main").unwrap_or("this test");
                // Past the capture of `cargo test`, which would hide the line of a test that passes.
                let line = format!("MinIO not found: {test} runs on the embedded S3 server ({error:#})\n");
                let _ = std::io::stderr().write_all(line.as_bytes());
                Self::embedded_with(options)
            }
        }
    }

    /// The administrator's client of a server of its own; the embedded one has none.
    pub fn mc(&self) -> Option<&Mc> {
        match self {
            TestStore::Embedded(_) => None,
            TestStore::Minio(server) => Some(server.mc()),
            TestStore::Garage(server) => Some(server.mc()),
        }
    }

    /// Stores an object as another client does.
    pub fn put(&self, key: &str, bytes: &[u8]) -> Result<()> {
        match self {
            TestStore::Embedded(server) => server.put(key, bytes),
            TestStore::Minio(server) => server.mc().put(server.bucket(), key, bytes),
            TestStore::Garage(server) => server.mc().put(server.bucket(), key, bytes),
        }
    }

    /// Removes an object as another client does.
    pub fn remove(&self, key: &str) -> Result<()> {
        match self {
            TestStore::Embedded(server) => server.remove(key),
            TestStore::Minio(server) => server.mc().remove(server.bucket(), key),
            TestStore::Garage(server) => server.mc().remove(server.bucket(), key),
        }
    }

    /// Ends the server at once, as a crash would: connections die, new ones are refused.
    pub fn kill(&mut self) {
        match self {
            TestStore::Embedded(server) => server.kill(),
            TestStore::Minio(server) => server.kill(),
            TestStore::Garage(server) => server.kill(),
        }
    }

    /// Starts the server again on the same port, with the same data.
    pub fn restart(&mut self) -> Result<()> {
        match self {
            TestStore::Embedded(server) => server.restart(),
            TestStore::Minio(server) => server.restart(),
            TestStore::Garage(server) => server.restart(),
        }
    }

    /// URL of the server.
    pub fn endpoint(&self) -> String {
        match self {
            TestStore::Embedded(server) => server.endpoint(),
            TestStore::Minio(server) => server.endpoint(),
            TestStore::Garage(server) => server.endpoint(),
        }
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        match self {
            TestStore::Embedded(server) => server.bucket(),
            TestStore::Minio(server) => server.bucket(),
            TestStore::Garage(server) => server.bucket(),
        }
    }

    /// Keys of the user who may only put.
    pub fn writer(&self) -> Keys {
        match self {
            TestStore::Embedded(server) => server.writer(),
            TestStore::Minio(server) => server.writer(),
            TestStore::Garage(server) => server.writer(),
        }
    }

    /// Keys of the user who may do all.
    pub fn admin(&self) -> Keys {
        match self {
            TestStore::Embedded(server) => server.admin(),
            TestStore::Minio(server) => server.admin(),
            TestStore::Garage(server) => server.admin(),
        }
    }

    /// PEM file of the CA that signed the server's certificate, where it speaks TLS.
    pub fn ca_file(&self) -> Option<PathBuf> {
        match self {
            TestStore::Embedded(server) => server.ca_file(),
            TestStore::Minio(server) => server.ca_file(),
            TestStore::Garage(_) => None,
        }
    }

    /// Every object of the bucket with length and SHA-256, hashed as a stream.
    pub fn objects(&self) -> Result<BTreeMap<String, Digest>> {
        match self {
            TestStore::Embedded(server) => server.objects(),
            TestStore::Minio(server) => server.objects(),
            TestStore::Garage(server) => server.objects(),
        }
    }

    /// Keys with lengths only.
    pub fn sizes(&self) -> Result<BTreeMap<String, u64>> {
        match self {
            TestStore::Embedded(server) => server.sizes(),
            TestStore::Minio(server) => server.sizes(),
            TestStore::Garage(server) => server.mc().sizes(server.bucket()),
        }
    }

    /// Length and SHA-256 of one object, hashed as a stream.
    pub fn digest(&self, key: &str) -> Result<Digest> {
        match self {
            TestStore::Embedded(server) => server.digest(key),
            TestStore::Minio(server) => server.digest(key),
            TestStore::Garage(server) => server.mc().digest(server.bucket(), key),
        }
    }

    /// Bytes of one object.
    pub fn object(&self, key: &str) -> Result<Vec<u8>> {
        match self {
            TestStore::Embedded(server) => server.object(key),
            TestStore::Minio(server) => server.object(key),
            TestStore::Garage(server) => server.mc().object(server.bucket(), key),
        }
    }

    /// Metadata of one object: lower-case names without `x-amz-meta-`, and `content-type`.
    pub fn metadata(&self, key: &str) -> Result<BTreeMap<String, String>> {
        match self {
            TestStore::Embedded(server) => server.metadata(key),
            TestStore::Minio(server) => server.metadata(key),
            TestStore::Garage(server) => server.mc().metadata(server.bucket(), key),
        }
    }
}
