use async_trait::async_trait;

use super::{CreatedNotification, StoreError, WriteError};
use crate::{
    ActivityId, Fingerprint, Invalid, KeySlot, MarkRead, Marked, NewActivity, NewNotification,
    NewUser, Notification, NotificationId, NotificationPatch, Timestamp, User, UserId, UserPatch,
    UserVersion,
};

/// Writes as values, so that what makes a write happen once is in its transaction.
///
/// A write does what the method of its repository does. One that ended in
/// [`StoreError::Unavailable`] may have happened; under a key it may be asked for again, and
/// happens once.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait UserWrites: Send + Sync {
    /// Does a write, and with `once` keeps its answer under the key, both or neither.
    ///
    /// A key that has an answer does nothing: [`Performed::Replayed`] when the answer is of
    /// the same request, [`WriteRefusal::KeyReused`] when it is of another. A write that is
    /// refused, or finds nothing, keeps no answer and leaves the key free. Of concurrent
    /// writes under one key one is done; the others answer as if they came after it, or
    /// [`WriteRefusal::KeyInProgress`].
    ///
    /// Of the data of one user at most [`KeptAnswer::MOST`] answers stay kept: in the same
    /// transaction the oldest others go, by their `at`, and free their keys. Writes to one user
    /// that run at once may leave one more each, until the next.
    async fn perform(
        &self,
        write: &Write,
        at: Timestamp,
        once: Option<Once>,
    ) -> Result<Performed, WriteRefusal>;

    /// Deletes at most `limit` answers that were kept before `moment`, oldest first, and
    /// answers how many. Purging a user deletes those that speak of it whatever their age.
    async fn forget_answers(&self, moment: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// As [`super::UserRepository::insert`].
    Insert(NewUser),
    /// Merges a patch into the row while nobody else can change it, and moves the claim when
    /// the normalised address differs.
    Update {
        /// Whose row.
        id: UserId,
        /// What changes.
        patch: UserPatch,
        /// Refused unless the row is at it.
        expected: Option<UserVersion>,
    },
    /// As [`super::UserRepository::restore`].
    Restore {
        /// Whose row.
        id: UserId,
        /// Refused unless the row is at it.
        expected: Option<UserVersion>,
    },
    /// As [`super::NotificationRepository::create`].
    Notify {
        /// Whom.
        user: UserId,
        /// Of what.
        notification: NewNotification,
    },
    /// As [`super::NotificationRepository::patch`].
    MarkNotification {
        /// Whose.
        user: UserId,
        /// Which.
        id: NotificationId,
        /// What changes.
        patch: NotificationPatch,
    },
    /// As [`super::NotificationRepository::mark_read`].
    MarkRead {
        /// Whose.
        user: UserId,
        /// Which.
        which: MarkRead,
    },
    /// As [`super::ActivityRepository::append`].
    Append {
        /// To whose activity.
        user: UserId,
        /// What.
        activities: Vec<NewActivity>,
    },
}

impl Write {
    /// Whose data it writes.
    pub const fn user(&self) -> UserId {
        match self {
            Self::Insert(new) => new.id,
            Self::Update { id, .. } | Self::Restore { id, .. } => *id,
            Self::Notify { user, .. }
            | Self::MarkNotification { user, .. }
            | Self::MarkRead { user, .. }
            | Self::Append { user, .. } => *user,
        }
    }
}

/// What makes a write happen once.
#[derive(Clone, Copy, Debug)]
pub struct Once {
    /// Whose key, and which.
    pub slot: KeySlot,
    /// What is asked for under it.
    pub request: Fingerprint,
    /// What is kept of the outcome of a write to a user: octets that make the answer again.
    pub keep: fn(UserId, &Outcome) -> Vec<u8>,
}

/// What a write did, by its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The row after [`Write::Insert`], [`Write::Update`] or [`Write::Restore`].
    User(User),
    /// After [`Write::Notify`].
    Notified(CreatedNotification),
    /// After [`Write::MarkNotification`].
    Marked(Notification, Marked),
    /// After [`Write::MarkRead`].
    MarkedRead(Marked),
    /// After [`Write::Append`]: each with whether it is new.
    Appended(Vec<(ActivityId, bool)>),
}

impl Outcome {
    /// The outcome of appending `activities`, of which each is new or not.
    pub fn appended(activities: &[NewActivity], new: Vec<bool>) -> Self {
        let ids = activities.iter().map(|activity| activity.id);
        Self::Appended(ids.zip(new).collect())
    }

    /// The version of the row, where the write made one.
    pub const fn version(&self) -> Option<UserVersion> {
        match self {
            Self::User(user) => Some(user.version),
            _ => None,
        }
    }
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Performed {
    /// It happened now.
    Done(Outcome),
    /// It happened before, under the same key.
    Replayed(KeptAnswer),
    /// There is no such user, or no such notification of it; nothing happened.
    Absent,
}

/// What was kept of a write.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Whose data was written.
    pub user: UserId,
    /// The version of the row after it, where the write made one.
    pub version: Option<UserVersion>,
    /// What [`Once::keep`] made.
    pub octets: Vec<u8>,
}

impl KeptAnswer {
    /// How many answers are kept that speak of one user. They are repeated within minutes when
    /// at all; without a bound, whoever may write to a user could fill the store with them.
    pub const MOST: u8 = 128;
}

impl std::fmt::Debug for KeptAnswer {
    /// The octets hold personal data: only their number is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptAnswer")
            .field("user", &self.user)
            .field("version", &self.version)
            .field("octets", &self.octets.len())
            .finish()
    }
}

/// A write that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum WriteRefusal {
    /// The key has an answer, of another request.
    #[error("the key was used for another request")]
    KeyReused,
    /// Another write under the key is under way.
    #[error("a write under the key is under way")]
    KeyInProgress,
    /// The merge would make a member invalid.
    #[error("{member} would not be valid")]
    Invalid {
        /// The member.
        member: &'static str,
        /// What would be wrong with it.
        source: Invalid,
    },
    /// As the method of the repository says.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<StoreError> for WriteRefusal {
    fn from(error: StoreError) -> Self {
        Self::Write(WriteError::Store(error))
    }
}
