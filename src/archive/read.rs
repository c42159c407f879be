//! What is asked of a bucket: is an object there, what are its bytes, which are there.
//!
//! In: keys. Out: lengths, digests, listings, or classified errors. Needs rights that the nightly key does not have:
//! `s3:GetObject`, and `s3:ListBucket` for listings.

use std::collections::HashMap;
use std::time::SystemTime;

use super::fault::{Fault, Retry, classify};
use super::payload::{Digests, Hasher};
use super::s3::Bucket;
use super::s3::is_opaque;
use crate::bytes::ByteSize;
use crate::error::{Error, Kind, Result};
use crate::time::Timestamp;

/// An object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Key.
    pub key: String,
    /// Length.
    pub bytes: ByteSize,
    /// ETag, without quotes.
    pub etag: Option<String>,
    /// When the store got it, by its own clock; `None` where that was not kept.
    pub stored_at: Option<Timestamp>,
}

/// An object as a HEAD shows it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Length.
    pub bytes: ByteSize,
    /// ETag, without quotes.
    pub etag: Option<String>,
    /// The ETag is no digest, by design: encrypted with a key of KMS or the customer.
    pub is_opaque: bool,
    /// What was stored with it.
    pub metadata: HashMap<String, String>,
}

impl Seen {
    /// The SHA-256 that was stored with it, hexadecimal.
    pub fn sha256(&self) -> Option<&str> {
        self.metadata.get("sha256").map(String::as_str)
    }
}

/// What gets the next page of a listing.
pub struct NextPage(String);

/// Takes the bytes of an object as they come.
pub trait Sink: Send {
    /// An attempt begins: what was taken until now is void.
    fn begin(&mut self) -> Result<()>;

    /// The next bytes; an error ends the reading.
    fn take(&mut self, bytes: &[u8]) -> Result<()>;
}

/// For whom the digests suffice.
struct Nowhere;

impl Sink for Nowhere {
    fn begin(&mut self) -> Result<()> {
        Ok(())
    }

    fn take(&mut self, _bytes: &[u8]) -> Result<()> {
        Ok(())
    }
}

/// A few bytes in memory.
struct Small<'a> {
    bytes: Vec<u8>,
    most: ByteSize,
    key: &'a str,
}

impl Sink for Small<'_> {
    fn begin(&mut self) -> Result<()> {
        self.bytes.clear();
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() as u64 > self.most.0 {
            let message = format!("read `{}`: it has more than {}", self.key, self.most);
            return Err(Error::new(Kind::ObjectRefused, message));
        }
        Ok(())
    }
}

impl Bucket {
    /// Length, ETag and stored SHA-256 of an object.
    pub async fn head(&self, key: &str) -> Result<(u64, Option<String>, Option<String>)> {
        let missing = || {
            Error::new(Kind::ObjectRefused, format!("look at `{key}` (HEAD): it is not there"))
                .hint("the object is not there, or S3_ENDPOINT_URL does not lead to an S3 store")
        };
        let seen = self.look(key).await?.ok_or_else(missing)?;
        let sha256 = seen.sha256().map(str::to_owned);
        Ok((seen.bytes.0, seen.etag, sha256))
    }

    /// What a HEAD shows of an object; `None` where there is none.
    pub async fn look(&self, key: &str) -> Result<Option<Seen>> {
        let what = format!("look at `{key}` (HEAD)");
        let once = || async {
            let _place = self.place().await;
            let output = match self.client.head_object().bucket(&*self.name).key(key).send().await {
                Ok(output) => output,
                Err(error) if error.raw_response().is_some_and(|answer| answer.status().as_u16() == 404) => {
                    return Ok(None);
                }
                Err(error) => return Err(classify(&what, error)),
            };
            Ok(Some(Seen {
                bytes: ByteSize(u64::try_from(output.content_length().unwrap_or(-1)).unwrap_or(u64::MAX)),
                etag: output.e_tag().map(unquoted),
                is_opaque: is_opaque(output.server_side_encryption(), output.sse_customer_algorithm()),
                metadata: output.metadata().cloned().unwrap_or_default(),
            }))
        };
        self.with_retries(&what, once).await
    }

    /// Whether these credentials may list; whatever else is wrong with the bucket is an error.
    pub async fn may_list(&self, prefix: &str) -> Result<bool> {
        let what = format!("list `{prefix}`");
        let once = || async {
            let request = self.client.list_objects_v2().bucket(&*self.name).prefix(prefix).max_keys(1);
            request.send().await.map(drop).map_err(|error| classify(&what, error))
        };
        match self.with_retries(&what, once).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind == Kind::AccessDenied => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Length and digests of an object, computed from its bytes.
    pub async fn read_back(&self, key: &str) -> Result<(u64, Digests)> {
        self.read(key, &mut Nowhere).await
    }

    /// The bytes of an object that is known to be small; longer ones are an error.
    pub async fn read_small(&self, key: &str, most: ByteSize) -> Result<Vec<u8>> {
        let mut small = Small { bytes: Vec::new(), most, key };
        self.read(key, &mut small).await?;
        Ok(small.bytes)
    }

    /// Streams an object into `sink`, and says its length and digests.
    pub async fn read(&self, key: &str, sink: &mut dyn Sink) -> Result<(u64, Digests)> {
        let what = format!("read `{key}`");
        let mut tries = 0;
        loop {
            sink.begin()?;
            let fault = match self.read_once(&what, key, sink).await {
                Ok(found) => return Ok(found),
                Err(fault) => fault,
            };
            let Some(pause) = self.pause(&fault, tries, &what) else { return Err(self.told_where(fault)) };
            tries += 1;
            tokio::time::sleep(pause).await;
        }
    }

    async fn read_once(&self, what: &str, key: &str, sink: &mut dyn Sink) -> Result<(u64, Digests), Fault> {
        let _place = self.place().await;
        let request = self.client.get_object().bucket(&*self.name).key(key);
        let request = request.customize().config_override(self.patience(u64::from(u32::MAX)));
        let classified = |error| {
            let mut fault = classify(what, error);
            if fault.code == "NoSuchKey" {
                fault.error.kind = Kind::ObjectMissing;
            }
            fault
        };
        let mut body = request.send().await.map_err(classified)?.body;
        let (mut hasher, mut length) = (Hasher::default(), 0u64);
        loop {
            match body.try_next().await {
                Ok(Some(chunk)) => {
                    length += chunk.len() as u64;
                    hasher.update(&chunk);
                    sink.take(&chunk).map_err(Fault::permanent)?;
                }
                Ok(None) => return Ok((length, hasher.finish())),
                Err(error) => {
                    let error = Error::caused(Kind::StorageUnreachable, what.to_owned(), error);
                    return Err(Fault::new(error, Retry::Later(None)));
                }
            }
        }
    }

    /// Hands over every object whose key begins with `prefix`, in the order of keys, a page at a time.
    pub async fn list(&self, prefix: &str, mut page: impl FnMut(Vec<Listed>)) -> Result<()> {
        let mut next = None;
        loop {
            let (listed, after) = self.list_page(prefix, next).await?;
            page(listed);
            match after {
                Some(after) => next = Some(after),
                None => return Ok(()),
            }
        }
    }

    /// One page of a listing, and what gets the page after it; `None` where there is none.
    pub async fn list_page(&self, prefix: &str, next: Option<NextPage>) -> Result<(Vec<Listed>, Option<NextPage>)> {
        let what = format!("list `{prefix}`");
        let once = || async {
            let request = self.client.list_objects_v2().bucket(&*self.name).prefix(prefix);
            let request = request.set_continuation_token(next.as_ref().map(|NextPage(token)| token.clone()));
            request.send().await.map_err(|error| classify(&what, error))
        };
        let output = self.with_retries(&what, once).await?;
        let listed = |object: &aws_sdk_s3::types::Object| {
            let bytes = u64::try_from(object.size().unwrap_or_default()).unwrap_or_default();
            let stored_at = object.last_modified().and_then(|at| SystemTime::try_from(*at).ok());
            let etag = object.e_tag().map(unquoted);
            Some(Listed {
                key: object.key()?.to_owned(),
                bytes: ByteSize(bytes),
                etag,
                stored_at: stored_at.map(Into::into),
            })
        };
        let more = output.is_truncated() == Some(true);
        let next = output.next_continuation_token().filter(|_| more).map(|token| NextPage(token.to_owned()));
        Ok((output.contents().iter().filter_map(listed).collect(), next))
    }
}

fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_ascii_lowercase()
}
