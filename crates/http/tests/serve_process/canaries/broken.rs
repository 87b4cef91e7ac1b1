//! Stores that fail, with the word in what is stored and in what is asked: the chains of errors
//! are logged, and drivers like to quote.

use std::time::Duration;

use futures::StreamExt as _;
use reqwest::Method;
use roster_soak::redis_addr;
use roster_test_services::RedisServer;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use super::caller::{Caller, Operation, Sent, json as body};
use crate::store::Store;

/// Whom [`super::life`] leaves behind.
const ADDRESS: &str = "canary.known@example.com";
const NAME: &str = "Canary Bird";

/// What is stored instead of what was, and what was.
const SPOILED: [(&str, &str, &str, &str); 9] = [
    ("users", "name", "Canary\ncanary", NAME),
    ("users", "email", "canary", ADDRESS),
    ("users", "locale", "canary canary", "de-CH"),
    (
        "users",
        "avatar_url",
        "canary",
        "https://img.example/canary.png",
    ),
    (
        "users",
        "metadata",
        "{\"canary\"",
        "{\"canary\":\"canary\"}",
    ),
    ("notifications", "title", "Canary\ncanary", "A canary"),
    ("notifications", "data", "canary", "{\"a\":\"canary\"}"),
    ("activities", "kind", "Canary Kind", "song"),
    ("activities", "data", "canary", "{\"a\":\"canary\"}"),
];

/// What a write touches first.
const WRITTEN: [&str; 4] = ["users", "user_emails", "notifications", "activities"];

/// What any statement names.
const TABLES: [&str; 5] = [
    "users",
    "user_emails",
    "user_stats",
    "notifications",
    "activities",
];

enum Sql {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Sql {
    /// The database behind the server's back.
    async fn of(store: &Store) -> Self {
        if let Some(database) = &store.database {
            return Self::Postgres(PgConnection::connect(database.url()).await.unwrap());
        }
        let file = store.folder.path().join("roster-data/roster.db");
        let url = format!("sqlite://{}", file.display());
        let mut sql = Self::Sqlite(SqliteConnection::connect(&url).await.unwrap());
        sql.run("PRAGMA ignore_check_constraints = ON").await;
        sql
    }

    async fn run(&mut self, statement: &str) {
        let statement = AssertSqlSafe(statement.to_owned());
        match self {
            Self::Postgres(sql) => drop(sqlx::raw_sql(statement).execute(sql).await.unwrap()),
            Self::Sqlite(sql) => drop(sqlx::raw_sql(statement).execute(sql).await.unwrap()),
        }
    }
}

pub(super) struct Breaking<'a> {
    caller: &'a Caller<'a>,
    sql: Sql,
    redis: Option<&'a RedisServer>,
    /// How often everything was asked.
    times: usize,
}

impl<'a> Breaking<'a> {
    pub(super) async fn new(store: &'a Store, caller: &'a Caller<'a>) -> Self {
        Self {
            caller,
            sql: Sql::of(store).await,
            redis: store.redis.as_ref(),
            times: 0,
        }
    }

    /// Rows and cached octets that cannot be read, each in one place.
    pub(super) async fn spoil_rows(&mut self) {
        for (table, column, spoiled, sound) in SPOILED {
            let whose = match (table, column) {
                ("users", "email") => format!(" WHERE name = '{NAME}'"),
                ("users", _) => format!(" WHERE email = '{ADDRESS}'"),
                // One is there.
                _ => String::new(),
            };
            let set = |value| format!("UPDATE {table} SET {column} = '{value}'{whose}");
            self.sql.run(&set(spoiled)).await;
            let failed = self.read_all().await;
            assert!(failed > 0, "{table}.{column} was read all the same");
            self.sql.run(&set(sound)).await;
            let mut failed = self.read_all().await;
            for _ in 0..10 {
                // On a busy machine a store may be too late.
                if failed > 0 {
                    failed = self.read_all().await;
                }
            }
            assert_eq!(failed, 0, "{table}.{column}");
        }
        if let Some(redis) = self.redis {
            self.evict().await;
            let key = format!("roster:u:{{{}}}", self.caller.known().id);
            let torn = b"V0000000000000009canary canary canary canary";
            let command: [&[u8]; 3] = [b"SET", key.as_bytes(), torn];
            redis_addr(redis.addr(), &command).await.unwrap();
            let path = format!("/v1/users/{}", self.caller.known().id);
            let (status, text) = self.caller.ask(Method::GET, &path, None).await;
            assert_eq!(status, 200, "{text}");
        }
    }

    /// How many reads of the known user, its feeds and its list fail.
    async fn read_all(&self) -> usize {
        let id = &self.caller.known().id;
        let user = format!("/v1/users/{id}");
        let mut failed = 0;
        self.evict().await;
        for path in [
            format!("{user}?consistency=strong"),
            user.clone(),
            format!("{user}/dashboard?strict=true"),
            format!("{user}/notifications"),
            format!("{user}/activity"),
            "/v1/me".into(),
            "/v1/users".into(),
            "/v1/users?q=canary".into(),
            "/v1/users/export".into(),
        ] {
            let (status, text) = self.caller.ask(Method::GET, &path, None).await;
            let spoiled = status.is_server_error();
            assert!(spoiled || status.is_success(), "{path}: {status} {text}");
            failed += usize::from(spoiled);
        }
        failed
    }

    /// Takes the known user out of every cache.
    async fn evict(&self) {
        let path = format!("/v1/admin/cache/users/{}", self.caller.known().id);
        self.caller.ask(Method::DELETE, &path, None).await;
    }

    /// The database refuses every new row; PostgreSQL quotes it all.
    pub(super) async fn refuse_rows(&mut self) {
        for table in WRITTEN {
            let statement = match self.sql {
                Sql::Postgres(_) => {
                    format!("ALTER TABLE {table} ADD CONSTRAINT refused CHECK (false) NOT VALID")
                }
                Sql::Sqlite(_) => format!(
                    "CREATE TRIGGER refused_{table} BEFORE INSERT ON {table}
                     BEGIN SELECT RAISE(ABORT, 'refused'); END;
                     CREATE TRIGGER unchanged_{table} BEFORE UPDATE ON {table}
                     BEGIN SELECT RAISE(ABORT, 'refused'); END"
                ),
            };
            self.sql.run(&statement).await;
        }
        self.ask_everything().await;
        for table in WRITTEN {
            let statement = match self.sql {
                Sql::Postgres(_) => format!("ALTER TABLE {table} DROP CONSTRAINT refused"),
                Sql::Sqlite(_) => {
                    format!("DROP TRIGGER refused_{table}; DROP TRIGGER unchanged_{table}")
                }
            };
            self.sql.run(&statement).await;
        }
    }

    /// No statement finds its table.
    pub(super) async fn take_tables_away(&mut self) {
        self.evict().await;
        for table in TABLES {
            let statement = format!("ALTER TABLE {table} RENAME TO {table}_away");
            self.sql.run(&statement).await;
        }
        self.ask_everything().await;
        for table in TABLES {
            let statement = format!("ALTER TABLE {table}_away RENAME TO {table}");
            self.sql.run(&statement).await;
        }
    }

    /// Every operation that the document has, with the word in its body.
    pub(super) async fn ask_everything(&mut self) {
        self.evict().await;
        // What readiness was told holds for a moment.
        tokio::time::sleep(Duration::from_millis(150)).await;
        // Under keys that have no answer.
        self.times += 1;
        let (caller, times) = (self.caller, self.times);
        let asked = caller.operations.iter().map(|operation| async move {
            let path = format!("{}#{times}", caller.path(operation));
            let method = operation.method.clone();
            caller.ask(method, &path, sent(operation)).await;
        });
        // Fewer than would be refused for want of room.
        futures::stream::iter(asked)
            .buffer_unordered(4)
            .collect::<Vec<_>>()
            .await;
    }
}

/// What an operation is sent: an operation with a body that is not here has no canary yet.
fn sent(operation: &Operation) -> Sent {
    let place = operation.place();
    if !operation.has_body {
        return None;
    }
    let user = json!({
        "email": "canary.broken@example.com",
        "name": "Canary Broken",
        "avatar_url": "https://img.example/canary.png",
        "metadata": { "canary": "canary" },
    });
    match &*place {
        "POST /v1/users" | "PATCH /v1/users/{id}" => body(&user),
        "POST /v1/users/lookup" => body(&json!({ "email": ADDRESS })),
        "POST /v1/users/batch-get" => {
            body(&json!({ "ids": ["0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f"] }))
        }
        "POST /v1/users/import" => Some(("application/x-ndjson", user.to_string())),
        "POST /v1/users/{id}/notifications" => body(&json!({
            "kind": "song", "title": "Canary Broken", "body": "canary",
            "data": { "a": "canary" }, "dedupe_key": "canary-3",
        })),
        "PATCH /v1/users/{id}/notifications/{nid}" => body(&json!({ "archived": true })),
        "POST /v1/users/{id}/notifications/mark-read" => body(&json!({ "all": true })),
        "POST /v1/users/{id}/activity" => body(&json!({
            "kind": "song", "data": { "a": "canary" }, "dedupe_key": "canary-4",
        })),
        _ => panic!("{place} has no canary"),
    }
}
