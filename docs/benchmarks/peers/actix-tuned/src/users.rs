use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Json, Path, Query};
use serde::{Deserialize, Deserializer};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::Worker;
use crate::bodies::{self, User, UserPage};
use crate::cursor::Cursor;
use crate::error::ApiError;
use crate::moment::Moment;

#[derive(Deserialize)]
pub struct ListParams {
    #[serde(default = "default_limit")]
    limit: i64,
    cursor: Option<String>,
    offset: Option<i64>,
}

fn default_limit() -> i64 {
    50
}

/// What is left out stays, null removes where that is allowed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    locale: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    avatar_url: Option<Option<String>>,
}

/// Tells null from what is not there.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

pub async fn get_one(worker: Data<Worker>, id: Path<Uuid>) -> Result<HttpResponse, ApiError> {
    find(&worker, *id).await.map(json)
}

/// The user's JSON: from Redis as it is kept there, else from the database.
pub async fn find(worker: &Worker, id: Uuid) -> Result<Bytes, ApiError> {
    if let Some(cached) = worker.cache.get(id).await {
        return Ok(cached);
    }
    let session = worker.database.session().await?;
    let row = session.client.query_opt(&session.user, &[&id]).await?;
    let body = Bytes::from(octets(&User::try_from(&row.ok_or(ApiError::NotFound)?)?)?);
    worker.cache.fill(id, body.clone());
    Ok(body)
}

pub async fn update(
    worker: Data<Worker>,
    id: Path<Uuid>,
    patch: Json<UserPatch>,
) -> Result<HttpResponse, ApiError> {
    let UserPatch {
        name,
        locale,
        avatar_url,
    } = patch.into_inner();
    if name.is_none() && locale.is_none() && avatar_url.is_none() {
        return find(&worker, *id).await.map(json);
    }
    let parameters: [&(dyn ToSql + Sync); 7] = [
        &*id,
        &name,
        &locale.is_some(),
        &locale.flatten(),
        &avatar_url.is_some(),
        &avatar_url.flatten(),
        &Moment::now(),
    ];
    let session = worker.database.session().await?;
    let row = session
        .client
        .query_opt(&session.update, &parameters)
        .await?;
    let body = octets(&User::try_from(&row.ok_or(ApiError::NotFound)?)?)?;
    worker.cache.invalidate(*id).await;
    Ok(json(Bytes::from(body)))
}

pub async fn list(
    worker: Data<Worker>,
    params: Query<ListParams>,
) -> Result<HttpResponse, ApiError> {
    let limit = params.limit.clamp(1, 200);
    let session = worker.database.session().await?;
    let rows = match &params.cursor {
        Some(cursor) => {
            let (created_at, id) = Cursor::decode(cursor)?.place();
            let parameters: [&(dyn ToSql + Sync); 3] = [&created_at, &id, &(limit + 1)];
            session
                .client
                .query(&session.page_after, &parameters)
                .await?
        }
        None => {
            let offset = params.offset.unwrap_or(0).max(0);
            session
                .client
                .query(&session.page, &[&(limit + 1), &offset])
                .await?
        }
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    let page = &rows[..limit.min(rows.len())];
    let next_cursor = match page.last() {
        Some(last) if has_more => Some(Cursor::new(last.try_get(3)?, last.try_get(0)?).encode()?),
        _ => None,
    };
    let page = UserPage {
        items: bodies::all(page)?,
        next_cursor,
        has_more,
    };
    Ok(json(Bytes::from(octets(&page)?)))
}

/// As JSON, in room that most bodies fit.
fn octets(body: &impl serde::Serialize) -> Result<Vec<u8>, ApiError> {
    let mut octets = Vec::with_capacity(512);
    serde_json::to_writer(&mut octets, body)?;
    Ok(octets)
}

pub fn json(body: Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(body)
}
