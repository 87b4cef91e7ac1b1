//! Imports that meet each other and other writers.

use std::collections::HashMap;

use roster_domain::UserId;
use roster_domain::ports::{
    ImportRow, OnConflict, RowResult, UserRepository as _, UserTransfer as _,
};
use roster_port_contracts::samples::{later, name, new_user, replacement_of};

use crate::support::store;

fn rows(numbers: impl IntoIterator<Item = u64>) -> Vec<ImportRow> {
    numbers
        .into_iter()
        .map(|number| ImportRow {
            user: new_user(number),
            id_given: true,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imports_of_the_same_rows_create_each_once() {
    let Some(store) = store().await else { return };
    let imports = (0..4u64).map(|import| {
        let transfer = store.transfer();
        // Each in another order, so that they would wait for each other in a circle.
        let rows = rows((0..200).map(|number| (number * 7 + import * 50) % 200));
        tokio::spawn(async move {
            transfer
                .import(&rows, OnConflict::Skip, later(import))
                .await
        })
    });
    let mut created: HashMap<UserId, u32> = HashMap::new();
    for import in futures::future::join_all(imports).await {
        for result in import.unwrap().unwrap() {
            match result {
                RowResult::Created(id) => *created.entry(id).or_default() += 1,
                RowResult::Skipped(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(created.len(), 200);
    assert!(created.values().all(|times| *times == 1));
    let counts: (i64, i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM user_emails),
                (SELECT count(*) FROM user_stats), (SELECT count(*) FROM user_changes)",
    )
    .fetch_one(&mut store.sql().await)
    .await
    .unwrap();
    assert_eq!(counts, (200, 200, 200, 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_among_other_writes_loses_no_version() {
    let Some(store) = store().await else { return };
    store
        .transfer()
        .import(&rows(0..50), OnConflict::Skip, later(0))
        .await
        .unwrap();
    let importer = store.transfer();
    let import = tokio::spawn(async move {
        let mut updated = 0u64;
        for round in 0..10 {
            let mut rows = rows(0..50);
            for row in &mut rows {
                row.user.name = name(&format!("Imported {round}"));
            }
            let results = importer
                .import(&rows, OnConflict::Update, later(round))
                .await
                .unwrap();
            let changed = |result: &&RowResult| matches!(result, RowResult::Updated(..));
            updated += u64::try_from(results.iter().filter(changed).count()).unwrap();
        }
        updated
    });
    let users = store.users();
    let mut replaced = 0u64;
    for round in 0..100u64 {
        let id = new_user(round % 50).id;
        let user = users.find_many(&[id]).await.unwrap().remove(0);
        let mut replacement = replacement_of(&user);
        replacement.name = name(&format!("Replaced {round}"));
        replaced += u64::from(users.replace(&replacement, later(round)).await.is_ok());
    }
    let updated = import.await.unwrap();
    let sums: (i64, i64) = sqlx::query_as(
        "SELECT (SELECT sum(version)::bigint FROM users), (SELECT count(*) FROM user_changes)",
    )
    .fetch_one(&mut store.sql().await)
    .await
    .unwrap();
    let versions = i64::try_from(50 + updated + replaced).unwrap();
    assert_eq!(sums, (versions, versions));
}
