use std::time::Duration;

use roster_domain::UserId;

use crate::{Answer, Freshness, StalenessBound, UserError, UserService};

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
        let held = self.get(id, Freshness::CACHED).await;
        if let Ok(answer) = &held
            && !is_fresh(answer)
        {
            match of(&self.get(id, Freshness::STRONG).await) {
                Standing::Unknown => {}
                known => return known,
            }
            // Nothing newer is to be had.
            return if answer.user.is_active {
                Standing::Unknown
            } else {
                Standing::Revoked
            };
        }
        of(&held)
    }
}

fn is_fresh(answer: &Answer) -> bool {
    const OLDEST: Duration = Duration::from_secs(1);
    matches!(answer.bound, StalenessBound::Proven(age) if age <= OLDEST)
}

fn of(read: &Result<Answer, UserError>) -> Standing {
    match read {
        Ok(answer) if answer.user.is_active => Standing::Good,
        Ok(_) | Err(UserError::NotFound) => Standing::Revoked,
        Err(_) => Standing::Unknown,
    }
}
