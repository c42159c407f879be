//! MinIO's client `mc` as the administrator's hand on a server, which need not be MinIO, with a configuration folder of its own.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::content::{Digest, digest_of};
use crate::store::Keys;
use crate::tree::tree_files;

/// Name of the server in `mc`'s arguments.
const ALIAS: &str = "kit";

/// `mc`, bound to one server and one pair of keys.
#[derive(Debug, Clone)]
pub struct Mc {
    binary: PathBuf,
    config_dir: PathBuf,
    host: String,
}

impl Mc {
    /// Binds `mc` to a server; its configuration goes to `config_dir`, and a CA to trust with it.
    pub fn new(config_dir: &Path, endpoint: &str, keys: &Keys, ca_file: Option<&Path>) -> Result<Self> {
        let binary = find_mc()?;
        let authorities = config_dir.join("certs").join("CAs");
        std::fs::create_dir_all(&authorities)?;
        if let Some(file) = ca_file {
            std::fs::copy(file, authorities.join("private-ca.pem"))?;
        }
        let (scheme, rest) = endpoint.split_once("://").context("an endpoint is a URL")?;
        let host = format!("{scheme}://{}:{}@{rest}", keys.access_key, keys.secret_key);
        Ok(Mc { binary, config_dir: config_dir.to_owned(), host })
    }

    /// Runs `mc` with these arguments (the server is called `kit`) and returns what it printed; failing is an error.
    pub fn run(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let output = self.output(arguments)?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            bail!("`mc {}` failed: {}", arguments.join(" "), text.trim());
        }
        Ok(output.stdout)
    }

    /// Runs `mc` whatever comes of it.
    pub fn output(&self, arguments: &[&str]) -> Result<Output> {
        self.command(arguments).output().context("start `mc`")
    }

    /// Keys of a bucket with lengths.
    pub fn sizes(&self, bucket: &str) -> Result<BTreeMap<String, u64>> {
        let text = self.run(&["ls", "--recursive", "--json", &format!("{ALIAS}/{bucket}")])?;
        let mut sizes = BTreeMap::new();
        for line in String::from_utf8(text)?.lines() {
            let entry: Value = serde_json::from_str(line)?;
            if let (Some(key), Some(size)) = (entry["key"].as_str(), entry["size"].as_u64()) {
                sizes.insert(key.to_owned(), size);
            }
        }
        Ok(sizes)
    }

    /// Every object of a bucket with length and SHA-256; they are copied into `folder` for that, which must be empty.
    pub fn objects(&self, bucket: &str, folder: &Path) -> Result<BTreeMap<String, Digest>> {
        let target = folder.to_str().context("a temporary folder with a plain name")?;
        self.run(&["mirror", "--quiet", &format!("{ALIAS}/{bucket}"), target])?;
        let mut objects = tree_files(folder, &[])?;
        objects.retain(|key, _| !key.ends_with('/'));
        let (listed, copied) = (self.sizes(bucket)?.len(), objects.len());
        if listed != copied {
            bail!("`mc mirror` copied {copied} objects where the bucket lists {listed}");
        }
        Ok(objects)
    }

    /// Length and SHA-256 of one object, as a stream.
    pub fn digest(&self, bucket: &str, key: &str) -> Result<Digest> {
        self.cat(bucket, key, |stream| digest_of(stream))
    }

    /// Bytes of one object.
    pub fn object(&self, bucket: &str, key: &str) -> Result<Vec<u8>> {
        self.cat(bucket, key, |stream| {
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes)?;
            Ok(bytes)
        })
    }

    /// Metadata of one object: lower-case names without `x-amz-meta-`, and `content-type`.
    pub fn metadata(&self, bucket: &str, key: &str) -> Result<BTreeMap<String, String>> {
        let text = self.run(&["stat", "--json", "--no-list", &format!("{ALIAS}/{bucket}/{key}")])?;
        let entry: Value = serde_json::from_slice(&text)?;
        let mut metadata = BTreeMap::new();
        for (name, value) in entry["metadata"].as_object().into_iter().flatten() {
            let name = name.to_lowercase();
            let name = name.strip_prefix("x-amz-meta-").unwrap_or(&name).to_owned();
            metadata.insert(name, value.as_str().unwrap_or_default().to_owned());
        }
        Ok(metadata)
    }

    /// Stores an object.
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) -> Result<()> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(bytes)?;
        let source = file.path().to_str().context("a temporary file with a plain name")?;
        self.run(&["cp", "--quiet", source, &format!("{ALIAS}/{bucket}/{key}")]).map(drop)
    }

    /// Removes an object.
    pub fn remove(&self, bucket: &str, key: &str) -> Result<()> {
        self.run(&["rm", &format!("{ALIAS}/{bucket}/{key}")]).map(drop)
    }

    fn cat<T>(
        &self,
        bucket: &str,
        key: &str,
        read: impl FnOnce(&mut std::process::ChildStdout) -> Result<T>,
    ) -> Result<T> {
        let source = format!("{ALIAS}/{bucket}/{key}");
        let mut child = self
            .command(&["cat", &source])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("start `mc`")?;
        let value = read(&mut child.stdout.take().expect("a piped stdout"));
        if !child.wait()?.success() {
            bail!("`mc cat {source}` failed");
        }
        value
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg("--config-dir")
            .arg(&self.config_dir)
            .args(arguments)
            .env_clear()
            .env("HOME", &self.config_dir)
            .env(format!("MC_HOST_{ALIAS}"), &self.host)
            .env("MC_NO_COLOR", "1")
            .env("MC_DISABLE_PAGER", "1")
            .stdin(Stdio::null());
        command
    }
}

/// Where `mc` is: `FASTFLOW_ARCHIVE_TEST_MC`, else `PATH`, else where `go install` puts it.
pub(crate) fn find_mc() -> Result<PathBuf> {
    find_binary("FASTFLOW_ARCHIVE_TEST_MC", "mc")
}

/// A program: named by an environment variable, else in `PATH`, else where `go install` puts it.
pub(crate) fn find_binary(variable: &str, name: &str) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        let path = PathBuf::from(path);
        if !path.is_file() {
            bail!("{variable} names {}, which is no file", path.display());
        }
        return Ok(path);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(output) = Command::new("go").args(["env", "GOPATH"]).stderr(Stdio::null()).output() {
        let gopath = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        folders.extend((!gopath.is_empty()).then(|| PathBuf::from(gopath).join("bin")));
    }
    folders.extend(std::env::var_os("HOME").map(|home| PathBuf::from(home).join("go").join("bin")));
    // Midnight Commander is called `mc` too, and may stand before MinIO's in `PATH`.
    let serves = |file: &PathBuf| {
        let version = Command::new(file).arg("--version").stdin(Stdio::null()).output();
        version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("MinIO"))
    };
    folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file() && serves(file)).with_context(|| {
        format!("no `{name}`: `go install github.com/minio/{name}@latest`, or name the binary in {variable}")
    })
}
