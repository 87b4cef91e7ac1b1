use std::fmt;

/// The version of one user's row: 1 when it is inserted, one more with every change.
///
/// The row lock orders versions as the commits are ordered. Ids are never used again, so a
/// version says all about the age of what it was read with. 0 stands for "nothing known".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserVersion(u64);

impl UserVersion {
    /// No version: below every stored one.
    pub const NONE: Self = Self(0);
    /// The version that an insert stores.
    pub const FIRST: Self = Self(1);

    /// The version with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for UserVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
