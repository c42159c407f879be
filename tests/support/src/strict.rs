//! s3s-fs with the one check it lacks: Content-MD5 of a part.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

use crate::content::hex;

/// Hands every operation on to s3s-fs.
pub(crate) struct StrictFs(FileSystem);

impl StrictFs {
    pub(crate) fn new(files: FileSystem) -> Self {
        StrictFs(files)
    }
}

/// Operations that s3s-fs does as they are.
macro_rules! hand_on {
    ($($method:ident: $input:ty => $output:ty,)*) => {
        #[async_trait::async_trait]
        impl S3 for StrictFs {
            $(
                async fn $method(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                    self.0.$method(request).await
                }
            )*

            async fn upload_part(&self, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
                let expected = request.input.content_md5.clone();
                let response = self.0.upload_part(request).await?;
                if let Some(expected) = expected {
                    let expected = STANDARD.decode(expected).map_err(|_| s3_error!(InvalidDigest))?;
                    let found = response.output.e_tag.as_ref().map(|tag| tag.value().to_owned());
                    if found != Some(hex(&expected)) {
                        return Err(s3_error!(BadDigest, "The Content-Md5 you specified did not match what we received."));
                    }
                }
                Ok(response)
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
    put_object: PutObjectInput => PutObjectOutput,
    get_object: GetObjectInput => GetObjectOutput,
    head_object: HeadObjectInput => HeadObjectOutput,
    delete_object: DeleteObjectInput => DeleteObjectOutput,
    delete_objects: DeleteObjectsInput => DeleteObjectsOutput,
    list_objects: ListObjectsInput => ListObjectsOutput,
    list_objects_v2: ListObjectsV2Input => ListObjectsV2Output,
    create_multipart_upload: CreateMultipartUploadInput => CreateMultipartUploadOutput,
    list_parts: ListPartsInput => ListPartsOutput,
    complete_multipart_upload: CompleteMultipartUploadInput => CompleteMultipartUploadOutput,
    abort_multipart_upload: AbortMultipartUploadInput => AbortMultipartUploadOutput,
}
