use crate::UserId;

/// Whose rows are asked for, and how many of the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewestOf {
    /// Whose.
    pub user: UserId,
    /// How many at the most; 0 is a question too.
    pub limit: u16,
}
