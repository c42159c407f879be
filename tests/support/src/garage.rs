//! A real Garage as a process on loopback: one node, with a key that may write and one that may do all.
//!
//! Garage knows no policies: a key has read, write or owner rights on a bucket. It speaks neither TLS nor encryption by
//! default of a bucket; a test that asks for those gets another server.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::net::TcpSocket;

use crate::content::Digest;
use crate::embedded::bind;
use crate::mc::Mc;
use crate::store::{BUCKET, Keys, StoreOptions};

/// Where it is set, what would run on MinIO runs on this Garage: the path of its binary.
pub(crate) const GARAGE_VARIABLE: &str = "FASTFLOW_ARCHIVE_TEST_GARAGE";

/// Garage makes the form of keys obligatory: `GK` and 24 hex digits, 64 hex digits.
const ADMIN: (&str, &str) =
    ("GK000000000000000000000a11", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
const WRITER: (&str, &str) =
    ("GK000000000000000000000b22", "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100");
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The running server; killed, and its folder removed, when dropped.
#[derive(Debug)]
pub struct Garage {
    folder: TempDir,
    address: SocketAddr,
    bucket: String,
    mc: Mc,
    child: Option<Child>,
    /// Keeps the port while the server is down.
    reserved: Option<TcpSocket>,
}

/// Garage's binary, where the environment names one; naming what is no file is an error.
pub(crate) fn garage_binary() -> Result<Option<PathBuf>> {
    let Some(path) = std::env::var_os(GARAGE_VARIABLE).map(PathBuf::from) else { return Ok(None) };
    if !path.is_file() {
        bail!("{GARAGE_VARIABLE} names {}, which is no file", path.display());
    }
    Ok(Some(path))
}

impl Garage {
    /// Whether it can be such a server.
    pub(crate) fn serves(options: &StoreOptions) -> bool {
        options.encryption.is_none() && !options.tls
    }

    /// Starts a server, waits until it is ready, makes bucket and keys.
    pub fn start(options: StoreOptions) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("garage-").tempdir()?;
        let [address, rpc] = free_addresses()?;
        let mc = Mc::new(&folder.path().join("mc"), &format!("http://{address}"), &Keys::new(ADMIN.0, ADMIN.1), None)?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        let configuration = format!(
            "metadata_dir = \"{}\"\ndata_dir = \"{}\"\ndb_engine = \"sqlite\"\nreplication_factor = 1\n\
             rpc_bind_addr = \"{rpc}\"\nrpc_public_addr = \"{rpc}\"\nrpc_secret = \"{}\"\n\
             [s3_api]\napi_bind_addr = \"{address}\"\ns3_region = \"us-east-1\"\n",
            path("meta"),
            path("data"),
            "5a".repeat(32)
        );
        fs::write(folder.path().join("garage.toml"), configuration)?;
        let bucket = options.bucket.clone().unwrap_or_else(|| BUCKET.to_owned());
        let mut server = Garage { folder, address, bucket, mc, child: None, reserved: None };
        server.restart()?;
        for (name, (id, secret)) in [("admin", ADMIN), ("writer", WRITER)] {
            server.garage(&["key", "import", "--yes", "-n", name, id, secret])?;
        }
        if let Some(bucket) = &options.bucket {
            server.garage(&["bucket", "create", bucket])?;
            server.garage(&["bucket", "allow", "--read", "--write", "--owner", bucket, "--key", ADMIN.0])?;
            server.garage(&["bucket", "allow", "--write", bucket, "--key", WRITER.0])?;
        }
        Ok(server)
    }

    /// URL of the server.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Keys that may write to the bucket, and not read.
    pub fn writer(&self) -> Keys {
        Keys::new(WRITER.0, WRITER.1)
    }

    /// Keys that may do all with the bucket.
    pub fn admin(&self) -> Keys {
        Keys::new(ADMIN.0, ADMIN.1)
    }

    /// The administrator's client.
    pub fn mc(&self) -> &Mc {
        &self.mc
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
        let log = self.folder.path().join("garage.log");
        let mut command = self.command(&["server", "--single-node"])?;
        command.stdout(File::create(&log)?).stderr(File::options().append(true).open(&log)?);
        self.reserved = None;
        self.child = Some(command.spawn().context("start Garage")?);
        let deadline = Instant::now() + READY_WITHIN;
        while !self.is_ready() {
            let ended = self.child.as_mut().is_some_and(|child| child.try_wait().is_ok_and(|status| status.is_some()));
            if ended || Instant::now() > deadline {
                self.kill();
                let log = fs::read_to_string(&log).unwrap_or_default();
                bail!("Garage did not get ready on {}: {}", self.address, log.trim());
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

    /// Whether it answers its own administrator, and so has its layout, and listens for S3.
    fn is_ready(&self) -> bool {
        std::net::TcpStream::connect(self.address).is_ok() && self.garage(&["bucket", "list"]).is_ok()
    }

    fn garage(&self, arguments: &[&str]) -> Result<()> {
        let output = self.command(arguments)?.output().context("start Garage")?;
        if !output.status.success() {
            bail!("`garage {}` failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let binary = garage_binary()?.with_context(|| format!("name Garage's binary in {GARAGE_VARIABLE}"))?;
        let mut command = Command::new(binary);
        command
            .arg("-c")
            .arg(self.folder.path().join("garage.toml"))
            .args(arguments)
            .env_clear()
            .env("RUST_LOG", "garage=info")
            .stdin(Stdio::null());
        Ok(command)
    }
}

/// Two addresses that nobody listens on, held at the same time so that they differ.
fn free_addresses() -> Result<[SocketAddr; 2]> {
    let listeners = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    Ok([listeners[0].local_addr()?, listeners[1].local_addr()?])
}

impl Drop for Garage {
    fn drop(&mut self) {
        self.kill();
    }
}
