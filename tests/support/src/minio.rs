//! A real MinIO as a process on loopback, with a user whose policy says `s3:PutObject` and nothing else.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::net::TcpSocket;

use crate::content::Digest;
use crate::embedded::bind;
use crate::mc::{Mc, find_binary};
use crate::store::{BUCKET, Encryption, Keys, StoreOptions};
use crate::tls::PrivateCa;

const ADMIN: (&str, &str) = ("kit-admin", "kit-admin-secret-0123456789");
const WRITER: (&str, &str) = ("kit-writer", "kit-writer-secret-9876543210");
/// Name of the key and 32 bytes.
const KMS_SECRET_KEY: &str = "kit-key:c2FtcGxlLWttcy1rZXktZm9yLXRlc3RzLW9ubHktMDE=";
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The running server; killed, and its folder removed, when dropped.
#[derive(Debug)]
pub struct Minio {
    folder: TempDir,
    address: SocketAddr,
    bucket: String,
    ca: Option<PrivateCa>,
    has_key: bool,
    mc: Mc,
    child: Option<Child>,
    /// Keeps the port while the server is down.
    reserved: Option<TcpSocket>,
}

/// The variable that names MinIO's binary.
pub(crate) const MINIO_VARIABLE: &str = "FASTFLOW_ARCHIVE_TEST_MINIO";

/// Where MinIO's binary is: `FASTFLOW_ARCHIVE_TEST_MINIO`, else `PATH`, else where `go install` puts it.
pub fn minio_binary() -> Result<PathBuf> {
    find_binary(MINIO_VARIABLE, "minio")
}

impl Minio {
    /// Starts a server, waits until it is ready, makes bucket and writer.
    pub fn start(options: StoreOptions) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("minio-").tempdir()?;
        let ca = options.tls.then(|| PrivateCa::create(folder.path())).transpose()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let endpoint = format!("{}://{address}", if options.tls { "https" } else { "http" });
        let ca_file = ca.as_ref().map(|ca| ca.ca_file.as_path());
        let mc = Mc::new(&folder.path().join("mc"), &endpoint, &Keys::new(ADMIN.0, ADMIN.1), ca_file)?;
        let bucket = options.bucket.clone().unwrap_or_else(|| BUCKET.to_owned());
        let has_key = options.encryption.is_some();
        let mut server = Minio { folder, address, bucket, ca, has_key, mc, child: None, reserved: None };
        server.restart()?;
        if let Some(bucket) = &options.bucket {
            server.create_bucket(bucket)?;
            if let Some(encryption) = options.encryption {
                server.encrypt(bucket, encryption)?;
            }
        }
        server.create_writer()?;
        Ok(server)
    }

    /// The process of the server, while it is up.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// URL of the server.
    pub fn endpoint(&self) -> String {
        format!("{}://{}", if self.ca.is_some() { "https" } else { "http" }, self.address)
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Keys of the user who may only put.
    pub fn writer(&self) -> Keys {
        Keys::new(WRITER.0, WRITER.1)
    }

    /// Keys of the user who may do all.
    pub fn admin(&self) -> Keys {
        Keys::new(ADMIN.0, ADMIN.1)
    }

    /// PEM file of the private CA, where the server speaks TLS.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.ca.as_ref().map(|ca| ca.ca_file.clone())
    }

    /// The administrator's `mc`.
    pub fn mc(&self) -> &Mc {
        &self.mc
    }

    /// Makes a bucket.
    pub fn create_bucket(&self, bucket: &str) -> Result<()> {
        self.mc.run(&["mb", &format!("kit/{bucket}")]).map(drop)
    }

    /// Sets what a bucket does with objects that name no encryption; needs a server that was started with one.
    pub fn encrypt(&self, bucket: &str, encryption: Encryption) -> Result<()> {
        let target = format!("kit/{bucket}");
        match encryption {
            Encryption::SseS3 => self.mc.run(&["encrypt", "set", "sse-s3", &target]).map(drop),
            Encryption::SseKms => self.mc.run(&["encrypt", "set", "sse-kms", "kit-key", &target]).map(drop),
        }
    }

    /// Ends the server at once, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
            self.reserved = bind(self.address).ok();
        }
    }

    /// Starts the server again on the same port, with the same data.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        let log = self.folder.path().join("minio.log");
        let (data, no_certs) = (self.folder.path().join("data"), self.folder.path().join("no-certs"));
        for folder in [&data, &no_certs] {
            fs::create_dir_all(folder)?;
        }
        let certs = self.ca.as_ref().map_or(&no_certs, |ca| &ca.certs_dir);
        let mut command = Command::new(minio_binary()?);
        command
            .args(["server", "--quiet", "--address", &self.address.to_string(), "--certs-dir"])
            .args([certs, &data])
            .env_clear()
            .env("HOME", self.folder.path())
            .env("MINIO_ROOT_USER", ADMIN.0)
            .env("MINIO_ROOT_PASSWORD", ADMIN.1)
            .env("MINIO_BROWSER", "off")
            .env("MINIO_UPDATE", "off")
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?);
        if self.has_key {
            command.env("MINIO_KMS_SECRET_KEY", KMS_SECRET_KEY);
        }
        self.reserved = None;
        self.child = Some(command.spawn().context("start MinIO")?);

        let deadline = Instant::now() + READY_WITHIN;
        while !self.is_ready() {
            let ended = self.child.as_mut().is_some_and(|child| child.try_wait().is_ok_and(|status| status.is_some()));
            if ended || Instant::now() > deadline {
                self.kill();
                let log = fs::read_to_string(&log).unwrap_or_default();
                bail!("MinIO did not get ready on {}: {}", self.address, log.trim());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Every object of the bucket with length and SHA-256.
    pub fn objects(&self) -> Result<BTreeMap<String, Digest>> {
        let copy = tempfile::tempdir()?;
        self.mc.objects(&self.bucket, copy.path())
    }

    /// Keys with lengths.
    pub fn sizes(&self) -> Result<BTreeMap<String, u64>> {
        self.mc.sizes(&self.bucket)
    }

    /// Length and SHA-256 of one object.
    pub fn digest(&self, key: &str) -> Result<Digest> {
        self.mc.digest(&self.bucket, key)
    }

    /// Bytes of one object.
    pub fn object(&self, key: &str) -> Result<Vec<u8>> {
        self.mc.object(&self.bucket, key)
    }

    /// Metadata of one object.
    pub fn metadata(&self, key: &str) -> Result<BTreeMap<String, String>> {
        self.mc.metadata(&self.bucket, key)
    }

    /// A user with `s3:PutObject` on the bucket's objects: no Get, Head, List, Delete, not even AbortMultipartUpload.
    fn create_writer(&self) -> Result<()> {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["s3:PutObject"],"Resource":["arn:aws:s3:::{}/*"]}}]}}"#,
            self.bucket
        );
        let file = self.folder.path().join("put-only.json");
        fs::write(&file, policy)?;
        self.mc.run(&["admin", "user", "add", "kit", WRITER.0, WRITER.1])?;
        self.mc.run(&["admin", "policy", "create", "kit", "put-only", &file.to_string_lossy()])?;
        self.mc.run(&["admin", "policy", "attach", "kit", "put-only", "--user", WRITER.0]).map(drop)
    }

    /// Asks `/minio/health/live`; over TLS, where the answer needs a client that trusts the CA, lists the buckets.
    fn is_ready(&self) -> bool {
        match &self.ca {
            None => self.is_live().unwrap_or(false),
            Some(_) => TcpStream::connect(self.address).is_ok() && self.mc.run(&["ls", "kit"]).is_ok(),
        }
    }

    fn is_live(&self) -> Result<bool> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let request = format!("GET /minio/health/live HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes())?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b" 200"))
    }
}

impl Drop for Minio {
    fn drop(&mut self) {
        self.kill();
    }
}
