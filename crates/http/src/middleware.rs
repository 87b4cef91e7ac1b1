//! What stands around every route, in one layer so that a request pays for one.
//!
//! From the outside to the inside: request id, metrics and logs, headers of every answer,
//! rendering of problems, limits, deadline, panics, who the caller is, the route. Problems are
//! rendered so far out that whatever fails further in (a limit, an extractor, a fallback, a
//! panic) ends in the same form, with the id and the path of the request.

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

use crate::authentication::{Gate, Hosts};
use crate::endpoints::is_open;
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
    hosts: Hosts,
    gate: Gate,
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
            hosts: Hosts::new(settings),
            gate: Gate::new(services),
            deadline: settings.request_deadline,
        }
    }

    /// Why a request goes no further, from its head alone.
    fn refusal(&self, request: &Request, is_routed: bool) -> Option<Problem> {
        limits::refusal(request, is_routed, &self.limits).or_else(|| self.hosts.refusal(request))
    }

    /// The route's answer to whoever sent the request. What is not there has no caller.
    async fn answer(&self, mut request: Request, next: Next, route: Option<&str>) -> Response {
        if route.is_some_and(|route| !is_open(route)) {
            match self.gate.admit(request.headers()).await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                }
                Err(problem) => return problem.into_response(),
            }
        }
        next.run(request).await
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
    let pattern = matched.as_ref().map(MatchedPath::as_str);
    let route = pattern.unwrap_or("unmatched");
    let (method, uri) = (request.method().clone(), request.uri().clone());

    let mut response = if let Some(problem) = envelope.refusal(&request, pattern.is_some()) {
        problem.into_response()
    } else {
        let answer = envelope.answer(request, next, pattern);
        guarded::run(answer, &*envelope.clock, envelope.deadline)
            .await
            .unwrap_or_else(Problem::into_response)
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
