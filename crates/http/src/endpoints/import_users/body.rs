use std::io::{self, Read};

use axum::body::Body;
use futures::TryStreamExt as _;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio_util::io::{StreamReader, SyncIoBridge};

use crate::extract::broken_body;
use crate::problem::{Problem, ProblemType};

/// Refuses a body that says itself that it is too long.
pub(super) fn check_length(headers: &HeaderMap, limit: u64) -> Result<(), Problem> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    Ok(())
}

/// The body for a thread that may wait for it. It is taken from the connection as it is read.
pub(super) fn reader(body: Body, limit: u64) -> impl Read + Send + 'static {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let frames = Limited::new(body, limit)
        .into_data_stream()
        .map_err(move |error| io::Error::other(Broken::by(&*error, limit)));
    SyncIoBridge::new(StreamReader::new(Box::pin(frames)))
}

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
#[error("the body did not come to its end")]
struct Broken(Problem);

impl Broken {
    fn by(error: &(dyn std::error::Error + Send + Sync + 'static), limit: usize) -> Self {
        if error.is::<LengthLimitError>() {
            Self(too_large(limit as u64))
        } else {
            Self(broken_body(error))
        }
    }
}

/// The problem behind a reader's failure.
pub(super) fn problem_of(error: &io::Error) -> Problem {
    let broken = error.get_ref().and_then(|error| error.downcast_ref());
    match broken {
        Some(Broken(problem)) => problem.clone(),
        None => Problem::malformed("The body cannot be read."),
    }
}

fn too_large(limit: u64) -> Problem {
    let detail = format!("The body of an import has at most {limit} octets.");
    Problem::new(ProblemType::ContentTooLarge, detail)
}
