use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{MatchedPath, Request};
use http::{Extensions, HeaderMap, Method, Uri};
use hyper::body::Body as _;
use roster_app::PrincipalKey;

use crate::authentication::TurnedAway;
use crate::capacity::{Capacity, Class, Place};
use crate::extract::Caller;
use crate::problem::{Problem, ProblemType};
use crate::quotas::{Charge, Exceeded, Peer, Quotas};
use crate::services::Services;
use crate::settings::HttpSettings;

/// What stands between a request and the work that it asks for.
pub(crate) struct Guards {
    quotas: Quotas,
    capacity: Arc<Capacity>,
}

/// What a request that may go on has been given.
pub(super) struct Admitted<'a> {
    pub(super) charge: Charge<'a>,
    pub(super) ticket: Ticket,
}

/// How a request comes to its place.
pub(super) enum Ticket {
    /// It has one.
    Place(Place),
    /// Its reader of the body takes one once the body is there.
    Later(Arc<LatePlace>),
    /// It needs none, or its handler takes one when memory has no answer.
    None,
}

/// Who a request is counted for.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) enum Sender {
    /// Whoever brought a token.
    Principal(PrincipalKey),
    /// Whoever sent it, as far as that is known.
    Network(Option<(bool, u64)>),
}

impl Sender {
    /// The sender of a request with these extensions.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Caller>().map_or_else(
            || Self::Network(extensions.get::<Peer>().map(|peer| peer.network())),
            Self::from,
        )
    }
}

impl From<&Caller> for Sender {
    fn from(caller: &Caller) -> Self {
        Self::Principal(caller.principal.key())
    }
}

/// The place of a request whose body is on its way: a client that sends slowly holds none.
pub(crate) struct LatePlace {
    guards: Arc<Guards>,
    class: Class,
    route: MatchedPath,
    caller: u64,
    place: Mutex<Option<Place>>,
}

impl Guards {
    pub(crate) fn new(services: &Services, settings: &HttpSettings) -> Self {
        let clock = &services.runtime.clock;
        Self {
            quotas: Quotas::new(&settings.quotas, clock, &services.metrics),
            capacity: Capacity::new(settings, Arc::clone(clock), &services.metrics),
        }
    }

    /// Lets a request go on, or says why not.
    pub(super) fn admit(
        self: &Arc<Self>,
        request: &mut Request,
        route: Option<&MatchedPath>,
    ) -> Result<Admitted<'_>, Problem> {
        let Some(matched) = route else {
            return Ok(Admitted {
                charge: Charge::default(),
                ticket: Ticket::None,
            });
        };
        let (method, route) = (request.method(), matched.as_str());
        let caller = self.quotas.number_of(Sender::of(request.extensions()));
        let headers = request.headers();
        let mut charge = self
            .quotas
            .charge(caller, route, method, request.uri(), headers)?;
        let class = class_of(route, method);
        let ticket = if class == Class::Stream || answers_from_memory(route, method) {
            Ticket::None
        } else if reads_body(route, method) && !request.body().is_end_stream() {
            let late = Arc::new(LatePlace {
                guards: Arc::clone(self),
                class,
                route: matched.clone(),
                caller,
                place: Mutex::default(),
            });
            request.extensions_mut().insert(Arc::clone(&late));
            Ticket::Later(late)
        } else {
            match self.capacity.enter(class, route, caller) {
                Ok(place) => Ticket::Place(place),
                Err(problem) => {
                    charge.give_back();
                    return Err(problem);
                }
            }
        };
        Ok(Admitted { charge, ticket })
    }

    /// What a request is answered that was not let in; whose it is, only its address tells.
    pub(super) fn refused(&self, request: &Request, refusal: TurnedAway) -> Problem {
        let TurnedAway {
            problem,
            may_be_a_guess,
        } = refusal;
        if !may_be_a_guess {
            return problem;
        }
        let sender = Sender::of(request.extensions());
        self.quotas.refused(self.quotas.number_of(sender), problem)
    }

    /// Counts a read that memory may answer in its caller's quotas. It takes no place.
    pub(crate) fn charge_read(
        &self,
        caller: &Caller,
        route: &str,
        (method, uri, headers): (&Method, &Uri, &HeaderMap),
    ) -> Result<Charge<'_>, Problem> {
        let number = self.quotas.number_of(Sender::from(caller));
        self.quotas.charge(number, route, method, uri, headers)
    }

    /// Counts a read that may need the primary, though it does not ask for it.
    pub(crate) fn charge_forced(&self, caller: &Caller) -> Result<Charge<'_>, Exceeded<'_>> {
        let number = self.quotas.number_of(Sender::from(caller));
        self.quotas.charge_forced(number)
    }

    /// Takes a place for a handler that found no answer in memory.
    pub(crate) fn enter(
        &self,
        class: Class,
        route: &str,
        sender: Sender,
    ) -> Result<Place, Problem> {
        let number = self.quotas.number_of(sender);
        self.capacity.enter(class, route, number)
    }

    /// The places of the process.
    pub(crate) fn capacity(&self) -> &Arc<Capacity> {
        &self.capacity
    }
}

impl LatePlace {
    /// Takes the place, now that the body is there.
    pub(crate) fn take(&self) -> Result<(), Problem> {
        let capacity = &self.guards.capacity;
        let place = capacity.enter(self.class, self.route.as_str(), self.caller)?;
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        Ok(())
    }
}

impl Ticket {
    /// Gives the place back, and tells what became of the request.
    pub(super) fn finish(self, problem: Option<&Problem>) {
        let place = match self {
            Self::Place(place) => Some(place),
            Self::Later(late) => {
                let mut place = late.place.lock().unwrap_or_else(PoisonError::into_inner);
                place.take()
            }
            Self::None => None,
        };
        if let Some(place) = place {
            place.finish(problem.is_some_and(is_overload));
        }
    }
}

/// Whether a request failed because something could not bear it.
pub(crate) fn is_overload(problem: &Problem) -> bool {
    matches!(
        problem.kind(),
        ProblemType::DependencyUnavailable | ProblemType::DeadlineExceeded
    )
}

/// What a request is to the service.
pub(super) fn class_of(route: &str, method: &Method) -> Class {
    if !route.starts_with("/v1/") {
        return Class::Health;
    }
    match route {
        "/v1/users/export" | "/v1/users/import" => Class::Stream,
        "/v1/users/batch-get" | "/v1/users/lookup" => Class::Read,
        _ if matches!(*method, Method::GET | Method::HEAD) => Class::Read,
        _ => Class::Write,
    }
}

/// Routes whose handler looks into memory first, and takes a place itself when it has to. So
/// does that of a stream, which keeps it to the end of the stream.
fn answers_from_memory(route: &str, method: &Method) -> bool {
    route == "/v1/users/{id}" && matches!(*method, Method::GET | Method::HEAD)
}

/// Routes whose handler reads its body before it does anything else. A key under which a write is
/// done once has the body of a restoration read, too.
fn reads_body(route: &str, method: &Method) -> bool {
    let takes_none = ["/epoch", "/import"];
    match *method {
        Method::PATCH => true,
        Method::POST => !takes_none.iter().any(|end| route.ends_with(end)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_of_a_class() {
        for (method, route, class) in [
            (Method::GET, "/livez", Class::Health),
            (Method::GET, "/readyz", Class::Health),
            (Method::GET, "/v1/users", Class::Read),
            (Method::HEAD, "/v1/users/{id}/dashboard", Class::Read),
            (Method::POST, "/v1/users/batch-get", Class::Read),
            (Method::POST, "/v1/users", Class::Write),
            (Method::PATCH, "/v1/users/{id}", Class::Write),
            (Method::GET, "/v1/users/export", Class::Stream),
            (Method::POST, "/v1/users/import", Class::Stream),
        ] {
            assert_eq!(class_of(route, &method), class, "{method} {route}");
        }
    }
}
