use std::fmt;
use std::str::FromStr;

use crate::Invalid;

/// A language tag (BCP 47) in canonical case, such as `pt-BR`; at most 35 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Locale(Box<str>);

impl Locale {
    /// The most characters a tag may have (RFC 5646, 4.4.1).
    pub const MAX_CHARS: usize = 35;

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Locale {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refusal = || {
            Invalid::new(
                "not_a_locale",
                "A locale is a language tag (BCP 47), such as en or pt-BR.",
            )
        };
        if text.len() > Self::MAX_CHARS {
            return Err(refusal());
        }
        let locale = icu_locale_core::Locale::try_from_str(text).map_err(|_| refusal())?;
        Ok(Self(locale.to_string().into()))
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a user's picture is: an absolute `http` or `https` URL without credentials, kept as given.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AvatarUrl(Box<str>);

impl AvatarUrl {
    /// The most octets a URL may have.
    pub const MAX_OCTETS: usize = 2_048;

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AvatarUrl {
    /// Personal data stays out of logs: only the length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AvatarUrl({} octets)", self.0.len())
    }
}

impl FromStr for AvatarUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.len() > Self::MAX_OCTETS {
            return Err(Invalid::new("too_long", "A URL has at most 2048 octets."));
        }
        let refusal = || {
            Invalid::new(
                "not_a_url",
                "An avatar is an absolute http or https URL without user name, password and white space.",
            )
        };
        // The parser repairs these in silence; what is kept must be what was checked.
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(refusal());
        }
        let url = url::Url::parse(text).map_err(|_| refusal())?;
        let web = matches!(url.scheme(), "http" | "https") && url.has_host();
        if !web || !url.username().is_empty() || url.password().is_some() {
            return Err(refusal());
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for AvatarUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_stored_in_canonical_case() {
        assert_eq!("PT-br".parse::<Locale>().unwrap().as_str(), "pt-BR");
        assert_eq!(
            "zh-hant-TW".parse::<Locale>().unwrap().as_str(),
            "zh-Hant-TW"
        );
        for wrong in ["", "e", "english language", "en-", "en\0", "-"] {
            assert!(wrong.parse::<Locale>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_avatar_is_a_web_address_and_nothing_that_runs() {
        let kept = "https://img.example/a%20b.png?s=1#x";
        assert_eq!(kept.parse::<AvatarUrl>().unwrap().as_str(), kept);
        for wrong in [
            "",
            "/a.png",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://u:p@img.example/",
            "https://img.example/a b",
            "ftp://img.example/a",
            "https://",
            "java\nscript:x",
        ] {
            assert_eq!(
                wrong.parse::<AvatarUrl>().unwrap_err().code,
                "not_a_url",
                "{wrong:?}"
            );
        }
    }
}
