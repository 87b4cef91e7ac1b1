use roster_domain::ports::StoreError;
use roster_domain::{NewActivity, Timestamp, UserId};
use sqlx::SqliteConnection;

use crate::error::store_error;
use crate::stats;

/// Appends what the user does not have yet, and counts it.
pub(crate) async fn append(
    tx: &mut SqliteConnection,
    user: UserId,
    activities: &[NewActivity],
) -> Result<Option<Vec<bool>>, StoreError> {
    if stats::unread(tx, user).await?.is_none() {
        return Ok(None);
    }
    let mut created = Vec::with_capacity(activities.len());
    let mut last: Option<Timestamp> = None;
    for activity in activities {
        let new = insert(tx, user, activity).await?;
        if new {
            last = last.max(Some(activity.occurred_at));
        }
        created.push(new);
    }
    if let Some(last) = last {
        let count = created.iter().filter(|new| **new).count();
        count_new(tx, user, count, last).await?;
    }
    Ok(Some(created))
}

/// Stores an activity; false when the user has one with its id.
async fn insert(
    tx: &mut SqliteConnection,
    user: UserId,
    activity: &NewActivity,
) -> Result<bool, StoreError> {
    let (user, id) = (user.get(), activity.id.get());
    let (kind, data) = (activity.kind.as_str(), activity.data.as_str());
    let occurred_at = activity.occurred_at.unix_micros();
    let done = sqlx::query!(
        "INSERT INTO activities (user_id, id, kind, occurred_at, data)
        VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (user_id, id) DO NOTHING",
        user,
        id,
        kind,
        occurred_at,
        data
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(done.rows_affected() > 0)
}

/// Adds new activities to the user's counters.
async fn count_new(
    tx: &mut SqliteConnection,
    user: UserId,
    count: usize,
    last: Timestamp,
) -> Result<(), StoreError> {
    let (user, last) = (user.get(), last.unix_micros());
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query!(
        "UPDATE user_stats SET activities = activities + ?2,
            last_activity_at = max(coalesce(last_activity_at, ?3), ?3)
        WHERE user_id = ?1",
        user,
        count,
        last
    )
    .execute(tx)
    .await
    .map_err(store_error)?;
    Ok(())
}
