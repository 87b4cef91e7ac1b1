use std::collections::BTreeSet;

use async_trait::async_trait;
use roster_domain::pagination::{ActiveFilter, Counting, PageRequest, Slice, UserFilter};
use roster_domain::ports::{StoreError, UserRepository, WriteError, Written};
use roster_domain::{
    Email, NewUser, ProfilePatch, Timestamp, User, UserId, UserReplacement, UserSummary,
    UserVersion,
};

use crate::MemoryStore;
use crate::page::slice;
use crate::store::{Row, State, count};

/// [`UserRepository`] in memory.
#[derive(Clone, Debug)]
pub struct MemoryUsers {
    store: MemoryStore,
}

impl MemoryUsers {
    /// The users of a store.
    pub fn new(store: MemoryStore) -> Self {
        Self { store }
    }
}

#[async_trait]
impl UserRepository for MemoryUsers {
    async fn find_many(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let ids: BTreeSet<UserId> = ids.iter().copied().collect();
        Ok(self.store.with(|state| {
            ids.iter()
                .filter_map(|id| state.live(*id))
                .map(|row| row.user.clone())
                .collect()
        }))
    }

    async fn list_many(
        &self,
        filter: &UserFilter,
        pages: &[PageRequest],
    ) -> Result<Vec<Slice<UserSummary>>, StoreError> {
        Ok(self.store.with(|state| {
            let rows = || state.rows.values().filter(|row| shows(*filter, row));
            let page = |page| slice(rows().map(summary).collect(), page);
            pages.iter().map(page).collect()
        }))
    }

    async fn count(&self, filter: &UserFilter, _: Counting) -> Result<u64, StoreError> {
        Ok(self
            .store
            .with(|state| count(state.rows.values().filter(|row| shows(*filter, row)))))
    }

    async fn find_id_by_email(&self, email: &Email) -> Result<Option<UserId>, StoreError> {
        Ok(self.store.with(|state| {
            let owner = state.owner_of(email)?;
            state.live(owner).map(|row| row.user.id)
        }))
    }

    async fn insert(&self, user: &NewUser) -> Result<User, WriteError> {
        self.store.with(|state| insert(state, user))
    }

    async fn patch(
        &self,
        id: UserId,
        patch: &ProfilePatch,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        self.store.with(|state| {
            let Some(row) = state.live(id) else {
                return Ok(None);
            };
            check(expected, row)?;
            let mut next = row.user.clone();
            next.name = patch.name.clone().unwrap_or(next.name);
            next.is_active = patch.is_active.unwrap_or(next.is_active);
            next.locale = patch.locale.clone().applied_to(next.locale);
            next.avatar_url = patch.avatar_url.clone().applied_to(next.avatar_url);
            let changed = state.change(next, at)?;
            Ok(state.live(id).map(|row| written(row, changed)))
        })
    }

    async fn replace(
        &self,
        replacement: &UserReplacement,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        self.store.with(|state| {
            let Some(row) = state.live(replacement.id) else {
                return Ok(None);
            };
            check(Some(replacement.expected), row)?;
            let next = User {
                email: replacement.email.clone(),
                name: replacement.name.clone(),
                is_active: replacement.is_active,
                locale: replacement.locale.clone(),
                avatar_url: replacement.avatar_url.clone(),
                metadata: replacement.metadata.clone(),
                ..row.user.clone()
            };
            let changed = state.change(next, at)?;
            Ok(state.live(replacement.id).map(|row| written(row, changed)))
        })
    }

    async fn soft_delete(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        self.store.with(|state| {
            let Some(row) = state.rows.get(&id) else {
                return Ok(None);
            };
            if row.deleted {
                return Err(WriteError::AlreadyDeleted);
            }
            check(expected, row)?;
            Ok(state.mark(id, true, at).map(|user| user.version))
        })
    }

    async fn restore(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<User>, WriteError> {
        self.store.with(|state| restore(state, id, expected, at))
    }

    async fn purge(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        _at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        self.store.with(|state| {
            let Some(row) = state.rows.get(&id) else {
                return Ok(None);
            };
            check(expected, row)?;
            Ok(state.erase(id))
        })
    }
}

pub(crate) fn insert(state: &mut State, user: &NewUser) -> Result<User, WriteError> {
    let stored = state.add(user)?;
    state.log(stored.id, stored.version);
    Ok(stored)
}

pub(crate) fn restore(
    state: &mut State,
    id: UserId,
    expected: Option<UserVersion>,
    at: Timestamp,
) -> Result<Option<User>, WriteError> {
    let Some(row) = state.rows.get(&id) else {
        return Ok(None);
    };
    if !row.deleted {
        return Err(WriteError::NotDeleted);
    }
    check(expected, row)?;
    Ok(state.mark(id, false, at))
}

pub(crate) fn check(expected: Option<UserVersion>, row: &Row) -> Result<(), WriteError> {
    let current = row.user.version;
    match expected {
        Some(expected) if expected != current => Err(WriteError::VersionMismatch { current }),
        _ => Ok(()),
    }
}

fn written(row: &Row, changed: bool) -> Written {
    Written {
        user: row.user.clone(),
        changed,
    }
}

fn shows(filter: UserFilter, row: &Row) -> bool {
    let active = match filter.active {
        ActiveFilter::Active => row.user.is_active,
        ActiveFilter::Inactive => !row.user.is_active,
        ActiveFilter::Any => true,
    };
    active && !row.deleted
}

pub(crate) fn summary(row: &Row) -> UserSummary {
    UserSummary {
        id: row.user.id,
        name: row.user.name.clone(),
        email: row.user.email.clone(),
        created_at: row.user.created_at,
    }
}
