use std::convert::Infallible;
use std::hash::{DefaultHasher, Hasher};

use axum::extract::FromRequestParts;
use bytes::Bytes;
use http::header::{self, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use roster_app::UserError;
use roster_domain::UserVersion;

use crate::problem::{Problem, ProblemType};
use crate::router::ApiState;

/// The tag of one representation (RFC 9110, 8.8.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag(HeaderValue);

impl EntityTag {
    /// The strong tag of a user. The letter stands for the shape of the body: a release that
    /// gives the same version another body must take another letter.
    pub(crate) fn of_version(version: UserVersion) -> Self {
        Self::made(format!("\"v{version}\"").into())
    }

    /// A weak tag of what the octets say. Another release may hash them differently; then a
    /// client gets a body that it would not have needed.
    pub(crate) fn of_content(octets: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(octets);
        Self::made(format!("W/\"{:016x}\"", hasher.finish()).into())
    }

    /// The tag that is written so.
    pub(crate) fn made(octets: Bytes) -> Self {
        // Quotes, letters and digits are allowed in any header.
        let header = HeaderValue::from_maybe_shared(octets);
        Self(header.unwrap_or_else(|_| HeaderValue::from_static("\"\"")))
    }

    /// The header's value.
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// As it is written.
    pub(crate) fn text(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// What the weak comparison looks at.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// `If-None-Match`: what the client has already. A field that cannot be read matches nothing.
pub(crate) struct IfNoneMatch(Option<Tags>);

impl IfNoneMatch {
    /// What these headers say.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self(Tags::read(headers, &header::IF_NONE_MATCH).unwrap_or_default())
    }

    /// Whether the client has this representation, by the weak comparison.
    pub(crate) fn has(&self, tag: &EntityTag) -> bool {
        match &self.0 {
            None => false,
            Some(Tags::Any) => true,
            Some(Tags::These(tags)) => {
                let wanted = opaque(tag.text());
                tags.iter().any(|known| opaque(known) == wanted)
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// `If-Match`: the versions that a write is meant for. A field that cannot be read is refused,
/// because the write would otherwise be done without its condition.
pub(crate) struct IfMatch(Option<Tags>);

impl IfMatch {
    /// Runs a write that takes the version it expects, so that it happens only if the user is
    /// at a version named. `*` asks for a user that is there, as every write does.
    pub(crate) async fn guard<T, F>(
        &self,
        write: impl Fn(Option<UserVersion>) -> F,
    ) -> Result<T, UserError>
    where
        F: Future<Output = Result<T, UserError>>,
    {
        let Some(Tags::These(tags)) = &self.0 else {
            return write(None).await;
        };
        let versions: Vec<_> = tags.iter().filter_map(|tag| strong_version(tag)).collect();
        // No user is at version 0: the write fails, and says whether the user is there at all.
        let first = versions.first().copied().unwrap_or(UserVersion::NONE);
        match write(Some(first)).await {
            Err(UserError::VersionMismatch { current }) if versions.contains(&current) => {
                write(Some(current)).await
            }
            outcome => outcome,
        }
    }
}

impl FromRequestParts<ApiState> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        match Tags::read(&parts.headers, &header::IF_MATCH) {
            Ok(None) if state.require_if_match => Err(Problem::new(
                ProblemType::PreconditionRequired,
                "Changes of a user need the header If-Match, with the tag that the user was read with.",
            )),
            Ok(tags) => Ok(Self(tags)),
            Err(Unreadable) => Err(Problem::malformed(
                "The header If-Match is * or a list of entity tags, such as \"v3\", each in double quotes.",
            )),
        }
    }
}

/// The strong comparison: a weak tag names no version.
fn strong_version(tag: &str) -> Option<UserVersion> {
    let digits = tag.strip_prefix("\"v")?.strip_suffix('"')?;
    let version = UserVersion::new(digits.parse().ok()?);
    (EntityTag::of_version(version).text() == tag).then_some(version)
}

#[derive(Debug, PartialEq, Eq)]
enum Tags {
    Any,
    These(Vec<Box<str>>),
}

#[derive(Debug, PartialEq, Eq)]
struct Unreadable;

impl Tags {
    /// The tags of every line of the field; `None` when it is not there.
    fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Unreadable> {
        let mut tags = Vec::new();
        let mut lines = headers.get_all(name).iter().peekable();
        if lines.peek().is_none() {
            return Ok(None);
        }
        for line in lines {
            let text = line.to_str().map_err(|_| Unreadable)?.trim();
            if text == "*" && headers.get_all(name).iter().count() == 1 {
                return Ok(Some(Self::Any));
            }
            read_list(text, &mut tags)?;
        }
        if tags.is_empty() {
            Err(Unreadable)
        } else {
            Ok(Some(Self::These(tags)))
        }
    }
}

/// `#entity-tag`: a comma may stand inside the quotes, and list elements may be empty.
fn read_list(mut rest: &str, tags: &mut Vec<Box<str>>) -> Result<(), Unreadable> {
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Ok(());
        }
        let weak = if rest.starts_with("W/") { 2 } else { 0 };
        let quoted = rest[weak..].strip_prefix('"').ok_or(Unreadable)?;
        let end = quoted.find('"').ok_or(Unreadable)?;
        if quoted[..end].bytes().any(|b| b <= b' ') {
            return Err(Unreadable);
        }
        let (tag, after) = rest.split_at(weak + end + 2);
        tags.push(tag.into());
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return Err(Unreadable);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&'static str]) -> Result<Option<Tags>, Unreadable> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, HeaderValue::from_static(line));
        }
        Tags::read(&headers, &header::IF_MATCH)
    }

    #[test]
    fn lists_of_tags_are_read_as_the_rfc_says() {
        let these = |tags: &[&str]| {
            Ok(Some(Tags::These(
                tags.iter().map(|tag| (*tag).into()).collect(),
            )))
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["*"]), Ok(Some(Tags::Any)));
        assert_eq!(read(&["\"v1\""]), these(&["\"v1\""]));
        assert_eq!(
            read(&[", \"a,b\" ,W/\"c\",", "\"\""]),
            these(&["\"a,b\"", "W/\"c\"", "\"\""])
        );
        for wrong in [
            &["v1"][..],
            &["\"v1"],
            &["\"v1\"\"v2\""],
            &["\"v 1\""],
            &["w/\"v1\""],
            &[""],
            &["*", "\"v1\""],
            &["\"a\", *"],
        ] {
            assert_eq!(read(wrong), Err(Unreadable), "{wrong:?}");
        }
    }

    #[test]
    fn only_a_strong_tag_in_its_own_spelling_names_a_version() {
        let version = |tag: &str| strong_version(tag).map(UserVersion::get);
        assert_eq!(version("\"v12\""), Some(12));
        assert_eq!(version("\"v18446744073709551615\""), Some(u64::MAX));
        for other in [
            "W/\"v12\"",
            "\"12\"",
            "\"v012\"",
            "\"v+1\"",
            "\"v\"",
            "\"v18446744073709551616\"",
        ] {
            assert_eq!(version(other), None, "{other}");
        }
    }

    #[test]
    fn a_client_has_what_it_names_weakly_too() {
        let has = |line| {
            let tags = read(&[line]).unwrap_or_default();
            IfNoneMatch(tags).has(&EntityTag::of_version(UserVersion::new(3)))
        };
        assert!(has("\"v2\", W/\"v3\"") && has("*"));
        assert!(!has("\"v2\"") && !has("v3"));
    }
}
