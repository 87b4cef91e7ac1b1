//! All routes and what stands around them.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;

use crate::endpoints;
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

/// The whole service as a router.
pub fn router(services: Arc<Services>, settings: &HttpSettings) -> Router {
    let guards = Arc::new(Guards::new(&services, settings));
    let envelope_state = Arc::new(Envelope::new(&services, settings, Arc::clone(&guards)));
    let (routes, _) = endpoints::routes().split_for_parts();
    routes
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
        })
}
