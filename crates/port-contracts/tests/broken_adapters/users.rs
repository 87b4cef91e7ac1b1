//! Users, broken in one rule.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use roster_domain::pagination::{Counting, Order, PageRequest, Slice, Start, UserFilter};
use roster_domain::ports::{
    CacheNamespace, ChangeLog, Incarnation, Invalidation, PendingChanges, StoreError,
    UserRepository, WriteError, Written,
};
use roster_domain::{
    Email, NewUser, ProfilePatch, Timestamp, User, UserId, UserReplacement, UserSummary,
    UserVersion,
};
use roster_port_contracts::samples::{email, user_id};
use uuid::Uuid;

use super::Store;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserRule {
    NoClaim,
    ClaimAsGiven,
    DeletionFreesAddress,
    FindsDeleted,
    PageIncludesPosition,
    UnchangedPatchBumps,
    MismatchIsNone,
    RestoreKeepsVersion,
    PurgeForgetsId,
    ReplaceKeepsOldClaim,
    OwnClaimConflicts,
    UnchangedPatchLogged,
    PatchComparesEarly,
    WriterDatesTheLog,
    RepeatedPageOnce,
    PagesByDirection,
}

pub(crate) fn broken(rule: UserRule) -> Store {
    let sound = Store::sound();
    let notes = Arc::<Mutex<Notes>>::default();
    let users = Users {
        inner: Arc::clone(&sound.users),
        rule,
        notes: Arc::clone(&notes),
    };
    let change_log = Log {
        inner: Arc::clone(&sound.change_log),
        rule,
        notes,
    };
    Store {
        users: Arc::new(users),
        change_log: Arc::new(change_log),
        ..sound
    }
}

/// What a broken adapter must remember to be wrong.
#[derive(Default)]
struct Notes {
    inserted: HashMap<String, String>,
    deleted: HashMap<UserId, User>,
    purged: HashSet<UserId>,
    moved_away: HashSet<String>,
    strangers: u64,
    unchanged: Vec<Invalidation>,
    /// Whether a writer's clock has shown a time of long ago.
    slow: bool,
}

struct Users {
    inner: Arc<dyn UserRepository>,
    rule: UserRule,
    notes: Arc<Mutex<Notes>>,
}

impl Users {
    fn is(&self, rule: UserRule) -> bool {
        self.rule == rule
    }

    fn note<T>(&self, work: impl FnOnce(&mut Notes) -> T) -> T {
        work(&mut self.notes.lock().unwrap())
    }

    /// Stores `user` although it must not be: under another id and another address.
    async fn insert_anyway(&self, user: &NewUser) -> Result<User, WriteError> {
        let stranger = self.note(|notes| {
            notes.strangers += 1;
            notes.strangers
        });
        let substitute = NewUser {
            id: user_id(1_000_000 + stranger),
            email: email(&format!("stranger-{stranger}@example.com")),
            ..user.clone()
        };
        let stored = self.inner.insert(&substitute).await?;
        Ok(User {
            id: user.id,
            email: user.email.clone(),
            ..stored
        })
    }

    async fn accepts(&self, user: &NewUser, refusal: &WriteError) -> bool {
        let key = user.email.normalized();
        match (self.rule, refusal) {
            (UserRule::NoClaim, WriteError::EmailTaken) => {
                let owner = self.inner.find_id_by_email(&user.email).await;
                matches!(owner, Ok(Some(_))) && self.note(|notes| notes.inserted.contains_key(key))
            }
            (UserRule::ClaimAsGiven, WriteError::EmailTaken) => self.note(|notes| {
                let as_given = notes.inserted.get(key);
                as_given.is_some_and(|given| given != user.email.as_str())
            }),
            (UserRule::DeletionFreesAddress, WriteError::EmailTaken) => {
                matches!(self.inner.find_id_by_email(&user.email).await, Ok(None))
            }
            (UserRule::PurgeForgetsId, WriteError::IdTaken) => {
                self.note(|notes| notes.purged.contains(&user.id))
            }
            _ => false,
        }
    }
}

#[async_trait]
impl UserRepository for Users {
    async fn find_many(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let mut found = self.inner.find_many(ids).await?;
        if self.is(UserRule::FindsDeleted) {
            self.note(|notes| {
                found.extend(ids.iter().filter_map(|id| notes.deleted.get(id).cloned()));
            });
        }
        Ok(found)
    }

    async fn list_many(
        &self,
        filter: &UserFilter,
        pages: &[PageRequest],
    ) -> Result<Vec<Slice<UserSummary>>, StoreError> {
        let mut pages = pages.to_vec();
        for page in &mut pages {
            if self.is(UserRule::PageIncludesPosition)
                && page.order == Order::Descending
                && let Start::After(at, id) = page.start
            {
                // What `<=` in place of `<` reads.
                page.start = Start::After(at, Uuid::from_u128(id.as_u128() + 1));
            }
        }
        if self.is(UserRule::RepeatedPageOnce) {
            pages.dedup();
        }
        if self.is(UserRule::PagesByDirection) {
            pages.sort_by_key(|page| page.order == Order::Ascending);
        }
        self.inner.list_many(filter, &pages).await
    }

    async fn count(&self, filter: &UserFilter, counting: Counting) -> Result<u64, StoreError> {
        self.inner.count(filter, counting).await
    }

    async fn find_id_by_email(&self, email: &Email) -> Result<Option<UserId>, StoreError> {
        self.inner.find_id_by_email(email).await
    }

    async fn insert(&self, user: &NewUser) -> Result<User, WriteError> {
        let key = user.email.normalized().to_owned();
        let moved_away = self.note(|notes| notes.moved_away.contains(&key));
        if self.is(UserRule::ReplaceKeepsOldClaim) && moved_away {
            return Err(WriteError::EmailTaken);
        }
        match self.inner.insert(user).await {
            Ok(stored) => {
                self.note(|notes| notes.slow |= user.created_at == Timestamp::UNIX_EPOCH);
                let given = user.email.as_str().to_owned();
                self.note(|notes| notes.inserted.insert(key, given));
                Ok(stored)
            }
            Err(refusal) if self.accepts(user, &refusal).await => self.insert_anyway(user).await,
            Err(refusal) => Err(refusal),
        }
    }

    async fn patch(
        &self,
        id: UserId,
        patch: &ProfilePatch,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        if self.is(UserRule::PatchComparesEarly) {
            let before = self.inner.find_many(&[id]).await?.pop();
            tokio::task::yield_now().await;
            let name = before.map(|user| user.name);
            if name.is_some() && name == patch.name && expected.is_none() {
                let now = self.inner.find_many(&[id]).await?.pop();
                return Ok(now.map(|user| Written {
                    user,
                    changed: false,
                }));
            }
        }
        let mut written = self.inner.patch(id, patch, expected, at).await?;
        if let Some(written) = written.as_mut().filter(|written| !written.changed) {
            if self.is(UserRule::UnchangedPatchBumps) {
                written.user.version = written.user.version.next();
                written.changed = true;
            }
            if self.is(UserRule::UnchangedPatchLogged) {
                let floor = written.user.version;
                self.note(|notes| notes.unchanged.push(Invalidation { id, floor }));
            }
        }
        Ok(written)
    }

    async fn replace(
        &self,
        replacement: &UserReplacement,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        let before = self.inner.find_many(&[replacement.id]).await?.pop();
        if let Some(before) = &before {
            let (old, new) = (&before.email, &replacement.email);
            let same = old.normalized() == new.normalized();
            if self.is(UserRule::OwnClaimConflicts) && same && old != new {
                return Err(WriteError::EmailTaken);
            }
        }
        let written = self.inner.replace(replacement, at).await?;
        if let Some(before) = before.filter(|_| written.is_some()) {
            let old = before.email.normalized();
            self.note(|notes| {
                notes.inserted.remove(old);
                if old != replacement.email.normalized() {
                    notes.moved_away.insert(old.to_owned());
                }
            });
        }
        Ok(written)
    }

    async fn soft_delete(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        let before = self.inner.find_many(&[id]).await?.pop();
        let deleted = self.inner.soft_delete(id, expected, at).await;
        if let (Ok(Some(_)), Some(before)) = (&deleted, before) {
            self.note(|notes| notes.deleted.insert(id, before));
        }
        match deleted {
            Err(WriteError::VersionMismatch { .. }) if self.is(UserRule::MismatchIsNone) => {
                Ok(None)
            }
            deleted => deleted,
        }
    }

    async fn restore(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<User>, WriteError> {
        let mut restored = self.inner.restore(id, expected, at).await?;
        if let Some(user) = restored.as_mut() {
            self.note(|notes| notes.deleted.remove(&id));
            if self.is(UserRule::RestoreKeepsVersion) {
                user.version = UserVersion::new(user.version.get() - 1);
            }
        }
        Ok(restored)
    }

    async fn purge(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        let purged = self.inner.purge(id, expected, at).await?;
        if purged.is_some() {
            self.note(|notes| {
                notes.deleted.remove(&id);
                notes.purged.insert(id);
            });
        }
        Ok(purged)
    }
}

/// A log with the rows that a broken patch leaves, or dated by the writers.
struct Log {
    inner: Arc<dyn ChangeLog>,
    rule: UserRule,
    notes: Arc<Mutex<Notes>>,
}

#[async_trait]
impl ChangeLog for Log {
    async fn namespace(&self) -> Result<CacheNamespace, StoreError> {
        self.inner.namespace().await
    }

    async fn raise_epoch(&self, from: u128, to: u128) -> Result<CacheNamespace, StoreError> {
        self.inner.raise_epoch(from, to).await
    }

    async fn pending(
        &self,
        incarnation: &Incarnation,
        limit: u32,
    ) -> Result<PendingChanges, StoreError> {
        let mut pending = self.inner.pending(incarnation, limit).await?;
        let mut notes = self.notes.lock().unwrap();
        pending.changes.append(&mut notes.unchanged);
        Ok(pending)
    }

    async fn acknowledge(
        &self,
        incarnation: &Incarnation,
        changes: &[Invalidation],
    ) -> Result<(), StoreError> {
        self.inner.acknowledge(incarnation, changes).await
    }

    async fn purge_older_than(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let slow = self.notes.lock().unwrap().slow;
        if slow && self.rule == UserRule::WriterDatesTheLog {
            return self.inner.purge_older_than(Duration::ZERO, limit).await;
        }
        self.inner.purge_older_than(age, limit).await
    }
}
