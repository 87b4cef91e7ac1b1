use std::fmt;

use roster_domain::UserId;
use sha2::{Digest as _, Sha256};

use super::Scopes;

/// Somebody who has shown who it is.
///
/// It does not show its subject in `Debug`: an issuer may name people by what is personal.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    key: PrincipalKey,
    subject: Subject,
    scopes: Scopes,
}

/// Whom an issuer speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A user of this service: it has itself, and can be deactivated.
    User(UserId),
    /// A program, or a person who is no user here.
    Service,
}

/// One principal among all, as 32 octets that stay the same from token to token and from
/// process to process, and that show nothing of the subject.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrincipalKey([u8; 32]);

impl Principal {
    /// The subject that `issuer` calls `name`, with these scopes.
    pub fn new(issuer: &str, name: &str, subject: Subject, scopes: Scopes) -> Self {
        Self {
            key: PrincipalKey::of(issuer, name),
            subject,
            scopes,
        }
    }

    /// Everybody at once, where nobody is asked who it is: may do everything.
    pub fn anybody() -> Self {
        Self::new("", "", Subject::Service, Scopes::all())
    }

    /// What quotas and stored answers are kept under.
    pub const fn key(&self) -> PrincipalKey {
        self.key
    }

    /// Whom the issuer speaks of.
    pub const fn subject(&self) -> Subject {
        self.subject
    }

    /// The user that it is; `None` for a service.
    pub const fn user(&self) -> Option<UserId> {
        match self.subject {
            Subject::User(id) => Some(id),
            Subject::Service => None,
        }
    }

    /// What it was given.
    pub const fn scopes(&self) -> Scopes {
        self.scopes
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("key", &self.key)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

impl PrincipalKey {
    /// Length first, so that no two pairs run into each other.
    fn of(issuer: &str, name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update((issuer.len() as u64).to_be_bytes());
        hash.update(issuer);
        hash.update(name);
        Self(hash.finalize().into())
    }

    /// Its octets.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for PrincipalKey {
    /// The first octets in hexadecimal: enough to tell two apart in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for octet in &self.0[..8] {
            write!(f, "{octet:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_one_issuer_and_one_name_whatever_else_the_token_says() {
        let key = |issuer: &str, name: &str| {
            Principal::new(issuer, name, Subject::Service, Scopes::NONE).key()
        };
        assert_eq!(key("a", "b"), key("a", "b"));
        assert_eq!(
            key("a", "b"),
            Principal::new("a", "b", Subject::Service, Scopes::all()).key()
        );
        let others = [key("ab", ""), key("", "ab"), key("a", "c"), key("b", "a")];
        assert!(!others.contains(&key("a", "b")));
        assert_eq!(
            others
                .iter()
                .collect::<std::collections::HashSet<_>>()
                .len(),
            4
        );
    }

    #[test]
    fn nothing_of_the_subject_is_shown() {
        let principal = Principal::new(
            "https://issuer.example",
            "ada@example.com",
            Subject::Service,
            Scopes::NONE,
        );
        let shown = format!("{principal:?}");
        assert!(
            !shown.contains("ada") && !shown.contains("issuer"),
            "{shown}"
        );
    }
}
