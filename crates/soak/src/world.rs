use std::path::{Path, PathBuf};
use std::time::Duration;

use roster_test_services::{TestDatabase, test_database};
use sqlx::{Connection as _, PgConnection, Row as _};
use tempfile::TempDir;
use uuid::Uuid;

use crate::node::command;
use crate::{Client, Finals, Node, NodeOptions, Result};

/// One database and the binary that serves from it.
pub struct World {
    database: TestDatabase,
    binary: PathBuf,
    folder: TempDir,
}

impl World {
    /// A migrated database of its own; `None` where no PostgreSQL is to be had, as tests are skipped.
    pub async fn start(binary: &Path) -> Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let migrate = async |url: String| {
            let done = command(binary, folder.path())
                .args(["migrate", "--database-url", &url])
                .output()?;
            if done.status.success() {
                Ok(())
            } else {
                Err(String::from_utf8_lossy(&done.stderr).into_owned().into())
            }
        };
        let Some(database) = test_database("nodes", migrate).await else {
            return Ok(None);
        };
        Ok(Some(Self {
            database,
            binary: binary.to_owned(),
            folder,
        }))
    }

    /// The database's URL.
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// A process on this database, with this Redis.
    pub fn node(&self, redis_url: &str) -> Result<Node> {
        self.node_with(&NodeOptions {
            redis_url: redis_url.to_owned(),
            ..NodeOptions::default()
        })
    }

    /// A process with more to say about it; without a database named, on this one.
    pub fn node_with(&self, options: &NodeOptions) -> Result<Node> {
        let mut options = options.clone();
        if options.database_url.is_empty() {
            self.database_url().clone_into(&mut options.database_url);
        }
        Node::start(&self.binary, self.folder.path(), &options)
    }

    /// A connection that no process under test knows of.
    pub async fn sql(&self) -> Result<PgConnection> {
        Ok(PgConnection::connect(self.database_url()).await?)
    }

    /// So many new users, at version 1, with value 0.
    pub async fn users(&self, through: &Node, count: usize) -> Result<Vec<Uuid>> {
        let mut client = Client::new(through.address());
        let mut ids = Vec::with_capacity(count);
        for number in 0..count {
            ids.push(Self::user(&mut client, number).await?);
        }
        Ok(ids)
    }

    /// On a busy machine the first connections to the database may take longer than a request.
    async fn user(client: &mut Client, number: usize) -> Result<Uuid> {
        for tried in 1..Self::TRIES {
            // What was refused may be there all the same, so each try has an address of its own.
            if let Ok(id) = client.create(number + tried * 1_000_000).await {
                return Ok(id);
            }
            tokio::time::sleep(Self::PAUSE).await;
        }
        client.create(number).await
    }

    const TRIES: usize = 20;
    const PAUSE: Duration = Duration::from_millis(100);

    /// What the rows hold now.
    pub async fn finals(&self, keys: &[Uuid]) -> Result<Finals> {
        let mut sql = self.sql().await?;
        let rows = sqlx::query("SELECT id, version, name FROM users WHERE id = ANY($1)")
            .bind(keys)
            .fetch_all(&mut sql)
            .await?;
        let mut finals = vec![(0, None); keys.len()];
        for row in rows {
            let id: Uuid = row.try_get("id")?;
            let (version, name): (i64, String) = (row.try_get("version")?, row.try_get("name")?);
            for (key, last) in keys.iter().zip(&mut finals) {
                if *key == id {
                    *last = (u64::try_from(version)?, crate::client::value_in(&name));
                }
            }
        }
        Ok(Finals(finals))
    }
}
