use std::future::Future;
use std::sync::Arc;

use roster_domain::ports::{Invalidation, Once, Outcome, Performed, StoreError, Write};
use roster_domain::{NewUser, Timestamp, User, UserId, UserPatch, UserVersion};

use super::{UserDraft, UserError, UserService};
use crate::Answered;

impl UserService {
    /// Stores a new user.
    pub async fn create(&self, draft: UserDraft) -> Result<User, UserError> {
        let user = self.new_user(draft);
        let id = user.id;
        let users = Arc::clone(&self.users);
        // The floor ends a cached "no such user".
        self.write(id, async move {
            let user = users.insert(&user).await?;
            let floor = UserVersion::FIRST;
            Ok((user, Invalidation { id, floor }))
        })
        .await
    }

    /// Stores a new user, once under a key.
    pub async fn create_once(
        &self,
        draft: UserDraft,
        once: Once,
    ) -> Result<Answered<User>, UserError> {
        let user = self.new_user(draft);
        self.write_once(Write::Insert(user), once).await
    }

    fn new_user(&self, draft: UserDraft) -> NewUser {
        let id = draft
            .id
            .unwrap_or_else(|| UserId::new(self.runtime.ids.next_id()));
        NewUser {
            id,
            email: draft.email,
            name: draft.name,
            locale: draft.locale,
            avatar_url: draft.avatar_url,
            metadata: draft.metadata,
            is_active: true,
            created_at: self.runtime.clock.now(),
        }
    }

    /// Changes a user by a merge patch; with `expected`, only when the row is at it.
    pub async fn update(
        &self,
        id: UserId,
        patch: UserPatch,
        expected: Option<UserVersion>,
    ) -> Result<User, UserError> {
        let at = self.runtime.clock.now();
        if !patch.is_profile_only() {
            let write = Write::Update {
                id,
                patch,
                expected,
            };
            return match self.perform(write, at, None).await? {
                Answered::Now(user) => Ok(user),
                Answered::Before(_) => Err(unexpected()),
            };
        }
        let users = Arc::clone(&self.users);
        self.write(id, async move {
            let written = users.patch(id, &patch.profile, expected, at).await?;
            let written = written.ok_or(UserError::NotFound)?;
            // Also when nothing changed: a client that repeats a change whose invalidation was
            // lost takes the old value out of the caches.
            let floor = written.user.version;
            Ok((written.user, Invalidation { id, floor }))
        })
        .await
    }

    /// Changes a user by a merge patch, once under a key.
    pub async fn update_once(
        &self,
        id: UserId,
        patch: UserPatch,
        expected: Option<UserVersion>,
        once: Once,
    ) -> Result<Answered<User>, UserError> {
        let write = Write::Update {
            id,
            patch,
            expected,
        };
        self.write_once(write, once).await
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
            let floor = version;
            Ok((version, Invalidation { id, floor }))
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
            Ok((user, Invalidation { id, floor }))
        })
        .await
    }

    /// Takes a deletion back, once under a key.
    pub async fn restore_once(
        &self,
        id: UserId,
        expected: Option<UserVersion>,
        once: Once,
    ) -> Result<Answered<User>, UserError> {
        self.write_once(Write::Restore { id, expected }, once).await
    }

    async fn write_once(&self, write: Write, once: Once) -> Result<Answered<User>, UserError> {
        self.perform(write, self.runtime.clock.now(), Some(once))
            .await
    }

    /// Does a write to a user as a value, in its own transaction.
    async fn perform(
        &self,
        write: Write,
        at: Timestamp,
        once: Option<Once>,
    ) -> Result<Answered<User>, UserError> {
        let writes = Arc::clone(&self.writes);
        self.write(write.user(), async move {
            match writes.perform(&write, at, once).await? {
                Performed::Done(Outcome::User(user)) => {
                    let (id, floor) = (user.id, user.version);
                    Ok((Answered::Now(user), Invalidation { id, floor }))
                }
                // Whoever repeats a write takes out of the caches what its first answer would have.
                Performed::Replayed(kept) => {
                    let floor = kept.version.unwrap_or(UserVersion::NONE);
                    let id = kept.user;
                    Ok((Answered::Before(kept), Invalidation { id, floor }))
                }
                Performed::Absent => Err(UserError::NotFound),
                Performed::Done(_) => Err(unexpected()),
            }
        })
        .await
    }

    /// Erases a user for good, deleted or not.
    pub async fn purge(&self, id: UserId, expected: Option<UserVersion>) -> Result<(), UserError> {
        let users = Arc::clone(&self.users);
        let at = self.runtime.clock.now();
        self.write(id, async move {
            let floor = users
                .purge(id, expected, at)
                .await?
                .ok_or(UserError::NotFound)?;
            Ok(((), Invalidation { id, floor }))
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
        write: impl Future<Output = Result<(T, Invalidation), UserError>> + Send + 'static,
    ) -> Result<T, UserError> {
        let invalidator = Arc::clone(&self.cached.invalidator);
        let settling = Arc::clone(&self.settling);
        let written = self.runtime.outliving(async move {
            let result = write.await;
            match &result {
                Ok((_, stale)) => invalidator.invalidate(stale.id, stale.floor).await,
                Err(UserError::Store(StoreError::Unavailable(_))) => {
                    // It may have happened: a forced read a little later corrects the caches.
                    invalidator.forget(id);
                    settling.note(id);
                }
                Err(_) => {}
            }
            result.map(|(value, _)| value)
        });
        written.await?
    }
}

/// A store that answers a write with what is another's outcome.
fn unexpected() -> UserError {
    let what = "the store answered with the outcome of another write";
    UserError::Store(StoreError::Corrupt(what.into()))
}
