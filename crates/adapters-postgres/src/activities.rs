//! What users did.

mod statements;

use std::collections::HashSet;

use async_trait::async_trait;
use roster_domain::pagination::{PageRequest, Slice};
use roster_domain::ports::{ActivityRepository, BoxError, NewestOf, StoreError};
use roster_domain::{Activity, ActivityFilter, ActivityId, NewActivity, UserId};
use sqlx::PgConnection;

use crate::error::{corrupt, store_error};
use crate::page::{Asked, by_place, slice};
use crate::pool::PostgresPool;
use crate::retry::run;
use statements::{ActivityRow, PlacedRow};

/// Activities in PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresActivities {
    pool: PostgresPool,
}

impl PostgresActivities {
    /// The activities of a database.
    pub fn new(pool: PostgresPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl ActivityRepository for PostgresActivities {
    async fn list(
        &self,
        user: UserId,
        filter: &ActivityFilter,
        page: &PageRequest,
    ) -> Result<Option<Slice<Activity>>, StoreError> {
        let rows = run!(self.pool, Read, connection => {
            statements::page(connection, user, filter, page)
        })
        .map_err(store_error)?;
        present(rows).map(|rows| slice(rows, page)).transpose()
    }

    async fn newest_many(
        &self,
        asked: &[NewestOf],
    ) -> Result<Vec<Option<Vec<Activity>>>, StoreError> {
        let rows = match asked {
            [] => return Ok(Vec::new()),
            [NewestOf { user, limit }] => run!(self.pool, Read, connection => {
                statements::newest(connection, *user, *limit)
            }),
            asked => {
                let asked = Asked::of(asked);
                run!(self.pool, Read, connection => statements::newest_many(connection, &asked))
            }
        }
        .map_err(store_error)?;
        by_place(rows, asked.len(), |row| row.place)
            .into_iter()
            .map(|rows| rows.map(activities).transpose())
            .collect()
    }

    async fn append(
        &self,
        user: UserId,
        activities: &[NewActivity],
    ) -> Result<Option<Vec<bool>>, StoreError> {
        run!(self.pool, Write, connection => append(connection, user, activities))
            .map_err(store_error)
    }
}

/// What [`ActivityRepository::append`] does, on a connection or in a transaction.
pub(crate) async fn append(
    connection: &mut PgConnection,
    user: UserId,
    activities: &[NewActivity],
) -> sqlx::Result<Option<Vec<bool>>> {
    let given: statements::Given = activities.iter().collect();
    let Some(stored) = statements::append(connection, user, &given).await? else {
        return Ok(None);
    };
    let mut new: HashSet<_> = stored.into_iter().map(ActivityId::new).collect();
    // Only the first of a repeated id is the new one.
    Ok(Some(
        activities
            .iter()
            .map(|activity| new.remove(&activity.id))
            .collect(),
    ))
}

/// The rows of one user as what they say.
fn activities(rows: Vec<PlacedRow>) -> Result<Vec<Activity>, StoreError> {
    rows.into_iter()
        .filter(|row| row.row.id.is_some())
        .map(|row| row.row.try_into())
        .collect()
}

/// The rows of a user; `None` without a user. A user without rows is one row of nothing.
fn present(mut rows: Vec<ActivityRow>) -> Option<Vec<ActivityRow>> {
    if rows.is_empty() {
        return None;
    }
    rows.retain(|row| row.id.is_some());
    Some(rows)
}

impl TryFrom<ActivityRow> for Activity {
    type Error = StoreError;

    fn try_from(row: ActivityRow) -> Result<Self, StoreError> {
        let parse = || -> Result<Self, BoxError> {
            let missing = "a row of activities lacks a column";
            Ok(Self {
                id: ActivityId::new(row.id.ok_or(missing)?),
                kind: row.kind.ok_or(missing)?.parse()?,
                occurred_at: row.occurred_at.ok_or(missing)?.0,
                data: row.data.ok_or(missing)?.parse()?,
            })
        };
        parse().map_err(corrupt)
    }
}
