//! AWS Signature Version 4 for PUT requests of the bare client, so that it can send the very requests that ours sends.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use sha2::{Digest as _, Sha256};

use fastflow_archive_testkit::Keys;

/// The head of a PUT of these bytes with both digests, metadata as ours sends it, and a signature over all of that.
pub(crate) fn signed_put(host: &str, path: &str, body: &[u8], keys: &Keys) -> String {
    let (date, time) = amz_date(SystemTime::now());
    let sha256 = hex(&Sha256::digest(body));
    let md5 = STANDARD.encode(Md5::digest(body));
    let mut headers = vec![
        ("content-md5", md5),
        ("host", host.to_owned()),
        ("x-amz-content-sha256", sha256.clone()),
        ("x-amz-date", time.clone()),
    ];
    headers.extend(metadata(body));
    headers.sort_unstable();
    let signed = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let listed: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let canonical = format!("PUT\n{path}\n\n{listed}\n{signed}\n{sha256}");
    let scope = format!("{date}/us-east-1/s3/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let start = format!("AWS4{}", keys.secret_key).into_bytes();
    let key = [date.as_str(), "us-east-1", "s3", "aws4_request"].iter().fold(start, |key, part| mac(&key, part));
    let signature = hex(&mac(&key, &to_sign));
    let sent: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let credential = format!("{}/{scope}", keys.access_key);
    format!(
        "PUT {path} HTTP/1.1\r\n{sent}content-length: {}\r\nauthorization: AWS4-HMAC-SHA256 Credential={credential}, \
         SignedHeaders={signed}, Signature={signature}\r\n\r\n",
        body.len()
    )
}

/// What ours writes on an object with these bytes.
pub(crate) fn metadata(body: &[u8]) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", "text/plain; charset=utf-8".to_owned()),
        ("x-amz-meta-exit-code", "0".to_owned()),
        ("x-amz-meta-finished-at", "2026-05-01T12:00:00.123456Z".to_owned()),
        ("x-amz-meta-pipeline-name", "etl-orders".to_owned()),
        ("x-amz-meta-run-id", "0123abcd-4567-89ab-cdef-0123456789ab".to_owned()),
        ("x-amz-meta-sha256", hex(&Sha256::digest(body))),
        ("x-amz-meta-started-at", "2026-05-01T11:58:30.123456Z".to_owned()),
        ("x-amz-meta-status", "SUCCESS".to_owned()),
        ("x-amz-meta-triggered-by", "scheduler".to_owned()),
    ]
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// `20261125` and `20261125T012345Z`.
fn amz_date(now: SystemTime) -> (String, String) {
    let time: String = humantime::format_rfc3339_seconds(now)
        .to_string()
        .chars()
        .filter(|character| !"-:".contains(*character))
        .collect();
    (time.chars().take(8).collect(), time)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
