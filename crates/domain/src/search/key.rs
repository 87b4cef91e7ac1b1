use std::fmt;
use std::str::FromStr;

use super::folding::{LAST, folded};
use crate::Invalid;

/// A text in the form in which searches compare it, cut after 96 octets: what is stored beside
/// a user, and ordered by its octets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SearchKey {
    /// The text, and zeros behind it: no text has any, so that the order is that of the text.
    octets: [u8; Self::MAX_OCTETS],
    length: u8,
}

impl SearchKey {
    /// The most octets of UTF-8. What is longer is found and ordered by its beginning.
    pub const MAX_OCTETS: usize = 96;

    /// The key of a text.
    pub fn of(text: &str) -> Self {
        Self::cut(&folded(text))
    }

    /// The key that a store holds in this form. Another release may have folded it, so that it
    /// is taken as it is.
    pub fn stored(text: &str) -> Self {
        Self::cut(text)
    }

    fn cut(text: &str) -> Self {
        let end = text.floor_char_boundary(Self::MAX_OCTETS);
        let mut key = Self {
            octets: [0; Self::MAX_OCTETS],
            length: 0,
        };
        for (place, octet) in key.octets.iter_mut().zip(text[..end].bytes()) {
            *place = octet;
            key.length += 1;
        }
        key
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let text = &self.octets[..usize::from(self.length)];
        str::from_utf8(text).unwrap_or_default()
    }
}

impl fmt::Debug for SearchKey {
    /// Personal data stays out of logs: only the length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SearchKey({} octets)", self.length)
    }
}

/// What a user is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchKeys {
    /// The key of the name.
    pub name: SearchKey,
    /// The key of the address.
    pub email: SearchKey,
    /// How many characters both begin with, up to [`Self::MOST_SHARED`]: with a prefix that is
    /// not longer the user is found by both, and shown by the name alone.
    pub shared: u8,
}

impl SearchKeys {
    /// Where counting ends.
    pub const MOST_SHARED: u8 = 8;

    /// The keys of a user with this name and this address; texts, because a store gives keys
    /// also to what it holds and cannot read.
    pub fn of(name: &str, email: &str) -> Self {
        let (name, email) = (SearchKey::of(name), SearchKey::of(email));
        let pairs = name.as_str().chars().zip(email.as_str().chars());
        let shared = pairs.take_while(|(a, b)| a == b);
        let shared = shared.take(usize::from(Self::MOST_SHARED)).count();
        Self {
            name,
            email,
            shared: u8::try_from(shared).unwrap_or(Self::MOST_SHARED),
        }
    }
}

/// What the keys of users that are looked for begin with: 2 characters or more once folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SearchPrefix(SearchKey);

impl SearchPrefix {
    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The first key that can begin so.
    pub const fn first(&self) -> SearchKey {
        self.0
    }

    /// A text that is greater than every key that begins so, and less than every other that
    /// is greater than one of them.
    pub fn end(&self) -> String {
        let mut end = self.as_str().to_owned();
        end.push(LAST);
        end
    }

    /// Whether a key begins so.
    pub fn begins(&self, key: &SearchKey) -> bool {
        key.as_str().starts_with(self.as_str())
    }

    /// Of how many characters it is.
    pub fn chars(&self) -> usize {
        self.as_str().chars().count()
    }
}

impl FromStr for SearchPrefix {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // No stored text has one, and a store may not even take it as something to look for.
        if text.contains('\0') {
            return Err(Invalid::new("control_character", "NUL is not allowed."));
        }
        let key = SearchKey::of(text);
        if key.as_str().chars().count() < 2 {
            return Err(Invalid::new(
                "too_short",
                "At least 2 characters are needed, accents and white space around them aside.",
            ));
        }
        Ok(Self(key))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let key = SearchKey::of(&"é李".repeat(60));
        assert_eq!(key.as_str(), "e李".repeat(24));
        let key = SearchKey::of(&format!("a{}", "李".repeat(40)));
        assert_eq!(key.as_str().len(), 94);
    }

    #[test]
    fn a_prefix_has_two_characters_that_count() {
        for short in ["", "a", " a ", "é\u{301}", "\u{10ffff}a"] {
            let refused = short.parse::<SearchPrefix>().unwrap_err();
            assert_eq!(refused.code, "too_short", "{short:?}");
        }
        let prefix: SearchPrefix = " ÄN ".parse().unwrap();
        assert_eq!(prefix.as_str(), "an");
    }

    #[test]
    fn a_prefix_has_no_nul() {
        for text in ["\0\0", "an\0", "\0an"] {
            assert_eq!(
                text.parse::<SearchPrefix>().unwrap_err().code,
                "control_character"
            );
        }
    }

    #[test]
    fn keys_that_begin_alike_say_so() {
        let shared = |name, email| SearchKeys::of(name, email).shared;
        assert_eq!(shared("Zoë Müller", "zoe.mueller@example.com"), 3);
        assert_eq!(shared("Ann", "bob@example.com"), 0);
        assert_eq!(shared("annabellann", "annabellann@example.com"), 8);
    }

    #[test]
    fn nothing_personal_is_shown() {
        let prefix: SearchPrefix = "canary".parse().unwrap();
        assert!(!format!("{prefix:?}").contains("canary"));
    }

    proptest! {
        #[test]
        fn keys_are_ordered_as_their_octets(a in "\\PC{0,12}", b in "\\PC{0,12}") {
            let (a, b) = (SearchKey::of(&a), SearchKey::of(&b));
            prop_assert_eq!(a.cmp(&b), a.as_str().as_bytes().cmp(b.as_str().as_bytes()));
        }

        #[test]
        fn a_range_holds_what_begins_so_and_nothing_else(a in "[a-c]{2,4}", b in "[a-d李]{0,6}") {
            let prefix: SearchPrefix = a.parse().unwrap();
            let key = SearchKey::of(&b);
            let end = prefix.end();
            let within = (prefix.as_str()..end.as_str()).contains(&key.as_str());
            prop_assert_eq!(within, prefix.begins(&key));
        }
    }
}
