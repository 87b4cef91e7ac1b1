use async_trait::async_trait;

use super::StoreError;
use crate::{NewActivity, NewNotification, NewUser, Timestamp, User, UserId, UserVersion};

/// Many users at once, for import, export and seeding: throughput before latency.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait UserTransfer: Send + Sync {
    /// The next users after an id, by id, deleted ones left out; full rows. `None` starts at
    /// the first. Fewer than `limit` rows mean the end.
    async fn export(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError>;

    /// Stores a batch in one transaction, change-log rows included, and answers one result a
    /// row in their order. A row that cannot be stored changes nothing and does not stop the
    /// others. With [`OnConflict::Fail`], when any row conflicts none of the batch is stored,
    /// and the others answer [`RowResult::NotStored`]. A row repeats an earlier one of the
    /// batch as it would one of an earlier batch. At most 1,000 rows.
    async fn import(
        &self,
        rows: &[ImportRow],
        on_conflict: OnConflict,
        at: Timestamp,
    ) -> Result<Vec<RowResult>, StoreError>;

    /// Whether there is no user, not even a deleted or purged one.
    async fn is_empty(&self) -> Result<bool, StoreError>;

    /// Adds users with their feeds as fast as the store can, in one transaction a batch, with
    /// exact counters. Ids and addresses must be new: a batch in which one is not fails whole
    /// with [`StoreError::Corrupt`]. Writes no change-log rows: nothing can have cached them.
    async fn seed(&self, batch: &SeedBatch) -> Result<(), StoreError>;

    /// Refreshes the store's statistics after a bulk load, so that the next plans are good.
    async fn analyze(&self) -> Result<(), StoreError>;
}

/// One user of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRow {
    /// The members. The id decides what a repeat is when `id_given`, else the address does.
    pub user: NewUser,
    /// Whether the id stood in the file, or was made for the row.
    pub id_given: bool,
}

/// What happens to a row whose user is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// The stored user stays as it is.
    #[default]
    Skip,
    /// The stored user takes the row's members, `created_at` excepted, at its next version;
    /// when they are the same already it stays as it is.
    Update,
    /// Nothing of the batch is stored.
    Fail,
}

/// What became of one row of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowResult {
    /// A new user.
    Created(UserId),
    /// A stored user took the row's members, and is at this version since then.
    Updated(UserId, UserVersion),
    /// A stored user was there and stays as it is.
    Skipped(UserId),
    /// The address belongs to another user than the row's id says, perhaps a deleted one.
    EmailTaken,
    /// The id is or was a user's, deleted or purged.
    IdTaken,
    /// The user is there, and [`OnConflict::Fail`] was asked for.
    Exists(UserId),
    /// Nothing is wrong with the row; another row of its batch is why nothing was stored.
    NotStored,
}

/// Users with their feeds, newest feed rows last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeedBatch {
    /// The users.
    pub users: Vec<SeedUser>,
}

/// One user to seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedUser {
    /// The user.
    pub user: NewUser,
    /// The notifications, each with the moment it was read, if it was.
    pub notifications: Vec<(NewNotification, Option<Timestamp>)>,
    /// The activities.
    pub activities: Vec<NewActivity>,
}
