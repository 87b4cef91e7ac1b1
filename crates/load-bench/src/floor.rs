//! The floors: servers that do as little as can be done for an answer of the same octets, or for
//! one that says that the client has them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};

use crate::Result;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where it listens.
    #[arg(long)]
    listen: SocketAddr,
    /// The answer to give, as JSON.
    #[arg(long)]
    answer: PathBuf,
    /// Reads the body of each answer from here, with one GET of `user:{id}`.
    #[arg(long)]
    redis: Option<String>,
}

/// An answer of the service, to be repeated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Template {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

struct Answer {
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn with(&self, body: Bytes) -> Response {
        let mut response = Response::new(Body::from(body));
        *response.headers_mut() = self.headers.clone();
        response
    }

    /// Without the body and its type, as the service's own.
    fn not_modified(&self) -> Response {
        let mut response = self.with(Bytes::new());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(CONTENT_TYPE);
        response
    }
}

/// Serves until the process is ended.
pub(crate) async fn serve(args: Args) -> Result<()> {
    let template: Template = serde_json::from_slice(&std::fs::read(&args.answer)?)?;
    let headers = template
        .headers
        .iter()
        .map(|(name, value)| Ok((name.parse::<HeaderName>()?, HeaderValue::from_str(value)?)))
        .collect::<Result<HeaderMap>>()?;
    let answer = Arc::new(Answer {
        headers,
        body: Bytes::from(template.body),
    });
    let router = match args.redis {
        None => Router::new()
            .route("/v1/users/{id}", get(constant))
            .with_state(answer),
        Some(url) => {
            let client = redis::Client::open(url)?;
            let connection = client.get_multiplexed_async_connection().await?;
            Router::new()
                .route("/v1/users/{id}", get(from_redis))
                .with_state((answer, connection))
        }
    };
    let listener = tokio::net::TcpListener::bind(args.listen).await?;
    Ok(axum::serve(listener, router).await?)
}

/// Whoever has anything has this answer: a floor knows no tags.
async fn constant(
    State(answer): State<Arc<Answer>>,
    Path(_): Path<String>,
    request: Request,
) -> Response {
    if request.headers().contains_key(IF_NONE_MATCH) {
        answer.not_modified()
    } else {
        answer.with(answer.body.clone())
    }
}

async fn from_redis(
    State((answer, mut redis)): State<(Arc<Answer>, MultiplexedConnection)>,
    Path(id): Path<String>,
) -> Response {
    let found: redis::RedisResult<Option<Vec<u8>>> = redis.get(format!("user:{id}")).await;
    match found {
        Ok(Some(body)) => answer.with(Bytes::from(body)),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
