use async_trait::async_trait;
use futures::future::try_join_all;
use roster_domain::pagination::{Counting, PageRequest, Slice, UserFilter};
use roster_domain::ports::{StoreError, UserRepository, WriteError, Written};
use roster_domain::{
    Email, NewUser, ProfilePatch, Timestamp, User, UserId, UserReplacement, UserSummary,
    UserVersion,
};

use crate::{SqliteStore, user_list, user_reads, user_writes};

/// [`UserRepository`] in a SQLite file.
///
/// A count is always exact: SQLite keeps no number of rows, and the index of a list is small.
#[derive(Clone, Debug)]
pub struct SqliteUsers {
    store: SqliteStore,
}

impl SqliteUsers {
    /// The users of a store.
    pub fn new(store: &SqliteStore) -> Self {
        Self {
            store: store.clone(),
        }
    }
}

#[async_trait]
impl UserRepository for SqliteUsers {
    async fn find_many(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        match ids {
            [] => Ok(Vec::new()),
            [id] => {
                let user = user_reads::find_one(self.store.readers(), *id).await?;
                Ok(user.into_iter().collect())
            }
            ids => user_reads::find_many(self.store.readers(), ids).await,
        }
    }

    async fn list_many(
        &self,
        filter: &UserFilter,
        pages: &[PageRequest],
    ) -> Result<Vec<Slice<UserSummary>>, StoreError> {
        let pages = pages
            .iter()
            .map(|page| user_list::list(self.store.readers(), *filter, page));
        try_join_all(pages).await
    }

    async fn count(&self, filter: &UserFilter, _: Counting) -> Result<u64, StoreError> {
        user_reads::count(self.store.readers(), *filter).await
    }

    async fn find_id_by_email(&self, email: &Email) -> Result<Option<UserId>, StoreError> {
        user_reads::find_id_by_email(self.store.readers(), email).await
    }

    async fn insert(&self, user: &NewUser) -> Result<User, WriteError> {
        let new = user.clone();
        self.store
            .write(move |tx| Box::pin(async move { user_writes::insert(tx, &new).await }))
            .await
    }

    async fn patch(
        &self,
        id: UserId,
        patch: &ProfilePatch,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        let patch = patch.clone();
        self.store
            .write(move |tx| {
                Box::pin(async move { user_writes::patch(tx, id, patch, expected, at).await })
            })
            .await
    }

    async fn replace(
        &self,
        replacement: &UserReplacement,
        at: Timestamp,
    ) -> Result<Option<Written>, WriteError> {
        let replacement = replacement.clone();
        self.store
            .write(move |tx| {
                Box::pin(async move { user_writes::replace(tx, replacement, at).await })
            })
            .await
    }

    async fn soft_delete(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        self.store
            .write(move |tx| {
                Box::pin(async move { user_writes::soft_delete(tx, id, expected, at).await })
            })
            .await
    }

    async fn restore(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        at: Timestamp,
    ) -> Result<Option<User>, WriteError> {
        self.store
            .write(move |tx| {
                Box::pin(async move { user_writes::restore(tx, id, expected, at).await })
            })
            .await
    }

    async fn purge(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        _: Timestamp,
    ) -> Result<Option<UserVersion>, WriteError> {
        let purged = self
            .store
            .write(move |tx| Box::pin(async move { user_writes::purge(tx, id, expected).await }))
            .await;
        if let Ok(Some(_)) = purged {
            self.store.empty_log().await;
        }
        purged
    }
}
