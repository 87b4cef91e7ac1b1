//! Many users at once.

mod copy;
mod import_plan;
mod import_statements;
mod seed;

use std::collections::HashSet;

use async_trait::async_trait;
use roster_domain::ports::{ImportRow, OnConflict, RowResult, SeedBatch, StoreError, UserTransfer};
use roster_domain::{Timestamp, User, UserId};
use sqlx::{Connection as _, PgConnection};

use crate::error::{corrupt, store_error, violated_key};
use crate::pool::PostgresPool;
use crate::retry::run;
use crate::transaction_age::refuse_old;
use crate::user_row::UserRow;
use import_plan::{Known, Plan};

/// How often a batch is planned again because others took one of its ids or addresses.
const IMPORT_TRIES: u32 = 5;

/// Import, export and seeding in PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresUserTransfer {
    pool: PostgresPool,
}

impl PostgresUserTransfer {
    /// The users of a database.
    pub fn new(pool: PostgresPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl UserTransfer for PostgresUserTransfer {
    async fn export(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        let limit = i64::from(limit);
        match after {
            None => run!(self.pool, Read, connection => first_users(connection, limit)),
            Some(after) => {
                run!(self.pool, Read, connection => next_users(connection, after, limit))
            }
        }
        .map_err(store_error)?
        .into_iter()
        .map(User::try_from)
        .collect()
    }

    async fn import(
        &self,
        rows: &[ImportRow],
        on_conflict: OnConflict,
        at: Timestamp,
    ) -> Result<Vec<RowResult>, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let outcome = run!(self.pool, Write, connection => {
                import(connection, rows, on_conflict, at)
            });
            match outcome {
                Ok(Imported::Done(results)) => return Ok(results),
                Ok(Imported::Unreadable(error)) => return Err(error),
                Ok(Imported::Outdated) if tries < IMPORT_TRIES => {}
                Ok(Imported::Outdated) => {
                    return Err(StoreError::Unavailable(
                        "other writers took the batch's ids or addresses again and again".into(),
                    ));
                }
                Err(error) if violated_key(&error).is_some() && tries < IMPORT_TRIES => {}
                Err(error) => return Err(store_error(error)),
            }
        }
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        run!(self.pool, Read, connection => is_empty(connection)).map_err(store_error)
    }

    async fn seed(&self, batch: &SeedBatch) -> Result<(), StoreError> {
        let tables = seed::Tables::of(batch);
        run!(self.pool, Write, connection => seed::store(connection, &tables)).map_err(|error| {
            if violated_key(&error).is_some() {
                corrupt(error)
            } else {
                store_error(error)
            }
        })
    }

    async fn analyze(&self) -> Result<(), StoreError> {
        let mut connection = self.pool.unlimited().await.map_err(store_error)?;
        vacuum(&mut connection).await.map_err(store_error)?;
        connection.close().await.map_err(store_error)
    }
}

enum Imported {
    Done(Vec<RowResult>),
    /// Another writer took or moved a claim after its owner was looked for.
    Outdated,
    /// A stored user cannot be compared.
    Unreadable(StoreError),
}

/// Reads what the batch touches under locks, decides in memory, and writes by the thousand.
///
/// Claims are read again under the locks: they move only under the lock of their owner, and one
/// whose owner is not locked came after the look at the users. An id
/// or an address that is free is not locked; who takes it meanwhile fails this batch on a key.
async fn import(
    connection: &mut PgConnection,
    rows: &[ImportRow],
    on_conflict: OnConflict,
    at: Timestamp,
) -> sqlx::Result<Imported> {
    let mut transaction = connection.begin().await?;
    import_statements::take_time(&mut transaction).await?;
    let emails = import_plan::addresses(rows);
    let owners = import_statements::claims(&mut transaction, &emails).await?;
    let ids = import_plan::ids(rows, &owners);
    let users = import_statements::lock_users(&mut transaction, &ids).await?;
    let purged = import_statements::purged(&mut transaction, &ids).await?;
    let claims = import_statements::claims(&mut transaction, &emails).await?;
    let locked: HashSet<_> = users.iter().map(|user| user.id).collect();
    if claims.iter().any(|claim| !locked.contains(&claim.user_id)) {
        return Ok(Imported::Outdated);
    }
    let known = match Known::new(users, purged, claims) {
        Ok(known) => known,
        Err(error) => return Ok(Imported::Unreadable(error)),
    };
    let Plan { results, changes } = Plan::new(known, rows, on_conflict, at);
    if let Some(changes) = changes {
        import_statements::store(&mut transaction, &changes).await?;
        refuse_old(&mut transaction).await?;
        transaction.commit().await?;
    }
    Ok(Imported::Done(results))
}

async fn first_users(connection: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<UserRow>> {
    sqlx::query_as!(
        UserRow,
        "SELECT id, email, name, is_active, locale, avatar_url, metadata, version,
                created_at, updated_at
         FROM users
         WHERE deleted_at IS NULL
         ORDER BY id
         LIMIT $1",
        limit
    )
    .fetch_all(connection)
    .await
}

async fn next_users(
    connection: &mut PgConnection,
    after: UserId,
    limit: i64,
) -> sqlx::Result<Vec<UserRow>> {
    sqlx::query_as!(
        UserRow,
        "SELECT id, email, name, is_active, locale, avatar_url, metadata, version,
                created_at, updated_at
         FROM users
         WHERE id > $1 AND deleted_at IS NULL
         ORDER BY id
         LIMIT $2",
        after.get(),
        limit
    )
    .fetch_all(connection)
    .await
}

async fn is_empty(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT NOT EXISTS (SELECT 1 FROM users)
              AND NOT EXISTS (SELECT 1 FROM purged_users) AS "empty!""#
    )
    .fetch_one(connection)
    .await
}

/// The vacuum is for the visibility map: without it an index-only scan reads every row.
async fn vacuum(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query!("VACUUM (ANALYZE) users, user_emails, user_stats, notifications, activities")
        .execute(connection)
        .await?;
    Ok(())
}
