//! Millions of users out of the first one: copies of their rows, each with an id and an address
//! of its own. To make them one by one would take an hour for what nobody reads closely.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::Result;
use crate::progress::say;

/// So many users are made by the service, with their feeds; the others are copies without feeds.
pub(crate) const MADE: u64 = 1_000_000;

/// Adds copies until there are so many users, and indexes them when all are there.
pub(crate) async fn fill(url: &str, users: u64) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index \
         WHERE indrelid = 'users'::regclass AND NOT indisprimary",
    )
    .fetch_all(&mut connection)
    .await?;
    let mut transaction = connection.begin().await?;
    for statement in [
        "SET LOCAL maintenance_work_mem = '1GB'",
        "SET LOCAL work_mem = '256MB'",
        "CREATE TEMPORARY TABLE made ON COMMIT DROP AS TABLE users",
    ] {
        sqlx::query(statement).execute(&mut *transaction).await?;
    }
    for (name, _) in &indexes {
        run(&mut transaction, format!("DROP INDEX {name}")).await?;
    }
    let mut there = MADE;
    for copy in 1.. {
        if there >= users {
            break;
        }
        say(&format!("copying users, {there} of {users} are there"));
        let more = MADE.min(users - there);
        // The last two octets of an id are random; other ones make it another user's.
        run(
            &mut transaction,
            format!(
                "CREATE TEMPORARY TABLE copied ON COMMIT DROP AS SELECT name, is_active, locale, \
                 avatar_url, metadata, version, created_at, updated_at, deleted_at, search_name, \
                 (left(id::text, -4) || lpad(to_hex((('x' || right(id::text, 4))::bit(16)::int \
                 # {copy})), 4, '0'))::uuid AS other_id, 'c{copy}.' || email AS other_email \
                 FROM made ORDER BY id LIMIT {more}"
            ),
        )
        .await?;
        for statement in [
            "INSERT INTO users (id, email, name, is_active, locale, avatar_url, metadata, version, \
             created_at, updated_at, deleted_at, search_name, search_email, search_shared) \
             SELECT other_id, other_email, name, is_active, locale, avatar_url, metadata, version, \
             created_at, updated_at, deleted_at, search_name, lower(other_email), \
             (left(search_name, 1) = 'c')::int FROM copied ORDER BY other_id",
            "INSERT INTO user_emails (email, user_id) \
             SELECT lower(other_email), other_id FROM copied ORDER BY 1",
            "INSERT INTO user_stats (user_id, notifications, unread, activities) \
             SELECT other_id, 0, 0, 0 FROM copied ORDER BY other_id",
            "DROP TABLE copied",
        ] {
            sqlx::query(statement).execute(&mut *transaction).await?;
        }
        there += more;
    }
    for (name, definition) in indexes {
        say(&format!("indexing {name}"));
        run(&mut transaction, definition).await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn run(connection: &mut PgConnection, statement: String) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await?;
    Ok(())
}
