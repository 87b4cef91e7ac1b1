//! What stands around every route, in one layer so that a request pays for one.
//!
//! From the outside to the inside: request id, metrics and logs, headers of every answer,
//! rendering of problems, limits, who the caller is, quotas, a place among the requests under
//! way, deadline, panics, the route. Problems are rendered so far out that whatever fails
//! further in (a limit, an extractor, a fallback, a panic) ends in the same form, with the id
//! and the path of the request.

mod guarded;
mod guards;
mod headers;
mod limits;
mod request_id;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, Uri};
use roster_domain::ports::Clock;

pub(crate) use guards::{Guards, LatePlace, Sender, is_overload};

use crate::authentication::{Gate, Hosts, TurnedAway};
use crate::capacity::Class;
use crate::endpoints::{is_free, is_open};
use crate::metrics::Metrics;
use crate::problem::{self, Problem, ProblemType};
use crate::quotas::Charge;
use crate::services::Services;
use crate::settings::HttpSettings;
use guards::class_of;
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
    guards: Arc<Guards>,
    deadline: Duration,
}

impl Envelope {
    /// From here on a request is logged as slow.
    const SLOW: Duration = Duration::from_millis(500);

    /// The layer's state, made once.
    pub(crate) fn new(services: &Services, settings: &HttpSettings, guards: Arc<Guards>) -> Self {
        Self {
            clock: Arc::clone(&services.runtime.clock),
            metrics: Arc::clone(&services.metrics),
            ids: RequestIds::new(services.runtime.ids.random_token()),
            limits: Limits::new(settings),
            hosts: Hosts::new(settings),
            gate: Gate::new(services),
            guards,
            deadline: settings.request_deadline,
        }
    }

    /// On the monotonic clock.
    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// What is noted of a request that came at this moment.
    pub(crate) fn arrival(&self, started: Duration, headers: &HeaderMap) -> Arrival {
        Arrival {
            started,
            request_id: self.ids.of(headers),
        }
    }

    /// Who may come in.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// What stands between a request and its work.
    pub(crate) fn guards(&self) -> &Guards {
        &self.guards
    }

    /// Why a request goes no further, from its head alone.
    pub(crate) fn refusal<B>(
        &self,
        request: &http::Request<B>,
        is_routed: bool,
    ) -> Option<Problem> {
        limits::refusal(request, is_routed, &self.limits)
            .or_else(|| self.hosts.refusal(request))
            .or_else(|| {
                let is_open = self.gate.is_open();
                is_open.then(|| self.hosts.refusal_of_pages(request))?
            })
    }

    /// Finds out who sends a request for a route that asks for it.
    async fn let_in(&self, request: &mut Request, route: &str) -> Result<(), TurnedAway> {
        if !is_open(route) {
            let caller = self.gate.admit(request.headers()).await?;
            request.extensions_mut().insert(caller);
        }
        Ok(())
    }

    /// Runs the route, if the request may go on. What is not there has no caller.
    async fn run(
        &self,
        mut request: Request,
        matched: Option<&MatchedPath>,
        next: Next,
    ) -> Response {
        if let Some(problem) = self.refusal(&request, matched.is_some()) {
            return problem.into_response();
        }
        let started = self.clock.monotonic();
        if let Some(matched) = matched {
            let let_in = self.let_in(&mut request, matched.as_str());
            let let_in = guarded::run(let_in, &*self.clock, Some(self.deadline)).await;
            if let Err(turned_away) = let_in.unwrap_or_else(|problem| Err(problem.into())) {
                return self.guards.refused(&request, turned_away).into_response();
            }
        }
        let admitted = match self.guards.admit(&mut request, matched) {
            Ok(admitted) => admitted,
            Err(problem) => return problem.into_response(),
        };
        let route = matched.map_or("", MatchedPath::as_str);
        // A stream ends when its client or its store does not go on, however long it is.
        let is_stream = class_of(route, request.method()) == Class::Stream;
        let spent = self.clock.monotonic().saturating_sub(started);
        let deadline = (!is_stream).then(|| self.deadline.saturating_sub(spent));
        let response = guarded::run(next.run(request), &*self.clock, deadline)
            .await
            .unwrap_or_else(Problem::into_response);
        admitted
            .ticket
            .finish(response.extensions().get::<Problem>());
        Self::settle(admitted.charge, response)
    }

    /// Runs what comes to an answer to its end, its deadline or its panic.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, Problem> {
        guarded::run(work, &*self.clock, Some(self.deadline)).await
    }

    /// Counts an answer in the quotas of its caller, if it counts, and says in it what is left.
    pub(crate) fn settle(mut charge: Charge<'_>, mut response: Response) -> Response {
        let problem = response.extensions().get::<Problem>();
        let was_refused =
            problem.is_some_and(|problem| problem.kind() == ProblemType::TemporaryReducedCapacity);
        if was_refused || is_free(&response) {
            charge.give_back();
        }
        charge.describe(response.headers_mut());
        response
    }

    /// Makes an answer of what a route or a refusal came to: problems are rendered, every
    /// answer's headers are there, and it is counted.
    pub(crate) fn complete(
        &self,
        arrival: &Arrival,
        (method, route, uri): (&Method, &str, &Uri),
        mut response: Response,
    ) -> Response {
        let Arrival {
            started,
            request_id,
        } = arrival;
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            let quotas = std::mem::take(response.headers_mut());
            let id = request_id.to_str().unwrap_or_default();
            response = rendered(&problem, method, route, uri, id);
            response.headers_mut().extend(quotas);
        }
        let took = self.clock.monotonic().saturating_sub(*started);
        let status = response.status();
        headers::complete(&mut response, request_id);
        self.metrics.request_finished(route, method, status, took);
        if took >= Self::SLOW {
            tracing::warn!(
                request.id = request_id.to_str().unwrap_or_default(),
                method = %method,
                route = route,
                status = status.as_u16(),
                duration_ms = took.as_millis(),
                "a request was slow"
            );
        }
        response
    }
}

/// What is known of a request from its beginning.
pub(crate) struct Arrival {
    /// On the monotonic clock.
    started: Duration,
    request_id: HeaderValue,
}

/// The layer.
pub(crate) async fn envelope(
    State(envelope): State<Arc<Envelope>>,
    request: Request,
    next: Next,
) -> Response {
    let arrival = envelope.arrival(envelope.now(), request.headers());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let pattern = matched.as_ref().map(MatchedPath::as_str);
    let route = pattern.unwrap_or("unmatched");
    let (method, uri) = (request.method().clone(), request.uri().clone());

    let response = envelope.run(request, matched.as_ref(), next).await;
    envelope.complete(&arrival, (&method, route, &uri), response)
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
