//! The address of the store: what it may look like, and whether it is this machine.
//!
//! In: `S3_ENDPOINT_URL`. Out: the same, or why it cannot be used. Asks no name server.

use super::layers::{Key, Layers, Setting};
use crate::error::{Error, Kind, Result};

const REQUIRE_TLS: Key = Key::variable("S3_REQUIRE_TLS");

/// The host of an `http(s)://` URL, without port and brackets.
pub(super) fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Whether a host is this machine, by its name or address alone.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Refuses what is no address of a store, holds credentials, or goes without TLS where `S3_REQUIRE_TLS` asks for it.
pub(super) fn check_endpoint(url: Setting<String>, layers: &Layers) -> Result<Setting<String>> {
    let refused = |message: String, hint: &str| {
        let message = format!("use `S3_ENDPOINT_URL` ({}): {message}", url.source);
        Err(Error::new(Kind::InvalidSetting, message).hint(hint))
    };
    let example = "write it as https://minio.example.org:9000";
    let Some((scheme, rest)) = url.value.split_once("://") else {
        return refused("it has no scheme".into(), example);
    };
    if !matches!(scheme, "http" | "https") {
        return refused(format!("the scheme `{}` is unknown", scheme.escape_debug()), example);
    }
    if host_of(&url.value).is_empty() {
        return refused("it names no host".into(), example);
    }
    if rest.split('/').next().is_some_and(|authority| authority.contains('@')) {
        return refused("it holds a user name or password".into(), "use S3_ACCESS_KEY and S3_SECRET_ACCESS_KEY");
    }
    if scheme == "http"
        && !is_loopback(host_of(&url.value))
        && let Some(require) = layers.boolean(REQUIRE_TLS, None)?.filter(|require| require.value)
    {
        return refused(
            format!("it is not encrypted, and `S3_REQUIRE_TLS` is true ({})", require.source),
            "use https://",
        );
    }
    Ok(url)
}
