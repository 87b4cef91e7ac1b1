use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Whose certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Vouching {
    /// Nobody's: none are shown.
    Nobody,
    /// Those of whom this machine trusts.
    Machine,
    /// Those of whom a file names, and no others.
    File(PathBuf),
}

/// Why no certificate could be checked.
#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    /// The machine's cannot be read.
    #[error("this machine's certificates cannot be read; the issuer's member ca names a file")]
    Machine(#[source] io::Error),
    /// A file cannot be read, or what stands in it is no certificate of an authority.
    #[error("the certificates of {path} cannot be used", path = .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file has none.
    #[error("{path} holds no certificate in PEM", path = .0.display())]
    Empty(PathBuf),
}

/// An address showed a certificate that nobody vouches for.
#[derive(Debug, thiserror::Error)]
#[error("{address} shows a certificate that {vouching} does not vouch for")]
pub(super) struct NotVouchedFor {
    pub(super) address: String,
    pub(super) vouching: Vouching,
    pub(super) source: rustls::Error,
}

impl std::fmt::Display for Vouching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody"),
            Self::Machine => f.write_str("this machine"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Vouching {
    /// How connections are made with it.
    pub(super) fn tls(&self) -> Result<ClientConfig, CertificatesError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| CertificatesError::Machine(io::Error::other(error)))?;
        let builder = match self {
            Self::Nobody => builder.with_root_certificates(RootCertStore::empty()),
            Self::Machine => builder
                .with_native_roots()
                .map_err(CertificatesError::Machine)?,
            Self::File(path) => builder.with_root_certificates(roots(path)?),
        };
        Ok(builder.with_no_client_auth())
    }
}

fn roots(path: &Path) -> Result<RootCertStore, CertificatesError> {
    let unusable = |source: Box<dyn Error + Send + Sync>| CertificatesError::File {
        path: path.to_owned(),
        source,
    };
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.into()))?
    {
        let certificate = certificate.map_err(|error| unusable(error.into()))?;
        roots
            .add(certificate)
            .map_err(|error| unusable(error.into()))?;
    }
    if roots.is_empty() {
        return Err(CertificatesError::Empty(path.to_owned()));
    }
    Ok(roots)
}

/// What was wrong with the certificate, if that is why a request failed.
pub(super) fn refusal(error: &(dyn Error + 'static)) -> Option<rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found @ rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return Some(found.clone());
        }
        // An I/O error says what it wraps, and not itself, as its source.
        next = match error.downcast_ref::<io::Error>() {
            Some(wrapping) => wrapping.get_ref().map(|inner| inner as _),
            None => error.source(),
        };
    }
    None
}
