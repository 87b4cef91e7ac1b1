//! What stands around every route, in one layer so that a request pays for one.
//!
//! From the outside to the inside: request id, metrics and logs, headers of every answer,
//! rendering of problems, limits, deadline, panics, the route. Problems are rendered so far
//! out that whatever fails further in (a limit, an extractor, a fallback, a panic) ends in the
//! same form, with the id and the path of the request.

mod guarded;
mod headers;
mod limits;
mod request_id;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{Method, Uri};
use roster_domain::ports::Clock;

use crate::metrics::Metrics;
use crate::problem::{self, Problem};
use crate::services::Services;
use crate::settings::HttpSettings;
use limits::Limits;
use request_id::RequestIds;

/// What [`envelope`] works with.
pub(crate) struct Envelope {
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    ids: RequestIds,
    limits: Limits,
    deadline: Duration,
}

impl Envelope {
    /// From here on a request is logged as slow.
    const SLOW: Duration = Duration::from_millis(500);

    /// The layer's state, made once.
    pub(crate) fn new(services: &Services, settings: &HttpSettings) -> Self {
        Self {
            clock: Arc::clone(&services.runtime.clock),
            metrics: Arc::clone(&services.metrics),
            ids: RequestIds::new(services.runtime.ids.random_token()),
            limits: Limits::new(settings),
            deadline: settings.request_deadline,
        }
    }

    fn finish(&self, answered: &Answered<'_>, response: &mut Response) {
        let took = self.clock.monotonic().saturating_sub(answered.started);
        let status = response.status();
        headers::complete(response, answered.request_id);
        self.metrics
            .request_finished(answered.route, answered.method, status, took);
        if took >= Self::SLOW {
            tracing::warn!(
                request.id = answered.request_id.to_str().unwrap_or_default(),
                method = %answered.method,
                route = answered.route,
                status = status.as_u16(),
                duration_ms = took.as_millis(),
                "a request was slow"
            );
        }
    }
}

/// One request and what is known of it when it is answered.
struct Answered<'a> {
    started: Duration,
    request_id: &'a http::HeaderValue,
    route: &'a str,
    method: &'a Method,
}

/// The layer.
pub(crate) async fn envelope(
    State(envelope): State<Arc<Envelope>>,
    request: Request,
    next: Next,
) -> Response {
    let started = envelope.clock.monotonic();
    let request_id = envelope.ids.of(request.headers());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("unmatched", MatchedPath::as_str);
    let (method, uri) = (request.method().clone(), request.uri().clone());

    let mut response = match limits::refusal(&request, matched.is_some(), &envelope.limits) {
        Some(problem) => problem.into_response(),
        None => guarded::run(next.run(request), &*envelope.clock, envelope.deadline)
            .await
            .unwrap_or_else(Problem::into_response),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = rendered(
            &problem,
            &method,
            route,
            &uri,
            request_id.to_str().unwrap_or_default(),
        );
    }
    envelope.finish(
        &Answered {
            started,
            request_id: &request_id,
            route,
            method: &method,
        },
        &mut response,
    );
    response
}

fn rendered(
    problem: &Problem,
    method: &Method,
    route: &str,
    uri: &Uri,
    request_id: &str,
) -> Response {
    problem::report(problem, method, route, request_id);
    problem::render(problem, uri, request_id)
}
