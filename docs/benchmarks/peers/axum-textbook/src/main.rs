//! A user service as a tutorial would write it: axum, sqlx, and Redis in front of the reads.

mod cursor;
mod dashboard;
mod error;
mod models;
mod users;

use std::env;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use redis::aio::ConnectionManager;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;

use error::ApiError;

#[derive(Clone)]
struct AppState {
    db: PgPool,
    redis: ConnectionManager,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .init();

    let db = PgPoolOptions::new()
        .max_connections(20)
        .connect(&env::var("DATABASE_URL")?)
        .await?;
    let redis = redis::Client::open(env::var("REDIS_URL")?)?
        .get_connection_manager()
        .await?;

    let app = Router::new()
        .route("/healthz", get(healthz))
        .route("/v1/users", get(users::list))
        .route("/v1/users/{id}", get(users::get_one).patch(users::update))
        .route("/v1/users/{id}/dashboard", get(dashboard::get_one))
        .with_state(AppState { db, redis });

    let listener = TcpListener::bind(env::var("ADDRESS")?).await?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn healthz(State(mut state): State<AppState>) -> Result<&'static str, ApiError> {
    sqlx::query("SELECT 1").execute(&state.db).await?;
    redis::cmd("PING")
        .query_async::<()>(&mut state.redis)
        .await?;
    Ok("ready")
}
