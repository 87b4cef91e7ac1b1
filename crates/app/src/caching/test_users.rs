//! Users for tests.

use std::sync::Arc;

use roster_domain::{JsonObject, Timestamp, User, UserId, UserVersion};
use uuid::Uuid;

pub(crate) fn id(n: u128) -> UserId {
    UserId::new(Uuid::from_u128(n))
}

pub(crate) fn user(n: u128, version: u64) -> Arc<User> {
    Arc::new(User {
        id: id(n),
        email: format!("user-{n}@example.com").parse().unwrap(),
        name: format!("User {n} at {version}").parse().unwrap(),
        is_active: true,
        locale: None,
        avatar_url: None,
        metadata: JsonObject::empty(),
        version: UserVersion::new(version),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    })
}
