//! Where the archive is: endpoint, bucket, credentials, TLS, and how much an answer must prove.
//!
//! In: the layers. Out: [`Archive`]. Half a configuration is an error; none at all, or one that is switched off, is a state
//! that `plan` can live with and that `backup` and `cleanup` refuse. Connects to nothing.

use std::path::PathBuf;

use super::ca_bundle::ca_bundle;
use super::endpoint::{check_endpoint, host_of, is_loopback};
use super::layers::{Key, Layers, Setting, Source};
use super::secret::Secret;
use crate::cli::{ArchiveArgs, ProofLevel};
use crate::error::{Error, Kind, Result, Warning};

const fn key(variable: &'static str, option: &'static str) -> Key {
    Key { variable, option: Some(option), column: Some(option) }
}

const ENABLED: Key = key("S3_BACKUP_ENABLED", "s3_backup_enabled");
const ENDPOINT_URL: Key = key("S3_ENDPOINT_URL", "s3_endpoint_url");
const BUCKET: Key = key("S3_BUCKET", "s3_bucket");
const REGION: Key = key("S3_REGION", "s3_region");
const PREFIX: Key = key("S3_PREFIX", "s3_prefix");
const PATH_STYLE: Key = key("S3_USE_PATH_STYLE", "s3_use_path_style");
const ACCESS_KEY: Key = Key { variable: "S3_ACCESS_KEY", option: None, column: Some("s3_access_key_encrypted") };
const SECRET_ACCESS_KEY: Key =
    Key { variable: "S3_SECRET_ACCESS_KEY", option: None, column: Some("s3_secret_access_key_encrypted") };
/// For commands that read the archive; the nightly key need not be able to.
const VERIFY_ACCESS_KEY: Key = Key::variable("S3_VERIFY_ACCESS_KEY");
const VERIFY_SECRET_ACCESS_KEY: Key = Key::variable("S3_VERIFY_SECRET_ACCESS_KEY");
/// Asks for the credentials of the AWS default chain (instance role, web identity, profile).
const AWS_CREDENTIALS: Key = Key::variable("S3_AWS_CREDENTIALS");
const ACCEPT_OPAQUE_ETAG: Key = Key::variable("S3_ACCEPT_OPAQUE_ETAG");
const SSE: Key = Key::variable("S3_SSE");
const SSE_KMS_KEY_ID: Key = Key::variable("S3_SSE_KMS_KEY_ID");
const CA_BUNDLE: Key = Key::variable("S3_CA_BUNDLE");
const AWS_CA_BUNDLE: Key = Key::variable("AWS_CA_BUNDLE");

/// Who we are to the store.
pub enum Credentials {
    /// `S3_ACCESS_KEY` and `S3_SECRET_ACCESS_KEY`.
    Keys {
        /// Key id.
        access_key: Setting<Secret>,
        /// Secret.
        secret_access_key: Setting<Secret>,
    },
    /// Whatever the AWS default chain finds.
    AwsChain(Source),
}

/// Encryption at rest that is asked for with each object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// Keys of the store.
    Aes256,
    /// Keys of a key server; `None`: its default key.
    Kms(Option<String>),
}

impl Encryption {
    /// The name in S3's headers and in `S3_SSE`.
    pub fn name(&self) -> &'static str {
        match self {
            Encryption::Aes256 => "AES256",
            Encryption::Kms(_) => "aws:kms",
        }
    }
}

/// A complete S3 configuration.
pub struct Target {
    /// Address of the store; `None`: AWS.
    pub endpoint_url: Option<Setting<String>>,
    /// Bucket.
    pub bucket: Setting<String>,
    /// Region, also for the signature.
    pub region: Setting<String>,
    /// First part of every key, without slashes at its ends; may be empty.
    pub prefix: Setting<String>,
    /// Bucket in the path.
    pub path_style: Setting<bool>,
    /// Who we are.
    pub credentials: Credentials,
    /// Who we are when we read; `None`: the same.
    pub reading: Option<Credentials>,
    /// Certificates that are trusted beside the system's: path and PEM bytes.
    pub ca_bundle: Option<(Setting<PathBuf>, Vec<u8>)>,
    /// What is asked for with each object; `None`: whatever the bucket does by default.
    pub encryption: Option<Setting<Encryption>>,
    /// Take a 2xx for a receipt where the store's ETags prove nothing and it does not check digests.
    pub accept_opaque_etag: Setting<bool>,
    /// What must be proven.
    pub proof: Setting<ProofLevel>,
    /// Runs, and objects, on their way at the same time.
    pub concurrency: Setting<u16>,
}

/// Whether there is an archive.
pub enum Archive {
    /// Yes.
    Ready(Box<Target>),
    /// Switched off, here.
    Disabled(Source),
    /// Nothing is configured.
    Absent,
}

impl Archive {
    /// Resolves all or nothing.
    pub fn resolve(layers: &Layers, args: &ArchiveArgs) -> Result<Archive> {
        match layers.boolean(ENABLED, args.s3_backup_enabled.as_deref())? {
            Some(Setting { value: false, source }) => Ok(Archive::Disabled(source)),
            enabled => Archive::configured(layers, args, enabled.is_some()),
        }
    }

    /// The same for commands that only read: what is archived is there, whether or not more is to follow.
    pub fn resolve_for_reading(layers: &Layers, args: &ArchiveArgs) -> Result<Archive> {
        Archive::configured(layers, args, layers.boolean(ENABLED, args.s3_backup_enabled.as_deref())?.is_some())
    }

    fn configured(layers: &Layers, args: &ArchiveArgs, is_asked_for: bool) -> Result<Archive> {
        let endpoint_url = layers.text(ENDPOINT_URL, args.s3_endpoint_url.as_deref());
        let bucket = layers.text(BUCKET, args.s3_bucket.as_deref());
        let access_key = layers.secret(ACCESS_KEY)?;
        let secret_access_key = layers.secret(SECRET_ACCESS_KEY)?;
        let chain = layers.boolean(AWS_CREDENTIALS, None)?.filter(|chain| chain.value);
        let nothing = endpoint_url.is_none() && bucket.is_none() && access_key.is_none() && secret_access_key.is_none();
        if nothing && !is_asked_for && chain.is_none() {
            return Ok(Archive::Absent);
        }
        let mut missing = Vec::new();
        let credentials = match (access_key, secret_access_key, chain) {
            (Some(access_key), Some(secret_access_key), _) => Some(Credentials::Keys { access_key, secret_access_key }),
            (None, None, Some(chain)) => Some(Credentials::AwsChain(chain.source)),
            (access_key, secret_access_key, _) => {
                missing.extend(access_key.is_none().then_some(ACCESS_KEY.variable));
                missing.extend(secret_access_key.is_none().then_some(SECRET_ACCESS_KEY.variable));
                None
            }
        };
        let is_chain = matches!(credentials, Some(Credentials::AwsChain(_)));
        missing.extend((endpoint_url.is_none() && !is_chain).then_some(ENDPOINT_URL.variable));
        missing.extend(bucket.is_none().then_some(BUCKET.variable));
        let (Some(credentials), Some(bucket), true) = (credentials, bucket, missing.is_empty()) else {
            let names = missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let verb = if missing.len() == 1 { "is" } else { "are" };
            return Err(Error::new(
                Kind::IncompleteConfiguration,
                format!("use the S3 configuration: {names} {verb} not set (flag, Settings page, environment or .env)"),
            )
            .hint("set what is missing; S3_AWS_CREDENTIALS=true takes credentials from the AWS default chain"));
        };
        check_bucket(&bucket, endpoint_url.as_ref())?;
        let target = Target {
            endpoint_url: endpoint_url.map(|url| check_endpoint(url, layers)).transpose()?,
            bucket,
            region: layers
                .text(REGION, args.s3_region.as_deref())
                .unwrap_or_else(|| Setting::default("us-east-1".into())),
            prefix: prefix(layers, args)?,
            path_style: layers
                .boolean(PATH_STYLE, args.s3_use_path_style.as_deref())?
                .unwrap_or_else(|| Setting::default(true)),
            credentials,
            reading: reading_credentials(layers)?,
            ca_bundle: ca_bundle(layers, &[CA_BUNDLE, AWS_CA_BUNDLE])?,
            encryption: encryption(layers)?,
            accept_opaque_etag: layers.boolean(ACCEPT_OPAQUE_ETAG, None)?.unwrap_or_else(|| Setting::default(false)),
            proof: Setting { value: args.proof, source: layers.given("proof") },
            concurrency: Setting { value: args.concurrency, source: layers.given("concurrency") },
        };
        Ok(Archive::Ready(Box::new(target)))
    }

    /// The target, or why nothing may be archived.
    pub fn target(&self) -> Result<&Target> {
        match self {
            Archive::Ready(target) => Ok(target),
            Archive::Disabled(source) => Err(Error::new(
                Kind::BackupDisabled,
                format!("archive anything: `S3_BACKUP_ENABLED` is switched off ({source})"),
            )
            .hint("switch it on there, or remove it; this tool never deletes what it has not archived")),
            Archive::Absent => Err(Error::new(
                Kind::IncompleteConfiguration,
                "archive anything: no S3 archive is configured (flag, Settings page, environment or .env)",
            )
            .hint("set S3_ENDPOINT_URL, S3_BUCKET, S3_ACCESS_KEY and S3_SECRET_ACCESS_KEY")),
        }
    }

    /// What an operator should know beforehand, if only the plan is asked for: that nothing can come of it.
    pub fn why_nothing_follows(&self) -> Option<Warning> {
        self.target()
            .err()
            .map(|error| Warning::new(error.kind.name(), format!("backup and cleanup will fail to {error}")))
    }

    /// A store that is spoken to in the clear.
    pub fn plain_http_warning(&self) -> Option<Warning> {
        match self {
            Archive::Ready(target) => target.plain_http_warning(),
            Archive::Disabled(_) | Archive::Absent => None,
        }
    }

    /// Name, shown value and source of every setting.
    pub(super) fn listing(&self) -> Vec<(&'static str, String, Source)> {
        let target = match self {
            Archive::Ready(target) => target,
            Archive::Disabled(source) => return vec![("s3-backup-enabled", "false".into(), source.clone())],
            Archive::Absent => return vec![("s3-bucket", "not set".into(), Source::Default)],
        };
        let endpoint = match &target.endpoint_url {
            Some(url) => (url.value.clone(), url.source.clone()),
            None => ("AWS".into(), Source::Default),
        };
        let mut list = vec![
            ("s3-endpoint-url", endpoint.0, endpoint.1),
            ("s3-bucket", target.bucket.value.clone(), target.bucket.source.clone()),
            ("s3-region", target.region.value.clone(), target.region.source.clone()),
            ("s3-prefix", target.prefix.value.clone(), target.prefix.source.clone()),
            ("s3-use-path-style", target.path_style.value.to_string(), target.path_style.source.clone()),
        ];
        match &target.credentials {
            Credentials::Keys { access_key, secret_access_key } => {
                list.push(("s3-access-key", "set".into(), access_key.source.clone()));
                list.push(("s3-secret-access-key", "set".into(), secret_access_key.source.clone()));
            }
            Credentials::AwsChain(source) => {
                list.push(("s3-credentials", "AWS default chain".into(), source.clone()));
            }
        }
        let (access_key, secret_access_key) = match &target.reading {
            Some(Credentials::Keys { access_key, secret_access_key }) => {
                (("set", access_key.source.clone()), ("set", secret_access_key.source.clone()))
            }
            _ => (("not set", Source::Default), ("not set", Source::Default)),
        };
        list.push(("s3-verify-access-key", access_key.0.into(), access_key.1));
        list.push(("s3-verify-secret-access-key", secret_access_key.0.into(), secret_access_key.1));
        if let Some((path, _)) = &target.ca_bundle {
            list.push(("s3-ca-bundle", path.value.display().to_string(), path.source.clone()));
        }
        if let Some(encryption) = &target.encryption {
            list.push(("s3-sse", encryption.value.name().to_owned(), encryption.source.clone()));
        }
        let opaque = &target.accept_opaque_etag;
        list.push(("s3-accept-opaque-etag", opaque.value.to_string(), opaque.source.clone()));
        list.push(("proof", format!("{:?}", target.proof.value).to_lowercase(), target.proof.source.clone()));
        list.push(("concurrency", target.concurrency.value.to_string(), target.concurrency.source.clone()));
        list
    }
}

/// Refuses what no bucket is called and what belongs elsewhere; the rest is for the store to judge.
fn check_bucket(bucket: &Setting<String>, endpoint_url: Option<&Setting<String>>) -> Result<()> {
    let name = &bucket.value;
    let refused = |why: &str, hint: String| {
        let message = format!("use `S3_BUCKET` = `{}` ({}): {why}", name.escape_debug(), bucket.source);
        Err(Error::new(Kind::InvalidSetting, message).hint(hint))
    };
    if let Some((first, rest)) = name.split_once("://").map_or(name.as_str(), |(_, rest)| rest).split_once('/') {
        let prefix = rest.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!(", and `{prefix}` into S3_PREFIX") };
        return refused("it holds a slash", format!("write the name alone, `{first}`{prefix}"));
    }
    if name
        .contains(|character: char| character.is_whitespace() || character.is_control() || "?#\\".contains(character))
    {
        let hint = "write 3 to 63 lower-case letters, digits, dots and hyphens";
        return refused("no bucket is called like this", hint.to_owned());
    }
    let path =
        |url: &Setting<String>| Some(url.value.split_once("://")?.1.split_once('/')?.1.trim_matches('/').to_owned());
    if let Some(url) = endpoint_url.filter(|url| path(url).as_ref() == Some(name)) {
        let message = format!("use `S3_ENDPOINT_URL` ({}): its path is the bucket", url.source);
        return Err(
            Error::new(Kind::InvalidSetting, message).hint("end it after host and port; S3_BUCKET names the bucket")
        );
    }
    Ok(())
}

/// Both or none.
fn reading_credentials(layers: &Layers) -> Result<Option<Credentials>> {
    match (layers.secret(VERIFY_ACCESS_KEY)?, layers.secret(VERIFY_SECRET_ACCESS_KEY)?) {
        (Some(access_key), Some(secret_access_key)) => Ok(Some(Credentials::Keys { access_key, secret_access_key })),
        (None, None) => Ok(None),
        (access_key, _) => {
            let missing = if access_key.is_none() { VERIFY_ACCESS_KEY } else { VERIFY_SECRET_ACCESS_KEY };
            let message = format!("use the credentials for reading: `{}` is not set", missing.variable);
            Err(Error::new(Kind::IncompleteConfiguration, message).hint("set both, or neither"))
        }
    }
}

impl Target {
    /// A store that is spoken to in the clear.
    pub fn plain_http_warning(&self) -> Option<Warning> {
        let url = &self.endpoint_url.as_ref()?.value;
        let is_plain = url.starts_with("http://") && !is_loopback(host_of(url));
        is_plain.then(|| {
            let message = format!("{url} is not encrypted: logs and signatures travel in the clear; use https://");
            Warning::new("plain_http", message)
        })
    }
}

fn encryption(layers: &Layers) -> Result<Option<Setting<Encryption>>> {
    let key_id = layers.text(SSE_KMS_KEY_ID, None);
    let refused = |setting: &Setting<String>, name: &str, why: &str, hint: &str| {
        let message = format!("use `{name}` = `{}` ({}): {why}", setting.value.escape_debug(), setting.source);
        Err(Error::new(Kind::InvalidSetting, message).hint(hint))
    };
    let sse = layers.text(SSE, None);
    match (sse.as_ref().map(|sse| sse.value.as_str()), &key_id) {
        (Some("aws:kms"), _) => Ok(sse.map(|sse| sse.map(|_| Encryption::Kms(key_id.map(|key_id| key_id.value))))),
        (_, Some(key_id)) => {
            refused(key_id, "S3_SSE_KMS_KEY_ID", "there is no `S3_SSE=aws:kms`", "set both, or neither")
        }
        (None, None) => Ok(None),
        (Some("AES256"), None) => Ok(sse.map(|sse| sse.map(|_| Encryption::Aes256))),
        (Some(_), None) => match &sse {
            Some(sse) => refused(sse, "S3_SSE", "it is unknown", "write AES256 or aws:kms"),
            None => Ok(None),
        },
    }
}

/// The prefix without slashes at its ends; set to nothing it is empty, and it leaves room for pipeline and run in a key.
fn prefix(layers: &Layers, args: &ArchiveArgs) -> Result<Setting<String>> {
    let Some(given) = layers.raw(PREFIX, args.s3_prefix.as_deref()) else {
        return Ok(Setting::default("pipeline-logs".into()));
    };
    let trimmed = given.map(|it| it.trim().split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/"));
    let Some(problem) = prefix_problem(&trimmed.value) else { return Ok(trimmed) };
    let message = format!("use `S3_PREFIX` ({}): {problem}", trimmed.source);
    Err(Error::new(Kind::InvalidSetting, message).hint("choose a plain one, such as pipeline-logs"))
}

/// Why keys cannot begin with this.
pub(crate) fn prefix_problem(prefix: &str) -> Option<String> {
    const LONGEST: usize = 300;
    if prefix.len() > LONGEST {
        Some(format!("it has more than {LONGEST} bytes"))
    } else if prefix.contains(breaks_stores) {
        Some("it holds a control character or a backslash".to_owned())
    } else if prefix.split('/').any(|segment| matches!(segment, "." | "..")) {
        Some("it holds `.` or `..`".to_owned())
    } else {
        None
    }
}

/// Whether stores or their listings, which are XML, cannot take the character in a key.
pub(crate) fn breaks_stores(character: char) -> bool {
    character.is_control() || matches!(character, '\\' | '\u{fffe}' | '\u{ffff}')
}
