use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Path};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::Worker;
use crate::bodies::{self, Activity, Notification, UserStats};
use crate::error::ApiError;
use crate::moment::Moment;
use crate::users;

const ITEMS: i64 = 10;

#[derive(Serialize)]
struct Dashboard<'a> {
    user: &'a RawValue,
    stats: Section<Stats>,
    notifications: Section<Notifications<'a>>,
    activity: Section<Activities<'a>>,
    degraded: bool,
    generated_at: Moment,
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
struct Notifications<'a> {
    unread: i64,
    items: Vec<Notification<'a>>,
}

#[derive(Serialize)]
struct Activities<'a> {
    items: Vec<Activity<'a>>,
}

type Rows = Result<Vec<Row>, ApiError>;

pub async fn get_one(worker: Data<Worker>, id: Path<Uuid>) -> Result<HttpResponse, ApiError> {
    let id = *id;
    let (user, stats, notifications, activity) = tokio::join!(
        users::find(&worker, id),
        stats(&worker, id),
        notifications(&worker, id),
        activity(&worker, id),
    );
    let user = user?;
    let stats = stats.as_ref().map_err(|_| ()).and_then(|rows| {
        let row = rows.first().ok_or(())?;
        UserStats::try_from(row).map_err(|_| ())
    });
    // The number of unread ones stands among the counters: one statement less.
    let notifications = match (&stats, &notifications) {
        (Ok(stats), Ok(rows)) => bodies::all(rows)
            .map(|items| Notifications {
                unread: stats.unread(),
                items,
            })
            .map_err(|_| ()),
        _ => Err(()),
    };
    let activity = activity.as_ref().map_err(|_| ()).and_then(|rows| {
        let items = bodies::all(rows).map_err(|_| ())?;
        Ok(Activities { items })
    });
    let degraded = stats.is_err() || notifications.is_err() || activity.is_err();
    let dashboard = Dashboard {
        user: serde_json::from_slice(&user)?,
        stats: stats.map(|data| Stats { data }).into(),
        notifications: notifications.into(),
        activity: activity.into(),
        degraded,
        generated_at: Moment::now(),
    };
    let mut body = Vec::with_capacity(4096);
    serde_json::to_writer(&mut body, &dashboard)?;
    Ok(users::json(Bytes::from(body)))
}

impl<T> From<Result<T, ()>> for Section<T> {
    fn from(read: Result<T, ()>) -> Self {
        read.map_or(Self::Failed, Self::Ready)
    }
}

async fn stats(worker: &Worker, id: Uuid) -> Rows {
    let session = worker.database.session().await?;
    Ok(session.client.query(&session.stats, &[&id]).await?)
}

async fn notifications(worker: &Worker, id: Uuid) -> Rows {
    let session = worker.database.session().await?;
    Ok(session
        .client
        .query(&session.notifications, &[&id, &ITEMS])
        .await?)
}

async fn activity(worker: &Worker, id: Uuid) -> Rows {
    let session = worker.database.session().await?;
    Ok(session
        .client
        .query(&session.activity, &[&id, &ITEMS])
        .await?)
}
