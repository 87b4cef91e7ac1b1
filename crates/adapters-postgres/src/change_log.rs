//! The change log's own port. Its rows are written by the statements that change users, and
//! carry the time at which those transactions began: `now()`, in every one of them.

use std::time::Duration;

use async_trait::async_trait;
use roster_domain::ports::{
    CacheNamespace, ChangeLog, Incarnation, Invalidation, PendingChanges, StoreError,
};
use roster_domain::{UserId, UserVersion};
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;
use sqlx::types::Uuid;

use crate::error::store_error;
use crate::moment::Moment;
use crate::pool::PostgresPool;
use crate::retry::run;
use crate::user_row::version_parameter;

/// The change log in PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresChangeLog {
    pool: PostgresPool,
}

impl PostgresChangeLog {
    /// The change log of a database.
    pub fn new(pool: PostgresPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl ChangeLog for PostgresChangeLog {
    async fn namespace(&self) -> Result<CacheNamespace, StoreError> {
        run!(self.pool, Read, connection => namespace(connection))
            .map(CacheNamespace::from)
            .map_err(store_error)
    }

    async fn raise_epoch(&self, from: u128, to: u128) -> Result<CacheNamespace, StoreError> {
        let (from, to) = (Uuid::from_u128(from), Uuid::from_u128(to));
        run!(self.pool, Write, connection => raise_epoch(connection, from, to))
            .map(CacheNamespace::from)
            .map_err(store_error)
    }

    async fn pending(
        &self,
        incarnation: &Incarnation,
        limit: u32,
    ) -> Result<PendingChanges, StoreError> {
        let name = incarnation.to_string();
        let limit = i64::from(limit);
        run!(self.pool, Read, connection => pending(connection, &name, limit)).map_err(store_error)
    }

    async fn acknowledge(
        &self,
        incarnation: &Incarnation,
        changes: &[Invalidation],
    ) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let name = incarnation.to_string();
        let keys = Keys::of(changes);
        run!(self.pool, Write, connection => acknowledge(connection, &name, &keys))
            .map_err(store_error)
    }

    async fn purge_older_than(&self, age: Duration, limit: u32) -> Result<u64, StoreError> {
        let age = interval(age);
        run!(self.pool, Write, connection => purge_older_than(connection, &age, limit))
            .map_err(store_error)
    }
}

struct NamespaceRow {
    database: Uuid,
    epoch: Uuid,
}

impl From<NamespaceRow> for CacheNamespace {
    fn from(row: NamespaceRow) -> Self {
        Self {
            database: row.database.as_u128(),
            epoch: row.epoch.as_u128(),
        }
    }
}

async fn namespace(connection: &mut PgConnection) -> sqlx::Result<NamespaceRow> {
    sqlx::query_as!(
        NamespaceRow,
        "SELECT database, epoch FROM cache_namespace WHERE singleton"
    )
    .fetch_one(connection)
    .await
}

/// Writes the row also when it changes nothing: who waited for another's raise goes on with the
/// row as that left it, where a condition and a second look would answer from a snapshot that
/// is older than the raise.
async fn raise_epoch(
    connection: &mut PgConnection,
    from: Uuid,
    to: Uuid,
) -> sqlx::Result<NamespaceRow> {
    sqlx::query_as!(
        NamespaceRow,
        "UPDATE cache_namespace
         SET epoch = CASE WHEN epoch = $1 THEN $2 ELSE epoch END
         WHERE singleton
         RETURNING database, epoch",
        from,
        to
    )
    .fetch_one(connection)
    .await
}

/// The namespace and, but for one row when nothing is pending, a change.
struct PendingRow {
    database: Uuid,
    epoch: Uuid,
    at: Moment,
    standby: bool,
    user_id: Option<Uuid>,
    version: Option<i64>,
    changed_at: Option<Moment>,
}

/// The arms are the ranges of `user_changes_by_applied_to` around this incarnation. Their order
/// is the index's own: it lets no statistics, however old, make a scan of the table look cheaper.
async fn pending(
    connection: &mut PgConnection,
    incarnation: &str,
    limit: i64,
) -> sqlx::Result<PendingChanges> {
    let rows = sqlx::query_as!(
        PendingRow,
        r#"SELECT n.database, n.epoch, now() AS "at!", pg_is_in_recovery() AS "standby!",
                  p.user_id AS "user_id?", p.version AS "version?",
                  p.changed_at AS "changed_at?"
           FROM cache_namespace n
           LEFT JOIN (
               (SELECT user_id, version, changed_at FROM user_changes WHERE applied_to IS NULL
                ORDER BY applied_to LIMIT $2)
               UNION ALL
               (SELECT user_id, version, changed_at FROM user_changes WHERE applied_to < $1
                ORDER BY applied_to LIMIT $2)
               UNION ALL
               (SELECT user_id, version, changed_at FROM user_changes WHERE applied_to > $1
                ORDER BY applied_to LIMIT $2)
               LIMIT $2
           ) p ON true
           WHERE n.singleton"#,
        incarnation,
        limit
    )
    .fetch_all(connection)
    .await?;
    let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    if first.standby {
        // What the primary has acknowledged may not be here yet. The connection is given up:
        // the next one may lead to the primary.
        return Err(sqlx::Error::Protocol(
            "a standby answered what only the primary knows".into(),
        ));
    }
    Ok(PendingChanges {
        at: first.at.0,
        namespace: CacheNamespace {
            database: first.database.as_u128(),
            epoch: first.epoch.as_u128(),
        },
        changes: rows.iter().filter_map(PendingRow::invalidation).collect(),
        oldest: rows
            .iter()
            .filter_map(|row| Some(row.changed_at.as_ref()?.0))
            .min(),
    })
}

impl PendingRow {
    /// A version that no row can have makes nothing stale, and must not hold the others up.
    fn invalidation(&self) -> Option<Invalidation> {
        Some(Invalidation {
            id: UserId::new(self.user_id?),
            floor: UserVersion::new(self.version?.try_into().unwrap_or_default()),
        })
    }
}

/// The keys of changes as the columns of one statement.
struct Keys {
    ids: Vec<Uuid>,
    versions: Vec<i64>,
}

impl Keys {
    fn of(changes: &[Invalidation]) -> Self {
        let (ids, versions) = changes
            .iter()
            .map(|change| (change.id.get(), version_parameter(change.floor)))
            .unzip();
        Self { ids, versions }
    }
}

/// Leaves alone what another relay of this incarnation has noted already: a row that is written
/// again is written to every index. Locks in the order of the keys: relays that acknowledge the
/// same rows at once would lock each other out for as long as the server takes to find that.
///
/// The lists are selected so that the planner does not see how long they are: with some hundreds
/// it would rather read the whole log. It plans every time: a plan that was kept from when the
/// log was empty reads the whole log as well.
async fn acknowledge(
    connection: &mut PgConnection,
    incarnation: &str,
    keys: &Keys,
) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH named AS MATERIALIZED (
             SELECT c.user_id, c.version
             FROM UNNEST((SELECT $1::uuid[]), (SELECT $2::bigint[])) AS a (user_id, version)
             JOIN user_changes c ON c.user_id = a.user_id AND c.version = a.version
             WHERE c.applied_to IS DISTINCT FROM $3
             ORDER BY c.user_id, c.version
             FOR UPDATE OF c
         )
         UPDATE user_changes c
         SET applied_to = $3
         FROM named n
         WHERE c.user_id = n.user_id AND c.version = n.version",
        &keys.ids,
        &keys.versions,
        incarnation
    )
    .persistent(false)
    .execute(connection)
    .await?;
    Ok(())
}

/// An age as the server subtracts it. It knows no moment much before our era.
fn interval(age: Duration) -> PgInterval {
    const LONGEST: i64 = 2_000 * 365 * 24 * 3_600 * 1_000_000;
    PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(age.as_micros())
            .unwrap_or(LONGEST)
            .min(LONGEST),
    }
}

/// Planned every time, for the same reason as [`acknowledge`]. That is without the values too: a
/// range with one end passes for a third of the log, for which all of it would be read, one with
/// two ends for a two-hundredth.
async fn purge_older_than(
    connection: &mut PgConnection,
    age: &PgInterval,
    limit: u32,
) -> sqlx::Result<u64> {
    let done = sqlx::query!(
        "WITH old AS MATERIALIZED (
             SELECT user_id, version
             FROM user_changes
             WHERE changed_at >= '-infinity' AND changed_at < now() - $1::interval
             ORDER BY changed_at
             LIMIT $2
         )
         DELETE FROM user_changes c
         USING old o
         WHERE c.user_id = o.user_id AND c.version = o.version",
        age,
        i64::from(limit)
    )
    .persistent(false)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
