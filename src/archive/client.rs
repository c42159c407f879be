//! The S3 client: one HTTP stack, one TLS provider, patience in proportion to the bytes.
//!
//! In: [`Target`]. Out: the SDK's client. Whatever the environment says, no chunked trailers and no retries of the SDK's own:
//! each attempt is classified by `fault` and repeated by `s3` (s3.md sections 1, 3 to 5).

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    self, BehaviorVersion, Region, RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient,
    StalledStreamProtectionConfig,
};
use aws_smithy_http_client::{Builder as HttpClientBuilder, Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnectorSettings;

use super::payload::IN_MEMORY;
use crate::config::{Credentials, Target};
use crate::error::{Error, Kind, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(25);
/// Back-pressure of the store is no stall before this.
const STALL_GRACE: Duration = Duration::from_secs(60);
/// An attempt may take this, and the time the body needs at [`SLOWEST`].
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);
const SLOWEST_BYTES_PER_SECOND: u64 = 64 << 10;
/// Makes the client; asks nobody, except where the AWS chain looks for credentials.
pub(super) async fn client(target: &Target, credentials: &Credentials) -> Result<Client> {
    let http_client = http_client(target, credentials);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(attempt_timeout(IN_MEMORY))
        .build();
    let stalls = StalledStreamProtectionConfig::enabled().grace_period(STALL_GRACE).build();
    let mut builder = config::Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(target.region.value.clone()))
        .force_path_style(target.path_style.value)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .stalled_stream_protection(stalls)
        .http_client(http_client.clone());
    if let Some(url) = &target.endpoint_url {
        builder = builder.endpoint_url(&url.value);
    }
    builder = match keys_of(credentials) {
        Some(keys) => builder.credentials_provider(keys),
        None => {
            let shared = aws_config::defaults(BehaviorVersion::latest())
                .http_client(http_client)
                .region(Region::new(target.region.value.clone()))
                .load()
                .await;
            let provider = shared.credentials_provider().ok_or_else(|| {
                Error::new(Kind::InvalidCredentials, "find credentials in the AWS default chain")
                    .hint("set S3_ACCESS_KEY and S3_SECRET_ACCESS_KEY, or give this machine a role")
            })?;
            builder.credentials_provider(provider)
        }
    };
    Ok(Client::from_conf(builder.build()))
}

/// The keys, where they are written down.
pub(super) fn keys_of(credentials: &Credentials) -> Option<config::Credentials> {
    match credentials {
        Credentials::Keys { access_key, secret_access_key } => Some(config::Credentials::new(
            access_key.value.expose(),
            secret_access_key.value.expose(),
            None,
            None,
            "fastflow-archive",
        )),
        Credentials::AwsChain(_) => None,
    }
}

/// How long one attempt may take.
pub(super) fn attempt_timeout(bytes: u64) -> Duration {
    ATTEMPT_TIMEOUT + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND)
}

/// Time enough for a request with so many bytes, and `more` that we ourselves take.
pub(super) fn patience(bytes: u64, more: Duration) -> config::Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(attempt_timeout(bytes) + more);
    let builder = config::Builder::new().timeout_config(timeouts.build());
    // What we hold back ourselves is no stall of the store's.
    if more.is_zero() { builder } else { builder.stalled_stream_protection(StalledStreamProtectionConfig::disabled()) }
}

/// One TLS stack (rustls) with one provider (ring); the system's roots, and a private CA beside them.
fn http_client(target: &Target, credentials: &Credentials) -> SharedHttpClient {
    let builder = HttpClientBuilder::new()
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(usize::from(target.concurrency.value));
    // The AWS chain may have to reach an https endpoint of its own.
    if is_plain(target) && matches!(credentials, Credentials::Keys { .. }) {
        return builder.build_http();
    }
    let builder = builder.tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring));
    builder.tls_context(trust(target)).build_https()
}

/// The same for requests that do not go through the SDK.
pub(super) fn connector(target: &Target) -> Connector {
    let builder = Connector::builder()
        .connector_settings(HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build())
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(usize::from(target.concurrency.value));
    if is_plain(target) {
        return builder.build_http();
    }
    let builder = builder.tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring));
    builder.tls_context(trust(target)).build()
}

fn is_plain(target: &Target) -> bool {
    target.endpoint_url.as_ref().is_some_and(|url| url.value.starts_with("http://"))
}

fn trust(target: &Target) -> tls::TlsContext {
    let mut roots = tls::TrustStore::default().with_native_roots(true);
    if let Some((_, pem)) = &target.ca_bundle {
        roots.add_pem_certificate(pem.clone());
    }
    tls::TlsContext::builder().with_trust_store(roots).build().unwrap_or_default()
}
