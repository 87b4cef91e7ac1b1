//! Users, their feeds, and the ports that stores and caches implement.
//!
//! Nothing here does I/O or knows who does: the values are parsed once and trusted
//! afterwards, and every effect stands behind a trait in [`ports`].

mod user;
mod user_changes;

mod ids;
mod version;

mod email;
mod json_object;
mod locators;
mod text;
mod timestamp;

mod once;

mod activity;
mod notification;
mod user_stats;

pub mod pagination;
pub mod ports;
pub mod search;

mod invalid;

pub use activity::{Activity, ActivityFilter, NewActivity};
pub use email::Email;
pub use ids::{ActivityId, NotificationId, UserId};
pub use invalid::Invalid;
pub use json_object::{JsonObject, canonical_json};
pub use locators::{AvatarUrl, Locale};
pub use notification::{
    MarkRead, Marked, NewNotification, Notification, NotificationPatch, NotificationState,
    UnreadNotifications,
};
pub use once::{Fingerprint, IdempotencyKey, KeySlot};
pub use text::{DedupeKey, FeedKind, NotificationBody, NotificationTitle, UserName};
pub use timestamp::Timestamp;
pub use user::{User, UserSummary};
pub use user_changes::{Edit, NewUser, ProfilePatch, UserPatch, UserReplacement};
pub use user_stats::UserStats;
pub use version::UserVersion;
