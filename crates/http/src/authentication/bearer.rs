use http::{HeaderMap, header};

use super::{Reason, Refusal};

/// The token of a request (RFC 6750, 2.1): one `Authorization` of the scheme Bearer.
///
/// It is taken from nowhere else. A token in a URL or in a form would end up in logs.
pub(super) fn token(headers: &HeaderMap) -> Result<&str, Refusal> {
    const SCHEME: &str = "Bearer ";
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let Some(line) = lines.next() else {
        return Err(Refusal::Missing);
    };
    if lines.next().is_some() {
        return Err(Refusal::Token(Reason::Malformed));
    }
    // A header that is not ASCII cannot be a token.
    let line = line
        .to_str()
        .map_err(|_| Refusal::Token(Reason::Malformed))?;
    match line.split_at_checked(SCHEME.len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(SCHEME) => Ok(token),
        // Another scheme is no token at all.
        _ => Err(Refusal::Missing),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn one_header_of_the_scheme_bearer_is_a_token() {
        let read = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::AUTHORIZATION, HeaderValue::from_static(line));
            }
            token(&headers).map(str::to_owned)
        };
        assert_eq!(read(&["Bearer a.b.c"]), Ok("a.b.c".to_owned()));
        assert_eq!(read(&["bearer a.b.c"]), Ok("a.b.c".to_owned()));
        assert_eq!(read(&[]), Err(Refusal::Missing));
        assert_eq!(read(&["Basic YTpi"]), Err(Refusal::Missing));
        assert_eq!(read(&["Bearer"]), Err(Refusal::Missing));
        let malformed = Err(Refusal::Token(Reason::Malformed));
        assert_eq!(read(&["Bearer a.b.c", "Bearer a.b.c"]), malformed);
    }
}
