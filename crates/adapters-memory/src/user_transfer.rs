use std::ops::Bound;

use async_trait::async_trait;
use roster_domain::ports::{
    ImportRow, OnConflict, RowResult, SeedBatch, StoreError, UserTransfer, WriteError,
};
use roster_domain::{Timestamp, User, UserId};

use crate::MemoryStore;
use crate::activities::stored as stored_activity;
use crate::notifications::stored as stored_notification;
use crate::store::State;

/// [`UserTransfer`] in memory.
#[derive(Clone, Debug)]
pub struct MemoryUserTransfer {
    store: MemoryStore,
}

impl MemoryUserTransfer {
    /// The users of a store.
    pub fn new(store: MemoryStore) -> Self {
        Self { store }
    }
}

#[async_trait]
impl UserTransfer for MemoryUserTransfer {
    async fn export(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(self.store.with(|state| {
            let rows = state.rows.range((start, Bound::Unbounded));
            rows.filter(|(_, row)| !row.deleted)
                .take(usize::try_from(limit).unwrap_or(usize::MAX))
                .map(|(_, row)| row.user.clone())
                .collect()
        }))
    }

    async fn import(
        &self,
        rows: &[ImportRow],
        on_conflict: OnConflict,
        at: Timestamp,
    ) -> Result<Vec<RowResult>, StoreError> {
        Ok(self.store.with(|state| {
            let mut next = state.clone();
            let mut results: Vec<_> = rows
                .iter()
                .map(|row| import_row(&mut next, row, on_conflict, at))
                .collect();
            let stored = |result: &RowResult| matches!(result, RowResult::Created(_));
            if on_conflict == OnConflict::Fail && !results.iter().all(stored) {
                for result in results.iter_mut().filter(|result| stored(result)) {
                    *result = RowResult::NotStored;
                }
            } else {
                *state = next;
            }
            results
        }))
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.store.with(|state| state.is_empty()))
    }

    async fn seed(&self, batch: &SeedBatch) -> Result<(), StoreError> {
        self.store.with(|state| {
            let mut next = state.clone();
            for seed in &batch.users {
                next.add(&seed.user)
                    .map_err(|refusal| StoreError::Corrupt(refusal.into()))?;
                let Some(row) = next.rows.get_mut(&seed.user.id) else {
                    continue;
                };
                for (new, read_at) in &seed.notifications {
                    let mut notification = stored_notification(new);
                    notification.read_at = *read_at;
                    row.notifications.insert(new.id, notification);
                }
                for new in &seed.activities {
                    row.activities.insert(new.id, stored_activity(new));
                }
            }
            *state = next;
            Ok(())
        })
    }

    async fn analyze(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn import_row(
    state: &mut State,
    row: &ImportRow,
    on_conflict: OnConflict,
    at: Timestamp,
) -> RowResult {
    let new = &row.user;
    let owner = state.owner_of(&new.email);
    let stored = match owner {
        // The id was made for the row: the address says who it is.
        Some(owner) if !row.id_given => match state.live(owner) {
            Some(stored) => &stored.user,
            None => return RowResult::EmailTaken,
        },
        _ => match state.live(new.id) {
            Some(stored) if row.id_given => &stored.user,
            _ if state.knows(new.id) => return RowResult::IdTaken,
            _ if owner.is_some() => return RowResult::EmailTaken,
            _ => return create(state, row),
        },
    };
    let (id, version) = (stored.id, stored.version.next());
    match on_conflict {
        OnConflict::Skip => RowResult::Skipped(id),
        OnConflict::Fail => RowResult::Exists(id),
        OnConflict::Update => {
            let next = User {
                email: new.email.clone(),
                name: new.name.clone(),
                is_active: new.is_active,
                locale: new.locale.clone(),
                avatar_url: new.avatar_url.clone(),
                metadata: new.metadata.clone(),
                ..stored.clone()
            };
            match state.change(next, at) {
                Ok(true) => RowResult::Updated(id, version),
                Ok(false) => RowResult::Skipped(id),
                Err(_) => RowResult::EmailTaken,
            }
        }
    }
}

fn create(state: &mut State, row: &ImportRow) -> RowResult {
    match state.add(&row.user) {
        Ok(user) => {
            state.log(user.id, user.version);
            RowResult::Created(user.id)
        }
        Err(WriteError::IdTaken) => RowResult::IdTaken,
        Err(_) => RowResult::EmailTaken,
    }
}
