//! The most frequent request, ahead of the router: a plain read of one user.
//!
//! The same decisions are taken in the same order and by the same parts as behind the router, but
//! without a route to be matched, extractors and layers, which together cost more than an answer
//! out of memory. What memory has is answered at once; what it has not is read by a future of its
//! own. Whatever is not plain (a query, a condition on caches, a body, a token that was not
//! verified before, anything refused) goes on to the router as if nothing had happened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use futures::future::BoxFuture;
use http::request::Parts;
use http::{Method, Request, header};
use hyper::body::Body as HttpBody;
use roster_app::{Action, AtHand, Freshness, UserService};
use roster_domain::UserId;

use crate::endpoints::get_user;
use crate::extract::{Caller, IfNoneMatch};
use crate::middleware::Envelope;
use crate::problem::Problem;

/// Answers plain reads.
pub(crate) struct HotReads {
    envelope: Arc<Envelope>,
    users: Arc<UserService>,
}

/// What becomes of a request.
pub(crate) enum Begun<B> {
    /// This is the answer.
    Answered(Response),
    /// This comes to the answer.
    Reading(BoxFuture<'static, Response>),
    /// The router has to find it.
    Other(Request<B>),
}

/// A plain read that may go on.
enum Read {
    Answered(Response),
    /// Memory does not have it; whether somebody is loading it already.
    Missed(Caller, bool),
}

impl HotReads {
    pub(crate) fn new(envelope: Arc<Envelope>, users: Arc<UserService>) -> Self {
        Self { envelope, users }
    }

    /// Answers a plain read, also that there is no such user, or begins to.
    pub(crate) fn begin<B: HttpBody>(self: &Arc<Self>, request: Request<B>) -> Begun<B> {
        let Some(id) = plain_read(&request) else {
            return Begun::Other(request);
        };
        let started = self.envelope.now();
        // Whatever panics here does so again behind the router, where that is an answer.
        let read = catch_unwind(AssertUnwindSafe(|| self.at_hand(&request, id, started)));
        match read.ok().flatten() {
            Some(Read::Answered(response)) => Begun::Answered(response),
            Some(Read::Missed(caller, is_loading)) => {
                let (parts, _) = request.into_parts();
                let load = Arc::clone(self).load(parts, id, started, caller, is_loading);
                Begun::Reading(Box::pin(load))
            }
            None => Begun::Other(request),
        }
    }

    fn at_hand<B>(&self, request: &Request<B>, id: UserId, started: Duration) -> Option<Read> {
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        if self.envelope.refusal(request, true).is_some() {
            return None;
        }
        let caller = self.envelope.gate().at_hand(headers)?;
        caller.may(Action::ReadUser(id)).ok()?;
        let found = match self.users.at_hand(id, Freshness::CACHED) {
            AtHand::Found(found) => found,
            AtHand::Loading => return Some(Read::Missed(caller, true)),
            AtHand::Nothing => return Some(Read::Missed(caller, false)),
        };
        let guards = self.envelope.guards();
        let charged = guards.charge_read(&caller, get_user::PATH, (method, uri, headers));
        let response = match charged {
            // Left to the router it would be counted as refused twice.
            Err(problem) => problem.into_response(),
            Ok(charge) => {
                let answered = get_user::respond(&found, &IfNoneMatch::of(headers));
                let answered = answered.map(get_user::out_of_memory);
                Envelope::settle(charge, answered.unwrap_or_else(Problem::into_response))
            }
        };
        let arrival = self.envelope.arrival(started, headers);
        let known = (method, get_user::PATH, uri);
        Some(Read::Answered(
            self.envelope.complete(&arrival, known, response),
        ))
    }

    /// Reads what memory does not have.
    async fn load(
        self: Arc<Self>,
        request: Parts,
        id: UserId,
        started: Duration,
        caller: Caller,
        is_loading: bool,
    ) -> Response {
        let (envelope, guards) = (&self.envelope, self.envelope.guards());
        let Parts {
            method,
            uri,
            headers,
            ..
        } = &request;
        let charged = guards.charge_read(&caller, get_user::PATH, (method, uri, headers));
        let response = match charged {
            Err(problem) => problem.into_response(),
            Ok(charge) => {
                let held = IfNoneMatch::of(headers);
                let read = async {
                    let freshness = Freshness::CACHED;
                    let load = (&*self.users, guards, &caller);
                    let found = get_user::load(load, id, freshness, is_loading).await?;
                    get_user::respond(&found, &held)
                };
                let read = envelope.in_time(read).await.flatten();
                Envelope::settle(charge, read.unwrap_or_else(Problem::into_response))
            }
        };
        let arrival = envelope.arrival(started, headers);
        envelope.complete(&arrival, (method, get_user::PATH, uri), response)
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
