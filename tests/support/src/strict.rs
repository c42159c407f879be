//! s3s-fs with what it lacks: digests that count before anything is stored, part ETags that count, and encryption as far
//! as a client can see it.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_core::Stream;
use s3s::crypto::{Checksum as _, Md5, Sha256};
use s3s::dto::*;
use s3s::stream::{ByteStream, RemainingLength};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, StdError, s3_error};
use s3s_fs::FileSystem;

use crate::content::hex;
use crate::store::Encryption;

/// ETags of the parts of an upload so far, as they were given out.
type Parts = BTreeMap<i32, String>;

/// Hands every operation on to s3s-fs.
pub(crate) struct StrictFs {
    files: FileSystem,
    encryption: Option<Encryption>,
    uploads: Mutex<HashMap<String, Parts>>,
}

impl StrictFs {
    pub(crate) fn new(files: FileSystem, encryption: Option<Encryption>) -> Self {
        StrictFs { files, encryption, uploads: Mutex::default() }
    }

    fn uploads(&self) -> MutexGuard<'_, HashMap<String, Parts>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What answers say about encryption: those to PutObject, UploadPart, HeadObject and GetObject. MinIO says nothing at
    /// the beginning and the end of a multipart upload, where the encryption is the bucket's default.
    fn encryption(&self) -> Option<ServerSideEncryption> {
        self.encryption.map(|encryption| match encryption {
            Encryption::SseS3 => ServerSideEncryption::from_static(ServerSideEncryption::AES256),
            Encryption::SseKms => ServerSideEncryption::from_static(ServerSideEncryption::AWS_KMS),
        })
    }

    /// The ETag as clients see it: with SSE-KMS its hash is another one, always the same for key and content.
    fn etag(&self, key: &str, etag: Option<ETag>) -> Option<ETag> {
        if self.encryption != Some(Encryption::SseKms) {
            return etag;
        }
        etag.map(|etag| {
            let (hash, parts) = etag.value().split_at(etag.value().find('-').unwrap_or(etag.value().len()));
            ETag::Strong(hex(&Md5::checksum(format!("sealed {key} {hash}").as_bytes())) + parts)
        })
    }

    /// The parts that a client lists must be those it was given ETags for.
    fn check_parts(&self, input: &CompleteMultipartUploadInput) -> S3Result<()> {
        let uploads = self.uploads();
        let given = uploads.get(&input.upload_id).ok_or_else(no_such_upload)?;
        let listed = input.multipart_upload.iter().flat_map(|upload| upload.parts.iter().flatten());
        for part in listed {
            let etag = part.part_number.and_then(|number| given.get(&number));
            if etag.is_none() || etag.map(String::as_str) != part.e_tag.as_ref().map(ETag::value) {
                return Err(s3_error!(InvalidPart, "One or more of the specified parts could not be found."));
            }
        }
        Ok(())
    }
}

fn no_such_upload() -> S3Error {
    s3_error!(NoSuchUpload, "The specified multipart upload does not exist.")
}

/// Which digest of a body was not the one it came with.
#[derive(Debug, Clone, Copy)]
enum Mismatch {
    Md5,
    Payload,
    Checksum,
}

impl From<Mismatch> for S3Error {
    fn from(mismatch: Mismatch) -> Self {
        let (code, message) = match mismatch {
            Mismatch::Md5 => ("BadDigest", "The Content-Md5 you specified did not match what we received."),
            Mismatch::Payload => (
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            ),
            Mismatch::Checksum => (
                "XAmzContentChecksumMismatch",
                "The provided 'x-amz-checksum' header does not match what was computed.",
            ),
        };
        let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::BadDigest);
        let mut error = S3Error::with_message(code, message);
        error.set_status_code(hyper::StatusCode::BAD_REQUEST);
        error
    }
}

/// A body that is compared with its digests as it passes. Where they differ it ends with an error, so that s3s-fs, which
/// writes to a temporary file and renames that at the end, stores nothing.
struct Checked {
    body: StreamingBlob,
    md5: Option<(Md5, Vec<u8>)>,
    sha256: Option<(Sha256, Vec<u8>)>,
    mismatch: Arc<OnceLock<Mismatch>>,
}

impl Checked {
    /// Puts itself in the place of a body, and gives the place where a mismatch will be found.
    fn replace(
        body: &mut Option<StreamingBlob>,
        content_md5: Option<&str>,
        checksum_sha256: Option<&str>,
    ) -> S3Result<Arc<OnceLock<Mismatch>>> {
        let md5 = content_md5.map(|text| digest(text, 16)).transpose()?;
        let sha256 = checksum_sha256.map(|text| digest(text, 32)).transpose()?;
        let mismatch = Arc::default();
        if let Some(inner) = body.take() {
            *body = Some(StreamingBlob::new(Checked {
                body: inner,
                md5: md5.map(|expected| (Md5::new(), expected)),
                sha256: sha256.map(|expected| (Sha256::new(), expected)),
                mismatch: Arc::clone(&mismatch),
            }));
        }
        Ok(mismatch)
    }

    /// What the end of the body shows.
    fn verdict(&mut self) -> Option<Mismatch> {
        if self.md5.take().is_some_and(|(hash, expected)| hash.finalize() != *expected) {
            return Some(Mismatch::Md5);
        }
        self.sha256.take().is_some_and(|(hash, expected)| hash.finalize() != *expected).then_some(Mismatch::Checksum)
    }
}

impl Stream for Checked {
    type Item = Result<hyper::body::Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = match ready!(Pin::new(&mut self.body).poll_next(context)) {
            Some(Ok(bytes)) => {
                if let Some((hash, _)) = &mut self.md5 {
                    hash.update(&bytes);
                }
                if let Some((hash, _)) = &mut self.sha256 {
                    hash.update(&bytes);
                }
                Some(Ok(bytes))
            }
            Some(Err(error)) => {
                // s3s compares the payload's hash itself, before it lets the last bytes through; its error has no public type.
                if error.to_string().contains("Sha256Mismatch") {
                    let _ = self.mismatch.set(Mismatch::Payload);
                }
                Some(Err(error))
            }
            None => self.verdict().map(|mismatch| {
                let _ = self.mismatch.set(mismatch);
                Err(format!("{mismatch:?} differs").into())
            }),
        };
        Poll::Ready(item)
    }
}

impl ByteStream for Checked {
    fn remaining_length(&self) -> RemainingLength {
        self.body.remaining_length()
    }
}

/// A digest of a header.
fn digest(text: &str, length: usize) -> S3Result<Vec<u8>> {
    let digest = STANDARD.decode(text).ok().filter(|digest| digest.len() == length);
    digest.ok_or_else(|| s3_error!(InvalidDigest, "The Content-Md5 you specified is not valid."))
}

/// The mismatch, where that is why s3s-fs failed.
fn reason(mismatch: &OnceLock<Mismatch>, error: S3Error) -> S3Error {
    mismatch.get().map_or(error, |mismatch| S3Error::from(*mismatch))
}

/// Operations that s3s-fs does as they are.
macro_rules! hand_on {
    ($($method:ident: $input:ty => $output:ty,)*) => {
        #[async_trait::async_trait]
        impl S3 for StrictFs {
            $(
                async fn $method(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                    self.files.$method(request).await
                }
            )*

            async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
                self.put(request).await
            }

            async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
                let key = request.input.key.clone();
                let mut response = self.files.get_object(request).await?;
                response.output.e_tag = self.etag(&key, response.output.e_tag);
                response.output.server_side_encryption = self.encryption();
                Ok(response)
            }

            async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
                let key = request.input.key.clone();
                let mut response = self.files.head_object(request).await?;
                response.output.e_tag = self.etag(&key, response.output.e_tag);
                response.output.server_side_encryption = self.encryption();
                Ok(response)
            }

            async fn create_multipart_upload(
                &self,
                request: S3Request<CreateMultipartUploadInput>,
            ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
                let response = self.files.create_multipart_upload(request).await?;
                self.uploads().extend(response.output.upload_id.clone().map(|id| (id, Parts::new())));
                Ok(response)
            }

            async fn upload_part(&self, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
                self.put_part(request).await
            }

            async fn complete_multipart_upload(
                &self,
                request: S3Request<CompleteMultipartUploadInput>,
            ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
                self.complete(request).await
            }

            async fn abort_multipart_upload(
                &self,
                request: S3Request<AbortMultipartUploadInput>,
            ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
                self.uploads().remove(&request.input.upload_id).ok_or_else(no_such_upload)?;
                self.files.abort_multipart_upload(request).await
            }
        }
    };
}

hand_on! {
    create_bucket: CreateBucketInput => CreateBucketOutput,
    delete_bucket: DeleteBucketInput => DeleteBucketOutput,
    head_bucket: HeadBucketInput => HeadBucketOutput,
    list_buckets: ListBucketsInput => ListBucketsOutput,
    get_bucket_location: GetBucketLocationInput => GetBucketLocationOutput,
    delete_object: DeleteObjectInput => DeleteObjectOutput,
    delete_objects: DeleteObjectsInput => DeleteObjectsOutput,
    list_objects: ListObjectsInput => ListObjectsOutput,
    list_objects_v2: ListObjectsV2Input => ListObjectsV2Output,
    list_parts: ListPartsInput => ListPartsOutput,
}

impl StrictFs {
    async fn put(&self, mut request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = &mut request.input;
        let mismatch =
            Checked::replace(&mut input.body, input.content_md5.as_deref(), input.checksum_sha256.as_deref())?;
        let key = input.key.clone();
        let mut response = self.files.put_object(request).await.map_err(|error| reason(&mismatch, error))?;
        response.output.e_tag = self.etag(&key, response.output.e_tag);
        response.output.server_side_encryption = self.encryption();
        Ok(response)
    }

    async fn put_part(&self, mut request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let input = &mut request.input;
        let mismatch =
            Checked::replace(&mut input.body, input.content_md5.as_deref(), input.checksum_sha256.as_deref())?;
        let (key, upload_id, number) = (input.key.clone(), input.upload_id.clone(), input.part_number);
        if !self.uploads().contains_key(&upload_id) {
            return Err(no_such_upload());
        }
        let mut response = self.files.upload_part(request).await.map_err(|error| reason(&mismatch, error))?;
        response.output.e_tag = self.etag(&key, response.output.e_tag);
        response.output.server_side_encryption = self.encryption();
        let etag = response.output.e_tag.as_ref().map(|etag| etag.value().to_owned());
        if let Some(parts) = self.uploads().get_mut(&upload_id) {
            parts.extend(etag.map(|etag| (number, etag)));
        }
        Ok(response)
    }

    async fn complete(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.check_parts(&request.input)?;
        let (key, upload_id) = (request.input.key.clone(), request.input.upload_id.clone());
        let mut response = self.files.complete_multipart_upload(request).await?;
        self.uploads().remove(&upload_id);
        // What s3s-fs answers, it answers later: a future in the answer.
        let mut output = response.output;
        if let Some(later) = output.future.take() {
            output = later.await?;
        }
        output.e_tag = self.etag(&key, output.e_tag);
        response.output = output;
        Ok(response)
    }
}
