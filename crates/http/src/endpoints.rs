//! One endpoint, one file: what it takes, what it answers, how it is documented, its handler.

mod list_users;

mod batch_get_users;
mod create_user;
mod delete_user;
pub(crate) mod get_user;
mod look_up_user;
mod restore_user;
mod update_user;

mod export_users;
mod import_users;
pub(crate) mod me;

mod get_dashboard;
mod get_stats;

mod count_notifications;
mod create_notification;
mod list_notifications;
mod mark_notifications_read;
mod update_notification;

mod append_activity;
mod list_activity;

mod clear_caches;
mod evict_cached_user;
mod get_cache_status;
mod get_cached_user;

mod livez;
mod readyz;
mod version;

mod api_docs;
mod openapi_document;
mod problems;

mod cache_bodies;
mod feed_bodies;
mod kept_answer;
mod minimum;
mod paging;
mod read_headers;
mod reply;
mod user_body;
mod values;

use axum::Router;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use cache_bodies::{CacheMode, CacheStatus, HeldState, HeldUser, TierShare};
pub(crate) use get_cached_user::CachedUser;
pub(crate) use get_user::is_free;

use crate::problem::{Problem, ProblemType};
use crate::router::ApiState;

/// Every documented route.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_users::list_users, create_user::create_user))
        .routes(routes!(batch_get_users::batch_get_users))
        .routes(routes!(look_up_user::look_up_user))
        .routes(routes!(
            get_user::get_user,
            update_user::update_user,
            delete_user::delete_user
        ))
        .routes(routes!(restore_user::restore_user))
        .routes(routes!(export_users::export_users))
        .routes(routes!(import_users::import_users))
        .routes(routes!(get_stats::get_stats))
        .routes(routes!(get_dashboard::get_dashboard))
        .routes(routes!(
            list_notifications::list_notifications,
            create_notification::create_notification
        ))
        .routes(routes!(count_notifications::count_notifications))
        .routes(routes!(mark_notifications_read::mark_notifications_read))
        .routes(routes!(update_notification::update_notification))
        .routes(routes!(
            list_activity::list_activity,
            append_activity::append_activity
        ))
        .routes(routes!(get_cache_status::get_cache_status))
        .routes(routes!(
            get_cached_user::get_cached_user,
            evict_cached_user::evict_cached_user
        ))
        .routes(routes!(clear_caches::clear_caches))
        .routes(routes!(livez::livez))
        .routes(routes!(readyz::readyz))
        .routes(routes!(version::version))
        .routes(routes!(openapi_document::openapi_document))
        .routes(routes!(problems::list_problems))
        .routes(routes!(problems::get_problem))
}

/// The routes that only people look at.
pub(crate) fn pages() -> Router<ApiState> {
    Router::new()
        .route("/docs", get(api_docs::entrance))
        .route("/docs/{file}", get(api_docs::file))
}

/// The routes that nobody has to say for who he is: they show nothing of any user, and whoever
/// asks them (a load balancer, somebody who reads the documentation) has no token. Every other
/// one is closed.
const OPEN: [&str; 8] = [
    "/livez",
    "/readyz",
    "/version",
    "/openapi.json",
    "/docs",
    "/docs/{file}",
    "/problems",
    "/problems/{name}",
];

/// Whether a route takes callers without a token.
pub(crate) fn is_open(route: &str) -> bool {
    OPEN.contains(&route)
}

/// Whether a path answers with something else than JSON; its handler looks at `Accept` itself.
pub(crate) fn is_no_json(path: &str) -> bool {
    ["/docs", "/problems", "/v1/users/export", "/v1/users/import"]
        .into_iter()
        .any(|page| path.starts_with(page))
}

/// Where no route is.
pub(crate) async fn no_such_path() -> Problem {
    Problem::new(ProblemType::NotFound, "There is nothing at this path.")
}

/// Where a route is, but not with this method; the router adds the header `Allow`.
pub(crate) async fn no_such_method() -> Problem {
    Problem::new(
        ProblemType::MethodNotAllowed,
        "The path does not have this method; Allow lists those it has.",
    )
}
