use std::fmt;
use std::sync::Arc;

use roster_app::{Principal, Subject};

use super::claims::Claims;
use super::{Keys, Reason};

/// How tokens may be signed: by private keys alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with PKCS #1 v1.5 and SHA-256.
    Rs256,
    /// The same with SHA-384.
    Rs384,
    /// The same with SHA-512.
    Rs512,
    /// RSA with PSS and SHA-256.
    Ps256,
    /// The same with SHA-384.
    Ps384,
    /// The same with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// Its name (RFC 7518, 3.1; RFC 8037).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The one with this name, whose case counts.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|algorithm| algorithm.name() == name)
    }

    pub(super) const fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Rs384 => jsonwebtoken::Algorithm::RS384,
            Self::Rs512 => jsonwebtoken::Algorithm::RS512,
            Self::Ps256 => jsonwebtoken::Algorithm::PS256,
            Self::Ps384 => jsonwebtoken::Algorithm::PS384,
            Self::Ps512 => jsonwebtoken::Algorithm::PS512,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Es384 => jsonwebtoken::Algorithm::ES384,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whom the subjects of an issuer's tokens are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subjects {
    /// Users of this service: `sub` is a user's id, and nothing else is let in.
    #[default]
    Users,
    /// Programs, and people who are no users here, whatever they are called.
    Services,
    /// A `sub` that is an id is a user, any other a service.
    Both,
}

impl Subjects {
    /// Every choice with its word in the settings.
    pub const ALL: [(&'static str, Self); 3] = [
        ("users", Self::Users),
        ("services", Self::Services),
        ("both", Self::Both),
    ];

    fn read(self, name: &str) -> Result<Subject, Reason> {
        match (self, name.parse()) {
            (Self::Users | Self::Both, Ok(id)) => Ok(Subject::User(id)),
            (Self::Services, _) | (Self::Both, Err(_)) => Ok(Subject::Service),
            (Self::Users, Err(_)) => Err(Reason::Subject),
        }
    }
}

/// Somebody whose tokens are accepted, and how far.
pub struct Issuer {
    /// What its tokens say in `iss`, octet by octet.
    pub name: String,
    /// One of these must stand in `aud`.
    pub audiences: Vec<String>,
    /// The algorithms that it may use.
    pub algorithms: Vec<Algorithm>,
    /// Whom it may speak of.
    pub subjects: Subjects,
    /// What it signs with.
    pub keys: Arc<Keys>,
}

impl Issuer {
    /// Whom verified claims speak of.
    pub(super) fn principal(&self, claims: &Claims) -> Result<Principal, Reason> {
        let is_meant = |audience: &String| self.audiences.contains(audience);
        if !claims.audience.iter().any(is_meant) {
            return Err(Reason::Audience);
        }
        let subject = self.subjects.read(&claims.subject)?;
        Ok(Principal::new(
            &self.name,
            &claims.subject,
            subject,
            claims.scopes,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_issuer_of_users_speaks_of_users() {
        let id = "0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f";
        let user = Ok(Subject::User(id.parse().unwrap()));
        assert_eq!(Subjects::Users.read(id), user);
        assert_eq!(Subjects::Users.read("batch"), Err(Reason::Subject));
        assert_eq!(Subjects::Services.read(id), Ok(Subject::Service));
        assert_eq!(Subjects::Both.read(id), user);
        assert_eq!(Subjects::Both.read("batch"), Ok(Subject::Service));
    }

    #[test]
    fn algorithms_are_found_by_their_names_alone() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::named(algorithm.name()), Some(algorithm));
        }
        for name in ["none", "HS256", "eddsa", ""] {
            assert_eq!(Algorithm::named(name), None, "{name}");
        }
    }
}
