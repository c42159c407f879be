//! The door of the store: its name, its port, and the certificate it shows.
//!
//! In: the target. Out: checks. Shakes hands and hangs up: no request is made and no credential sent.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore};
use url::{Host, Url};

use super::check::Check;
use crate::config::Target;
use crate::error::Warning;
use crate::time::{Clock, Timestamp, days_and_less};

const TIMEOUT: Duration = Duration::from_secs(5);
/// So long before its end a certificate should have been renewed.
const SOON: Duration = Duration::from_secs(21 * 86_400);
/// No certificate is valid then: whoever verifies one is told when it ended.
const NEVER: Duration = Duration::from_secs(u32::MAX as u64 * 64);

/// Where the store listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// Host name or address, with the bucket in front where that belongs there.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether it speaks TLS.
    pub is_tls: bool,
}

impl Door {
    /// Where requests for the bucket go.
    pub fn of(target: &Target) -> Door {
        let region = &target.region.value;
        let amazon = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let amazon = format!("https://s3.{region}.{amazon}");
        let url = target.endpoint_url.as_ref().map_or(amazon, |url| url.value.clone());
        let url = Url::parse(&url).ok();
        let host = url.as_ref().and_then(Url::host);
        let shown = match (&host, target.path_style.value) {
            (Some(Host::Domain(name)), false) => format!("{}.{name}", target.bucket.value),
            (Some(Host::Ipv6(address)), _) => address.to_string(),
            (Some(host), _) => host.to_string(),
            (None, _) => String::new(),
        };
        let is_tls = url.as_ref().is_none_or(|url| url.scheme() == "https");
        let port = url.and_then(|url| url.port_or_known_default()).unwrap_or(443);
        Door { host: shown, port, is_tls }
    }
}

/// Whether the store listens, and how long its certificate lasts. The second value: whether it makes sense to go on.
pub fn reach(target: &Target) -> (Vec<Check>, bool) {
    let door = Door::of(target);
    let began = Instant::now();
    let (stream, reached) = match connect(&door) {
        Ok(stream) => {
            let (Door { host, port, .. }, time) = (&door, began.elapsed().as_millis());
            (stream, Check::ok("s3_reach", format!("{host}, port {port}, answers within {time} ms{}", proxy_note())))
        }
        Err(check) => return (vec![check, Check::skipped("s3_tls", "there is no connection")], false),
    };
    if !door.is_tls {
        return (vec![reached, plain(target.plain_http_warning(), &door.host)], true);
    }
    let (tls, goes_on) = certificate(target, &door, stream);
    (vec![reached, tls], goes_on)
}

fn connect(door: &Door) -> Result<TcpStream, Check> {
    const NAME: &str = "s3_reach";
    let Door { host, port, .. } = door;
    let addresses = (host.as_str(), *port).to_socket_addrs().map_err(|error| {
        let message = format!("failed to find the address of `{host}`: {error}");
        let bucket = "with S3_USE_PATH_STYLE=false the bucket is the first part of the name";
        Check::problem(NAME, message, format!("check S3_ENDPOINT_URL and DNS; {bucket}"))
    })?;
    let mut last = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(format!("{address}: {error}")),
        }
    }
    let why = last.unwrap_or_else(|| "the name has no address".to_owned());
    let hint =
        format!("is the store running? check host and port of S3_ENDPOINT_URL, and the firewall{}", proxy_note());
    Err(Check::problem(NAME, format!("failed to connect to `{host}`, port {port}: {why}"), hint))
}

/// Proxies of the environment, which the store is reached without.
fn proxy_note() -> &'static str {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    if names.iter().any(is_set) { "; the proxy of the environment is not used for S3" } else { "" }
}

/// `warning`: what speaks against going without, if anything does.
fn plain(warning: Option<Warning>, host: &str) -> Check {
    const NAME: &str = "s3_tls";
    match warning {
        None => Check::ok(NAME, format!("none, and {host} is this machine")),
        Some(warning) => {
            Check::warning(NAME, warning.message, "give the store a certificate, and set S3_REQUIRE_TLS=true")
        }
    }
}

fn certificate(target: &Target, door: &Door, mut stream: TcpStream) -> (Check, bool) {
    const NAME: &str = "s3_tls";
    let failed = |why: String, hint: &str| {
        let message = format!("failed to shake hands with `{}`, port {}: {why}", door.host, door.port);
        (Check::problem(NAME, message, hint), false)
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some((_, pem)) = &target.ca_bundle {
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok));
    }
    if roots.is_empty() {
        return failed("this machine trusts no certificates".into(), "install ca-certificates, or name S3_CA_BUNDLE");
    }
    let (roots, provider) = (Arc::new(roots), Arc::new(rustls::crypto::ring::default_provider()));
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let name = ServerName::try_from(door.host.clone());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), provider).build();
    let (Ok(config), Ok(name), Ok(verifier)) = (config, name, verifier) else {
        return failed("the host is none that a certificate could be for".into(), "check S3_ENDPOINT_URL");
    };
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let shaken = stream
        .set_read_timeout(Some(TIMEOUT))
        .and_then(|()| stream.set_write_timeout(Some(TIMEOUT)))
        .and_then(|()| ClientConnection::new(Arc::new(config), name.clone()).map_err(std::io::Error::other))
        .and_then(|mut connection| {
            while connection.is_handshaking() {
                connection.complete_io(&mut stream)?;
            }
            Ok(connection)
        });
    let connection = match shaken {
        Ok(connection) => connection,
        Err(error) => {
            let why = error.to_string();
            let hint = crate::archive::tls_hint(&why);
            return failed(why, hint);
        }
    };
    let Some([leaf, chain @ ..]) = connection.peer_certificates() else {
        return failed("it shows no certificate".into(), "check S3_ENDPOINT_URL");
    };
    let judged = verifier.verify_server_cert(leaf, chain, &name, &[], UnixTime::since_unix_epoch(NEVER));
    let Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) = judged else {
        return (Check::ok(NAME, "trusted; its end is not known"), true);
    };
    let end = i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    (lasts_until(Timestamp::from_micros(end), Clock::System.now()), true)
}

/// By the clock that TLS goes by, also where `FASTFLOW_ARCHIVE_NOW` froze another.
fn lasts_until(end: Timestamp, now: Timestamp) -> Check {
    const NAME: &str = "s3_tls";
    let left = end.since(now);
    let days = days_and_less(Duration::from_secs(left.as_secs() / 86_400 * 86_400));
    let message = format!("the certificate is trusted and ends in {days} ({end})");
    if left < SOON {
        Check::warning(NAME, message, "renew it: when it has ended, nothing is archived any more")
    } else {
        Check::ok(NAME, message)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn going_without_tls_is_well_on_this_machine_alone() {
        assert_eq!(plain(None, "127.0.0.1").verdict, Verdict::Ok);
        assert_eq!(
            plain(Some(Warning::new("plain_http", "keys and logs travel in clear")), "nas").verdict,
            Verdict::Warning
        );
    }

    #[test]
    fn a_certificate_that_ends_within_three_weeks_is_a_warning() {
        let now = Timestamp::from_micros(0);
        let in_days = |days: i64| Timestamp::from_micros(days * 86_400_000_000);
        assert_eq!(lasts_until(in_days(20), now).verdict, Verdict::Warning);
        assert_eq!(lasts_until(in_days(21), now).verdict, Verdict::Ok);
        let message = "the certificate is trusted and ends in 90 days (1970-04-01T00:00:00Z)";
        assert_eq!(lasts_until(in_days(90), now).message, message);
    }
}
