//! How much of a PostgreSQL server's certificate is checked, as `sslmode` says it.
//!
//! In: mode and authorities. Out: the configuration of the one TLS stack.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::config::{PostgresAddress, TlsMode};
use crate::error::{Error, Kind, Result};

/// The configuration for a server. A root certificate that is named must be there.
pub(super) fn configuration(address: &PostgresAddress) -> Result<ClientConfig> {
    let usual = address.home.as_ref().map(|home| home.join(".postgresql/root.crt")).filter(|path| path.exists());
    let named = address.root_cert.clone().filter(|path| path != Path::new("system"));
    let root = if address.root_cert.is_some() { named } else { usual };
    // As in libpq: who names an authority wants it asked.
    let mode = match address.tls {
        TlsMode::Require if root.is_some() => TlsMode::VerifyCa,
        mode => mode,
    };
    let provider = Arc::new(ring::default_provider());
    let check: Arc<dyn ServerCertVerifier> = match mode {
        TlsMode::Disable | TlsMode::Prefer | TlsMode::Require => Arc::new(Check::Nothing(Arc::clone(&provider))),
        TlsMode::VerifyCa => Arc::new(Check::Authority(webpki(root.as_deref(), &provider)?)),
        TlsMode::VerifyFull => webpki(root.as_deref(), &provider)?,
    };
    let failed = |error| Error::caused(Kind::Internal, "start TLS", error);
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(failed)?;
    Ok(builder.dangerous().with_custom_certificate_verifier(check).with_no_client_auth())
}

/// The verifier that trusts the authorities of a file, or of this machine.
fn webpki(root: Option<&Path>, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>> {
    let shown = root.map_or_else(|| "the certificates of this machine".into(), |path| format!("`{}`", path.display()));
    let refused = |why: &dyn std::fmt::Display| {
        Error::new(Kind::MissingFile, format!("use {shown} as sslrootcert: {why}"))
            .hint("name the PEM file of the authority that signed the server's certificate")
    };
    let mut roots = RootCertStore::empty();
    match root {
        Some(path) => {
            let certificates = CertificateDer::pem_file_iter(path).map_err(|error| refused(&error))?;
            for certificate in certificates {
                roots.add(certificate.map_err(|error| refused(&error))?).map_err(|error| refused(&error))?;
            }
        }
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| refused(&error))
}

/// Less than everything.
#[derive(Debug)]
enum Check {
    /// Who answers is who answers: `prefer`, `require`.
    Nothing(Arc<CryptoProvider>),
    /// Of a trusted authority, for whatever host: `verify-ca`.
    Authority(Arc<WebPkiServerVerifier>),
}

impl ServerCertVerifier for Check {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Check::Authority(webpki) = self else { return Ok(ServerCertVerified::assertion()) };
        match webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        match self {
            Check::Nothing(provider) => {
                let algorithms = &provider.signature_verification_algorithms;
                rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
            }
            Check::Authority(webpki) => webpki.verify_tls12_signature(message, cert, dss),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        match self {
            Check::Nothing(provider) => {
                let algorithms = &provider.signature_verification_algorithms;
                rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
            }
            Check::Authority(webpki) => webpki.verify_tls13_signature(message, cert, dss),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        match self {
            Check::Nothing(provider) => provider.signature_verification_algorithms.supported_schemes(),
            Check::Authority(webpki) => webpki.supported_verify_schemes(),
        }
    }
}
