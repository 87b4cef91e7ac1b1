use super::FilterHash;
use crate::{ActivityFilter, NotificationState};

/// Which users a list shows, by whether they may act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ActiveFilter {
    /// Those who may act.
    #[default]
    Active,
    /// Those who may not.
    Inactive,
    /// Both.
    Any,
}

impl ActiveFilter {
    /// The values of [`crate::User::is_active`] that it shows.
    pub const fn shown(self) -> &'static [bool] {
        match self {
            Self::Active => &[true],
            Self::Inactive => &[false],
            Self::Any => &[true, false],
        }
    }
}

/// Which users a list shows. Deleted ones are in none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UserFilter {
    /// By whether they may act.
    pub active: ActiveFilter,
}

/// How the users that match a filter are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counting {
    /// What the store's statistics say: cheap, and possibly some per cent off.
    Estimate,
    /// One by one: the cost grows with the number.
    Exact,
}

impl From<&UserFilter> for FilterHash {
    fn from(filter: &UserFilter) -> Self {
        Self::of(&[
            "users",
            match filter.active {
                ActiveFilter::Active => "active",
                ActiveFilter::Inactive => "inactive",
                ActiveFilter::Any => "any",
            },
        ])
    }
}

impl From<NotificationState> for FilterHash {
    fn from(state: NotificationState) -> Self {
        Self::of(&[
            "notifications",
            match state {
                NotificationState::Unread => "unread",
                NotificationState::Read => "read",
                NotificationState::Archived => "archived",
                NotificationState::All => "all",
            },
        ])
    }
}

impl From<&ActivityFilter> for FilterHash {
    fn from(filter: &ActivityFilter) -> Self {
        let micros = |at: Option<crate::Timestamp>| {
            at.map(|at| at.unix_micros().to_string())
                .unwrap_or_default()
        };
        Self::of(&[
            "activity",
            filter.kind.as_ref().map_or("", |kind| kind.as_str()),
            &micros(filter.since),
            &micros(filter.until),
        ])
    }
}
