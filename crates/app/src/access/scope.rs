use std::fmt;
use std::str::FromStr;

/// A part of the service that a token can open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Read every user, dashboard and feed.
    UsersRead,
    /// Create, change, delete and restore users.
    UsersWrite,
    /// Everything about users: the two above, and what only administrators do.
    UsersAdmin,
    /// Send notifications and append activity.
    FeedsWrite,
    /// Look at the caches, clear them, and see where time went.
    Ops,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::UsersRead,
        Self::UsersWrite,
        Self::UsersAdmin,
        Self::FeedsWrite,
        Self::Ops,
    ];

    /// How tokens spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::UsersAdmin => "users:admin",
            Self::FeedsWrite => "feeds:write",
            Self::Ops => "ops",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no scope of this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a scope; there are users:read, users:write, users:admin, feeds:write and ops")]
pub struct UnknownScope;

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(word: &str) -> Result<Self, UnknownScope> {
        let known = Self::ALL.into_iter().find(|scope| scope.name() == word);
        known.ok_or(UnknownScope)
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// No scope: what a caller may do with itself remains.
    pub const NONE: Self = Self(0);

    /// Every scope there is.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Whether the scope is in it.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// The scopes among these words. Words of other services are passed over: a token may be
    /// meant for several.
    pub fn among<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let known = words.into_iter().filter_map(|word| word.parse().ok());
        known.collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl fmt::Display for Scopes {
    /// As tokens carry it: the names with a space between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for scope in Scope::ALL.into_iter().filter(|scope| self.has(*scope)) {
            write!(f, "{separator}{scope}")?;
            separator = " ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_are_passed_over() {
        for scope in Scope::ALL {
            assert_eq!(scope.name().parse(), Ok(scope));
        }
        for word in ["", "users", "Users:read", "users:read ", "admin"] {
            assert_eq!(word.parse::<Scope>(), Err(UnknownScope), "{word}");
        }
        let scopes = Scopes::among(["openid", "ops", "users:read", "ops"]);
        assert_eq!(scopes.to_string(), "users:read ops");
        assert!(scopes.has(Scope::Ops) && !scopes.has(Scope::UsersAdmin));
        assert_eq!(Scopes::NONE.to_string(), "");
    }
}
