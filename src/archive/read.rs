//! What is asked of a bucket: is an object there, what are its bytes, which are there.
//!
//! In: keys. Out: lengths, digests, listings, or classified errors. Needs rights that the nightly key does not have:
//! `s3:GetObject`, and `s3:ListBucket` for listings.

use std::sync::Arc;

use super::client::patience;
use super::fault::{Fault, Retry, classify};
use super::payload::{Digests, Hasher};
use super::s3::Bucket;
use crate::bytes::ByteSize;
use crate::error::{Error, Kind, Result};

/// An object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Key.
    pub key: String,
    /// Length.
    pub bytes: ByteSize,
}

impl Bucket {
    /// Length, ETag and stored SHA-256 of an object.
    pub(super) async fn head(&self, key: &str) -> Result<(u64, Option<String>, Option<String>)> {
        let what = format!("look at `{key}` (HEAD)");
        let once = || async {
            let request = self.client.head_object().bucket(&*self.name).key(key);
            let output = request.send().await.map_err(|error| classify(&what, error))?;
            let sha256 = output.metadata().and_then(|metadata| metadata.get("sha256")).cloned();
            let length = u64::try_from(output.content_length().unwrap_or(-1)).unwrap_or(u64::MAX);
            Ok((length, output.e_tag().map(str::to_owned), sha256))
        };
        self.with_retries(&what, once).await
    }

    /// Length and digests of an object, computed from its bytes.
    pub(super) async fn read_back(&self, key: &str) -> Result<(u64, Digests)> {
        let what = format!("read back `{key}`");
        let once = || async {
            let request = self.client.get_object().bucket(&*self.name).key(key);
            let request = request.customize().config_override(patience(u64::from(u32::MAX)));
            let mut body = request.send().await.map_err(|error| classify(&what, error))?.body;
            let (mut hasher, mut length) = (Hasher::default(), 0u64);
            loop {
                match body.try_next().await {
                    Ok(Some(chunk)) => {
                        length += chunk.len() as u64;
                        hasher.update(&chunk);
                    }
                    Ok(None) => return Ok((length, hasher.finish())),
                    Err(error) => {
                        let error = Error::caused(Kind::StorageUnreachable, what.clone(), error);
                        return Err(Fault::new(error, Retry::Later(None)));
                    }
                }
            }
        };
        self.with_retries(&what, once).await
    }

    /// The bytes of an object that is known to be small; longer ones are an error.
    pub async fn read_small(&self, key: &str, most: ByteSize) -> Result<Vec<u8>> {
        let what = format!("read `{key}`");
        let once = || async {
            let request = self.client.get_object().bucket(&*self.name).key(key);
            let mut body = request.send().await.map_err(|error| classify(&what, error))?.body;
            let mut bytes = Vec::new();
            loop {
                match body.try_next().await {
                    Ok(Some(chunk)) if (bytes.len() + chunk.len()) as u64 > most.0 => {
                        let error = Error::new(Kind::ObjectRefused, format!("{what}: it has more than {most}"));
                        return Err(Fault::permanent(error));
                    }
                    Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                    Ok(None) => return Ok(bytes),
                    Err(error) => {
                        let error = Error::caused(Kind::StorageUnreachable, what.clone(), error);
                        return Err(Fault::new(error, Retry::Later(None)));
                    }
                }
            }
        };
        self.with_retries(&what, once).await
    }

    /// Hands over every object whose key begins with `prefix`, in the order of keys, a page at a time.
    pub async fn list(&self, prefix: &str, mut page: impl FnMut(Vec<Listed>)) -> Result<()> {
        let what = format!("list `{prefix}`");
        let mut token: Option<Arc<str>> = None;
        loop {
            let once = || async {
                let request = self.client.list_objects_v2().bucket(&*self.name).prefix(prefix);
                let request = request.set_continuation_token(token.as_deref().map(str::to_owned));
                request.send().await.map_err(|error| classify(&what, error))
            };
            let output = self.with_retries(&what, once).await?;
            let listed = |object: &aws_sdk_s3::types::Object| {
                let bytes = u64::try_from(object.size().unwrap_or_default()).unwrap_or_default();
                Some(Listed { key: object.key()?.to_owned(), bytes: ByteSize(bytes) })
            };
            page(output.contents().iter().filter_map(listed).collect());
            match output.next_continuation_token() {
                Some(next) if output.is_truncated() == Some(true) => token = Some(next.into()),
                _ => return Ok(()),
            }
        }
    }
}
