use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use roster_domain::pagination::{Counting, PageRequest, Slice, UserFilter};
use roster_domain::ports::{BoxError, StoreError, UserRepository, WriteError, Written};
use roster_domain::{
    Email, NewUser, ProfilePatch, Timestamp, User, UserId, UserReplacement, UserSummary,
    UserVersion,
};

use super::lanes::{Batch, Lanes};
use crate::{Runtime, shared_error};

/// Users whose reads by id go out in batches; everything else goes straight through.
pub(crate) struct BatchedUsers {
    inner: Arc<dyn UserRepository>,
    reads: Arc<Lanes<Reads>>,
}

struct Reads(Arc<dyn UserRepository>);

impl BatchedUsers {
    /// As many as the port takes.
    const MOST_IDS: usize = 256;

    pub(crate) fn new(inner: Arc<dyn UserRepository>, lanes: usize, runtime: Runtime) -> Self {
        let reads = Reads(Arc::clone(&inner));
        Self {
            inner,
            reads: Lanes::new(reads, lanes, Self::MOST_IDS, runtime),
        }
    }
}

#[async_trait]
impl Batch for Reads {
    type Call = Vec<UserId>;
    type Answer = Vec<User>;
    type Error = StoreError;

    fn weight(ids: &Vec<UserId>) -> usize {
        ids.len()
    }

    fn are_alike(_: &Vec<UserId>, _: &Vec<UserId>) -> bool {
        true
    }

    async fn ask(&self, calls: Vec<Vec<UserId>>) -> Vec<Result<Vec<User>, StoreError>> {
        let ids: Vec<UserId> = calls.concat();
        match self.0.find_many(&ids).await {
            Ok(users) => dealt(&calls, ids.len(), users).map(Ok).collect(),
            Err(error) => {
                let error = Arc::new(error);
                let each = calls.iter().map(|_| Err(shared_error::store_error(&error)));
                each.collect()
            }
        }
    }

    fn unavailable(source: BoxError) -> StoreError {
        StoreError::Unavailable(source)
    }
}

/// The users of each call. Rows are copied only where two calls may want the same.
fn dealt(calls: &[Vec<UserId>], asked: usize, users: Vec<User>) -> impl Iterator<Item = Vec<User>> {
    let distinct: HashSet<UserId> = calls.iter().flatten().copied().collect();
    let is_each_once = distinct.len() == asked;
    let mut users: HashMap<UserId, User> = users.into_iter().map(|user| (user.id, user)).collect();
    calls.iter().map(move |ids| {
        if is_each_once {
            return ids.iter().filter_map(|id| users.remove(id)).collect();
        }
        let distinct: HashSet<&UserId> = ids.iter().collect();
        distinct
            .into_iter()
            .filter_map(|id| users.get(id).cloned())
            .collect()
    })
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl UserRepository for BatchedUsers {
    async fn find_many(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        self.reads
            .call(self.inner.find_many(ids), || ids.to_vec())
            .await
    }

    async fn list(
        &self,
        filter: &UserFilter,
        page: &PageRequest,
    ) -> Result<Slice<UserSummary>, StoreError> {
        self.inner.list(filter, page).await
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
