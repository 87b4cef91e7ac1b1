//! Tokens as tests need them: of a key of their own.

use std::sync::Arc;
use std::time::Duration;

use roster_app::{Scope, Scopes};
use roster_domain::ports::Clock;
use roster_http::authentication::{
    Algorithm, Authentication, Grant, Issuer, Issuers, KeySource, Keys, LocalKey, Subjects,
};
use tempfile::TempDir;

use crate::support::{Call, Parts};

/// Signs tokens that the service built with [`Mint::authentication`] accepts.
pub(crate) struct Mint {
    folder: TempDir,
    key: LocalKey,
    clock: Arc<dyn Clock>,
}

impl Mint {
    /// On the clock of the service to be.
    pub(crate) fn of(parts: &Parts) -> Self {
        let clock: Arc<dyn Clock> = Arc::clone(&parts.clock) as _;
        let folder = tempfile::tempdir().unwrap();
        let key = LocalKey::load_or_make(&folder.path().join("key.pem"), [7; 32]).unwrap();
        Self { folder, key, clock }
    }

    /// The issuer whose tokens these are.
    pub(crate) fn issuer(&self) -> Issuer {
        let source = KeySource::Local(self.folder.path().join("key.pem"));
        Issuer {
            name: LocalKey::ISSUER.to_owned(),
            audiences: vec![LocalKey::AUDIENCE.to_owned()],
            algorithms: vec![Algorithm::EdDsa],
            subjects: Subjects::Both,
            keys: Arc::new(Keys::open(source, Arc::clone(&self.clock)).unwrap()),
        }
    }

    /// The same service, and now it asks for these tokens.
    pub(crate) fn guard(&self, mut parts: Parts) -> Parts {
        parts.authentication = self.authentication();
        parts.operator = Some(self.token("operator", &[Scope::UsersAdmin]));
        parts
    }

    pub(crate) fn authentication(&self) -> Authentication {
        let issuers = Issuers::new(vec![self.issuer()], Arc::clone(&self.clock));
        Authentication::required(issuers)
    }

    /// A token that holds for an hour from now on.
    pub(crate) fn token(&self, subject: &str, scopes: &[Scope]) -> String {
        let grant = Grant {
            subject: subject.to_owned(),
            scopes: scopes.iter().copied().collect::<Scopes>(),
            ttl: Duration::from_hours(1),
        };
        self.key.sign(&grant, self.clock.now()).unwrap()
    }
}

impl Call {
    /// The same with a token.
    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }
}
