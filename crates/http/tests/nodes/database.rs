//! The database of one test.

use std::time::Duration;

use roster_soak::{Finals, Node, NodeOptions, World};
use roster_test_services::{PostgresOptions, PostgresServer, ServiceError, or_skip};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use tempfile::TempDir;
use uuid::Uuid;

use crate::measure::SOAK;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_roster");

/// However busy the machine is, the database is waited for: a machine that stands still for a
/// second has no request refused.
const WAITING: [&str; 3] = [
    "--database-acquire-timeout=2s",
    // Has to be below `cache.lease_ttl`, which says when a load that was cut off is done again.
    "--database-statement-timeout=1900ms",
    "--http-request-deadline=10s",
];

/// Of a process that waits for its database; the limits of that are for tests of their own.
pub(crate) fn waiting() -> NodeOptions {
    NodeOptions {
        flags: WAITING.map(str::to_owned).to_vec(),
        ..NodeOptions::default()
    }
}

/// A migrated database, and what starts processes on it.
pub(crate) struct Database {
    url: String,
    folder: TempDir,
    /// Dropped with this.
    _kept: Kept,
}

#[expect(dead_code, reason = "they are kept for their end")]
enum Kept {
    World(World),
    Server(PostgresServer),
}

impl Database {
    /// One of the server that the tests share.
    pub(crate) async fn shared() -> Option<Self> {
        let world = World::start(BINARY.as_ref()).await.unwrap()?;
        Some(Self {
            url: world.database_url().to_owned(),
            folder: tempfile::tempdir().unwrap(),
            _kept: Kept::World(world),
        })
    }

    /// One of a server of its own, which counts the statements of each process.
    pub(crate) async fn counting() -> Option<Self> {
        let started = PostgresServer::start(PostgresOptions {
            preload_pg_stat_statements: true,
            settings: vec![("max_connections".to_owned(), "100".to_owned())],
            ..PostgresOptions::default()
        });
        let started = match started {
            Err(ServiceError::MissingExtension { name }) => {
                panic!("PostgreSQL has no {name}: its contrib modules are needed")
            }
            other => or_skip(other),
        };
        let server = started?;
        let folder = tempfile::tempdir().unwrap();
        let url = server.url("postgres");
        let migrated = std::process::Command::new(BINARY)
            .args(["migrate", "--database-url", &url])
            // It is no setting of the service.
            .env_remove(SOAK)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(migrated.status.success(), "{migrated:?}");
        let database = Self {
            url,
            folder,
            _kept: Kept::Server(server),
        };
        let mut sql = database.sql().await;
        run(&mut sql, "CREATE EXTENSION pg_stat_statements").await;
        Some(database)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The URL for a process that is to be told from the others; for one that counts.
    pub(crate) async fn url_of(&self, node: usize) -> String {
        let role = role(node);
        let mut sql = self.sql().await;
        let made = format!(
            "DO $$ BEGIN CREATE ROLE {role} SUPERUSER LOGIN;
             EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        );
        run(&mut sql, &made).await;
        self.url.replace("//postgres@", &format!("//{role}@"))
    }

    /// A process on it, which waits for it.
    pub(crate) fn node(&self, redis_url: &str) -> Node {
        self.node_with(NodeOptions {
            redis_url: redis_url.to_owned(),
            ..waiting()
        })
    }

    /// A process with more to say about it; without a database named, on this one.
    pub(crate) fn node_with(&self, mut options: NodeOptions) -> Node {
        if options.database_url.is_empty() {
            self.url.clone_into(&mut options.database_url);
        }
        Node::start(BINARY.as_ref(), self.folder.path(), &options).unwrap()
    }

    /// A connection that no process knows of.
    pub(crate) async fn sql(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    /// The id that its values in Redis carry.
    pub(crate) async fn id(&self) -> Uuid {
        let mut sql = self.sql().await;
        sqlx::query_scalar("SELECT database FROM cache_namespace")
            .fetch_one(&mut sql)
            .await
            .unwrap()
    }

    /// The key of its watermark in Redis.
    pub(crate) async fn watermark_key(&self) -> String {
        format!("roster:wm:{{{}}}", self.id().await.simple())
    }

    /// The version that the row of a user holds.
    pub(crate) async fn version(&self, sql: &mut PgConnection, user: Uuid) -> u64 {
        let version: i64 = sqlx::query_scalar("SELECT version FROM users WHERE id = $1")
            .bind(user)
            .fetch_one(sql)
            .await
            .unwrap();
        version.try_into().unwrap()
    }

    /// What the rows hold.
    pub(crate) async fn rows(&self, users: &[Uuid]) -> Finals {
        let mut sql = self.sql().await;
        let rows = sqlx::query("SELECT id, version, name FROM users WHERE id = ANY($1)")
            .bind(users)
            .fetch_all(&mut sql)
            .await
            .unwrap();
        let mut finals = vec![(0, None); users.len()];
        for row in rows {
            let id: Uuid = row.get("id");
            let (version, name): (i64, String) = (row.get("version"), row.get("name"));
            let value = name.strip_prefix("value ").and_then(|n| n.parse().ok());
            let place = users.iter().position(|user| *user == id).unwrap();
            finals[place] = (version.try_into().unwrap(), value);
        }
        Finals(finals)
    }

    /// Counts statements from now on.
    pub(crate) async fn count_anew(&self) {
        let mut sql = self.sql().await;
        run(&mut sql, "SELECT pg_stat_statements_reset()").await;
    }

    /// How many queries for users by id each process made since then.
    pub(crate) async fn user_reads(&self, nodes: usize) -> Vec<u64> {
        let mut sql = self.sql().await;
        let mut counts = Vec::new();
        for node in 0..nodes {
            let calls: i64 = sqlx::query_scalar(
                "SELECT coalesce(sum(calls), 0)::bigint
                 FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
                 WHERE r.rolname = $1 AND s.query LIKE 'SELECT id, email, name,%FROM users%ANY%'",
            )
            .bind(role(node))
            .fetch_one(&mut sql)
            .await
            .unwrap();
            counts.push(calls.try_into().unwrap());
        }
        counts
    }

    /// How many queries for users by id each process has under way just now. One that hangs for longer than the
    /// process waits for it is not counted: its successor is.
    pub(crate) async fn user_reads_under_way(
        &self,
        sql: &mut PgConnection,
        nodes: usize,
    ) -> Vec<usize> {
        let roles: Vec<String> = sqlx::query_scalar(
            "SELECT usename::text FROM pg_stat_activity
             WHERE state = 'active' AND query LIKE 'SELECT id, email, name,%FROM users%ANY%'
               AND pid <> pg_backend_pid()
               AND clock_timestamp() - query_start < interval '50 ms'",
        )
        .fetch_all(sql)
        .await
        .unwrap();
        let of = |node| roles.iter().filter(|name| **name == role(node)).count();
        (0..nodes).map(of).collect()
    }

    /// Has the database spend so long on every query for users by id of these processes, from now on, and not on
    /// their writes.
    pub(crate) async fn slow_user_reads(&self, nodes: usize, by: Duration) {
        let mut sql = self.sql().await;
        let seconds = by.as_secs_f64();
        let function = format!(
            "CREATE FUNCTION slow() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
                 IF current_query() LIKE 'SELECT id, email, name,%FROM users%ANY%' THEN
                     PERFORM pg_sleep({seconds});
                 END IF;
                 RETURN true;
             END $$"
        );
        run(&mut sql, &function).await;
        run(&mut sql, "CREATE POLICY slow ON users USING (slow())").await;
        for node in 0..nodes {
            let role = role(node);
            let grant = format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}");
            run(&mut sql, &grant).await;
            // Policies are for everybody but those who may do everything.
            run(&mut sql, &format!("ALTER ROLE {role} NOSUPERUSER")).await;
        }
        run(&mut sql, "ALTER TABLE users ENABLE ROW LEVEL SECURITY").await;
    }
}

fn role(node: usize) -> String {
    format!("node{node}")
}

/// One statement without an answer.
pub(crate) async fn run(sql: &mut PgConnection, statement: &str) {
    let ran = sqlx::query(AssertSqlSafe(statement.to_owned()));
    ran.execute(sql).await.unwrap();
}
