use std::time::Duration;

use roster_domain::UserId;

use crate::{Found, Freshness, StalenessBound, UserError, UserService};

/// Whether a user may act, as far as the stores can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is there and active.
    Good,
    /// It is deactivated, deleted, or was never there.
    Revoked,
    /// No store tells just now, and nothing that is held speaks against it.
    Unknown,
}

impl UserService {
    /// Whether a user may act: at most a second behind the truth where a store answers.
    ///
    /// What a cache holds counts if it is shown to be no older than that; else the primary is
    /// asked. When that fails too, an old row that says "deactivated" still counts.
    pub async fn standing(&self, id: UserId) -> Standing {
        let held = self.find(id, Freshness::CACHED).await;
        let Ok(found) = &held else {
            return of(&held);
        };
        if is_fresh(found) {
            return of(&held);
        }
        match (of(&self.find(id, Freshness::STRONG).await), found) {
            // Nothing newer is to be had. An absence may be from before the user was made.
            (Standing::Unknown, Found::User(answer)) if !answer.user.is_active => Standing::Revoked,
            (known, _) => known,
        }
    }
}

fn is_fresh(found: &Found) -> bool {
    const OLDEST: Duration = Duration::from_secs(1);
    let bound = match found {
        Found::User(answer) => answer.bound,
        Found::Absent(bound) => *bound,
    };
    matches!(bound, StalenessBound::Proven(age) if age <= OLDEST)
}

fn of(read: &Result<Found, UserError>) -> Standing {
    match read {
        Ok(Found::User(answer)) if answer.user.is_active => Standing::Good,
        Ok(_) | Err(UserError::NotFound) => Standing::Revoked,
        Err(_) => Standing::Unknown,
    }
}
