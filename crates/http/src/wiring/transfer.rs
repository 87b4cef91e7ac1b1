use std::sync::Arc;

use roster_adapters_postgres::{PostgresPool, PostgresUserTransfer};
use roster_adapters_sqlite::SqliteUserTransfer;
use roster_app::Runtime;
use roster_domain::ports::UserTransfer;

use super::embedded::Embedded;
use super::{StartError, distributed};
use crate::settings::{Settings, StoreSettings};

/// A store that a command may fill or read as a whole, for as long as this value lives.
pub struct OpenTransfer {
    /// The store.
    pub transfer: Arc<dyn UserTransfer>,
    /// Where it is, for people: no password in it.
    pub description: String,
    store: OpenStore,
}

enum OpenStore {
    Embedded(Embedded),
    Distributed(PostgresPool),
}

/// Opens the store that the settings name, for a command.
///
/// Embedded: refuses while a server holds the data folder, and names its address; makes the
/// folder and its tables when they are not there. PostgreSQL: waits for a database that is not
/// there yet, and refuses a schema that is not this release's.
pub async fn open_transfer(
    settings: &Settings,
    runtime: &Runtime,
) -> Result<OpenTransfer, StartError> {
    match &settings.store {
        StoreSettings::Embedded(settings) => {
            let embedded = Embedded::open(
                settings,
                "a `roster` command that reads or writes all users",
            )
            .await?;
            Ok(OpenTransfer {
                transfer: Arc::new(SqliteUserTransfer::new(embedded.store())),
                description: embedded.description(),
                store: OpenStore::Embedded(embedded),
            })
        }
        StoreSettings::Distributed(settings) => {
            let pool = distributed::connect(&settings.database)?;
            distributed::wait_for_schema(&pool, &settings.database, runtime).await?;
            Ok(OpenTransfer {
                transfer: Arc::new(PostgresUserTransfer::new(pool.clone())),
                description: settings.database.url.to_string(),
                store: OpenStore::Distributed(pool),
            })
        }
    }
}

impl OpenTransfer {
    /// Closes the store after what is under way; a database file is whole without its log then.
    pub async fn close(self) {
        match self.store {
            OpenStore::Embedded(embedded) => embedded.close().await,
            OpenStore::Distributed(pool) => pool.close().await,
        }
    }
}
