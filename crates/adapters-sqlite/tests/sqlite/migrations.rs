use std::path::PathBuf;

use roster_adapters_sqlite::{MigrateError, OpenError, migrate, migration_status, open, revert};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use crate::support::patient;

fn database() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("roster.db");
    (folder, path)
}

async fn raw(path: &std::path::Path) -> SqliteConnection {
    let url = format!("sqlite:{}", path.display());
    SqliteConnection::connect(&url).await.unwrap()
}

/// Every table and index that is not the driver's or SQLite's own.
async fn schema(path: &std::path::Path) -> Vec<(String, Option<String>)> {
    let mut raw = raw(path).await;
    sqlx::query_as(
        "SELECT name, sql FROM sqlite_schema
        WHERE name NOT LIKE '%sqlx_migrations%' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .fetch_all(&mut raw)
    .await
    .unwrap()
}

#[tokio::test]
async fn up_down_and_up_again_ends_in_the_same_schema() {
    let (_folder, path) = database();
    let up = migrate(&path).await.unwrap();
    let first = schema(&path).await;
    assert!(first.len() > 10, "{first:?}");
    assert_eq!(up.versions.last(), Some(&up.current));
    assert!(migration_status(&path).await.unwrap().is_current());

    let mut down = revert(&path, 0).await.unwrap();
    down.versions.reverse();
    assert_eq!((down.versions, down.current), (up.versions.clone(), 0));
    assert_eq!(schema(&path).await, []);
    let status = migration_status(&path).await.unwrap();
    assert_eq!(
        (status.pending, status.latest),
        (up.versions.clone(), up.current)
    );

    assert_eq!(migrate(&path).await.unwrap(), up);
    assert_eq!(schema(&path).await, first);
    assert!(migrate(&path).await.unwrap().versions.is_empty());
}

#[tokio::test]
async fn each_version_reverts_to_the_schema_before_it() {
    let (_folder, path) = database();
    let versions = migrate(&path).await.unwrap().versions;
    for version in versions.iter().rev() {
        let down = revert(&path, version - 1).await.unwrap();
        assert_eq!(down.versions, [*version]);
    }
    assert_eq!(schema(&path).await, []);
}

#[tokio::test]
async fn a_version_that_was_changed_afterwards_is_refused() {
    let (_folder, path) = database();
    migrate(&path).await.unwrap();
    sqlx::query("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 2")
        .execute(&mut raw(&path).await)
        .await
        .unwrap();
    let refused = open(&path, &patient()).await.unwrap_err();
    match refused {
        OpenError::Migrate { source, .. } => {
            assert!(
                matches!(source, MigrateError::Changed { version: 2 }),
                "{source:?}"
            );
        }
        OpenError::File { .. } => panic!("{refused:?}"),
    }
    assert_eq!(migration_status(&path).await.unwrap().changed, [2]);
}

#[tokio::test]
async fn what_a_newer_release_added_does_not_disturb() {
    let (_folder, path) = database();
    migrate(&path).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'newer', true, x'00', 0)",
    )
    .execute(&mut raw(&path).await)
    .await
    .unwrap();
    open(&path, &patient()).await.unwrap();
    let status = migration_status(&path).await.unwrap();
    assert!(status.is_current());
    assert_eq!(status.newer, [9_999]);
    let refused = revert(&path, 0).await.unwrap_err();
    assert!(
        matches!(refused, MigrateError::Unknown { version: 9_999 }),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_by_name() {
    let (_folder, path) = database();
    std::fs::write(
        &path,
        "not a database, but long enough to be taken for one".repeat(99),
    )
    .unwrap();
    let refused = open(&path, &patient()).await.unwrap_err();
    assert!(refused.to_string().contains("roster.db"), "{refused}");
}
