use std::collections::HashMap;
use std::sync::Arc;

use roster_domain::ports::Invalidation;
use roster_domain::{User, UserId, UserVersion};

use super::LeaseFlow;
use crate::caching::flights::{Lead, Loaded};
use crate::caching::loader::Loader;
use crate::{CacheEvent, ForwardReason};

/// What a forced read found in the cache.
#[derive(Clone, Copy)]
pub(super) enum Stored {
    Version(UserVersion),
    Absence,
}

impl Stored {
    /// Whether it is a newer version than this row.
    fn is_above(self, row: Option<&User>) -> bool {
        match (self, row) {
            (Self::Version(stored), Some(row)) => row.version < stored,
            _ => false,
        }
    }
}

impl LeaseFlow {
    /// Forced reads over something stored: reads the rows and takes out what they show to be stale.
    pub(super) async fn correct(&self, loader: &Loader, compare: Vec<(Lead, Stored)>) {
        if compare.is_empty() {
            return;
        }
        let (leads, stored): (Vec<Lead>, Vec<Stored>) = compare.into_iter().unzip();
        let rows = loader.begin(&leads).await;
        if let Ok(rows) = &rows {
            let stale: Vec<Invalidation> = leads
                .iter()
                .zip(&stored)
                .filter_map(|(lead, stored)| stale_below(lead.id, *stored, &rows.users))
                .collect();
            for invalidation in &stale {
                self.near.changed(invalidation.id);
            }
            if !stale.is_empty() {
                // The row is answered either way.
                let _ = self.cache.invalidate_many(&stale).await;
            }
        }
        for (lead, stored) in leads.into_iter().zip(stored) {
            let result = rows.as_ref().map_err(Arc::clone).map(|rows| {
                let user = rows.users.get(&lead.id).map(Arc::clone);
                let lags = stored.is_above(user.as_deref());
                if lags {
                    loader.observer.observe(CacheEvent::StaleSource);
                }
                Loaded {
                    user,
                    trace: loader.forwarded(&lead, ForwardReason::Request, false),
                    read_at: Some(rows.read_at),
                    lags,
                    proof: None,
                    current: false,
                }
            });
            lead.finish(result);
        }
    }
}

/// The floor by which what is stored falls, when the row says that it must.
fn stale_below(
    id: UserId,
    stored: Stored,
    rows: &HashMap<UserId, Arc<User>>,
) -> Option<Invalidation> {
    let floor = match (stored, rows.get(&id)) {
        (Stored::Version(stored), Some(user)) if user.version > stored => user.version,
        (Stored::Version(stored), None) => stored.next(),
        (Stored::Absence, Some(user)) => user.version,
        (Stored::Version(_), Some(_)) | (Stored::Absence, None) => return None,
    };
    Some(Invalidation { id, floor })
}
