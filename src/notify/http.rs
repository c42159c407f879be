//! One careful POST: https with the certificates that this machine trusts, no redirects, a time limit, a short answer.
//!
//! In: a [`Webhook`], which `config` has judged. Out: status and body, or why there is none. Errors never hold the address.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::config::Webhook;

/// So much of an answer is looked at.
const LONGEST_ANSWER: u64 = 64 << 10;

/// An answer, whatever its status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: String,
}

/// Posts to the webhook, with `path` appended to its path.
pub(super) fn post(
    webhook: &Webhook,
    path: &str,
    kind: &str,
    body: &[u8],
    timeout: Duration,
) -> Result<Answer, String> {
    let url = appended(webhook.url.expose(), path);
    let answer = agent(timeout).post(&url).content_type(kind).send(body).map_err(|error| why(&error, timeout))?;
    let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let mut text = Vec::new();
    let status = answer.status().as_u16();
    let read = answer.into_body().into_reader().take(LONGEST_ANSWER).read_to_end(&mut text);
    read.map_err(|error| format!("the answer breaks off: {}", error.kind()))?;
    let body = String::from_utf8_lossy(&text).into_owned();
    Ok(Answer { status, retry_after: retry_after.map(Duration::from_secs), body })
}

fn appended(url: &str, path: &str) -> String {
    match url.split_once('?') {
        Some((front, query)) => format!("{}{path}?{query}", front.trim_end_matches('/')),
        None if path.is_empty() => url.to_owned(),
        None => format!("{}{path}", url.trim_end_matches('/')),
    }
}

fn agent(timeout: Duration) -> Agent {
    let trusted = rustls_native_certs::load_native_certs().certs;
    let roots = RootCerts::from(trusted.iter().map(|certificate| Certificate::from_der(certificate).to_owned()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build();
    Agent::config_builder()
        .tls_config(tls)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_global(Some(timeout))
        .user_agent(concat!("fastflow-archive/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// The error in words of ours: the library's own may repeat the address.
fn why(error: &ureq::Error, timeout: Duration) -> String {
    match error {
        ureq::Error::Timeout(_) => format!("no answer within {:.0} s", timeout.as_secs_f64()),
        ureq::Error::HostNotFound => "the host is not known".to_owned(),
        ureq::Error::ConnectionFailed => "the connection failed".to_owned(),
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Rustls(error) => error.to_string(),
        ureq::Error::Protocol(_) => "the answer is not HTTP".to_owned(),
        _ => "the request failed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::appended;

    #[test]
    fn a_path_is_appended_before_the_query() {
        assert_eq!(appended("https://h/a?k=v", "/start"), "https://h/a/start?k=v");
        assert_eq!(appended("https://h/a/", "/12"), "https://h/a/12");
        assert_eq!(appended("https://h/a/?sig=s/x", ""), "https://h/a?sig=s/x");
        assert_eq!(appended("https://h/a/", ""), "https://h/a/");
    }
}
