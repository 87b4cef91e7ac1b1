use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use crate::AppState;
use crate::error::ApiError;
use crate::models::{Activity, Notification, User, UserStats, micros};
use crate::users;

const ITEMS: i64 = 10;

#[derive(Serialize)]
pub struct Dashboard {
    user: User,
    stats: Section<Stats>,
    notifications: Section<Notifications>,
    activity: Section<Activities>,
    degraded: bool,
    #[serde(serialize_with = "micros")]
    generated_at: DateTime<Utc>,
}

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Section<T> {
    Ready(T),
    Failed,
}

#[derive(Serialize)]
struct Stats {
    data: UserStats,
}

#[derive(Serialize)]
struct Notifications {
    unread: i64,
    items: Vec<Notification>,
}

#[derive(Serialize)]
struct Activities {
    items: Vec<Activity>,
}

impl<T> Section<T> {
    fn is_failed(&self) -> bool {
        matches!(self, Self::Failed)
    }
}

impl<T> From<sqlx::Result<T>> for Section<T> {
    fn from(read: sqlx::Result<T>) -> Self {
        match read {
            Ok(data) => Self::Ready(data),
            Err(error) => {
                tracing::warn!(%error, "a section of the dashboard failed");
                Self::Failed
            }
        }
    }
}

pub async fn get_one(
    State(state): State<AppState>,
    Path(id): Path<Uuid>,
) -> Result<Json<Dashboard>, ApiError> {
    let (user, stats, notifications, activity) = tokio::join!(
        users::find(&state, id),
        stats(&state.db, id),
        notifications(&state.db, id),
        activity(&state.db, id),
    );
    let user = user?;
    let stats = Section::from(stats);
    let notifications = Section::from(notifications);
    let activity = Section::from(activity);
    Ok(Json(Dashboard {
        user,
        degraded: stats.is_failed() || notifications.is_failed() || activity.is_failed(),
        stats,
        notifications,
        activity,
        generated_at: Utc::now(),
    }))
}

async fn stats(db: &PgPool, id: Uuid) -> sqlx::Result<Stats> {
    let data = sqlx::query_as(
        "SELECT notifications, unread AS unread_notifications, activities, last_activity_at
         FROM user_stats
         WHERE user_id = $1",
    )
    .bind(id)
    .fetch_one(db)
    .await?;
    Ok(Stats { data })
}

async fn notifications(db: &PgPool, id: Uuid) -> sqlx::Result<Notifications> {
    let items = sqlx::query_as(
        "SELECT id, kind, title, body, data, created_at, read_at, archived_at
         FROM notifications
         WHERE user_id = $1 AND read_at IS NULL AND archived_at IS NULL
         ORDER BY created_at DESC, id DESC
         LIMIT $2",
    )
    .bind(id)
    .bind(ITEMS)
    .fetch_all(db)
    .await?;
    let unread = sqlx::query_scalar("SELECT unread FROM user_stats WHERE user_id = $1")
        .bind(id)
        .fetch_one(db)
        .await?;
    Ok(Notifications { unread, items })
}

async fn activity(db: &PgPool, id: Uuid) -> sqlx::Result<Activities> {
    let items = sqlx::query_as(
        "SELECT id, kind, occurred_at, data
         FROM activities
         WHERE user_id = $1
         ORDER BY occurred_at DESC, id DESC
         LIMIT $2",
    )
    .bind(id)
    .bind(ITEMS)
    .fetch_all(db)
    .await?;
    Ok(Activities { items })
}
