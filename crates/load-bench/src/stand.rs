//! The database that everything is measured on: made once, kept for the runs to come.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use roster_test_services::{PostgresOptions, PostgresServer};
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::process::Command;
use uuid::Uuid;

use crate::Result;
use crate::cpu::Tree;
use crate::machine;
use crate::multiply;
use crate::progress::say;

/// PostgreSQL with the data.
pub(crate) struct Stand {
    server: PostgresServer,
    pool: PgPool,
    kept: PathBuf,
    temporary: TempDir,
    /// Every active user in the order of the list.
    pub(crate) ids: Vec<Uuid>,
    /// Rows of the table of users.
    pub(crate) users: u64,
}

/// What the database says of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) notifications: i64,
    pub(crate) activities: i64,
}

impl Stand {
    const DATABASE: &'static str = "postgres";

    /// Starts PostgreSQL on what is kept under a folder, and fills it when nothing is.
    pub(crate) async fn start(folder: &Path, binary: &Path, users: u64) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let kept = std::fs::canonicalize(folder)?;
        // 3 GiB hold a million users and their feeds.
        let buffers = (machine::memory_kib() / 4).clamp(128 << 10, 3 << 20);
        let buffers = format!("{buffers}kB");
        let settings = [
            ("max_connections", "300"),
            ("shared_buffers", buffers.as_str()),
            ("max_wal_size", "4GB"),
            ("checkpoint_timeout", "30min"),
            // Compiling a plan takes longer than any read here. The service turns it off by itself,
            // and the others shall not pay for it.
            ("jit", "off"),
        ];
        let server = PostgresServer::start(PostgresOptions {
            fsync: true,
            preload_pg_stat_statements: true,
            settings: settings
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            kept_in: Some(kept.join(format!("users-{users}"))),
        })?;
        let url = server.url(Self::DATABASE);
        say(&format!("the database is {url}"));
        let pool = PgPool::connect(&url).await?;
        let made = users.min(multiply::MADE);
        for word in ["migrate", "seed"] {
            if word == "seed" && count(&pool).await? >= made {
                continue;
            }
            say(&format!("roster {word}, {made} users"));
            let mut command = Command::new(binary);
            command
                .arg(word)
                .env("ROSTER_DATABASE_URL", &url)
                .env("ROSTER_DATA_DIR", kept.join("roster-data"))
                .stdin(Stdio::null())
                .stdout(Stdio::null());
            if word == "seed" {
                command.args(["--seed", "1", "--users", &made.to_string()]);
            }
            let status = command.status().await?;
            if !status.success() {
                return Err(format!("roster {word} ended with {status}").into());
            }
        }
        if count(&pool).await? < users {
            multiply::fill(&url, users).await?;
        }
        prepare(&pool, users).await?;
        let ids = sqlx::query_scalar("SELECT id FROM bench.ids ORDER BY n")
            .fetch_all(&pool)
            .await?;
        Ok(Self {
            server,
            users: count(&pool).await?,
            pool,
            kept,
            temporary: tempfile::tempdir()?,
            ids,
        })
    }

    pub(crate) fn database_url(&self) -> String {
        self.server.url(Self::DATABASE)
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }

    pub(crate) fn postgres(&self) -> Tree {
        Tree(self.server.pid())
    }

    /// What stays for the next run.
    pub(crate) fn kept(&self) -> &Path {
        &self.kept
    }

    /// A folder for one server, gone after the run.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.temporary.path().join(name.replace(' ', "-"));
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// What is stored of these users now.
    pub(crate) async fn rows(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Row>> {
        let rows: Vec<(Uuid, String, String, i64, i64)> = sqlx::query_as(
            "SELECT id, email, name, notifications, activities \
             FROM users JOIN user_stats ON user_id = id WHERE id = ANY($1)",
        )
        .bind(ids)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|(id, email, name, notifications, activities)| {
                let row = Row {
                    email,
                    name,
                    notifications,
                    activities,
                };
                (id, row)
            })
            .collect())
    }

    /// So many users who are in no list.
    pub(crate) async fn inactive(&self, count: usize) -> Result<Vec<Uuid>> {
        let sql = "SELECT id FROM users WHERE NOT is_active AND deleted_at IS NULL \
                   ORDER BY id LIMIT $1";
        let ids: Vec<Uuid> = sqlx::query_scalar(sql)
            .bind(i64::try_from(count)?)
            .fetch_all(&self.pool)
            .await?;
        if ids.len() < count {
            return Err(format!("{} inactive users instead of {count}", ids.len()).into());
        }
        Ok(ids)
    }

    /// Octets that PostgreSQL takes for each user, indexes included.
    pub(crate) async fn octets_a_user(&self) -> Result<Vec<(&'static str, f64)>> {
        let mut all = Vec::new();
        for (what, tables) in [
            ("the user", &["users", "user_emails", "user_stats"][..]),
            ("notifications", &["notifications"]),
            ("activities", &["activities"]),
        ] {
            let octets: i64 = sqlx::query_scalar(
                "SELECT sum(pg_total_relation_size(name::regclass))::bigint \
                 FROM unnest($1::text[]) AS name",
            )
            .bind(tables)
            .fetch_one(&self.pool)
            .await?;
            all.push((what, octets as f64 / self.users.max(1) as f64));
        }
        Ok(all)
    }

    /// Gives back what the change log no longer needs.
    pub(crate) async fn compact_changes(&self) -> Result<()> {
        sqlx::query("VACUUM FULL user_changes")
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Octets of a row of the change log, indexes included; nothing while it has none.
    pub(crate) async fn octets_a_change(&self) -> Result<Option<f64>> {
        let sql = "SELECT pg_total_relation_size('user_changes')::float8 / nullif(count(*), 0) \
                   FROM user_changes";
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }

    /// Forgets the statements that PostgreSQL has counted.
    pub(crate) async fn reset_statements(&self) -> Result<()> {
        sqlx::query("SELECT pg_stat_statements_reset()")
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// How many statements read users by id since then.
    pub(crate) async fn user_reads(&self) -> Result<i64> {
        let sql = "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements \
                   WHERE query ~* 'from\\s+users' AND query ~* 'metadata' \
                   AND query !~* '\\m(insert|update|delete)\\M'";
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }

    /// Takes away what updates left behind: entries of rows that are gone stand where the first
    /// pages are, and whoever is measured next would step over them.
    pub(crate) async fn clean(&self) -> Result<()> {
        // Of few dead rows the entries would be left in the indexes.
        let sql = "VACUUM (INDEX_CLEANUP ON) users, user_emails, user_stats, user_changes";
        sqlx::query(sql).execute(&self.pool).await?;
        self.settle().await
    }

    /// Writes what is not on the disk yet, so that it does not happen during a measurement, and
    /// reads what is: files that the system has forgotten would be measured instead.
    pub(crate) async fn settle(&self) -> Result<()> {
        let sql = "SELECT sum(pg_prewarm(oid))::bigint FROM pg_class \
                   WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace";
        sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
            .execute(&self.pool)
            .await?;
        sqlx::query(sql).execute(&self.pool).await?;
        sqlx::query("CHECKPOINT").execute(&self.pool).await?;
        Ok(())
    }

    /// Waits until PostgreSQL has answered what is left of the load before.
    pub(crate) async fn rest(&self) -> Result<()> {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' \
                   AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
        for _ in 0..200 {
            let active: i64 = sqlx::query_scalar(sql).fetch_one(&self.pool).await?;
            if active == 0 {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// PostgreSQL's version.
    pub(crate) async fn version(&self) -> Result<String> {
        let text: String = sqlx::query_scalar("SHOW server_version")
            .fetch_one(&self.pool)
            .await?;
        Ok(text)
    }
}

async fn count(pool: &PgPool) -> Result<u64> {
    if !has_table(pool, "users").await? {
        return Ok(0);
    }
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM users")
        .fetch_one(pool)
        .await?;
    Ok(u64::try_from(count)?)
}

async fn has_table(pool: &PgPool, name: &str) -> Result<bool> {
    Ok(sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(name)
        .fetch_one(pool)
        .await?)
}

/// The ids in the order of the list, numbered, for lists of requests and for pgbench.
async fn prepare(pool: &PgPool, users: u64) -> Result<()> {
    if has_table(pool, "bench.ids").await? {
        return Ok(());
    }
    say(&format!("numbering {users} users"));
    for statement in [
        // Until rows are marked as visible to all, an index alone answers nothing.
        "VACUUM ANALYZE",
        "CREATE EXTENSION IF NOT EXISTS pg_stat_statements",
        "CREATE SCHEMA IF NOT EXISTS bench",
        "DROP TABLE IF EXISTS bench.unfinished, bench.samples",
        "CREATE TABLE bench.unfinished AS \
         SELECT row_number() OVER (ORDER BY created_at DESC, id DESC)::int AS n, id \
         FROM users WHERE is_active AND deleted_at IS NULL",
        "ALTER TABLE bench.unfinished ADD PRIMARY KEY (n)",
        // Sets of ids that lie far apart, for pgbench.
        "CREATE TABLE bench.samples AS SELECT n::int, array_agg(id) AS ids FROM ( \
         SELECT id, (row_number() OVER () - 1) / 64 AS n FROM ( \
         SELECT id FROM bench.unfinished ORDER BY random() LIMIT 256000) AS drawn) AS numbered \
         GROUP BY n HAVING count(*) = 64",
        "ALTER TABLE bench.samples ADD PRIMARY KEY (n)",
        "ANALYZE bench.unfinished, bench.samples",
        "ALTER TABLE bench.unfinished RENAME TO ids",
    ] {
        sqlx::query(statement).execute(pool).await?;
    }
    Ok(())
}
