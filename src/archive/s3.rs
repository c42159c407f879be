//! One bucket over the S3 protocol: each request with both digests, tried again where that helps.
//!
//! MD5 goes in `Content-MD5`, SHA-256 in the signed `x-amz-content-sha256`: a store refuses a body that is not theirs. A
//! `x-amz-checksum-sha256` with the same digest would prove nothing more, and have the store hash each body once more.
//!
//! In: keys, payloads, digests. Out: [`Answer`]s, or classified errors. Decides nothing about proof. Never lets the SDK
//! send chunked trailers, and never follows its environment (s3.md section 1).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_runtime::auth::PayloadSigningOverride;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{self, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, ServerSideEncryption};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tokio::task::JoinSet;

use super::client::{attempt_timeout, client, patience};
use super::direct::Direct;
use super::etag::{Answer, EtagVerdict, judge_etag, multipart_etag, plain_etag};
use super::fault::{Fault, Retry, classify};
use super::object::{METADATA_PREFIX, Metadata, SHA256};
use super::payload::{Digests, IN_MEMORY, Payload};
use super::throttle::Throttle;
use super::window::{Place, Window};
use crate::bytes::{ByteRate, to_hex};
use crate::config::{Credentials, Encryption, Target};
use crate::error::{Error, Kind, Result};

/// Parts of one file on their way at the same time.
const PARTS_IN_FLIGHT: usize = 4;

/// A part that was stored.
struct Part {
    index: usize,
    /// Repeated at the end of the upload.
    etag: String,
    verdict: EtagVerdict,
    encryption: Option<String>,
}

/// What is known about an object before it is sent.
#[derive(Clone)]
pub(super) struct Put {
    pub(super) key: Arc<str>,
    pub(super) payload: Payload,
    pub(super) digests: Digests,
    /// What it says of its run, by the names of the headers.
    pub(super) metadata: Arc<Metadata>,
    pub(super) content_type: &'static str,
    pub(super) condition: Condition,
}

impl Put {
    /// All of its metadata, by the names of the headers.
    pub(super) fn metadata(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.metadata.iter().cloned().chain([(SHA256, to_hex(&self.digests.sha256))])
    }

    /// The same by the names that the SDK knows them by.
    fn metadata_names(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.metadata().map(|(name, value)| (name.strip_prefix(METADATA_PREFIX).unwrap_or(name), value))
    }
}

/// When an object may take its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// Always: what is there is an older state of the same thing.
    Always,
    /// Where no object has the key yet (`If-None-Match: *`).
    New,
    /// Where the object that has the key has this ETag (`If-Match`), and so the same bytes.
    Same(String),
}

impl Condition {
    pub(super) fn if_none_match(&self) -> Option<String> {
        (*self == Condition::New).then(|| "*".to_owned())
    }

    pub(super) fn if_match(&self) -> Option<String> {
        if let Condition::Same(etag) = self { Some(format!("\"{etag}\"")) } else { None }
    }
}

/// A bucket that can be put into.
#[derive(Clone)]
pub struct Bucket {
    pub(super) client: Client,
    direct: Option<Arc<Direct>>,
    pub(super) name: Arc<str>,
    endpoint: Arc<str>,
    window: Arc<Window>,
    concurrency: u32,
    sent: Arc<AtomicU64>,
    encryption: Option<Encryption>,
    throttle: Option<Arc<Throttle>>,
}

impl Bucket {
    /// Prepares the client; connects to nothing yet, except where the AWS chain looks for credentials.
    pub async fn connect(target: &Target) -> Result<Bucket> {
        let direct = Direct::to_bucket(target, &target.credentials).await.map(Arc::new);
        Ok(Bucket { direct, ..Bucket::connect_as(target, &target.credentials).await? })
    }

    /// The same with the credentials for reading, where there are some.
    pub async fn connect_for_reading(target: &Target) -> Result<Bucket> {
        Bucket::connect_as(target, target.reading.as_ref().unwrap_or(&target.credentials)).await
    }

    async fn connect_as(target: &Target, credentials: &Credentials) -> Result<Bucket> {
        Ok(Bucket {
            client: client(target, credentials).await?,
            direct: None,
            name: target.bucket.value.as_str().into(),
            endpoint: target.endpoint_url.as_ref().map_or("aws", |url| url.value.trim_end_matches('/')).into(),
            concurrency: target.concurrency.value.into(),
            window: Arc::new(Window::new(usize::from(target.concurrency.value))),
            sent: Arc::default(),
            encryption: target.encryption.as_ref().map(|encryption| encryption.value.clone()),
            throttle: None,
        })
    }

    /// The same bucket, which sends at most so much.
    pub fn limited_to(self, rate: ByteRate) -> Bucket {
        Bucket { throttle: rate.0.map(|rate| Arc::new(Throttle::new(rate))), ..self }
    }

    /// Time enough for a request with so many bytes, also where all that are on their way share a limit.
    pub(super) fn patience(&self, bytes: u64) -> config::Builder {
        let limited = self.throttle.as_ref().map(|throttle| throttle.time_for(bytes) * self.concurrency);
        patience(bytes, limited.unwrap_or_default())
    }

    /// Bytes that were sent so far, for a progress bar.
    pub fn sent(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.sent)
    }

    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Address of the store; `aws` where none is set.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The encryption that is asked for: its name, and the key of the key server.
    fn asked_encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        let name = self.encryption.as_ref().map(|encryption| ServerSideEncryption::from(encryption.name()));
        match &self.encryption {
            Some(Encryption::Kms(key_id)) => (name, key_id.clone()),
            _ => (name, None),
        }
    }

    /// Whether the store says that it did what was asked for.
    pub(super) fn is_encrypted_as_asked(&self, answer: &Answer) -> bool {
        self.encryption.as_ref().is_none_or(|asked| answer.encryption.as_deref() == Some(asked.name()))
    }

    /// Stores an object with one request.
    pub(super) async fn put(&self, put: &Put) -> Result<Answer> {
        let what = format!("upload `{}`", put.key);
        self.with_retries(&what, || self.put_once(&what, put)).await
    }

    async fn put_once(&self, what: &str, put: &Put) -> Result<Answer, Fault> {
        let _place = self.place().await;
        let answer = match (&self.direct, &put.payload, &self.throttle) {
            (Some(direct), Payload::Memory(bytes), None) => self.put_directly(direct, what, put, bytes.clone()).await?,
            // On the heap: small objects do without it, and it is the larger part of an upload's state.
            _ => Box::pin(self.put_by_sdk(what, put)).await?,
        };
        self.sent.fetch_add(put.payload.len(), Ordering::Relaxed);
        judged(answer, &plain_etag(&put.digests), &put.key)
    }

    async fn put_directly(&self, direct: &Direct, what: &str, put: &Put, bytes: Bytes) -> Result<Answer, Fault> {
        let (encryption, key_id) = self.asked_encryption();
        let encryption = [
            ("x-amz-server-side-encryption", encryption.map(|name| name.as_str().to_owned())),
            ("x-amz-server-side-encryption-aws-kms-key-id", key_id),
        ];
        let encryption: Vec<_> = encryption.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let response = direct.put(what, put, bytes, &encryption, attempt_timeout(IN_MEMORY)).await?;
        let said = |name| response.headers().get(name);
        let encryption = said("x-amz-server-side-encryption").map(ServerSideEncryption::from);
        Ok(Answer {
            etag: Some(said("etag").ok_or_else(|| Fault::no_etag(what))?.to_owned()),
            version_id: said("x-amz-version-id").map(str::to_owned),
            encryption: name_of(encryption.as_ref()),
            is_opaque_by_encryption: is_opaque(
                encryption.as_ref(),
                said("x-amz-server-side-encryption-customer-algorithm"),
            ),
        })
    }

    async fn put_by_sdk(&self, what: &str, put: &Put) -> Result<Answer, Fault> {
        let (encryption, key_id) = self.asked_encryption();
        let mut request = self
            .client
            .put_object()
            .bucket(&*self.name)
            .key(&*put.key)
            .content_type(put.content_type)
            .content_length(i64::try_from(put.payload.len()).unwrap_or(i64::MAX))
            .content_md5(STANDARD.encode(put.digests.md5))
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(key_id)
            .set_if_none_match(put.condition.if_none_match())
            .set_if_match(put.condition.if_match())
            .body(ByteStream::new(put.payload.body(self.throttle.as_ref())));
        for (name, value) in put.metadata_names() {
            request = request.metadata(name, value);
        }
        let mut request = request.customize().interceptor(SignedDigest(put.digests.sha256));
        if put.payload.len() > IN_MEMORY || self.throttle.is_some() {
            request = request.config_override(self.patience(put.payload.len()));
        }
        let output = request.send().await.map_err(|error| classify(what, error))?;
        Ok(Answer {
            etag: Some(output.e_tag().ok_or_else(|| Fault::no_etag(what))?.to_owned()),
            version_id: output.version_id().map(str::to_owned),
            encryption: name_of(output.server_side_encryption()),
            is_opaque_by_encryption: is_opaque(output.server_side_encryption(), output.sse_customer_algorithm()),
        })
    }

    /// Stores an object in parts. Where an answer gets lost at the end, everything is sent again to the same key.
    pub(super) async fn put_parts(&self, put: &Put, parts: &[Digests], part_bytes: u64) -> Result<Answer> {
        let what = format!("upload `{}`", put.key);
        self.with_retries(&what, || self.put_parts_once(&what, put, parts, part_bytes)).await
    }

    async fn put_parts_once(&self, what: &str, put: &Put, parts: &[Digests], part_bytes: u64) -> Result<Answer, Fault> {
        let (encryption, key_id) = self.asked_encryption();
        let mut create =
            self.client.create_multipart_upload().bucket(&*self.name).key(&*put.key).content_type(put.content_type);
        create = create.set_server_side_encryption(encryption).set_ssekms_key_id(key_id);
        for (name, value) in put.metadata_names() {
            create = create.metadata(name, value);
        }
        let created = create.send().await.map_err(|error| classify(what, error))?;
        let upload_id = created.upload_id().unwrap_or_default().to_owned();
        let encryption = name_of(created.server_side_encryption());
        let is_opaque = is_opaque(created.server_side_encryption(), created.sse_customer_algorithm());
        let outcome = self.finish_parts(what, put, parts, part_bytes, &upload_id).await.and_then(|mut answer| {
            // Some stores say so when the upload begins, and not at its end.
            answer.is_opaque_by_encryption |= is_opaque;
            answer.encryption = answer.encryption.take().or(encryption);
            judged(answer, &multipart_etag(parts), &put.key)
        });
        if outcome.is_err() {
            // A key that may only put may not be allowed to do this; the store's lifecycle rule clears up then.
            let abort = self.client.abort_multipart_upload().bucket(&*self.name).key(&*put.key).upload_id(upload_id);
            drop(abort.send().await);
        }
        outcome
    }

    async fn finish_parts(
        &self,
        what: &str,
        put: &Put,
        parts: &[Digests],
        part_bytes: u64,
        upload_id: &str,
    ) -> Result<Answer, Fault> {
        let mut uploads: JoinSet<Result<Part, Fault>> = JoinSet::new();
        let (mut has_opaque_part, mut encryption) = (false, None);
        let mut etags = vec![String::new(); parts.len()];
        let mut next = parts.iter().enumerate();
        loop {
            while uploads.len() < PARTS_IN_FLIGHT {
                let Some((index, digests)) = next.next() else { break };
                let offset = index as u64 * part_bytes;
                let section = put.payload.section(offset, part_bytes.min(put.payload.len() - offset));
                let part = Put { payload: section, digests: *digests, ..put.clone() };
                let (bucket, upload_id) = (self.clone(), upload_id.to_owned());
                uploads.spawn(async move { bucket.put_part(&part, index, &upload_id).await });
            }
            let Some(joined) = uploads.join_next().await else { break };
            let part = joined
                .unwrap_or_else(|error| Err(Fault::permanent(Error::caused(Kind::Internal, "upload a part", error))))?;
            has_opaque_part |= part.verdict == EtagVerdict::Opaque;
            encryption = encryption.or(part.encryption);
            if let Some(slot) = etags.get_mut(part.index) {
                *slot = part.etag;
            }
        }
        let completed = etags
            .into_iter()
            .zip(1i32..)
            .map(|(etag, number)| CompletedPart::builder().e_tag(etag).part_number(number).build());
        let completed = CompletedMultipartUpload::builder().set_parts(Some(completed.collect())).build();
        let complete = self.client.complete_multipart_upload().bucket(&*self.name).key(&*put.key).upload_id(upload_id);
        let complete = complete
            .set_if_none_match(put.condition.if_none_match())
            .set_if_match(put.condition.if_match())
            .multipart_upload(completed)
            .customize()
            .config_override(self.patience(put.payload.len()));
        let output = complete.send().await.map_err(|error| {
            let fault = classify(what, error);
            // An upload that is unknown now was completed by a request whose answer got lost: send all again.
            if fault.code == "NoSuchUpload" { Fault { retry: Retry::Once, ..fault } } else { fault }
        })?;
        Ok(Answer {
            etag: output.e_tag().map(str::to_owned),
            version_id: output.version_id().map(str::to_owned),
            // The ETag of the whole is made of those of the parts.
            // MinIO confirms for each part, and not at the end.
            encryption: name_of(output.server_side_encryption()).or(encryption),
            is_opaque_by_encryption: has_opaque_part || is_opaque(output.server_side_encryption(), None),
        })
    }

    /// Sends one part; its ETag must be its MD5, where ETags are digests here. Gives the ETag and what it says.
    async fn put_part(&self, part: &Put, index: usize, upload_id: &str) -> Result<Part, Fault> {
        let number = index + 1;
        let what = format!("upload part {number} of `{}`", part.key);
        let once = || async {
            let _place = self.place().await;
            let request = self
                .client
                .upload_part()
                .bucket(&*self.name)
                .key(&*part.key)
                .upload_id(upload_id)
                .part_number(i32::try_from(number).unwrap_or(i32::MAX))
                .content_length(i64::try_from(part.payload.len()).unwrap_or(i64::MAX))
                .content_md5(STANDARD.encode(part.digests.md5))
                .body(ByteStream::new(part.payload.body(self.throttle.as_ref())))
                .customize()
                .interceptor(SignedDigest(part.digests.sha256))
                .config_override(self.patience(part.payload.len()));
            let output = request.send().await.map_err(|error| classify(&what, error))?;
            self.sent.fetch_add(part.payload.len(), Ordering::Relaxed);
            let answer = Answer {
                etag: Some(output.e_tag().ok_or_else(|| Fault::no_etag(&what))?.to_owned()),
                version_id: None,
                encryption: name_of(output.server_side_encryption()),
                is_opaque_by_encryption: is_opaque(output.server_side_encryption(), output.sse_customer_algorithm()),
            };
            match judge_etag(&answer, &plain_etag(&part.digests), &part.key) {
                Ok(verdict) => {
                    let etag = answer.etag.unwrap_or_default();
                    Ok(Part { index, etag, verdict, encryption: answer.encryption })
                }
                Err(error) => Err(Fault::new(error, Retry::Once)),
            }
        };
        self.with_retries(&what, once).await.map_err(Fault::permanent)
    }

    /// Whether the store refuses a body whose digests are not those it was told: both of them, one after the other.
    pub(super) async fn enforces_digests(&self, key: &str) -> Result<bool> {
        let body = bytes::Bytes::from_static(b"fastflow-archive: does this store check digests?\n");
        let right = Digests::of(&body);
        let wrong = Digests::of(b"something else");
        let put = Put {
            key: key.into(),
            payload: Payload::Memory(body),
            digests: right,
            metadata: Arc::default(),
            content_type: "text/plain",
            condition: Condition::Always,
        };
        for claimed in [Digests { md5: wrong.md5, ..right }, Digests { sha256: wrong.sha256, ..right }] {
            let what = format!("put the store to the test with `{key}`");
            // Only the digest under test may be wrong: no checksum header besides.
            let attempt = || async {
                match self.put_claiming(&what, &put, &claimed).await {
                    Ok(()) => Ok(false),
                    Err(fault) if fault.is_refused_digest() => Ok(true),
                    Err(fault) => Err(fault),
                }
            };
            if !self.with_retries(&what, attempt).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn put_claiming(&self, what: &str, put: &Put, claimed: &Digests) -> Result<(), Fault> {
        let _place = self.place().await;
        let (encryption, key_id) = self.asked_encryption();
        let request = self
            .client
            .put_object()
            .bucket(&*self.name)
            .key(&*put.key)
            .content_type(put.content_type)
            .content_md5(STANDARD.encode(claimed.md5))
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(key_id)
            .body(ByteStream::new(put.payload.body(self.throttle.as_ref())))
            .customize()
            .interceptor(SignedDigest(claimed.sha256));
        let output = request.send().await.map_err(|error| classify(what, error))?;
        output.e_tag().map(drop).ok_or_else(|| Fault::no_etag(what))
    }

    /// Waits until one more request may be on its way.
    pub(super) async fn place(&self) -> Place<'_> {
        self.window.place().await
    }

    /// How long to wait before the next attempt, if there is one; and what the store says of how much it is asked.
    pub(super) fn pause(&self, fault: &Fault, tries: usize, what: &str) -> Option<Duration> {
        if fault.asks_for_less {
            self.window.asked_for_less();
        }
        fault.pause(tries, what)
    }

    /// Repeats what may succeed when repeated.
    pub(super) async fn with_retries<T, F>(&self, what: &str, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut tries = 0;
        loop {
            let fault = match attempt().await {
                Ok(value) => {
                    self.window.went_well();
                    return Ok(value);
                }
                Err(fault) => fault,
            };
            let Some(pause) = self.pause(&fault, tries, what) else { return Err(self.told_where(fault)) };
            tries += 1;
            tokio::time::sleep(pause).await;
        }
    }

    /// Where no store answered, the address that was asked belongs into the message.
    pub(super) fn told_where(&self, fault: Fault) -> Error {
        let Fault { error, code, .. } = fault;
        let is_answered = !code.is_empty()
            || !matches!(error.kind, Kind::StorageUnreachable | Kind::TlsFailed | Kind::StorageFailing);
        if is_answered { error } else { error.followed_by(&format!("; asked was {}", self.endpoint)) }
    }
}

/// The answer, if its ETag does not speak against it; bytes that were damaged on the way are sent once more.
fn judged(answer: Answer, expected: &str, key: &str) -> Result<Answer, Fault> {
    match judge_etag(&answer, expected, key) {
        Ok(_) => Ok(answer),
        Err(error) => Err(Fault::new(error, Retry::Once)),
    }
}

fn name_of(encryption: Option<&ServerSideEncryption>) -> Option<String> {
    encryption.map(|encryption| encryption.as_str().to_owned())
}

pub(super) fn is_opaque(encryption: Option<&ServerSideEncryption>, customer_algorithm: Option<&str>) -> bool {
    let by_kms = encryption.is_some_and(|encryption| encryption.as_str().starts_with("aws:kms"));
    by_kms || customer_algorithm.is_some()
}

/// Signs the digest we computed, so that the SDK neither reads the body twice nor leaves it unsigned.
#[derive(Debug)]
struct SignedDigest([u8; 32]);

impl Intercept for SignedDigest {
    fn name(&self) -> &'static str {
        "SignedDigest"
    }

    fn modify_before_signing(
        &self,
        _context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _runtime_components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        bag.interceptor_state().store_put(PayloadSigningOverride::Precomputed(to_hex(&self.0)));
        Ok(())
    }
}
