use crate::{ActivityId, FeedKind, JsonObject, Timestamp};

/// Something that a user did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Its id, unique within the user.
    pub id: ActivityId,
    /// What was done.
    pub kind: FeedKind,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What programs read.
    pub data: JsonObject,
}

/// An activity about to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewActivity {
    /// Its id; the same for the same dedupe key ([`ActivityId::of_dedupe_key`]).
    pub id: ActivityId,
    /// What was done.
    pub kind: FeedKind,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What programs read.
    pub data: JsonObject,
}

/// Which activities a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ActivityFilter {
    /// Only of this kind.
    pub kind: Option<FeedKind>,
    /// Only at this moment or after it.
    pub since: Option<Timestamp>,
    /// Only before this moment.
    pub until: Option<Timestamp>,
}
