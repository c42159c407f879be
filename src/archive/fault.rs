//! Errors of the store, classified: what happened, whether to try again, what the operator can do.
//!
//! In: errors of the SDK. Out: [`Fault`]. The table is s3.md section 3.

use std::error::Error as StdError;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::error::{Error, Kind};
use crate::printable::printable;
use crate::time::{Clock, Timestamp, days_and_less};

/// Whether another attempt makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// The answer will be the same.
    Never,
    /// Once more: the bytes may have been damaged on the way.
    Once,
    /// As often as the budget allows, after this time where the store named one.
    Later(Option<Duration>),
}

/// A failed request.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: Error,
    pub(super) retry: Retry,
    /// The store's word for it; empty where the answer had none, or there was no answer.
    pub(super) code: String,
    /// Whether the store is asked for more than it can do: statuses 429 and 503 (AWS: `SlowDown`).
    pub(super) asks_for_less: bool,
}

impl Fault {
    pub(super) fn permanent(error: Error) -> Self {
        Fault::new(error, Retry::Never)
    }

    pub(super) fn new(error: Error, retry: Retry) -> Self {
        Fault { error, retry, code: String::new(), asks_for_less: false }
    }

    /// A 2xx that no S3 store gives: without an ETag, nothing says that anything was stored.
    pub(super) fn no_etag(what: &str) -> Self {
        let error = Error::new(Kind::StorageFailing, format!("{what}: the answer is a success, but has no ETag"))
            .hint("the answer is not one of an S3 store: check S3_ENDPOINT_URL and what lies in between");
        Fault::new(error, Retry::Later(None))
    }

    /// How long to wait before the next attempt, after `tries` that were repeated already; `None`: it is final.
    pub(super) fn pause(&self, tries: usize, what: &str) -> Option<Duration> {
        let own = *BACKOFF.get(tries)?;
        match self.retry {
            Retry::Later(asked) => Some(asked.unwrap_or_else(|| spread(own, what))),
            Retry::Once if tries == 0 => Some(spread(own, what)),
            Retry::Once | Retry::Never => None,
        }
    }

    /// Whether the store refused the body because of its digest: the only answers that show that it checks.
    pub(super) fn is_refused_digest(&self) -> bool {
        matches!(self.code.as_str(), "BadDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch")
    }
}

/// Waiting times before the second, third and fourth attempt; up to half as much again is added.
const BACKOFF: [Duration; 3] = [Duration::from_millis(200), Duration::from_millis(800), Duration::from_millis(2400)];
struct Class {
    kind: Kind,
    retry: Retry,
    hint: Option<&'static str>,
}

const fn class(kind: Kind, retry: Retry, hint: &'static str) -> Class {
    Class { kind, retry, hint: Some(hint) }
}

/// Classifies what the SDK reports about `what`, such as "upload `key`".
pub(super) fn classify<E>(what: &str, error: SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let response = error.raw_response();
    let status = response.map(|response| response.status().as_u16());
    let retry_after = response
        .and_then(|response| response.headers().get("retry-after"))
        .and_then(|value| value.parse::<u64>().ok())
        .map(|seconds| Duration::from_secs(seconds.min(60)));
    let region = response.and_then(|response| response.headers().get("x-amz-bucket-region")).map(str::to_owned);
    let date = response.and_then(|response| response.headers().get("date")).and_then(http_date);
    if let SdkError::ServiceError(service) = &error {
        let code = service.err().code().unwrap_or_default().to_owned();
        let detail = service.err().message().unwrap_or_default().trim().to_owned();
        let request_id = service.err().meta().request_id().map(|id| format!(", request id {id}")).unwrap_or_default();
        let class = by_code(in_s3(&code, &detail), retry_after)
            .unwrap_or_else(|| by_status(status.unwrap_or_default(), retry_after));
        let word = code.clone();
        let code = if code.is_empty() { "no error code".to_owned() } else { code };
        let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        let message = format!("{what}: {code}{detail} (HTTP {}{request_id})", status.unwrap_or_default());
        let error = Error::new(class.kind, printable(&message).into_owned());
        let hint = match (&region, class.hint) {
            (Some(region), Some(hint)) if class.kind == Kind::WrongRegion => {
                Some(format!("{hint}; the store says `{region}`"))
            }
            (_, Some(hint)) if class.kind == Kind::ClockSkew => Some(format!("{hint}{}", skew_to(date))),
            (_, hint) => hint.map(str::to_owned),
        };
        let asks_for_less = matches!(status, Some(429 | 503));
        return Fault { error: with_hint(error, hint), retry: class.retry, code: word, asks_for_less };
    }
    let causes = causes(&error);
    let class = by_transport(&causes, &error);
    let status = status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
    let message = format!("{what}: {causes}{status}");
    Fault::new(with_hint(Error::new(class.kind, message), class.hint.map(str::to_owned)), class.retry)
}

/// Reads the `Date` of an answer.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    let date = DateTime::from_str(text, DateTimeFormat::HttpDate).ok()?;
    SystemTime::try_from(date).ok().map(Timestamp::from)
}

/// How far the clocks are apart, as the end of a sentence; nothing where that is not known, or less than a minute.
fn skew_to(theirs: Option<Timestamp>) -> String {
    let (Some(theirs), ours) = (theirs, Clock::System.now()) else { return String::new() };
    let (skew, side) = if ours > theirs { (ours.since(theirs), "ahead") } else { (theirs.since(ours), "behind") };
    let minutes = Duration::from_secs(skew.as_secs() / 60 * 60);
    if minutes.is_zero() { String::new() } else { format!("; it is {} {side}", days_and_less(minutes)) }
}

fn with_hint(error: Error, hint: Option<String>) -> Error {
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The code that AWS and MinIO have for what Garage calls `AccessDenied` like everything else that has to do with keys.
fn in_s3<'a>(code: &'a str, detail: &str) -> &'a str {
    match code {
        "AccessDenied" if detail.contains("Invalid signature") => "SignatureDoesNotMatch",
        "AccessDenied" if detail.contains("No such key") => "InvalidAccessKeyId",
        _ => code,
    }
}

fn by_code(code: &str, retry_after: Option<Duration>) -> Option<Class> {
    let later = Retry::Later(retry_after);
    Some(match code {
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => class(
            Kind::AccessDenied,
            Retry::Never,
            "allow s3:PutObject on this bucket and prefix for the key (--proof head and readback also need s3:GetObject)",
        ),
        "InvalidAccessKeyId" | "InvalidToken" | "ExpiredToken" => {
            class(Kind::InvalidCredentials, Retry::Never, "check S3_ACCESS_KEY: the store does not know it")
        }
        "SignatureDoesNotMatch" => class(
            Kind::InvalidCredentials,
            Retry::Never,
            "check S3_SECRET_ACCESS_KEY; a proxy that changes headers or paths has the same effect",
        ),
        "NoSuchBucket" => class(
            Kind::NoSuchBucket,
            Retry::Never,
            "create the bucket, or check S3_BUCKET and S3_USE_PATH_STYLE; S3_ENDPOINT_URL ends after host and port",
        ),
        "InvalidBucketName" => class(
            Kind::NoSuchBucket,
            Retry::Never,
            "check S3_BUCKET: the name alone, 3 to 63 lower-case letters, digits, dots and hyphens",
        ),
        "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException" => class(
            Kind::WrongRegion,
            Retry::Never,
            "set S3_REGION to the region that the store names, and check S3_ENDPOINT_URL",
        ),
        "RequestTimeTooSkewed" => {
            class(Kind::ClockSkew, Retry::Never, "set the clock of this machine (NTP): it differs from the store's")
        }
        "QuotaExceeded" | "XMinioStorageFull" | "XMinioAdminBucketQuotaExceeded" | "InsufficientStorage" => {
            class(Kind::StorageFull, Retry::Never, "free space in the store or raise the quota")
        }
        "BadDigest"
        | "XAmzContentSHA256Mismatch"
        | "XAmzContentChecksumMismatch"
        | "InvalidDigest"
        | "IncompleteBody" => class(
            Kind::DigestMismatch,
            Retry::Once,
            "the bytes were damaged between here and the store: check network and memory",
        ),
        "PreconditionFailed" => {
            class(Kind::ObjectExists, Retry::Never, "`fastflow-archive list --remote` shows what is there")
        }
        "KeyTooLongError"
        | "MetadataTooLarge"
        | "EntityTooLarge"
        | "EntityTooSmall"
        | "InvalidRequest"
        | "InvalidArgument"
        | "ObjectLocked"
        | "InvalidObjectState"
        | "XMinioInvalidObjectName"
        | "NotImplemented"
        | "MethodNotAllowed" => Class { kind: Kind::ObjectRefused, retry: Retry::Never, hint: None },
        "ConditionalRequestConflict"
        | "SlowDown"
        | "SlowDownWrite"
        | "SlowDownRead"
        | "TooManyRequests"
        | "RequestTimeout"
        | "ServiceUnavailable"
        | "InternalError"
        | "OperationAborted" => {
            class(Kind::StorageFailing, later, "the store is overloaded or in trouble; look at its logs")
        }
        _ => return None,
    })
}

fn by_status(status: u16, retry_after: Option<Duration>) -> Class {
    match status {
        401 | 403 => class(
            Kind::AccessDenied,
            Retry::Never,
            "allow this for the key, or use a lower --proof; a proxy in between can answer like this, too",
        ),
        404 => class(
            Kind::ObjectRefused,
            Retry::Never,
            "the object is not there, or S3_ENDPOINT_URL does not lead to an S3 store",
        ),
        301 | 302 | 307 | 308 => {
            class(Kind::WrongRegion, Retry::Never, "check S3_REGION and S3_ENDPOINT_URL (http or https?)")
        }
        507 => class(Kind::StorageFull, Retry::Never, "free space in the store or raise the quota"),
        408 | 409 | 429 | 500..=599 | 0 => class(
            Kind::StorageFailing,
            Retry::Later(retry_after),
            "the store is overloaded or in trouble; look at its logs",
        ),
        // What speaks TLS says so to plain http, in a way of its own.
        400 => class(
            Kind::StorageFailing,
            Retry::Never,
            "the answer is not one of an S3 store: does this port speak TLS? then write S3_ENDPOINT_URL with https://",
        ),
        _ => class(Kind::ObjectRefused, Retry::Never, "check S3_ENDPOINT_URL: does it lead to an S3 store?"),
    }
}

fn by_transport<E>(causes: &str, error: &SdkError<E, HttpResponse>) -> Class {
    let lower = causes.to_lowercase();
    if ["certificate", "unknownissuer", "unknown ca", "tls", "handshake"].iter().any(|word| lower.contains(word)) {
        return class(Kind::TlsFailed, Retry::Never, tls_hint(causes));
    }
    if lower.contains("credentials") {
        return class(
            Kind::InvalidCredentials,
            Retry::Never,
            "the AWS default chain found no credentials; set S3_ACCESS_KEY and S3_SECRET_ACCESS_KEY",
        );
    }
    match error {
        SdkError::ConstructionFailure(_) => Class { kind: Kind::Internal, retry: Retry::Never, hint: None },
        SdkError::ResponseError(_) => class(
            Kind::StorageFailing,
            Retry::Later(None),
            "the answer is not one of an S3 store: check S3_ENDPOINT_URL (http or https?) and what lies in between",
        ),
        _ => class(Kind::StorageUnreachable, Retry::Later(None), unreachable_hint(&lower)),
    }
}

/// What to do where there is no connection, by what the system says about it in lower case.
fn unreachable_hint(causes: &str) -> &'static str {
    if causes.contains("dns error") || causes.contains("lookup address") {
        "check the host in S3_ENDPOINT_URL, and DNS; with S3_USE_PATH_STYLE=false the bucket stands in front of it (MinIO: true)"
    } else if causes.contains("refused") {
        "nothing listens there: is the store running? check host and port of S3_ENDPOINT_URL"
    } else if causes.contains("timed out") || causes.contains("timeout") || causes.contains("no route") {
        "nobody answers: check host and port of S3_ENDPOINT_URL, network and firewall; proxies of the environment are not used"
    } else {
        "is the store running? check S3_ENDPOINT_URL (http or https?), network and firewall"
    }
}

/// What to do where a TLS connection is not trusted, by what rustls says about it.
pub(crate) fn tls_hint(causes: &str) -> &'static str {
    let lower = causes.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if says(&["expired"]) {
        "renew the store's certificate; is the clock of this machine right?"
    } else if says(&["not valid yet", "notvalidyet"]) {
        "set the clock of this machine (NTP), or look at the store's certificate"
    } else if says(&["not valid for name", "notvalidforname"]) {
        "the certificate is for another host: write S3_ENDPOINT_URL with a name that is in it, or renew it with this one"
    } else if says(&["unknownissuer", "unknown issuer"]) {
        "nobody whom this machine trusts has signed the certificate: name the CA's PEM file with S3_CA_BUNDLE"
    } else if says(&["corrupt message", "invalidcontenttype"]) {
        "this port does not speak TLS: write S3_ENDPOINT_URL with http://, or with the port of https"
    } else {
        "check S3_ENDPOINT_URL and the store's certificate; name a private CA with S3_CA_BUNDLE"
    }
}

/// The chain of causes, each once, without what repeats the one before.
fn causes(error: &dyn StdError) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = cause.source();
    }
    // The SDK's outermost layers only say that something went wrong.
    let tail = parts.iter().filter(|part| {
        !matches!(part.as_str(), "dispatch failure" | "io error" | "client error (Connect)" | "service error")
    });
    let text = tail.map(String::as_str).collect::<Vec<_>>().join(": ");
    let text = if text.is_empty() { parts.join(": ") } else { text };
    printable(&text).into_owned()
}

/// Up to half as much again, different for each thing, so that many do not come back at the same moment.
fn spread(pause: Duration, what: &str) -> Duration {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    pause + pause.mul_f64((hasher.finish() % 1000) as f64 / 2000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_classified_as_the_table_says() {
        let ends = [
            "AccessDenied",
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "NoSuchBucket",
            "InvalidBucketName",
            "AuthorizationHeaderMalformed",
            "PermanentRedirect",
            "RequestTimeTooSkewed",
            "QuotaExceeded",
            "XMinioStorageFull",
        ];
        for code in ends {
            let class = by_code(code, None).unwrap();
            assert!(class.kind.ends_invocation() && class.retry == Retry::Never, "{code}");
        }
        for code in ["KeyTooLongError", "MetadataTooLarge", "EntityTooLarge", "InvalidRequest", "InvalidArgument"] {
            let class = by_code(code, None).unwrap();
            assert!(!class.kind.ends_invocation() && class.retry == Retry::Never, "{code}");
        }
        let after = Some(Duration::from_secs(7));
        assert_eq!(by_code("SlowDown", after).unwrap().retry, Retry::Later(after));
        assert_eq!(by_code("BadDigest", None).unwrap().retry, Retry::Once);
        for status in [408, 409, 429, 500, 502, 503, 504] {
            assert_eq!(by_status(status, None).retry, Retry::Later(None), "{status}");
        }
        assert_eq!(by_status(507, None).kind, Kind::StorageFull);
        assert_eq!(by_status(403, None).retry, Retry::Never);
    }
}
