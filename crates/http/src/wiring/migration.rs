use roster_adapters_postgres as postgres;
use roster_adapters_sqlite as sqlite;

use super::{StartError, embedded};
use crate::settings::{Settings, StoreSettings};

/// What a change of the schema did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The versions that were made or undone, in that order.
    pub steps: Vec<i64>,
    /// The latest version that the database has now; 0 without any.
    pub version: i64,
    /// Where it is, for people: no password in it.
    pub description: String,
}

/// Brings the schema of the store to this release, or undoes every version above one.
///
/// Embedded: refuses while a server holds the data folder.
pub async fn migrate(settings: &Settings, revert_to: Option<i64>) -> Result<Migrated, StartError> {
    match &settings.store {
        StoreSettings::Embedded(settings) => {
            let folder = embedded::lock(settings, "`roster migrate`")?;
            let path = folder.database();
            let report = match revert_to {
                None => sqlite::migrate(&path).await,
                Some(version) => sqlite::revert(&path, version).await,
            }
            .map_err(|source| StartError::Migration(source.into()))?;
            Ok(Migrated {
                steps: report.versions,
                version: report.current,
                description: path.display().to_string(),
            })
        }
        StoreSettings::Distributed(settings) => {
            let url = settings
                .database
                .direct_url
                .as_ref()
                .unwrap_or(&settings.database.url);
            let report = match revert_to {
                None => postgres::migrate(url.expose()).await,
                Some(version) => postgres::revert(url.expose(), version).await,
            }
            .map_err(|source| StartError::Migration(source.into()))?;
            Ok(Migrated {
                steps: report.versions,
                version: report.current,
                description: url.to_string(),
            })
        }
    }
}
