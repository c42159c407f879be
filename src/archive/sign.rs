//! Signature Version 4 of a PUT in its headers, where the digest of the payload is known before.
//!
//! In: path, headers, payload digest, time. Out: the headers that prove who asks. Rules: "Create a signed AWS API request"
//! in the IAM user guide of AWS. The HMACs are aws-sigv4's; what it does anew for each request (a second table of headers,
//! the key of the day) is done once here. Tests compare with aws-sigv4's own signatures.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use aws_sdk_s3::config::Credentials;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use sha2::{Digest as _, Sha256};

use crate::bytes::to_hex;

const SERVICE: &str = "s3";

/// Signs for one host, region and pair of keys.
pub(super) struct Signer {
    credentials: Credentials,
    region: String,
    host: String,
    /// The key of a day, and the day.
    key: Mutex<Option<(String, Vec<u8>)>>,
}

impl Signer {
    /// A signer for requests to `origin`: scheme and host, no path.
    pub(super) fn new(credentials: Credentials, region: &str, origin: &str) -> Signer {
        Signer { credentials, region: region.to_owned(), host: host_of(origin).to_owned(), key: Mutex::default() }
    }

    /// What has to be sent besides `headers`, whose names are in lower case; all of them are signed, in any order, and the
    /// host, which the HTTP client sends.
    pub(super) fn headers(
        &self,
        path: &str,
        headers: &[(&'static str, String)],
        payload_sha256: &str,
        now: SystemTime,
    ) -> [(&'static str, String); 3] {
        let (day, time) = day_and_time(now);
        let ours =
            [("host", self.host.as_str()), ("x-amz-content-sha256", payload_sha256), ("x-amz-date", time.as_str())];
        let given = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let mut all: Vec<(&str, &str)> = given.chain(ours).collect();
        all.sort_unstable();
        let names = all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let mut canonical = String::with_capacity(1024 + path.len());
        canonical.extend(["PUT\n", path, "\n\n"]);
        for (name, value) in all {
            canonical.extend([name, ":"]);
            push_normalized(&mut canonical, value);
            canonical.push('\n');
        }
        canonical.extend(["\n", &names, "\n", payload_sha256]);
        let scope = format!("{day}/{}/{SERVICE}/aws4_request", self.region);
        let digest = to_hex(&Sha256::digest(canonical.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}");
        let signature = self.signature(day, now, to_sign.as_bytes());
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.credentials.access_key_id()
        );
        [("x-amz-content-sha256", payload_sha256.to_owned()), ("x-amz-date", time), ("authorization", authorization)]
    }

    fn signature(&self, day: String, now: SystemTime, to_sign: &[u8]) -> String {
        let mut kept = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, key) = match kept.take() {
            Some(of_today) if of_today.0 == day => kept.insert(of_today),
            _ => {
                let secret = self.credentials.secret_access_key();
                let key = generate_signing_key(secret, now, &self.region, SERVICE).as_ref().to_vec();
                kept.insert((day, key))
            }
        };
        calculate_signature(key, to_sign)
    }
}

/// Host and port, without the port that the scheme implies: it is not sent either (RFC 9110, section 4.2.3).
fn host_of(origin: &str) -> &str {
    let (scheme, authority) = origin.split_once("://").unwrap_or(("", origin));
    let implied = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    authority.strip_suffix(implied).unwrap_or(authority)
}

/// A value as it is signed: without blanks around it, and with one where there are several.
fn push_normalized(out: &mut String, value: &str) {
    if !value.contains("  ") {
        return out.push_str(value.trim_matches(' '));
    }
    for (index, word) in value.split(' ').filter(|word| !word.is_empty()).enumerate() {
        out.extend([if index == 0 { "" } else { " " }, word]);
    }
}

/// `20261125` and `20261125T012345Z`.
fn day_and_time(now: SystemTime) -> (String, String) {
    let mut time = humantime::format_rfc3339_seconds(now).to_string();
    time.retain(|character| !matches!(character, '-' | ':'));
    (time.chars().take(8).collect(), time)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use aws_sdk_s3::config::Credentials;
    use aws_sigv4::http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    };
    use aws_sigv4::sign::v4;
    use aws_smithy_runtime_api::client::identity::Identity;

    use super::*;

    /// The headers that aws-sigv4 adds.
    fn by_the_library(
        uri: &str,
        headers: &[(&'static str, String)],
        payload: &str,
        now: SystemTime,
    ) -> Vec<(String, String)> {
        let identity: Identity = credentials().into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-central-1")
            .name("s3")
            .time(now)
            .settings(settings);
        let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let request = SignableRequest::new("PUT", uri, headers, SignableBody::Precomputed(payload.to_owned())).unwrap();
        let (signed, _) = sign(request, &parameters.build().unwrap().into()).unwrap().into_parts();
        let added = signed.into_parts().0.into_iter();
        added.map(|header| (header.name().to_owned(), header.value().to_owned())).collect()
    }

    fn credentials() -> Credentials {
        Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None, None, "test")
    }

    #[test]
    fn signatures_are_those_of_the_library() {
        let payload = to_hex(&Sha256::digest(b"a log\n"));
        let plain = vec![("content-type", "text/plain; charset=utf-8".to_owned()), ("content-length", "6".to_owned())];
        let full = [
            ("x-amz-meta-pipeline-name", "T%C3%A4glicher%20Import".to_owned()),
            ("if-match", "\"d41d8cd98f00b204e9800998ecf8427e\"".to_owned()),
            ("x-amz-server-side-encryption-aws-kms-key-id", "  a key   with blanks ".to_owned()),
            ("x-amz-meta-exit-code", String::new()),
        ];
        let full: Vec<_> = plain.iter().cloned().chain(full).collect();
        let noon = UNIX_EPOCH + Duration::from_secs(1_795_694_400);
        for origin in [
            "http://127.0.0.1:9000",
            "http://minio:80",
            "https://[::1]:443",
            "https://logs.s3.eu-central-1.amazonaws.com",
        ] {
            let signer = Signer::new(credentials(), "eu-central-1", origin);
            for path in ["/logs/p/x/run.log", "/p/T%C3%A4glich%20%2B%25/manifest.json"] {
                let uri = format!("{origin}{path}");
                // The key of the day is made on the first day, found on the same, and made again on the next.
                for now in [noon, noon + Duration::from_secs(59), noon + Duration::from_secs(86_400)] {
                    for headers in [&plain, &full] {
                        let ours = signer.headers(path, headers, &payload, now);
                        let mut ours = ours.map(|(name, value)| (name.to_owned(), value));
                        let mut theirs = by_the_library(&uri, headers, &payload, now);
                        ours.sort_unstable();
                        theirs.sort_unstable();
                        assert_eq!(theirs, ours, "{uri}");
                    }
                }
            }
        }
    }
}
