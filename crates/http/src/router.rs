//! All routes and what stands around them.

use std::convert::Infallible;
use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Either};
use http::Request;
use hyper::body::Body as HttpBody;
use tower::Service;

use crate::endpoints;
use crate::hot_reads::{Begun, HotReads};
use crate::middleware::{Envelope, Guards, envelope};
use crate::services::Services;
use crate::settings::HttpSettings;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct ApiState {
    pub(crate) services: Arc<Services>,
    /// How many octets a body may have.
    pub(crate) max_body: usize,
    /// How many octets the body of an import may have.
    pub(crate) max_import: u64,
    pub(crate) guards: Arc<Guards>,
    /// Whether a change of a user needs `If-Match`.
    pub(crate) require_if_match: bool,
}

impl FromRef<ApiState> for Arc<Services> {
    fn from_ref(state: &ApiState) -> Self {
        Self::clone(&state.services)
    }
}

impl FromRef<ApiState> for Arc<Guards> {
    fn from_ref(state: &ApiState) -> Self {
        Self::clone(&state.guards)
    }
}

/// The whole service.
#[derive(Clone)]
pub struct Api {
    hot_reads: Option<Arc<HotReads>>,
    router: Router,
}

impl Api {
    /// What is answered or begun ahead of the router.
    pub(crate) fn begin<B: HttpBody>(&self, request: Request<B>) -> Begun<B> {
        match &self.hot_reads {
            Some(hot_reads) => hot_reads.begin(request),
            None => Begun::Other(request),
        }
    }

    /// The answer by way of the router.
    pub(crate) fn routed(&self, request: Request<Body>) -> RouteFuture<Infallible> {
        self.router.clone().call(request)
    }
}

impl fmt::Debug for Api {
    /// Its routes: by this a test sees those, too, that no document lists.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Api").field(&self.router).finish()
    }
}

/// Routes of which nothing is answered ahead of them.
impl From<Router> for Api {
    fn from(router: Router) -> Self {
        Self {
            hot_reads: None,
            router,
        }
    }
}

impl Service<Request<Body>> for Api {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<BoxFuture<'static, Result<Response, Infallible>>, RouteFuture<Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // That of a router always is.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.begin(request) {
            Begun::Answered(response) => Either::Left(ready(Ok(response)).boxed()),
            Begun::Reading(reading) => Either::Left(reading.map(Ok).boxed()),
            Begun::Other(request) => Either::Right(self.routed(request)),
        }
    }
}

/// All routes, with what memory answers ahead of them.
pub fn router(services: Arc<Services>, settings: &HttpSettings) -> Api {
    let guards = Arc::new(Guards::new(&services, settings));
    let envelope_state = Arc::new(Envelope::new(&services, settings, Arc::clone(&guards)));
    let (routes, _) = endpoints::routes().split_for_parts();
    let hot_reads = HotReads::new(Arc::clone(&envelope_state), Arc::clone(&services.users));
    let router = routes
        .merge(endpoints::me::routes())
        .merge(endpoints::pages())
        .fallback(endpoints::no_such_path)
        .method_not_allowed_fallback(endpoints::no_such_method)
        .layer(from_fn_with_state(envelope_state, envelope))
        .with_state(ApiState {
            services,
            max_body: settings.max_body,
            max_import: settings.max_import,
            guards,
            require_if_match: settings.require_if_match,
        });
    Api {
        hot_reads: Some(Arc::new(hot_reads)),
        router,
    }
}
