mod address;
mod certificates;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{KeyError, KeySet};
use crate::authentication::LocalKey;

pub use address::JwksAddress;
pub use certificates::CertificatesError;

/// Where the keys of an issuer are.
pub enum KeySource {
    /// In a file of this service's own private keys.
    Local(PathBuf),
    /// In a file with a JSON Web Key Set.
    File(PathBuf),
    /// At an address that answers one.
    Address(Box<JwksAddress>),
}

impl KeySource {
    /// How often they are read.
    pub(super) const fn interval(&self) -> Duration {
        match self {
            Self::Local(_) | Self::File(_) => Duration::from_secs(30),
            Self::Address(_) => Duration::from_mins(5),
        }
    }

    /// What can be read without waiting for anybody else.
    pub(super) fn read_now(&self) -> Option<Result<KeySet, KeyError>> {
        match self {
            Self::Local(path) => Some(
                LocalKey::load(path)
                    .map_err(|error| KeyError::Unreadable(error.into()))
                    .and_then(|key| KeySet::of(key.public_keys())),
            ),
            Self::File(path) => Some(
                std::fs::read(path)
                    .map_err(|error| KeyError::Unreadable(error.into()))
                    .and_then(|json| KeySet::from_json(&json)),
            ),
            Self::Address(_) => None,
        }
    }

    /// Reads them.
    pub(super) async fn read(&self) -> Result<KeySet, KeyError> {
        match self {
            Self::Address(address) => {
                let json = address.fetch().await.map_err(KeyError::Unreadable)?;
                KeySet::from_json(&json)
            }
            // A file of a few lines, every half minute: no thread is worth it.
            Self::Local(_) | Self::File(_) => self.read_now().unwrap_or(Err(KeyError::NoKey)),
        }
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) | Self::File(path) => path.display().fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}
