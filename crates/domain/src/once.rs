use std::fmt;
use std::str::FromStr;

use crate::Invalid;

/// A caller's own name of one request, under which what it writes is written once.
///
/// 1 to 255 visible ASCII characters, compared octet for octet: quotation marks, which some
/// clients send around it, belong to it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// The most characters it may have.
    pub const MAX_CHARS: usize = 255;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdempotencyKey {
    /// Callers make keys of what they know: only the length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdempotencyKey({} octets)", self.0.len())
    }
}

impl FromStr for IdempotencyKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new("empty", "At least one character is needed."));
        }
        if text.len() > Self::MAX_CHARS {
            return Err(Invalid::new(
                "too_long",
                "At most 255 characters are allowed.",
            ));
        }
        if !text.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(Invalid::new(
                "not_visible_ascii",
                "A key is made of visible ASCII characters.",
            ));
        }
        Ok(Self(text.into()))
    }
}

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The digest with these octets.
            pub const fn new(octets: [u8; 32]) -> Self {
                Self(octets)
            }

            /// Its octets.
            pub const fn as_octets(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            /// The first octets tell two of them apart.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let [a, b, c, d, ..] = self.0;
                write!(f, concat!(stringify!($name), "({:02x}{:02x}{:02x}{:02x}…)"), a, b, c, d)
            }
        }
    };
}

digest! {
    /// Whose [`IdempotencyKey`] and which one, as a digest of both: neither stands in a store.
    KeySlot
}
digest! {
    /// What was asked for under a key, as a digest of all that decides the answer.
    Fingerprint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_up_to_255_visible_ascii_characters() {
        let longest = "k".repeat(IdempotencyKey::MAX_CHARS);
        assert_eq!(
            longest.parse::<IdempotencyKey>().map(|k| k.0.len()),
            Ok(255)
        );
        for (wrong, code) in [
            (String::new(), "empty"),
            (format!("{longest}k"), "too_long"),
            ("two words".into(), "not_visible_ascii"),
            ("schlüssel".into(), "not_visible_ascii"),
        ] {
            let refused = wrong.parse::<IdempotencyKey>().unwrap_err();
            assert_eq!(refused.code, code, "{wrong:?}");
        }
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let key: IdempotencyKey = "canary@example.com".parse().unwrap();
        assert!(!format!("{key:?}").contains("canary"));
    }
}
