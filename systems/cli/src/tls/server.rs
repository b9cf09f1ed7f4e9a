//! The server's certificate, read again when its file changes.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rillcast::engine::rustls::ServerConfig;
use rillcast::engine::rustls::pki_types::pem::PemObject as _;
use rillcast::engine::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rillcast::engine::rustls::server::{ClientHello, ResolvesServerCert};
use rillcast::engine::rustls::sign::CertifiedKey;

use super::provider;

/// A certificate with its key: the newest that could be used.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// Where it was read from; `None`: made here.
    files: Option<(PathBuf, PathBuf)>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads a certificate (with those that it is signed by behind it) and its key, both in PEM.
    ///
    /// # Errors
    /// When a file cannot be read, or the two do not belong together.
    pub(crate) fn read(certificate: &Path, key: &Path) -> Result<Certificate, String> {
        let current = RwLock::new(load(certificate, key)?);
        Ok(Certificate { files: Some((certificate.to_owned(), key.to_owned())), current })
    }

    /// Makes a certificate that nobody has signed, for trials.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(crate) fn self_signed(address: IpAddr) -> Result<Certificate, String> {
        let names = ["localhost".to_owned(), "127.0.0.1".into(), "::1".into(), address.to_string()];
        let made = rcgen::generate_simple_self_signed(names).map_err(|error| error.to_string())?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
        let current = CertifiedKey::from_der(vec![made.cert.der().clone()], key, &provider());
        let current = current.map_err(|error| error.to_string())?;
        Ok(Certificate { files: None, current: RwLock::new(Arc::new(current)) })
    }

    /// Reads the files again. Connections that there are keep the former certificate.
    ///
    /// # Errors
    /// As [`read`](Certificate::read); the former certificate stays in use then.
    pub(crate) fn read_again(&self) -> Result<(), String> {
        if let Some((certificate, key)) = &self.files {
            let new = load(certificate, key)?;
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        Ok(())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn load(certificate: &Path, key: &Path) -> Result<Arc<CertifiedKey>, String> {
    let wrong = |file: &Path, why: String| format!("cannot use {}: {why}", file.display());
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(certificate, "there is no certificate in it".into()));
    }
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error.to_string()))?;
    let pair = CertifiedKey::from_der(chain, private, &provider());
    pair.map(Arc::new).map_err(|error| wrong(certificate, error.to_string()))
}

/// What a server of this certificate speaks: TLS 1.2 and 1.3.
///
/// # Errors
/// When the cryptography does not know these.
pub(crate) fn server_config(certificate: Arc<Certificate>) -> Result<Arc<ServerConfig>, String> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    Ok(Arc::new(config))
}
