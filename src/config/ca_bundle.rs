//! Certificates that are trusted beside the system's.
//!
//! In: the layers, and the variables that may name a PEM file. Out: its path and its bytes, validated.

use std::path::PathBuf;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::layers::{Key, Layers, Setting};
use crate::error::{Error, Kind, Result};

/// The private CA bundle that the first of `keys` names, validated: the HTTP client panics on a bad block and takes a file
/// without one for an empty store.
pub(super) fn ca_bundle(layers: &Layers, keys: &[Key]) -> Result<Option<(Setting<PathBuf>, Vec<u8>)>> {
    let found = keys.iter().find_map(|key| Some((key.variable, layers.text(*key, None)?)));
    let Some((name, path)) = found else { return Ok(None) };
    let path = path.map(PathBuf::from);
    let shown = path.value.display().to_string();
    let pem = std::fs::read(&path.value).map_err(|error| {
        Error::caused(Kind::MissingFile, format!("read `{name}` = `{shown}` ({})", path.source), error)
            .hint("name a PEM file with the certificate of the CA, readable for this user")
    })?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let problem = match certificates {
        Ok(certificates) if certificates.is_empty() => "it holds no certificate".to_owned(),
        Ok(certificates) => match certificates.iter().position(|der| webpki::anchor_from_trusted_cert(der).is_err()) {
            Some(index) => format!("block {} is not a certificate", index + 1),
            None => return Ok(Some((path, pem))),
        },
        Err(error) => error.to_string(),
    };
    let message = format!("use `{name}` = `{shown}` ({}): {problem}", path.source);
    Err(Error::new(Kind::InvalidSetting, message).hint("name a PEM file with BEGIN CERTIFICATE blocks"))
}
