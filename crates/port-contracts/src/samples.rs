//! Values to store: each made from a number, so that a case can name what it means.

use std::time::Duration;

use roster_domain::pagination::{Order, PageRequest, PageSize, Start};
use roster_domain::{
    Activity, ActivityId, Email, NewActivity, NewNotification, NewUser, Notification,
    NotificationId, ProfilePatch, Timestamp, User, UserId, UserName, UserReplacement, UserVersion,
};
use uuid::Uuid;

/// A UUID of version 7; a greater number makes a greater one.
pub const fn uuid(number: u64) -> Uuid {
    const FRAME: u128 = 0x0190_0000_0000_7000_8000_0000_0000_0000;
    Uuid::from_u128(FRAME | (number as u128 & 0x3fff_ffff_ffff_ffff))
}

/// The id of the user with this number.
pub const fn user_id(number: u64) -> UserId {
    UserId::new(uuid(number))
}

/// So many seconds after the beginning of 2026.
pub fn moment(seconds: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH.plus(Duration::from_secs(1_767_225_600 + seconds))
}

/// A moment after every row of [`new_user`], [`notification`] and [`activity`] was made.
pub fn later(seconds: u64) -> Timestamp {
    moment(10_000_000 + seconds)
}

/// An address from its text.
pub fn email(text: &str) -> Email {
    text.parse().unwrap()
}

/// A name from its text.
pub fn name(text: &str) -> UserName {
    text.parse().unwrap()
}

/// The version with this number.
pub const fn version(number: u64) -> UserVersion {
    UserVersion::new(number)
}

/// An active user with nothing that can be left out.
pub fn new_user(number: u64) -> NewUser {
    NewUser {
        id: user_id(number),
        email: email(&format!("user-{number}@example.com")),
        name: name(&format!("User {number}")),
        locale: None,
        avatar_url: None,
        metadata: roster_domain::JsonObject::empty(),
        is_active: true,
        created_at: moment(number),
    }
}

/// A user with every member, in several scripts.
pub fn full_user(number: u64) -> NewUser {
    NewUser {
        email: email(&format!("Zoë.O'Hara+{number}@Bücher.Example")),
        name: name(&format!(" Ζωή 李小龍 \u{1f9d1}\u{200d}\u{1f680} \\ ' \" % _ {number} ")),
        locale: Some("zh-Hant-TW".parse().unwrap()),
        avatar_url: Some(
            "https://img.example/a%20b.png?s=1&t=%27#x"
                .parse()
                .unwrap(),
        ),
        metadata: r#"{"":[],"big":123456789012345678901234567890,"float":1.10e+3,"nested":{"z":[1,{"ü":null}]},"text":"é\u0001\"\\ 😀"}"#
            .parse()
            .unwrap(),
        created_at: Timestamp::from_unix_micros(1_767_225_600_123_456).unwrap(),
        ..new_user(number)
    }
}

/// The row that an insert of `new` stores.
pub fn as_inserted(new: &NewUser) -> User {
    User {
        id: new.id,
        email: new.email.clone(),
        name: new.name.clone(),
        is_active: new.is_active,
        locale: new.locale.clone(),
        avatar_url: new.avatar_url.clone(),
        metadata: new.metadata.clone(),
        version: UserVersion::FIRST,
        created_at: new.created_at,
        updated_at: new.created_at,
    }
}

/// A replacement of `user` by itself, at its version.
pub fn replacement_of(user: &User) -> UserReplacement {
    UserReplacement {
        id: user.id,
        expected: user.version,
        email: user.email.clone(),
        name: user.name.clone(),
        is_active: user.is_active,
        locale: user.locale.clone(),
        avatar_url: user.avatar_url.clone(),
        metadata: user.metadata.clone(),
    }
}

/// A patch of the name alone.
pub fn rename(text: &str) -> ProfilePatch {
    ProfilePatch {
        name: Some(name(text)),
        ..ProfilePatch::default()
    }
}

/// The id of the notification with this number.
pub const fn notification_id(number: u64) -> NotificationId {
    NotificationId::new(uuid(number))
}

/// A notification; a greater number is a newer one.
pub fn notification(number: u64) -> NewNotification {
    NewNotification {
        id: notification_id(number),
        kind: "invoice.paid".parse().unwrap(),
        title: format!("Invoice {number} é 李").parse().unwrap(),
        body: number
            .is_multiple_of(2)
            .then(|| "Two\nlines\t'".parse().unwrap()),
        data: format!(r#"{{"amount":{number}.50e+0}}"#).parse().unwrap(),
        created_at: moment(number),
    }
}

/// The row that storing `new` makes.
pub fn as_created(new: &NewNotification) -> Notification {
    Notification {
        id: new.id,
        kind: new.kind.clone(),
        title: new.title.clone(),
        body: new.body.clone(),
        data: new.data.clone(),
        created_at: new.created_at,
        read_at: None,
        archived_at: None,
    }
}

/// An activity; a greater number is a newer one.
pub fn activity(number: u64) -> NewActivity {
    NewActivity {
        id: ActivityId::new(uuid(number)),
        kind: "signed-in".parse().unwrap(),
        occurred_at: moment(number),
        data: format!(r#"{{"n":{number}.0}}"#).parse().unwrap(),
    }
}

/// The row that appending `new` makes.
pub fn as_appended(new: &NewActivity) -> Activity {
    Activity {
        id: new.id,
        kind: new.kind.clone(),
        occurred_at: new.occurred_at,
        data: new.data.clone(),
    }
}

/// A request for one page.
pub fn page(start: Start, order: Order, size: u64) -> PageRequest {
    PageRequest {
        start,
        order,
        size: PageSize::new(size).unwrap(),
    }
}
