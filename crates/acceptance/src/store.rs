use std::path::{Path, PathBuf};
use std::time::Instant;

use roster_test_services::{PostgresOptions, PostgresServer, RedisServer};
use sqlx::{PgPool, SqlitePool};
use tempfile::TempDir;
use uuid::Uuid;

use crate::Result;
use crate::roster::{Launch, absolute, say};

/// Which store a run is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
    Sqlite,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }
}

/// Private servers or a private folder, and how the service is started on them.
pub(crate) struct Store {
    pub(crate) kind: Kind,
    pub(crate) launch: Launch,
    pub(crate) users: u64,
    pub(crate) scale: f64,
    pub(crate) redis: Option<RedisServer>,
    postgres: Option<(PostgresServer, PgPool)>,
    folder: TempDir,
}

/// How fast the users were stored.
pub(crate) struct Seeded {
    /// Users a second.
    pub(crate) rate: u64,
    pub(crate) text: String,
}

/// The checks ask what is answered, and not how soon: a moment in which nothing moves fails none.
const PATIENT: [(&str, &str); 5] = [
    ("ROSTER_DATABASE_ACQUIRE_TIMEOUT", "5s"),
    // The most with a lease of two seconds.
    ("ROSTER_DATABASE_STATEMENT_TIMEOUT", "1900ms"),
    ("ROSTER_HTTP_REQUEST_DEADLINE", "15s"),
    ("ROSTER_HTTP_DASHBOARD_DEADLINE", "10s"),
    ("ROSTER_HTTP_TARGET_LATENCY", "10s"),
];

impl Store {
    const DATABASE: &'static str = "postgres";

    pub(crate) async fn start(kind: Kind, binary: &Path, scale: f64) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut env = vec![
            (
                "ROSTER_DATA_DIR".to_owned(),
                data_dir(&folder).display().to_string(),
            ),
            // The contract check sends more unusable tokens a second than any honest address.
            ("ROSTER_QUOTAS_REFUSED".to_owned(), "none".to_owned()),
        ];
        env.extend(PATIENT.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let (postgres, redis, users) = match kind {
            Kind::Sqlite => (None, None, 100_000.0),
            Kind::Postgres => {
                let options = PostgresOptions {
                    fsync: true,
                    preload_pg_stat_statements: true,
                    ..Default::default()
                };
                let server = PostgresServer::start(options)?;
                let redis = RedisServer::try_start(&[])?;
                let url = server.url(Self::DATABASE);
                env.push(("ROSTER_DATABASE_URL".to_owned(), url.clone()));
                env.push(("ROSTER_REDIS_URL".to_owned(), redis.url()));
                let pool = PgPool::connect(&url).await?;
                sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
                    .execute(&pool)
                    .await?;
                (Some((server, pool)), Some(redis), 1_000_000.0)
            }
        };
        let launch = Launch {
            binary: absolute(binary)?,
            env,
        };
        if kind == Kind::Postgres {
            launch.run(&["migrate"]).await?;
        }
        let users = whole(users * scale).max(1_000);
        Ok(Self {
            kind,
            launch,
            users,
            scale,
            redis,
            postgres,
            folder,
        })
    }

    /// Seeds the users and says how fast that was.
    #[expect(clippy::disallowed_methods, reason = "a measurement of real time")]
    pub(crate) async fn seed(&self) -> Result<Seeded> {
        say(&format!(
            "seeding {} users into {}",
            self.users,
            self.kind.name()
        ));
        let started = Instant::now();
        self.launch
            .run(&["seed", "--users", &self.users.to_string(), "--seed", "1"])
            .await?;
        let took = started.elapsed().as_secs_f64();
        if let Some((_, pool)) = &self.postgres {
            // What the bulk load left to be written would stall the disk under the checks.
            sqlx::query("CHECKPOINT").execute(pool).await?;
        }
        let rate = whole(self.users as f64 / took);
        let text = format!(
            "{} users with their feeds in {took:.1} s: {rate} users/s",
            self.users
        );
        Ok(Seeded { rate, text })
    }

    /// A number of the full size, made smaller with the run but never below `least`.
    pub(crate) fn scaled(&self, full: u64, least: u64) -> u64 {
        whole(full as f64 * self.scale).clamp(least, full)
    }

    /// The file of the embedded store.
    pub(crate) fn file(&self) -> PathBuf {
        data_dir(&self.folder).join("roster.db")
    }

    async fn sqlite(&self) -> Result<SqlitePool> {
        Ok(SqlitePool::connect(&format!("sqlite:{}?mode=ro", self.file().display())).await?)
    }

    /// Every user, active or not, in the order of the list.
    pub(crate) async fn all_ids(&self) -> Result<Vec<Uuid>> {
        const SQL: &str =
            "SELECT id FROM users WHERE deleted_at IS NULL ORDER BY created_at DESC, id DESC";
        Ok(match &self.postgres {
            Some((_, pool)) => sqlx::query_scalar(SQL).fetch_all(pool).await?,
            None => {
                sqlx::query_scalar(SQL)
                    .fetch_all(&self.sqlite().await?)
                    .await?
            }
        })
    }

    /// Every active user in the order of the list, from the store itself.
    pub(crate) async fn active_ids(&self) -> Result<Vec<Uuid>> {
        const SQL: &str = "SELECT id FROM users WHERE is_active AND deleted_at IS NULL ORDER BY created_at DESC, id DESC";
        Ok(match &self.postgres {
            Some((_, pool)) => sqlx::query_scalar(SQL).fetch_all(pool).await?,
            None => {
                sqlx::query_scalar(SQL)
                    .fetch_all(&self.sqlite().await?)
                    .await?
            }
        })
    }

    /// How many milliseconds the store takes for a page of 50 by OFFSET, the median of five.
    #[expect(clippy::disallowed_methods, reason = "a measurement of real time")]
    pub(crate) async fn offset_page_ms(&self, offset: u64) -> Result<f64> {
        let sql = format!(
            "SELECT id, name, email, created_at FROM users WHERE is_active AND deleted_at IS NULL \
             ORDER BY created_at DESC, id DESC LIMIT 50 OFFSET {offset}"
        );
        let sqlite = if self.postgres.is_none() {
            Some(self.sqlite().await?)
        } else {
            None
        };
        let mut times = Vec::new();
        for _ in 0..5 {
            let query = sqlx::AssertSqlSafe(sql.clone());
            let started = Instant::now();
            if let Some((_, pool)) = &self.postgres {
                sqlx::query(query).fetch_all(pool).await?;
            } else if let Some(pool) = &sqlite {
                sqlx::query(query).fetch_all(pool).await?;
            }
            times.push(started.elapsed().as_secs_f64() * 1_000.0);
        }
        times.sort_by(f64::total_cmp);
        Ok(times[times.len() / 2])
    }

    /// Forgets the statements that PostgreSQL has counted.
    pub(crate) async fn reset_statements(&self) -> Result<()> {
        if let Some((_, pool)) = &self.postgres {
            sqlx::query("SELECT pg_stat_statements_reset()")
                .execute(pool)
                .await?;
        }
        Ok(())
    }

    /// How often rows of users were read by id since then, as PostgreSQL counted.
    pub(crate) async fn user_reads(&self) -> Result<i64> {
        let (_, pool) = self.postgres.as_ref().ok_or("only PostgreSQL counts")?;
        let sql = "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements \
                   WHERE query ~* 'from\\s+users' AND query ~* 'metadata' AND query !~* '\\m(insert|update|delete)\\M'";
        Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
    }

    /// What SQLite says of its own file.
    pub(crate) async fn integrity(&self) -> Result<String> {
        Ok(sqlx::query_scalar("PRAGMA integrity_check")
            .fetch_one(&self.sqlite().await?)
            .await?)
    }
}

fn data_dir(folder: &TempDir) -> PathBuf {
    folder.path().join("data")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of this size are exact"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}
