use std::sync::Arc;
use std::time::Duration;

use roster_domain::ports::{CacheLookup, CacheNamespace, LeaseToken, SeenBytes};
use roster_domain::{Timestamp, User, UserVersion};

/// One key.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) content: Content,
    /// When the key is gone, on the monotonic clock.
    pub(super) gone_at: Duration,
    /// What stands for the stored bytes: no two entries have the same.
    pub(super) bytes: SeenBytes,
}

/// What a key holds.
#[derive(Clone)]
pub(super) enum Content {
    Value {
        namespace: CacheNamespace,
        user: Arc<User>,
        expires_at: Timestamp,
    },
    Absent {
        namespace: CacheNamespace,
        floor: UserVersion,
    },
    Floor(UserVersion),
    Lease {
        floor: UserVersion,
        token: LeaseToken,
        /// When anybody may take it over, on the monotonic clock.
        free_at: Duration,
    },
    /// Bytes of somebody else.
    Foreign,
}

impl Content {
    /// The version below which all is stale, as far as this content says to a caller of this
    /// namespace: the number of a stranger's value says nothing about the caller's row.
    pub(super) fn floor_for(&self, caller: CacheNamespace) -> UserVersion {
        match self {
            Self::Value { namespace, .. } if *namespace != caller => UserVersion::NONE,
            content => content.floor(),
        }
    }

    /// The same to whoever wrote it.
    pub(super) fn floor(&self) -> UserVersion {
        match self {
            Self::Value { user, .. } => user.version,
            Self::Floor(floor) | Self::Lease { floor, .. } => *floor,
            // An absence says nothing about versions: the row may have been inserted since.
            Self::Absent { .. } | Self::Foreign => UserVersion::NONE,
        }
    }

    /// Whether it is a value or an absence, or bytes that were meant to be one.
    pub(super) fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::Value { .. } | Self::Absent { .. } | Self::Foreign
        )
    }
}

impl Entry {
    /// What a caller of this namespace sees.
    pub(super) fn look_up(&self, caller: CacheNamespace, now: Duration) -> CacheLookup {
        match &self.content {
            Content::Value {
                namespace,
                user,
                expires_at,
            } if *namespace == caller => CacheLookup::Value {
                user: Arc::clone(user),
                expires_at: *expires_at,
                seen: self.bytes.clone(),
            },
            Content::Absent { namespace, floor } if *namespace == caller => CacheLookup::Absent {
                floor: *floor,
                seen: self.bytes.clone(),
            },
            Content::Value { .. } | Content::Absent { .. } | Content::Foreign => {
                CacheLookup::Floor {
                    floor: UserVersion::NONE,
                    unusable: Some(self.bytes.clone()),
                }
            }
            Content::Lease { floor, free_at, .. } if now < *free_at => {
                CacheLookup::Leased { floor: *floor }
            }
            Content::Lease { floor, .. } | Content::Floor(floor) => CacheLookup::Floor {
                floor: *floor,
                unusable: None,
            },
        }
    }
}
