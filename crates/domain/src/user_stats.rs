use crate::Timestamp;

/// A user's counters, kept exact by the writes that change them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserStats {
    /// Notifications of every state.
    pub notifications: u64,
    /// Those neither read nor archived.
    pub unread_notifications: u64,
    /// Activities.
    pub activities: u64,
    /// When the latest activity happened; `None` without one.
    pub last_activity_at: Option<Timestamp>,
}
