use std::fmt;
use std::str::FromStr;

use crate::Invalid;

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $max:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The most characters (Unicode scalar values) it may have.
            pub const MAX_CHARS: usize = $max;

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            fn check(text: &str) -> Result<(), Invalid> {
                check_length(text, Self::MAX_CHARS)?;
                $check(text)
            }
        }

        impl fmt::Debug for $name {
            /// Personal data stays out of logs: only the length is shown.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({} octets)"), self.0.len())
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                Self::check(&text)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text! {
    /// What a user is called: 1 to 200 characters, one line, kept exactly as given.
    UserName, 200, one_line
}
text! {
    /// A notification's headline: 1 to 200 characters, one line.
    NotificationTitle, 200, one_line
}
text! {
    /// A notification's text: 1 to 4,000 characters; line breaks and tabs are allowed.
    NotificationBody, 4_000, many_lines
}
text! {
    /// What a notification or an activity is about, such as `invoice.paid`: 1 to 64 of
    /// `a-z 0-9 . _ -`, so that it can be a label and a filter.
    FeedKind, 64, token
}
text! {
    /// The caller's own name of an event, under which it is stored once: 1 to 255 characters.
    DedupeKey, 255, one_line
}

fn check_length(text: &str, max: usize) -> Result<(), Invalid> {
    // As many octets as that have no more characters.
    let chars = if text.len() <= max {
        text.len()
    } else {
        text.chars().take(max + 1).count()
    };
    if chars == 0 {
        Err(Invalid::new("empty", "At least one character is needed."))
    } else if chars > max {
        Err(Invalid::new(
            "too_long",
            format!("At most {max} characters are allowed."),
        ))
    } else {
        Ok(())
    }
}

fn one_line(text: &str) -> Result<(), Invalid> {
    if text.chars().any(char::is_control) {
        return Err(Invalid::new(
            "control_character",
            "Control characters, line breaks and tabs among them, are not allowed.",
        ));
    }
    not_blank(text)
}

fn many_lines(text: &str) -> Result<(), Invalid> {
    if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        return Err(Invalid::new(
            "control_character",
            "Control characters other than line breaks and tabs are not allowed.",
        ));
    }
    not_blank(text)
}

fn not_blank(text: &str) -> Result<(), Invalid> {
    if text.chars().all(char::is_whitespace) {
        return Err(Invalid::new(
            "blank",
            "Something other than white space is needed.",
        ));
    }
    Ok(())
}

fn token(text: &str) -> Result<(), Invalid> {
    let allowed =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    if text.bytes().all(allowed) {
        Ok(())
    } else {
        Err(Invalid::new(
            "not_a_kind",
            "A kind is made of a-z, 0-9, '.', '_' and '-'.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_counted_in_characters() {
        let longest = "語".repeat(UserName::MAX_CHARS);
        assert_eq!(longest.parse::<UserName>().unwrap().as_str(), longest);
        assert_eq!(
            format!("{longest}a").parse::<UserName>().unwrap_err().code,
            "too_long"
        );
        assert_eq!("".parse::<UserName>().unwrap_err().code, "empty");
    }

    #[test]
    fn a_name_is_one_visible_line_and_is_not_trimmed() {
        assert_eq!(" Zoë ".parse::<UserName>().unwrap().as_str(), " Zoë ");
        assert_eq!("\u{3000} ".parse::<UserName>().unwrap_err().code, "blank");
        for wrong in ["a\nb", "a\0b", "a\u{7f}b", "a\u{9b}b"] {
            assert_eq!(
                wrong.parse::<UserName>().unwrap_err().code,
                "control_character",
                "{wrong:?}"
            );
        }
        assert!("two\nlines".parse::<NotificationBody>().is_ok());
        assert!("nul\0".parse::<NotificationBody>().is_err());
    }

    #[test]
    fn a_kind_is_a_token() {
        assert!("invoice.paid-v2_x".parse::<FeedKind>().is_ok());
        for wrong in ["Invoice", "a b", "ü", "a/b"] {
            assert_eq!(
                wrong.parse::<FeedKind>().unwrap_err().code,
                "not_a_kind",
                "{wrong}"
            );
        }
    }
}
