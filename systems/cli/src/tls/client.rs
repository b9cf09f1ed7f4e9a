//! Whom a client trusts.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use rillcast::engine::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use rillcast::engine::rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature,
};
use rillcast::engine::rustls::pki_types::pem::PemObject as _;
use rillcast::engine::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rillcast::engine::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use serde::{Deserialize, Serialize};

use super::provider;
use crate::failure::Failure;

/// How servers with rtsps:// URLs are checked.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Trust {
    /// Trust the certificates in this PEM file, and no others, when an rtsps:// URL is opened [default:
    /// the authorities that browsers trust]
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,

    /// Do not check the certificates of rtsps:// servers: whoever stands in between can read along
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) insecure: Option<bool>,
}

impl Trust {
    /// What is not said here is taken from `other`.
    pub(crate) fn or(self, other: Trust) -> Trust {
        Trust { ca: self.ca.or(other.ca), insecure: self.insecure.or(other.insecure) }
    }

    /// What the engine is told.
    ///
    /// # Errors
    /// When the file of certificates cannot be used.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, Failure> {
        let provider = provider();
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::runtime(format!("TLS: {error}")))?;
        let config = if self.insecure == Some(true) {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(TrustAll(provider)))
        } else {
            builder.with_root_certificates(self.roots()?)
        };
        Ok(Arc::new(config.with_no_client_auth()))
    }

    fn roots(&self) -> Result<RootCertStore, Failure> {
        let Some(file) = &self.ca else {
            return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
        };
        let wrong =
            |why: String| Failure::usage(format!("--ca: cannot use {}: {why}", file.display()));
        let mut roots = RootCertStore::empty();
        let certificates =
            CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
        match roots.is_empty() {
            true => Err(wrong("there is no certificate in it".into())),
            false => Ok(roots),
        }
    }
}

/// Takes every certificate, but still wants the server to have its key.
#[derive(Debug)]
struct TrustAll(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
