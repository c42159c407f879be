//! What every round stands on: MinIO, a bucket that is empty, a copy of the sample instance, and the contenders' commands.

use std::cell::Cell;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use fastflow_archive_testkit::clock::{NOW, fixed_now};
use fastflow_archive_testkit::{Fleet, Instance, Keys, Minio, StoreOptions, tree_files};
use tempfile::TempDir;

use crate::bare::Object;
use crate::measure::{Figures, cpu_time};

/// The server, the template of the instance, and what is counted.
pub(crate) struct Stage {
    pub(crate) minio: Minio,
    folder: TempDir,
    buckets: Cell<usize>,
}

/// A bucket that is empty at first. It stays until the server ends: file systems without a journal, as many virtual machines
/// have, avoid the inodes of what was removed within the last minutes, and look for others at length, whoever's turn it is.
pub(crate) struct Bucket<'a> {
    pub(crate) name: String,
    stage: &'a Stage,
}

impl Stage {
    /// Starts MinIO; folders lie below `dir`.
    pub(crate) fn new(dir: &Path) -> Result<Stage> {
        let folder = tempfile::Builder::new().prefix("field-").tempdir_in(dir)?;
        Ok(Stage { minio: Minio::start(StoreOptions::default())?, folder, buckets: Cell::new(0) })
    }

    /// Makes the instance that every round begins with.
    pub(crate) fn settle(&self, fill: impl FnOnce(&mut Instance) -> Result<()>) -> Result<()> {
        let mut instance = Instance::create(self.template())?;
        instance.env(&[("LOG_RETENTION_DAYS", "30")])?;
        fill(&mut instance)
    }

    /// The standard mixture with so many due runs.
    pub(crate) fn settle_fleet(&self, due: usize) -> Result<()> {
        let fleet = Fleet { due, notebooks: due * 3 / 100, ..Fleet::two_thousand(fixed_now()) };
        self.settle(|instance| fleet.settle(instance))
    }

    fn template(&self) -> PathBuf {
        self.folder.path().join("template")
    }

    /// A fresh copy of the instance, on disk before the clock starts.
    pub(crate) fn fresh(&self) -> Result<PathBuf> {
        let copy = self.folder.path().join("instance");
        if copy.exists() {
            fs::remove_dir_all(&copy)?;
        }
        let copied = Command::new("cp").arg("-a").args([&self.template(), &copy]).status()?;
        if !copied.success() {
            bail!("copy the instance: {copied}");
        }
        write_pages()?;
        Ok(copy)
    }

    /// The next bucket. Nobody begins with pages of the one before that are still to be written.
    pub(crate) fn bucket(&self) -> Result<Bucket<'_>> {
        self.buckets.set(self.buckets.get() + 1);
        let name = format!("round-{}", self.buckets.get());
        self.minio.create_bucket(&name)?;
        write_pages()?;
        Ok(Bucket { name, stage: self })
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        let endpoint = self.minio.endpoint();
        endpoint.trim_start_matches("http://").parse().context("MinIO's address")
    }

    /// Adds to the figures of `work` the processor time that it takes of the server.
    pub(crate) fn with_store(&self, work: impl FnOnce() -> Result<Figures>) -> Result<Figures> {
        let server = self.minio.pid().context("the server is up")?;
        let before = cpu_time(server)?;
        let figures = work()?;
        Ok(Figures { store_cpu: cpu_time(server)?.saturating_sub(before), ..figures })
    }

    /// The keys that everybody uses.
    pub(crate) fn keys(&self) -> Keys {
        self.minio.admin()
    }

    /// Ours, in an instance.
    pub(crate) fn ours(&self, instance: &Path, endpoint: &str, bucket: &str, arguments: &[&str]) -> Command {
        self.build_of_ours(&ours_binary(), instance, endpoint, bucket, arguments)
    }

    /// A build of ours, in an instance.
    pub(crate) fn build_of_ours(
        &self,
        binary: &Path,
        instance: &Path,
        endpoint: &str,
        bucket: &str,
        arguments: &[&str],
    ) -> Command {
        let keys = self.keys();
        let mut command = Command::new(binary);
        command
            .args(arguments)
            .current_dir(instance)
            .env_clear()
            .env("FASTFLOW_ARCHIVE_NOW", NOW)
            .env("S3_ENDPOINT_URL", endpoint)
            .env("S3_BUCKET", bucket)
            .env("S3_ACCESS_KEY", keys.access_key)
            .env("S3_SECRET_ACCESS_KEY", keys.secret_key);
        command
    }

    /// rclone with its configuration in the environment; the remote is called `store:`.
    pub(crate) fn rclone(&self, endpoint: &str, arguments: &[&str]) -> Option<Command> {
        let keys = self.keys();
        let mut command = Command::new(installed("rclone", "FASTFLOW_ARCHIVE_BENCH_RCLONE")?);
        command
            .args(arguments)
            .env("RCLONE_CONFIG", "/dev/null")
            .env("RCLONE_CONFIG_STORE_TYPE", "s3")
            .env("RCLONE_CONFIG_STORE_PROVIDER", "Minio")
            .env("RCLONE_CONFIG_STORE_ENDPOINT", endpoint)
            .env("RCLONE_CONFIG_STORE_ACCESS_KEY_ID", keys.access_key)
            .env("RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY", keys.secret_key);
        Some(command)
    }

    /// s5cmd.
    pub(crate) fn s5cmd(&self, endpoint: &str, arguments: &[&str]) -> Option<Command> {
        let keys = self.keys();
        let mut command = Command::new(installed("s5cmd", "FASTFLOW_ARCHIVE_BENCH_S5CMD")?);
        command
            .args(["--log", "error", "--endpoint-url", endpoint])
            .args(arguments)
            .env("AWS_ACCESS_KEY_ID", keys.access_key)
            .env("AWS_SECRET_ACCESS_KEY", keys.secret_key)
            .env("AWS_REGION", "us-east-1");
        Some(command)
    }

    /// The objects that a call of ours leaves in a bucket, to be put again by others: same keys, same lengths, run by run, and
    /// runs that follow each other are of different pipelines, as with ours. In the order of their keys, all that are on
    /// their way at a time would wait for the lock of one folder of the store's.
    pub(crate) fn objects_of_ours(&self, arguments: &[&str]) -> Result<Vec<Object>> {
        let (instance, bucket) = (self.fresh()?, self.bucket()?);
        crate::measure::measure(&mut self.ours(&instance, &self.minio.endpoint(), &bucket.name, arguments))?;
        let copy = tempfile::tempdir_in(self.folder.path())?;
        let target = copy.path().to_str().context("a folder with a plain name")?;
        self.minio.mc().run(&["mirror", "--quiet", &format!("kit/{}", bucket.name), target])?;
        let read = |key: String| Ok(Object { bytes: fs::read(copy.path().join(&key))?, key });
        let keys = tree_files(copy.path(), &[])?.into_keys().filter(|key| !key.ends_with('/'));
        let mut objects: Vec<Object> = keys.map(read).collect::<Result<_>>()?;
        let run = |key: &str| key.rsplit('/').nth(1).map(str::to_owned);
        objects.sort_by_cached_key(|object| run(&object.key));
        Ok(objects)
    }
}

impl Bucket<'_> {
    /// Lets anybody put into it.
    pub(crate) fn open_to_all(&self) -> Result<()> {
        self.stage.minio.mc().run(&["anonymous", "set", "upload", &format!("kit/{}", self.name)]).map(drop)
    }

    /// Lets anybody list it.
    pub(crate) fn show_to_all(&self) -> Result<()> {
        self.stage.minio.mc().run(&["anonymous", "set", "download", &format!("kit/{}", self.name)]).map(drop)
    }

    /// Removes it, where it is large.
    pub(crate) fn remove(self) -> Result<()> {
        self.stage.minio.mc().run(&["rb", "--force", &format!("kit/{}", self.name)]).map(drop)
    }

    /// Number and bytes of what arrived.
    pub(crate) fn arrived(&self) -> Result<(u64, u64)> {
        let sizes = self.stage.minio.mc().sizes(&self.name)?;
        Ok((sizes.len() as u64, sizes.values().sum()))
    }
}

/// What was written before is on disk when the clock starts.
fn write_pages() -> Result<()> {
    let synced = Command::new("sync").status()?;
    if !synced.success() {
        bail!("write all pages to disk: sync ended with {synced}");
    }
    Ok(())
}

/// The binary that is measured: named by `FASTFLOW_ARCHIVE_BENCH_BINARY`, else the one that cargo built for the benches.
pub(crate) fn ours_binary() -> PathBuf {
    std::env::var_os("FASTFLOW_ARCHIVE_BENCH_BINARY")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_fastflow-archive")), PathBuf::from)
}

/// A peer: named by the variable, else in `PATH`, else where `go install` puts it.
pub(crate) fn installed(name: &str, variable: &str) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(variable) {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join("go").join("bin"));
    std::env::split_paths(&path)
        .chain(home)
        .map(|folder| folder.join(name))
        .find(|file| Command::new(file).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok())
}
