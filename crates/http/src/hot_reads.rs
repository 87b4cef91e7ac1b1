//! The most frequent request, ahead of the router: a plain read of one user whom memory has.
//!
//! The same decisions are taken in the same order and by the same parts as behind the router, but
//! at once: without a route to be matched, extractors and futures in boxes, which together cost
//! more than the answer. Whatever is not plain (a query, a condition on caches, a body, a token
//! that was not verified before, a user who is not at hand, anything refused) goes on to the
//! router as if nothing had happened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use http::{Method, Request, header};
use hyper::body::Body as HttpBody;
use roster_app::{Action, AtHand, Freshness, UserError, UserService};
use roster_domain::UserId;

use crate::endpoints::{get_user, is_not_modified};
use crate::extract::IfNoneMatch;
use crate::middleware::Envelope;
use crate::problem::Problem;

/// Answers reads from memory.
pub(crate) struct HotReads {
    envelope: Arc<Envelope>,
    users: Arc<UserService>,
}

impl HotReads {
    pub(crate) fn new(envelope: Arc<Envelope>, users: Arc<UserService>) -> Self {
        Self { envelope, users }
    }

    /// The whole answer, also that there is no such user; `None` leaves the request to the router.
    pub(crate) fn answer<B: HttpBody>(&self, request: &Request<B>) -> Option<Response> {
        let id = plain_read(request)?;
        // Whatever panics here does so again behind the router, where that is an answer.
        catch_unwind(AssertUnwindSafe(|| self.read(request, id)))
            .ok()
            .flatten()
    }

    fn read<B>(&self, request: &Request<B>, id: UserId) -> Option<Response> {
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let started = self.envelope.now();
        if self.envelope.refusal(request, true).is_some() {
            return None;
        }
        let caller = self.envelope.gate().at_hand(headers)?;
        caller.may(Action::ReadUser(id)).ok()?;
        let guards = self.envelope.guards();
        let charged = guards.charge_read(&caller, get_user::PATH, (method, uri, headers));
        let response = match charged {
            // Left to the router it would be counted as refused twice.
            Err(problem) => problem.into_response(),
            Ok(mut charge) => {
                let answered = match self.users.at_hand(id, Freshness::CACHED) {
                    AtHand::User(answer) => {
                        get_user::respond(&answer, &IfNoneMatch::of(headers)).ok()
                    }
                    AtHand::Absent => Some(Problem::from(UserError::NotFound).into_response()),
                    AtHand::Loading | AtHand::Nothing => None,
                };
                let Some(mut response) = answered else {
                    charge.give_back();
                    return None;
                };
                if is_not_modified(response.status()) {
                    charge.give_back();
                }
                charge.describe(response.headers_mut());
                response
            }
        };
        let arrival = self.envelope.arrival(started, headers);
        let known = (method, get_user::PATH, uri);
        Some(self.envelope.complete(&arrival, known, response))
    }
}

/// The user that a request asks for, if it is `GET /v1/users/{id}` and nothing else.
fn plain_read<B: HttpBody>(request: &Request<B>) -> Option<UserId> {
    if request.method() != Method::GET || request.headers().contains_key(header::CACHE_CONTROL) {
        return None;
    }
    let uri = request.uri();
    let id = uri.path().strip_prefix("/v1/users/")?;
    // An id has no escapes. What else is below the path is none.
    let id = id.parse().ok()?;
    (uri.query().is_none() && request.body().is_end_stream()).then_some(id)
}
