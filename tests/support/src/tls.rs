//! A private CA and a server certificate for loopback, made anew for each server.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The files of a private CA.
#[derive(Debug, Clone)]
pub struct PrivateCa {
    /// The CA's certificate as PEM: what a client must trust.
    pub ca_file: PathBuf,
    /// A folder with `public.crt` and `private.key` of the server, as MinIO's `--certs-dir` wants them.
    pub certs_dir: PathBuf,
}

impl PrivateCa {
    /// Makes CA and server certificate (for `127.0.0.1` and `localhost`) below a folder.
    pub fn create(folder: &Path) -> Result<Self> {
        let mut ca = CertificateParams::new(Vec::default())?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "Testkit private CA");
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let ca_key = KeyPair::generate()?;
        let ca_certificate = ca.self_signed(&ca_key)?;
        let issuer = Issuer::new(ca, ca_key);

        let mut server = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?;
        server.distinguished_name.push(DnType::CommonName, "localhost");
        server.use_authority_key_identifier_extension = true;
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server_key = KeyPair::generate()?;
        let server_certificate = server.signed_by(&server_key, &issuer)?;

        let certs_dir = folder.join("certs");
        fs::create_dir_all(&certs_dir)?;
        fs::write(certs_dir.join("public.crt"), server_certificate.pem())?;
        fs::write(certs_dir.join("private.key"), server_key.serialize_pem())?;
        let ca_file = folder.join("private-ca.pem");
        fs::write(&ca_file, ca_certificate.pem())?;
        Ok(PrivateCa { ca_file, certs_dir })
    }

    /// What a server of ours shakes hands with.
    pub fn acceptor(&self) -> Result<TlsAcceptor> {
        let chain = CertificateDer::pem_file_iter(self.certs_dir.join("public.crt"))?.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(self.certs_dir.join("private.key"))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .context("TLS with ring")?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
