use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::{DedupeKey, Invalid};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with these 128 bits.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Its 128 bits.
            pub const fn get(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            /// Lower-case UUID text, 36 characters.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            /// Takes the hyphenated form of 36 characters, in either case, and no other.
            fn from_str(text: &str) -> Result<Self, Invalid> {
                match Uuid::try_parse(text) {
                    Ok(uuid) if text.len() == 36 => Ok(Self(uuid)),
                    _ => Err(Invalid::new(
                        "not_a_uuid",
                        "An id is a UUID of 36 characters, such as 0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f.",
                    )),
                }
            }
        }
    };
}

id! {
    /// A user's id: a UUID, version 7 when Roster made it. Never used again, not even after a purge.
    UserId
}
id! {
    /// A notification's id, unique within its user.
    NotificationId
}
id! {
    /// An activity's id, unique within its user.
    ActivityId
}

impl NotificationId {
    /// The id that a user's dedupe key stands for: name-based (UUID version 5, RFC 9562), so
    /// that the primary key alone makes the second delivery of one event a repeat.
    pub fn of_dedupe_key(user: UserId, key: &DedupeKey) -> Self {
        Self(Uuid::new_v5(&user.get(), key.as_str().as_bytes()))
    }
}

impl ActivityId {
    /// The id that a user's dedupe key stands for; see [`NotificationId::of_dedupe_key`].
    pub fn of_dedupe_key(user: UserId, key: &DedupeKey) -> Self {
        Self(Uuid::new_v5(&user.get(), key.as_str().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        let text = "0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f";
        assert_eq!(text.parse::<UserId>().unwrap().to_string(), text);
        let upper = text.to_uppercase();
        assert_eq!(upper.parse::<UserId>().unwrap().to_string(), text);
        for wrong in [
            "",
            "0190c2a87d3e7c5b9f1e3a2b1c0d9e8f",
            "{0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f}",
            "urn:uuid:0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f",
            "nobody",
        ] {
            assert_eq!(
                wrong.parse::<UserId>().unwrap_err().code,
                "not_a_uuid",
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_dedupe_key_means_another_id_for_another_user() {
        let key: DedupeKey = "invoice-7".parse().unwrap();
        let (one, two) = (
            UserId::new(Uuid::from_u128(1)),
            UserId::new(Uuid::from_u128(2)),
        );
        assert_eq!(
            NotificationId::of_dedupe_key(one, &key),
            NotificationId::of_dedupe_key(one, &key)
        );
        assert_ne!(
            NotificationId::of_dedupe_key(one, &key),
            NotificationId::of_dedupe_key(two, &key)
        );
    }
}
