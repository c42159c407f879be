//! An S3 server for tests, whichever it is: the same tests run on the embedded one and on MinIO.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;

use crate::content::Digest;
use crate::embedded::EmbeddedS3;
use crate::minio::{Minio, MinioOptions};

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

/// A running server with a bucket, an administrator, and a user who may only put objects.
#[derive(Debug)]
pub enum TestStore {
    /// In this process, on its own thread.
    Embedded(EmbeddedS3),
    /// A process of its own.
    Minio(Box<Minio>),
}

impl TestStore {
    /// The embedded server.
    pub fn embedded() -> Result<Self> {
        Ok(TestStore::Embedded(EmbeddedS3::start()?))
    }

    /// MinIO; an error where its binary or that of `mc` is missing, never a skipped test.
    pub fn minio(options: MinioOptions) -> Result<Self> {
        Ok(TestStore::Minio(Box::new(Minio::start(options)?)))
    }

    /// URL of the server.
    pub fn endpoint(&self) -> String {
        match self {
            TestStore::Embedded(server) => server.endpoint(),
            TestStore::Minio(server) => server.endpoint(),
        }
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        match self {
            TestStore::Embedded(server) => server.bucket(),
            TestStore::Minio(server) => server.bucket(),
        }
    }

    /// Keys of the user who may only put.
    pub fn writer(&self) -> Keys {
        match self {
            TestStore::Embedded(server) => server.writer(),
            TestStore::Minio(server) => server.writer(),
        }
    }

    /// Keys of the user who may do all.
    pub fn admin(&self) -> Keys {
        match self {
            TestStore::Embedded(server) => server.admin(),
            TestStore::Minio(server) => server.admin(),
        }
    }

    /// PEM file of the CA that signed the server's certificate, where it speaks TLS.
    pub fn ca_file(&self) -> Option<PathBuf> {
        match self {
            TestStore::Embedded(_) => None,
            TestStore::Minio(server) => server.ca_file(),
        }
    }

    /// Every object of the bucket with length and SHA-256, hashed as a stream.
    pub fn objects(&self) -> Result<BTreeMap<String, Digest>> {
        match self {
            TestStore::Embedded(server) => server.objects(),
            TestStore::Minio(server) => server.objects(),
        }
    }

    /// Keys with lengths only.
    pub fn sizes(&self) -> Result<BTreeMap<String, u64>> {
        match self {
            TestStore::Embedded(server) => server.sizes(),
            TestStore::Minio(server) => server.sizes(),
        }
    }

    /// Length and SHA-256 of one object, hashed as a stream.
    pub fn digest(&self, key: &str) -> Result<Digest> {
        match self {
            TestStore::Embedded(server) => server.digest(key),
            TestStore::Minio(server) => server.digest(key),
        }
    }

    /// Bytes of one object.
    pub fn object(&self, key: &str) -> Result<Vec<u8>> {
        match self {
            TestStore::Embedded(server) => server.object(key),
            TestStore::Minio(server) => server.object(key),
        }
    }

    /// Metadata of one object: lower-case names without `x-amz-meta-`, and `content-type`.
    pub fn metadata(&self, key: &str) -> Result<BTreeMap<String, String>> {
        match self {
            TestStore::Embedded(server) => server.metadata(key),
            TestStore::Minio(server) => server.metadata(key),
        }
    }
}
