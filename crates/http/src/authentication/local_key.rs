use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk as LibraryJwk, ThumbprintHash};
use jsonwebtoken::{EncodingKey, Header};
use roster_app::Scopes;
use roster_domain::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::keys::{Jwk, PublicKey};

/// The service's own keys: the first signs, all verify.
///
/// An Ed25519 key in PKCS #8, as PEM, as `openssl genpkey -algorithm ed25519` makes one. Several
/// may stand below each other while one takes over from another.
pub struct LocalKey {
    /// At least one.
    keys: Vec<SigningKey>,
}

struct SigningKey {
    key: EncodingKey,
    /// The public part, and its thumbprint (RFC 7638) as its name.
    x: String,
    kid: String,
}

/// Why a file with keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LocalKeyError {
    /// It cannot be read or made.
    #[error("the key file {} cannot be used", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than its owner may read it.
    #[error(
        "the key file {} can be read by others (mode {mode:03o}): whoever reads it can make tokens. \
         Run `chmod 600` on it, and make a new key if somebody may have read it",
        .path.display()
    )]
    Readable {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It holds something else.
    #[error("the key file {} holds no Ed25519 private key in PKCS #8 as PEM", .path.display())]
    NotAKey {
        /// Which file.
        path: PathBuf,
    },
    /// A token could not be signed.
    #[error("the token cannot be signed")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

/// What a token is to say.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Whom it speaks of.
    pub subject: String,
    /// What it opens.
    pub scopes: Scopes,
    /// How long.
    pub ttl: Duration,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    scope: String,
    iat: i64,
    exp: i64,
}

impl LocalKey {
    /// What its tokens say in `iss`.
    pub const ISSUER: &'static str = "roster";
    /// What its tokens say in `aud`.
    pub const AUDIENCE: &'static str = "roster";

    /// Reads the keys. A file that others may read is refused.
    pub fn load(path: &Path) -> Result<Self, LocalKeyError> {
        let failed = |source| LocalKeyError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = fs::File::open(path).map_err(failed)?;
        refuse_readable(path, &file)?;
        let pem = io::read_to_string(&mut file).map_err(failed)?;
        let keys: Option<Vec<SigningKey>> = blocks(&pem).map(SigningKey::from_pem).collect();
        match keys {
            Some(keys) if !keys.is_empty() => Ok(Self { keys }),
            _ => Err(LocalKeyError::NotAKey {
                path: path.to_owned(),
            }),
        }
    }

    /// Reads the keys, after a file with a new one was made if there is none. Of several
    /// processes that do so at once all end up with the same.
    pub fn load_or_make(path: &Path, secret: [u8; 32]) -> Result<Self, LocalKeyError> {
        match Self::load(path) {
            Err(LocalKeyError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            loaded => return loaded,
        }
        make(path, &secret).map_err(|source| LocalKeyError::Io {
            path: path.to_owned(),
            source,
        })?;
        Self::load(path)
    }

    /// Signs a token with the first key.
    pub fn sign(&self, grant: &Grant, now: Timestamp) -> Result<String, LocalKeyError> {
        const MICROS: i64 = 1_000_000;
        let mut header = Header::new(jsonwebtoken::Algorithm::EdDSA);
        let claims = Claims {
            iss: Self::ISSUER,
            aud: Self::AUDIENCE,
            sub: &grant.subject,
            scope: grant.scopes.to_string(),
            iat: now.unix_micros() / MICROS,
            exp: now.plus(grant.ttl).unix_micros() / MICROS,
        };
        let Some(first) = self.keys.first() else {
            return Err(LocalKeyError::NotAKey {
                path: PathBuf::new(),
            });
        };
        header.kid = Some(first.kid.clone());
        jsonwebtoken::encode(&header, &claims, &first.key).map_err(LocalKeyError::Signing)
    }

    /// What verifies its tokens.
    pub(super) fn public_keys(&self) -> Vec<PublicKey> {
        let keys = self.keys.iter();
        keys.filter_map(|key| {
            PublicKey::new(Jwk {
                kty: "OKP".to_owned(),
                crv: Some("Ed25519".to_owned()),
                x: Some(key.x.clone()),
                kid: Some(key.kid.clone()),
                ..Jwk::default()
            })
        })
        .collect()
    }
}

impl SigningKey {
    fn from_pem(pem: &str) -> Option<Self> {
        let key = EncodingKey::from_ed_pem(pem.as_bytes()).ok()?;
        let jwk = LibraryJwk::from_encoding_key(&key, jsonwebtoken::Algorithm::EdDSA).ok()?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
        let AlgorithmParameters::OctetKeyPair(pair) = jwk.algorithm else {
            return None;
        };
        Some(Self {
            key,
            x: pair.x,
            kid,
        })
    }
}

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// The blocks of a PEM file.
fn blocks(pem: &str) -> impl Iterator<Item = &str> {
    let starts = pem.match_indices(BEGIN).map(|(start, _)| start);
    starts.map(|start| {
        let block = &pem[start..];
        block
            .find(END)
            .map_or(block, |end| &block[..end + END.len()])
    })
}

/// Writes a key so that nobody ever sees half of it, nor anybody else any of it.
fn make(path: &Path, secret: &[u8; 32]) -> io::Result<()> {
    /// What stands before the secret in PKCS #8 (RFC 8410, 7).
    const PREFIX: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let der = STANDARD.encode([PREFIX.as_slice(), secret].concat());
    // A name of its own, also where every container's process is number 1.
    let mut next = path.as_os_str().to_owned();
    for octet in &Sha256::digest(secret)[..4] {
        next.push(format!(".{octet:02x}"));
    }
    let next = PathBuf::from(next);
    let written = write_private(&next, &format!("{BEGIN}\n{der}\n{END}\n"))
        // A link, unlike a rename, leaves what another process has made in the meantime.
        .and_then(|()| fs::hard_link(&next, path));
    let removed = fs::remove_file(&next);
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.exists() => removed,
        written => written.and(removed),
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Asked of the open file, so that nobody can put another in its place in between.
fn refuse_readable(path: &Path, file: &fs::File) -> Result<(), LocalKeyError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = file.metadata().map_err(|source| LocalKeyError::Io {
            path: path.to_owned(),
            source,
        })?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(LocalKeyError::Readable {
                path: path.to_owned(),
                mode,
            });
        }
    }
    #[cfg(not(unix))]
    let _ = (path, file);
    Ok(())
}

#[cfg(test)]
mod tests;
