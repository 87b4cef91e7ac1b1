use roster_domain::ports::Written;
use roster_domain::{NewUser, User, UserId, UserPatch, UserVersion};

use super::{UserDraft, UserError, UserService};

impl UserService {
    /// Stores a new user.
    pub async fn create(&self, draft: UserDraft) -> Result<User, UserError> {
        let id = draft.id.unwrap_or_else(|| UserId::new(self.runtime.ids.next_id()));
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
        Ok(self.users.insert(&user).await?)
    }

    /// Changes a user by a merge patch; with `expected`, only when the row is at it.
    pub async fn update(
        &self,
        id: UserId,
        patch: UserPatch,
        expected: Option<UserVersion>,
    ) -> Result<User, UserError> {
        let at = self.runtime.clock.now();
        let written = if patch.is_profile_only() {
            self.users.patch(id, &patch.profile, expected, at).await?
        } else {
            None
        };
        written.map(|written: Written| written.user).ok_or(UserError::NotFound)
    }

    /// Deletes a user so that it can be restored, and answers the version after it.
    pub async fn delete(&self, id: UserId, expected: Option<UserVersion>) -> Result<UserVersion, UserError> {
        let at = self.runtime.clock.now();
        self.users.soft_delete(id, expected, at).await?.ok_or(UserError::NotFound)
    }

    /// Takes a deletion back.
    pub async fn restore(&self, id: UserId, expected: Option<UserVersion>) -> Result<User, UserError> {
        let at = self.runtime.clock.now();
        self.users.restore(id, expected, at).await?.ok_or(UserError::NotFound)
    }

    /// Erases a user for good, deleted or not.
    pub async fn purge(&self, id: UserId, expected: Option<UserVersion>) -> Result<(), UserError> {
        let at = self.runtime.clock.now();
        self.users.purge(id, expected, at).await?.ok_or(UserError::NotFound)?;
        Ok(())
    }
}
