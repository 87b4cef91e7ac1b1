//! The row as JSON: it costs a little more than a binary form, and can be read with
//! `redis-cli`, tolerates fields that are added, and needs no second description of itself.
//! Id and version stand in the envelope.

use std::borrow::Cow;

use roster_domain::{Timestamp, User, UserId, UserVersion};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Unknown members are passed over; an optional one that is missing is none.
#[derive(Deserialize, Serialize)]
struct Payload<'p> {
    #[serde(borrow)]
    email: Cow<'p, str>,
    #[serde(borrow)]
    name: Cow<'p, str>,
    active: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locale: Option<Cow<'p, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    avatar: Option<Cow<'p, str>>,
    /// Text, so that numbers keep their digits.
    #[serde(borrow)]
    metadata: &'p RawValue,
    /// Microseconds since 1970.
    created: i64,
    /// Microseconds since 1970.
    updated: i64,
}

pub(super) fn encode(user: &User) -> Vec<u8> {
    let payload = Payload {
        email: user.email.as_str().into(),
        name: user.name.as_str().into(),
        active: user.is_active,
        locale: user.locale.as_ref().map(|locale| locale.as_str().into()),
        avatar: user.avatar_url.as_ref().map(|url| url.as_str().into()),
        // The domain's canonical text is JSON; were it not, an empty payload is a miss.
        metadata: match serde_json::from_str(user.metadata.as_str()) {
            Ok(metadata) => metadata,
            Err(_) => return Vec::new(),
        },
        created: user.created_at.unix_micros(),
        updated: user.updated_at.unix_micros(),
    };
    serde_json::to_vec(&payload).unwrap_or_default()
}

/// The user, rebuilt through the parsers of its parts; none when one of them refuses.
pub(super) fn decode(bytes: &[u8], id: UserId, version: UserVersion) -> Option<User> {
    let payload: Payload<'_> = serde_json::from_slice(bytes).ok()?;
    let locale = payload.locale.map(|text| text.parse()).transpose();
    let avatar_url = payload.avatar.map(|text| text.parse()).transpose();
    Some(User {
        id,
        email: payload.email.parse().ok()?,
        name: payload.name.parse().ok()?,
        is_active: payload.active,
        locale: locale.ok()?,
        avatar_url: avatar_url.ok()?,
        metadata: payload.metadata.get().parse().ok()?,
        version,
        created_at: Timestamp::from_unix_micros(payload.created).ok()?,
        updated_at: Timestamp::from_unix_micros(payload.updated).ok()?,
    })
}
