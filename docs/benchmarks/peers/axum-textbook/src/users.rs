use axum::Json;
use axum::extract::{Path, Query, State};
use chrono::Utc;
use redis::AsyncCommands;
use serde::Deserialize;
use uuid::Uuid;

use crate::AppState;
use crate::cursor::Cursor;
use crate::error::ApiError;
use crate::models::{User, UserPage, UserPatch, UserSummary};

const TTL_SECONDS: u64 = 3600;

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

pub async fn get_one(
    State(state): State<AppState>,
    Path(id): Path<Uuid>,
) -> Result<Json<User>, ApiError> {
    find(&state, id).await.map(Json)
}

/// From Redis, else from the database and then kept in Redis. Without Redis it is slower.
pub async fn find(state: &AppState, id: Uuid) -> Result<User, ApiError> {
    let mut redis = state.redis.clone();
    let key = key(id);
    match redis.get::<_, Option<String>>(&key).await {
        Ok(Some(cached)) => return Ok(serde_json::from_str(&cached)?),
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "the cache could not be read"),
    }
    let user: User = sqlx::query_as(
        "SELECT id, email, name, is_active, locale, avatar_url, metadata, version,
                created_at, updated_at
         FROM users
         WHERE id = $1 AND deleted_at IS NULL",
    )
    .bind(id)
    .fetch_optional(&state.db)
    .await?
    .ok_or(ApiError::NotFound)?;
    let json = serde_json::to_string(&user)?;
    if let Err(error) = redis.set_ex::<_, _, ()>(&key, json, TTL_SECONDS).await {
        tracing::warn!(%error, "the cache could not be filled");
    }
    Ok(user)
}

pub async fn update(
    State(state): State<AppState>,
    Path(id): Path<Uuid>,
    Json(patch): Json<UserPatch>,
) -> Result<Json<User>, ApiError> {
    let UserPatch {
        name,
        locale,
        avatar_url,
    } = patch;
    if name.is_none() && locale.is_none() && avatar_url.is_none() {
        return find(&state, id).await.map(Json);
    }
    let user: User = sqlx::query_as(
        "UPDATE users
         SET name = COALESCE($2, name),
             locale = CASE WHEN $3 THEN $4 ELSE locale END,
             avatar_url = CASE WHEN $5 THEN $6 ELSE avatar_url END,
             version = version + 1,
             updated_at = $7
         WHERE id = $1 AND deleted_at IS NULL
         RETURNING id, email, name, is_active, locale, avatar_url, metadata, version,
                   created_at, updated_at",
    )
    .bind(id)
    .bind(name)
    .bind(locale.is_some())
    .bind(locale.flatten())
    .bind(avatar_url.is_some())
    .bind(avatar_url.flatten())
    .bind(Utc::now())
    .fetch_optional(&state.db)
    .await?
    .ok_or(ApiError::NotFound)?;
    if let Err(error) = state.redis.clone().del::<_, ()>(key(id)).await {
        tracing::warn!(%error, "the cache could not be invalidated");
    }
    Ok(Json(user))
}

pub async fn list(
    State(state): State<AppState>,
    Query(params): Query<ListParams>,
) -> Result<Json<UserPage>, ApiError> {
    let limit = params.limit.clamp(1, 200);
    let mut items: Vec<UserSummary> = match params.cursor {
        Some(cursor) => {
            let cursor = Cursor::decode(&cursor)?;
            sqlx::query_as(
                "SELECT id, name, email, created_at
                 FROM users
                 WHERE is_active AND deleted_at IS NULL AND (created_at, id) < ($1, $2)
                 ORDER BY created_at DESC, id DESC
                 LIMIT $3",
            )
            .bind(cursor.created_at)
            .bind(cursor.id)
            .bind(limit + 1)
            .fetch_all(&state.db)
            .await?
        }
        None => {
            sqlx::query_as(
                "SELECT id, name, email, created_at
                 FROM users
                 WHERE is_active AND deleted_at IS NULL
                 ORDER BY created_at DESC, id DESC
                 LIMIT $1 OFFSET $2",
            )
            .bind(limit + 1)
            .bind(params.offset.unwrap_or(0).max(0))
            .fetch_all(&state.db)
            .await?
        }
    };
    let limit = usize::try_from(limit)?;
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = match items.last() {
        Some(last) if has_more => Some(
            Cursor {
                created_at: last.created_at,
                id: last.id,
            }
            .encode()?,
        ),
        _ => None,
    };
    Ok(Json(UserPage {
        items,
        next_cursor,
        has_more,
    }))
}

fn key(id: Uuid) -> String {
    format!("user:{id}")
}
