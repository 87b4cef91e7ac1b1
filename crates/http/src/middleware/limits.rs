use http::Request;

use crate::endpoints::is_no_json;
use crate::extract::accept;
use crate::problem::{Problem, ProblemType};
use crate::settings::HttpSettings;

/// How large the head of a request may be, in octets.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    uri: usize,
    headers: usize,
}

impl Limits {
    pub(super) fn new(settings: &HttpSettings) -> Self {
        Self {
            uri: settings.max_url,
            headers: settings.max_headers,
        }
    }
}

/// Why a request goes no further, from its head alone.
pub(super) fn refusal<B>(
    request: &Request<B>,
    is_routed: bool,
    limits: &Limits,
) -> Option<Problem> {
    let uri = request.uri();
    if uri
        .path_and_query()
        .is_some_and(|uri| uri.as_str().len() > limits.uri)
    {
        let detail = format!(
            "Path and query have at most {} octets together.",
            limits.uri
        );
        return Some(Problem::new(ProblemType::UriTooLong, detail));
    }
    let headers = request.headers();
    let octets: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if octets > limits.headers {
        let detail = format!(
            "Header fields have at most {} octets together.",
            limits.headers
        );
        return Some(Problem::new(ProblemType::HeadersTooLarge, detail));
    }
    // A path that is not there is not found in any form.
    if is_routed && !accept::takes_json(headers) && !is_no_json(uri.path()) {
        return Some(Problem::new(
            ProblemType::NotAcceptable,
            "The answer is application/json.",
        ));
    }
    None
}
