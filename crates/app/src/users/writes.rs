use std::future::Future;
use std::sync::Arc;

use futures::channel::oneshot;
use roster_domain::ports::{StoreError, UserRepository, WriteError, Written};
use roster_domain::{
    Edit, JsonObject, NewUser, Timestamp, User, UserId, UserPatch, UserReplacement, UserVersion,
};

use super::{UserDraft, UserError, UserService};

#[derive(Debug, thiserror::Error)]
#[error("the write ended without a word")]
pub(super) struct Vanished;

impl UserService {
    /// How often a change is merged anew because others changed the row meanwhile.
    const MERGES: usize = 3;

    /// Stores a new user.
    pub async fn create(&self, draft: UserDraft) -> Result<User, UserError> {
        let id = draft
            .id
            .unwrap_or_else(|| UserId::new(self.runtime.ids.next_id()));
        let user = NewUser {
            id,
            email: draft.email,
            name: draft.name,
            locale: draft.locale,
            avatar_url: draft.avatar_url,
            metadata: draft.metadata,
            is_active: true,
            created_at: self.runtime.clock.now(),
        };
        let users = Arc::clone(&self.users);
        // The floor ends a cached "no such user".
        self.write(id, async move {
            let user = users.insert(&user).await?;
            Ok((user, UserVersion::FIRST))
        })
        .await
    }

    /// Changes a user by a merge patch; with `expected`, only when the row is at it.
    pub async fn update(
        &self,
        id: UserId,
        patch: UserPatch,
        expected: Option<UserVersion>,
    ) -> Result<User, UserError> {
        let users = Arc::clone(&self.users);
        let at = self.runtime.clock.now();
        self.write(id, async move {
            let written = if patch.is_profile_only() {
                users.patch(id, &patch.profile, expected, at).await?
            } else {
                merge(&*users, id, &patch, expected, at).await?
            };
            let written = written.ok_or(UserError::NotFound)?;
            // Also when nothing changed: a client that repeats a change whose invalidation was
            // lost takes the old value out of the caches.
            let floor = written.user.version;
            Ok((written.user, floor))
        })
        .await
    }

    /// Deletes a user so that it can be restored, and answers the version after it.
    pub async fn delete(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
    ) -> Result<UserVersion, UserError> {
        let users = Arc::clone(&self.users);
        let at = self.runtime.clock.now();
        self.write(id, async move {
            let version = users
                .soft_delete(id, expected, at)
                .await?
                .ok_or(UserError::NotFound)?;
            Ok((version, version))
        })
        .await
    }

    /// Takes a deletion back.
    pub async fn restore(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
    ) -> Result<User, UserError> {
        let users = Arc::clone(&self.users);
        let at = self.runtime.clock.now();
        self.write(id, async move {
            let user = users
                .restore(id, expected, at)
                .await?
                .ok_or(UserError::NotFound)?;
            let floor = user.version;
            Ok((user, floor))
        })
        .await
    }

    /// Erases a user for good, deleted or not.
    pub async fn purge(&self, id: UserId, expected: Option<UserVersion>) -> Result<(), UserError> {
        let users = Arc::clone(&self.users);
        let at = self.runtime.clock.now();
        self.write(id, async move {
            let version = users
                .purge(id, expected, at)
                .await?
                .ok_or(UserError::NotFound)?;
            Ok(((), version))
        })
        .await
    }

    /// Runs a write and its invalidation in a task of its own: a caller that gives up between
    /// the two would leave the old row in the caches.
    ///
    /// The floor is the row's version after the write, also for one that removes it: a reader
    /// that finds nothing fills that in under this floor, and a restore goes above it.
    async fn write<T: Send + 'static>(
        &self,
        id: UserId,
        write: impl Future<Output = Result<(T, UserVersion), UserError>> + Send + 'static,
    ) -> Result<T, UserError> {
        let (sender, receiver) = oneshot::channel();
        let invalidator = Arc::clone(&self.cached.invalidator);
        let settling = Arc::clone(&self.settling);
        self.runtime.tasks.spawn(Box::pin(async move {
            let result = write.await;
            match &result {
                Ok((_, floor)) => invalidator.invalidate(id, *floor).await,
                Err(UserError::Store(StoreError::Unavailable(_))) => {
                    // It may have happened: a forced read a little later corrects the caches.
                    invalidator.forget(id);
                    settling.note(id);
                }
                Err(_) => {}
            }
            // The caller may have gone away.
            let _ = sender.send(result.map(|(value, _)| value));
        }));
        receiver.await.unwrap_or_else(|_| {
            Err(UserError::Store(StoreError::Unavailable(Box::new(
                Vanished,
            ))))
        })
    }
}

/// Reads the row from the store, merges the patch into it and stores it when it has not changed.
async fn merge(
    users: &dyn UserRepository,
    id: UserId,
    patch: &UserPatch,
    expected: Option<UserVersion>,
    at: Timestamp,
) -> Result<Option<Written>, UserError> {
    for _ in 0..UserService::MERGES {
        let Some(user) = users.find_many(&[id]).await?.pop() else {
            return Ok(None);
        };
        if let Some(expected) = expected
            && expected != user.version
        {
            return Err(UserError::VersionMismatch {
                current: user.version,
            });
        }
        let replacement = merged(&user, patch)?;
        match users.replace(&replacement, at).await {
            Err(WriteError::VersionMismatch { .. }) if expected.is_none() => {}
            written => return Ok(written?),
        }
    }
    Err(UserError::Contended)
}

fn merged(user: &User, patch: &UserPatch) -> Result<UserReplacement, UserError> {
    let metadata = match &patch.metadata {
        Edit::Keep => user.metadata.clone(),
        Edit::Clear => JsonObject::empty(),
        Edit::Set(changes) => {
            user.metadata
                .merged_with(changes)
                .map_err(|source| UserError::Invalid {
                    member: "metadata",
                    source,
                })?
        }
    };
    let profile = patch.profile.clone();
    Ok(UserReplacement {
        id: user.id,
        expected: user.version,
        email: patch.email.clone().unwrap_or_else(|| user.email.clone()),
        name: profile.name.unwrap_or_else(|| user.name.clone()),
        is_active: profile.is_active.unwrap_or(user.is_active),
        locale: profile.locale.applied_to(user.locale.clone()),
        avatar_url: profile.avatar_url.applied_to(user.avatar_url.clone()),
        metadata,
    })
}
