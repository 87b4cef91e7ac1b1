//! Imports and exports, broken in one rule.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use roster_domain::pagination::{Counting, PageRequest, Slice, UserFilter};
use roster_domain::ports::{
    ImportRow, OnConflict, RowResult, SeedBatch, StoreError, UserRepository, UserTransfer,
    WriteError, Written,
};
use roster_domain::{
    Email, NewUser, ProfilePatch, Timestamp, User, UserId, UserReplacement, UserSummary,
    UserVersion,
};

use super::Store;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransferRule {
    UpdateTakesCreatedAt,
    PurgedIdFailsAlone,
    ExportSkipsRow,
}

pub(crate) fn broken(rule: TransferRule) -> Store {
    let sound = Store::sound();
    let created_at = Arc::<Mutex<HashMap<UserId, Timestamp>>>::default();
    let users = Users {
        inner: Arc::clone(&sound.users),
        created_at: Arc::clone(&created_at),
    };
    let transfer = Transfer {
        inner: Arc::clone(&sound.transfer),
        rule,
        created_at,
    };
    Store {
        users: Arc::new(users),
        transfer: Arc::new(transfer),
        ..sound
    }
}

struct Transfer {
    inner: Arc<dyn UserTransfer>,
    rule: TransferRule,
    created_at: Arc<Mutex<HashMap<UserId, Timestamp>>>,
}

#[async_trait]
impl UserTransfer for Transfer {
    async fn export(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        if after.is_none() || limit < 2 || self.rule != TransferRule::ExportSkipsRow {
            return self.inner.export(after, limit).await;
        }
        // As an offset does when the page before it lost a row.
        let mut rows = self.inner.export(after, limit + 1).await?;
        if rows.len() > 1 && u32::try_from(rows.len()).is_ok_and(|found| found > limit) {
            rows.remove(0);
        }
        Ok(rows)
    }

    async fn import(
        &self,
        rows: &[ImportRow],
        on_conflict: OnConflict,
        at: Timestamp,
    ) -> Result<Vec<RowResult>, StoreError> {
        let results = self.inner.import(rows, on_conflict, at).await?;
        for (row, result) in rows.iter().zip(&results) {
            if let RowResult::Updated(id, _) = result
                && self.rule == TransferRule::UpdateTakesCreatedAt
            {
                let mut created_at = self.created_at.lock().unwrap();
                created_at.insert(*id, row.user.created_at);
            }
        }
        if self.rule == TransferRule::PurgedIdFailsAlone && results.contains(&RowResult::IdTaken) {
            for (row, result) in rows.iter().zip(&results) {
                if *result == RowResult::NotStored {
                    let row = std::slice::from_ref(row);
                    self.inner.import(row, OnConflict::Skip, at).await?;
                }
            }
        }
        Ok(results)
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        self.inner.is_empty().await
    }

    async fn seed(&self, batch: &SeedBatch) -> Result<(), StoreError> {
        self.inner.seed(batch).await
    }

    async fn analyze(&self) -> Result<(), StoreError> {
        self.inner.analyze().await
    }
}

/// Users whose moment of creation a broken import changed.
struct Users {
    inner: Arc<dyn UserRepository>,
    created_at: Arc<Mutex<HashMap<UserId, Timestamp>>>,
}

#[async_trait]
impl UserRepository for Users {
    async fn find_many(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let mut found = self.inner.find_many(ids).await?;
        let created_at = self.created_at.lock().unwrap();
        for user in &mut found {
            user.created_at = *created_at.get(&user.id).unwrap_or(&user.created_at);
        }
        Ok(found)
    }

    async fn list_many(
        &self,
        filter: &UserFilter,
        pages: &[PageRequest],
    ) -> Result<Vec<Slice<UserSummary>>, StoreError> {
        self.inner.list_many(filter, pages).await
    }

    async fn count(&self, filter: &UserFilter, counting: Counting) -> Result<u64, StoreError> {
        self.inner.count(filter, counting).await
    }

    async fn find_id_by_email(&self, email: &Email) -> Result<Option<UserId>, StoreError> {
        self.inner.find_id_by_email(email).await
    }

    async fn insert(&self, user: &NewUser) -> Result<User, WriteError> {
        self.inner.insert(user).await
    }

    async fn patch(
        &self,
        id: UserId,
        patch: &ProfilePatch,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        self.inner.patch(id, patch, expected, at).await
    }

    async fn replace(
        &self,
        replacement: &UserReplacement,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        self.inner.replace(replacement, at).await
    }

    async fn soft_delete(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        self.inner.soft_delete(id, expected, at).await
    }

    async fn restore(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<User>, WriteError> {
        self.inner.restore(id, expected, at).await
    }

    async fn purge(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        self.inner.purge(id, expected, at).await
    }
}
