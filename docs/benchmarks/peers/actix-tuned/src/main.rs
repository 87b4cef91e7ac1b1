//! A user service as fast as it gets without a cache in the process: actix-web, pipelined
//! PostgreSQL, one pipelined connection to Redis, and cached octets that pass through.

mod bodies;
mod cache;
mod cursor;
mod dashboard;
mod database;
mod error;
mod moment;
mod users;

use std::env;

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};

use cache::Cache;
use database::Database;
use error::ApiError;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Of one worker: nothing is shared between threads.
struct Worker {
    database: Database,
    cache: Cache,
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let database: tokio_postgres::Config = env::var("DATABASE_URL")?.parse()?;
    let redis = redis::Client::open(env::var("REDIS_URL")?)?;
    HttpServer::new(move || {
        App::new()
            .app_data(Data::new(Worker {
                database: Database::new(database.clone()),
                cache: Cache::new(redis.clone()),
            }))
            .route("/healthz", web::get().to(healthz))
            .route("/v1/users", web::get().to(users::list))
            .route("/v1/users/{id}", web::get().to(users::get_one))
            .route("/v1/users/{id}", web::patch().to(users::update))
            .route(
                "/v1/users/{id}/dashboard",
                web::get().to(dashboard::get_one),
            )
    })
    .workers(2)
    .shutdown_timeout(2)
    .bind(env::var("ADDRESS")?)?
    .run()
    .await?;
    Ok(())
}

async fn healthz(worker: Data<Worker>) -> Result<HttpResponse, ApiError> {
    worker
        .database
        .session()
        .await?
        .client
        .simple_query("")
        .await?;
    worker.cache.ping().await?;
    Ok(HttpResponse::Ok().body("ready"))
}
