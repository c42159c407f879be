//! PUT of a small object without the SDK's orchestrator, which would take a third of the processor time of each.
//!
//! In: [`Put`]s of what is in memory. Out: what the SDK's `PutObject` gives, errors included, so that `fault` classifies
//! both alike. Endpoint rules, HTTP client and XML reader are the SDK's own; only what it assembles anew for each request is
//! assembled once. Where keys come from the AWS chain, or the bucket wants another kind of signature, there is no
//! [`Direct`], and the SDK sends everything.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::endpoint::{DefaultResolver, Endpoint, Params, ResolveEndpoint as _};
use aws_sdk_s3::error::{ErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId as _;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::endpoint::EndpointAuthScheme;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::client::{connector, keys_of};
use super::fault::{Fault, classify};
use super::payload::Digests;
use super::s3::Put;
use super::sign::Signer;
use crate::bytes::to_hex;
use crate::config::{Credentials, Target};

/// What SigV4 leaves as it is in a path, and the slashes between its segments.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

type Failure = SdkError<PutObjectError, HttpResponse>;

/// The way to one bucket.
pub(super) struct Direct {
    connector: Connector,
    /// Scheme and host.
    origin: String,
    /// What stands before a key: a slash, or with path style the bucket between two.
    folder: String,
    signer: Signer,
}

impl Direct {
    /// Prepares the way; `None` where it is the SDK's alone.
    pub(super) async fn to_bucket(target: &Target, credentials: &Credentials) -> Option<Direct> {
        let keys = keys_of(credentials)?;
        let (bucket, region) = (&target.bucket.value, &target.region.value);
        let endpoint_url = target.endpoint_url.as_ref().map(|url| url.value.as_str());
        let base = base_of(bucket, region, endpoint_url, target.path_style.value).await?;
        let (origin, folder) = split_base(&base)?;
        let signer = Signer::new(keys, region, origin);
        Some(Direct { connector: connector(target), origin: origin.to_owned(), folder: folder.to_owned(), signer })
    }

    /// Sends the object; the answer within `patience`, its body read. `what` is what an error says of the attempt.
    pub(super) async fn put(
        &self,
        what: &str,
        put: &Put,
        bytes: Bytes,
        encryption: &[(&'static str, String)],
        patience: Duration,
    ) -> Result<HttpResponse, Fault> {
        let request = self.request(put, bytes, encryption);
        let request = request.map_err(|error| classify(what, Failure::construction_failure(error)))?;
        tokio::time::timeout(patience, self.exchange(what, request)).await.unwrap_or_else(|_| {
            let failure = Failure::timeout_error(format!("timeout: no answer within {} s", patience.as_secs()));
            Err(classify(what, failure))
        })
    }

    fn request(
        &self,
        put: &Put,
        bytes: Bytes,
        encryption: &[(&'static str, String)],
    ) -> Result<HttpRequest, aws_sdk_s3::error::BoxError> {
        let Digests { md5, sha256 } = &put.digests;
        let mut headers = Vec::with_capacity(20);
        headers.extend([
            ("content-type", put.content_type.to_owned()),
            ("content-length", bytes.len().to_string()),
            ("content-md5", STANDARD.encode(md5)),
        ]);
        headers.extend(put.condition.if_none_match().map(|value| ("if-none-match", value)));
        headers.extend(put.condition.if_match().map(|value| ("if-match", value)));
        headers.extend(encryption.iter().cloned());
        headers.extend(put.metadata());
        let path = format!("{}{}", self.folder, utf8_percent_encode(&put.key, IN_PATH));
        let signature = self.signer.headers(&path, &headers, &to_hex(sha256), SystemTime::now());
        let mut request = HttpRequest::new(SdkBody::from(bytes));
        request.set_method("PUT")?;
        request.set_uri(self.origin.clone() + &path)?;
        for (name, value) in headers.into_iter().chain(signature) {
            request.headers_mut().try_insert(name, value)?;
        }
        request.headers_mut().try_insert("user-agent", concat!("fastflow-archive/", env!("CARGO_PKG_VERSION")))?;
        Ok(request)
    }

    async fn exchange(&self, what: &str, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let sent = self.connector.call(request).await;
        let mut response = sent.map_err(|error| classify(what, Failure::dispatch_failure(error)))?;
        // A connection serves again only once its answer was read.
        let body = match ByteStream::new(response.take_body()).collect().await {
            Ok(body) => body.into_bytes(),
            Err(error) => return Err(classify(what, Failure::response_error(error, response))),
        };
        if response.status().is_success() {
            return Ok(response);
        }
        let mut said = refusal(&body).unwrap_or_default();
        if let Some(id) = response.request_id() {
            said = said.custom("aws_request_id", id);
        }
        Err(classify(what, Failure::service_error(PutObjectError::generic(said.build()), response)))
    }
}

/// What comes before the keys of a bucket, by the SDK's rules; `None` where our signatures are not what is wanted there.
async fn base_of(bucket: &str, region: &str, endpoint_url: Option<&str>, path_style: bool) -> Option<String> {
    let parameters = Params::builder()
        .bucket(bucket)
        .region(region)
        .set_endpoint(endpoint_url.map(str::to_owned))
        .force_path_style(path_style);
    let endpoint = DefaultResolver::new().resolve_endpoint(&parameters.build().ok()?).await.ok()?;
    takes_plain_signatures(&endpoint, region).then(|| format!("{}/", endpoint.url().trim_end_matches('/')))
}

/// Scheme with host, and the path behind them.
fn split_base(base: &str) -> Option<(&str, &str)> {
    let host = base.find("://")? + 3;
    base.split_at_checked(host + base.get(host..)?.find('/')?)
}

/// Whether signatures of version 4, for the service and region that we sign for, are what the endpoint wants.
fn takes_plain_signatures(endpoint: &Endpoint, region: &str) -> bool {
    let says = |scheme: &EndpointAuthScheme, name: &str, value: &str| {
        scheme.get(name).is_none_or(|said| said.as_string() == Some(value))
    };
    let mut schemes = endpoint.auth_schemes().iter();
    schemes.any(|scheme| {
        scheme.name() == "sigv4" && says(scheme, "signingName", "s3") && says(scheme, "signingRegion", region)
    })
}

/// Code and message of an error that a store answers with; `None` where it is none.
fn refusal(body: &[u8]) -> Option<aws_smithy_types::error::metadata::Builder> {
    let mut document = aws_smithy_xml::decode::Document::try_from(body).ok()?;
    let mut root = document.root_element().ok().filter(|root| root.start_el().matches("Error"))?;
    let mut said = ErrorMetadata::builder();
    while let Some(mut tag) = root.next_tag() {
        let name = tag.start_el().local().to_owned();
        match name.as_str() {
            "Code" => said = said.code(aws_smithy_xml::decode::try_data(&mut tag).ok()?),
            "Message" => said = said.message(aws_smithy_xml::decode::try_data(&mut tag).ok()?),
            _ => {}
        }
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_address_of_a_bucket_follows_the_rules_of_the_sdk() {
        let (aws, minio, tls) = (None, Some("http://127.0.0.1:9000"), Some("https://minio.example"));
        for (bucket, region, endpoint_url, path_style, base) in [
            ("logs", "eu-central-1", aws, false, Some("https://logs.s3.eu-central-1.amazonaws.com/")),
            ("logs", "eu-central-1", aws, true, Some("https://s3.eu-central-1.amazonaws.com/logs/")),
            ("logs", "cn-north-1", aws, false, Some("https://logs.s3.cn-north-1.amazonaws.com.cn/")),
            ("a.b", "eu-central-1", aws, false, Some("https://s3.eu-central-1.amazonaws.com/a.b/")),
            ("logs", "us-east-1", minio, true, Some("http://127.0.0.1:9000/logs/")),
            ("logs", "us-east-1", tls, false, Some("https://logs.minio.example/")),
            // Sessions, and signatures of version 4a.
            ("logs--use1-az4--x-s3", "us-east-1", aws, false, None),
            ("arn:aws:s3::123456789012:accesspoint:logs.mrap", "us-east-1", aws, false, None),
        ] {
            assert_eq!(base_of(bucket, region, endpoint_url, path_style).await.as_deref(), base, "{bucket} {region}");
        }
    }

    #[test]
    fn a_refusal_is_read_and_nothing_else_is_taken_for_one() {
        let said = |body: &str| {
            let said = refusal(body.as_bytes())?.build();
            Some((said.code().map(str::to_owned), said.message().map(str::to_owned)))
        };
        let minio = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>no &lt;way&gt;</Message>\
                     <Key>a</Key><Details><Code>Inner</Code></Details><RequestId>1</RequestId></Error>";
        assert_eq!(said(minio), Some((Some("AccessDenied".into()), Some("no <way>".into()))));
        assert_eq!(said("<Error><Code>SlowDown</Code></Error>"), Some((Some("SlowDown".into()), None)));
        for other in ["", "<html><body>502</body></html>", "<Error><Code>", "Bad Gateway", "{\"Code\": 1}"] {
            assert_eq!(said(other).and_then(|(code, _)| code).filter(|code| !code.is_empty()), None, "{other}");
        }
    }
}
