use std::borrow::Cow;
use std::str::FromStr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::problem::Problem;

/// The parameters of the query. An unknown, repeated or malformed one is refused by name.
pub(crate) struct ApiQuery<T>(pub(crate) T);

/// The parameters of one operation.
pub(crate) trait FromQuery: Sized {
    /// Takes every parameter that it knows; what stays is unknown.
    fn from_query(query: &mut Query<'_>) -> Result<Self, Problem>;
}

impl<S: Send + Sync, T: FromQuery> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut query = Query::parse(parts.uri.query().unwrap_or_default())?;
        let parameters = T::from_query(&mut query)?;
        match query.pairs.first() {
            None => Ok(Self(parameters)),
            Some((name, _)) => Err(Problem::malformed(format!(
                "There is no query parameter {name:?} here."
            ))),
        }
    }
}

/// An operation without parameters.
pub(crate) struct NoParameters;

impl FromQuery for NoParameters {
    fn from_query(_: &mut Query<'_>) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// The decoded parameters that nobody has taken yet, each once.
pub(crate) struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Query<'a> {
    /// More than any operation knows.
    const MOST: usize = 32;

    fn parse(text: &'a str) -> Result<Self, Problem> {
        let mut pairs: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == Self::MOST {
                return Err(Problem::malformed(format!(
                    "A query has at most {} parameters.",
                    Self::MOST
                )));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(Problem::malformed(format!(
                    "The query parameter {name:?} is there twice."
                )));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// The parameter's text, if it is there.
    pub(crate) fn take(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let place = self.pairs.iter().position(|(known, _)| known == name)?;
        Some(self.pairs.remove(place).1)
    }

    /// The parameter's value; `accepted` says in the refusal what is one.
    pub(crate) fn parsed<T: FromStr>(
        &mut self,
        name: &str,
        accepted: &str,
    ) -> Result<Option<T>, Problem> {
        self.take(name)
            .map(|text| text.parse().map_err(|_| refused(name, accepted)))
            .transpose()
    }

    /// The value of a parameter that is one of a few words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.take(name) else {
            return Ok(None);
        };
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Ok(Some(*value));
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        Err(refused(name, &format!("one of {}", words.join(", "))))
    }

    /// The value of a parameter that is `true` or `false`; without it, `false`.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, Problem> {
        Ok(self
            .choice(name, &[("true", true), ("false", false)])?
            .unwrap_or(false))
    }
}

/// The refusal of one parameter's value.
pub(crate) fn refused(name: &str, accepted: &str) -> Problem {
    Problem::malformed(format!("The query parameter {name:?} is {accepted}."))
}

/// Decodes a name or a value of `application/x-www-form-urlencoded`, and repairs nothing.
fn decode(text: &str) -> Result<Cow<'_, str>, Problem> {
    let mut rest = text.as_bytes();
    while let Some(place) = rest.iter().position(|b| *b == b'%') {
        if !rest
            .get(place + 1..place + 3)
            .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
        {
            return Err(Problem::malformed(
                "A percent sign in the query is not followed by two hexadecimal digits.",
            ));
        }
        rest = &rest[place + 3..];
    }
    let utf8 = |_| Problem::malformed("The query is not UTF-8 once it is decoded.");
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Ok(Cow::Owned(
            percent_decode_str(&spaced)
                .decode_utf8()
                .map_err(utf8)?
                .into_owned(),
        ));
    }
    percent_decode_str(text).decode_utf8().map_err(utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let query = Query::parse(text).unwrap();
        query
            .pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    #[test]
    fn names_and_values_are_decoded_once() {
        assert_eq!(pairs(""), []);
        assert_eq!(
            pairs("&a=1&&b&"),
            [("a".into(), "1".into()), ("b".into(), String::new())]
        );
        assert_eq!(pairs("a+b=%2B+%25zz=="), [("a b".into(), "+ %zz==".into())]);
    }

    #[test]
    fn nothing_is_repaired_and_nothing_is_there_twice() {
        for wrong in [
            "%",
            "a=%f",
            "a=%zz",
            "a=%ff",
            "%c3=1",
            "a=1&a=1",
            "a=1&%61=2",
        ] {
            assert!(Query::parse(wrong).is_err(), "{wrong}");
        }
    }
}
