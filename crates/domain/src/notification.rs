use crate::{FeedKind, JsonObject, NotificationBody, NotificationId, NotificationTitle, Timestamp};

/// A message to one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its id, unique within the user.
    pub id: NotificationId,
    /// What it is about.
    pub kind: FeedKind,
    /// The headline.
    pub title: NotificationTitle,
    /// The text.
    pub body: Option<NotificationBody>,
    /// What programs read.
    pub data: JsonObject,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was read; `None` while it is not.
    pub read_at: Option<Timestamp>,
    /// When it was put away; `None` while it is not.
    pub archived_at: Option<Timestamp>,
}

impl Notification {
    /// Whether it counts as unread: neither read nor archived.
    pub const fn is_unread(&self) -> bool {
        self.read_at.is_none() && self.archived_at.is_none()
    }
}

/// A notification about to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNotification {
    /// Its id; the same for the same dedupe key ([`NotificationId::of_dedupe_key`]).
    pub id: NotificationId,
    /// What it is about.
    pub kind: FeedKind,
    /// The headline.
    pub title: NotificationTitle,
    /// The text.
    pub body: Option<NotificationBody>,
    /// What programs read.
    pub data: JsonObject,
    /// When it is created.
    pub created_at: Timestamp,
}

/// Which notifications a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NotificationState {
    /// Neither read nor archived.
    Unread,
    /// Read and not archived.
    Read,
    /// Archived, read or not.
    Archived,
    /// Every one.
    #[default]
    All,
}

/// What a patch does to one notification; `None` leaves as it is. Setting what is set already
/// keeps the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotificationPatch {
    /// Whether it is read.
    pub read: Option<bool>,
    /// Whether it is archived.
    pub archived: Option<bool>,
}

/// Which unread notifications are marked as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkRead {
    /// These; ids that are not there are passed over.
    Ids(Vec<NotificationId>),
    /// Those created at this moment or before it.
    UpTo(Timestamp),
    /// Every one.
    All,
}

/// What a change did to a user's notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    /// How many notifications changed.
    pub changed: u64,
    /// How many are unread now, counted in the same write.
    pub unread: u64,
}

/// The newest unread notifications and how many there are in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnreadNotifications {
    /// How many are unread, exact.
    pub unread: u64,
    /// The newest of them, newest first.
    pub items: Vec<Notification>,
}
