use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};
use std::{env, fs, thread};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;

use crate::ServiceError;
use crate::error::BoxError;
use crate::postgres::{PostgresOptions, PostgresServer};
use crate::skip::or_skip;

/// The environment variable with the URL of a PostgreSQL server that tests share; its user must be a superuser.
pub const SERVER_URL_VARIABLE: &str = "ROSTER_TEST_POSTGRES_URL";

const DROP_LIMIT: Duration = Duration::from_secs(30);
const RENAME_TRIES: u32 = 100;
const RENAME_PAUSE: Duration = Duration::from_millis(50);

/// A database for one test, dropped with this value.
pub struct TestDatabase {
    server: Url,
    name: String,
    url: String,
}

impl TestDatabase {
    /// The database's URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// A fresh PostgreSQL database for one test, with the schema that `migrate` makes.
///
/// The server is that of `ROSTER_TEST_POSTGRES_URL`, else a private one of this process. `migrate` gets the URL of an
/// empty database, and must close its connections to it before it ends. It runs once for each test executable and
/// `template`, also when many processes ask at once; every test gets a copy of what it left.
///
/// `None` when there is no server to be had, by the rule of [`or_skip`].
///
/// # Panics
/// When the server is there, but the migrations or the copy fail: that is a failed test, not a skipped one.
#[expect(clippy::panic, reason = "fails the test that asked")]
pub async fn test_database(
    template: &str,
    migrate: impl AsyncFnOnce(String) -> Result<(), BoxError>,
) -> Option<TestDatabase> {
    let server = or_skip(server_url())?;
    match copy_of_template(server, &template_name(template), migrate).await {
        Ok(database) => Some(database),
        Err(error) => panic!("no test database: {}", error.chain()),
    }
}

fn server_url() -> Result<Url, ServiceError> {
    static PRIVATE: OnceLock<PostgresServer> = OnceLock::new();
    static STARTING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let url = if let Ok(given) = env::var(SERVER_URL_VARIABLE) {
        given
    } else {
        let _alone = STARTING.lock();
        if PRIVATE.get().is_none() {
            let settings = vec![("max_connections".to_owned(), "300".to_owned())];
            let server = PostgresServer::start(PostgresOptions {
                settings,
                ..PostgresOptions::default()
            })?;
            let _ = PRIVATE.set(server);
        }
        PRIVATE
            .get()
            .map(|server| server.url("postgres"))
            .unwrap_or_default()
    };
    Url::parse(&url).map_err(|source| ServiceError::BadUrl { source })
}

/// Changed migrations come with a changed executable, and so with a new template.
fn template_name(template: &str) -> String {
    let mut hasher = DefaultHasher::new();
    if let Ok(executable) = env::current_exe() {
        executable.hash(&mut hasher);
        if let Ok(metadata) = fs::metadata(&executable) {
            metadata.len().hash(&mut hasher);
            let changed = metadata
                .modified()
                .ok()
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            changed.hash(&mut hasher);
        }
    }
    template.hash(&mut hasher);
    let readable: String = template
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(20)
        .collect();
    format!(
        "roster_test_t_{}_{:016x}",
        readable.to_ascii_lowercase(),
        hasher.finish()
    )
}

async fn copy_of_template(
    server: Url,
    template: &str,
    migrate: impl AsyncFnOnce(String) -> Result<(), BoxError>,
) -> Result<TestDatabase, ServiceError> {
    let mut connection = PgConnection::connect(server.as_str())
        .await
        .map_err(ServiceError::database("connect"))?;
    if !exists(&mut connection, template).await? {
        make_template(&mut connection, &server, template, migrate).await?;
    }
    let name: String =
        sqlx::query_scalar("SELECT 'roster_test_d_' || replace(gen_random_uuid()::text, '-', '')")
            .fetch_one(&mut connection)
            .await
            .map_err(ServiceError::database("choose a name"))?;
    run(
        &mut connection,
        "copy the template",
        format!("CREATE DATABASE {name} TEMPLATE {template}"),
    )
    .await?;
    let _ = connection.close().await;
    let url = with_database(&server, &name);
    Ok(TestDatabase { server, name, url })
}

/// Under a lock, so that of many test processes one makes it and the others wait; under another name until it is
/// finished, so that one killed half-way leaves nothing that looks finished.
async fn make_template(
    connection: &mut PgConnection,
    server: &Url,
    template: &str,
    migrate: impl AsyncFnOnce(String) -> Result<(), BoxError>,
) -> Result<(), ServiceError> {
    sqlx::query("SELECT pg_advisory_lock(hashtextextended($1, 0))")
        .bind(template)
        .execute(&mut *connection)
        .await
        .map_err(ServiceError::database("lock the template"))?;
    if exists(connection, template).await? {
        return unlock(connection).await;
    }
    drop_stale(connection).await?;
    let unfinished = format!("{template}_new");
    run(
        connection,
        "drop a half-made template",
        format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)"),
    )
    .await?;
    run(
        connection,
        "make a template",
        format!("CREATE DATABASE {unfinished}"),
    )
    .await?;
    migrate(with_database(server, &unfinished))
        .await
        .map_err(|source| ServiceError::Migration { source })?;
    let rename = format!("ALTER DATABASE {unfinished} RENAME TO {template}");
    let mut tries = 1;
    // A closed connection's backend lives on for a moment, and the name is locked until it is gone.
    while let Err(error) = run(connection, "finish the template", rename.clone()).await {
        if tries == RENAME_TRIES {
            return Err(error);
        }
        tries += 1;
        tokio::time::sleep(RENAME_PAUSE).await;
    }
    run(
        connection,
        "close the template",
        format!("ALTER DATABASE {template} ALLOW_CONNECTIONS false"),
    )
    .await?;
    unlock(connection).await
}

async fn unlock(connection: &mut PgConnection) -> Result<(), ServiceError> {
    run(
        connection,
        "unlock the template",
        "SELECT pg_advisory_unlock_all()".to_owned(),
    )
    .await
}

/// A test killed half-way leaves its database behind on a server that outlives it, and each build a template.
async fn drop_stale(connection: &mut PgConnection) -> Result<(), ServiceError> {
    let stale: Vec<String> = sqlx::query_scalar(
        r"SELECT datname::text FROM pg_database
          WHERE datname LIKE 'roster\_test\_%'
            AND (pg_stat_file('base/' || oid || '/PG_VERSION', true)).modification < now() - interval '1 day'",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(ServiceError::database("look for stale databases"))?;
    for name in stale {
        // Another process may be at the same: what is gone is gone.
        let _ = run(
            connection,
            "drop a stale database",
            format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        )
        .await;
    }
    Ok(())
}

async fn exists(connection: &mut PgConnection, name: &str) -> Result<bool, ServiceError> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(connection)
        .await
        .map_err(ServiceError::database("look for the template"))
}

async fn run(
    connection: &mut PgConnection,
    doing: &'static str,
    statement: String,
) -> Result<(), ServiceError> {
    sqlx::query(AssertSqlSafe(statement))
        .execute(connection)
        .await
        .map_err(ServiceError::database(doing))?;
    Ok(())
}

fn with_database(server: &Url, name: &str) -> String {
    let mut url = server.clone();
    url.set_path(name);
    url.into()
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // A thread of its own, because the test's runtime cannot be waited for from inside it.
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .ok()?;
            runtime.block_on(async {
                tokio::time::timeout(DROP_LIMIT, drop_database(server, name))
                    .await
                    .ok()?
                    .ok()
            })
        });
        let _ = dropping.join();
    }
}

async fn drop_database(server: Url, name: String) -> Result<(), ServiceError> {
    let mut connection = PgConnection::connect(server.as_str())
        .await
        .map_err(ServiceError::database("connect"))?;
    run(
        &mut connection,
        "drop a database",
        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
    )
    .await
}
