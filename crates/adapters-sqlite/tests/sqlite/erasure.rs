//! What is left of an erased user in the files, and the keys of users stored without.

use std::fs;
use std::path::Path;

use roster_adapters_sqlite::open;
use roster_domain::ports::{Once, Outcome, Write};
use roster_domain::{Fingerprint, KeySlot, NewUser};
use roster_port_contracts::StoreFixture;
use roster_port_contracts::samples::{
    activity, email, later, name, new_user, notification, rename, user_id,
};

use crate::support::{Fixture, fixture, patient};

const CANARY: &str = "canary";

#[tokio::test]
async fn nothing_of_a_purged_user_is_left_in_the_files() {
    let fixture = fixture().await.unwrap();
    // Others around it, so that its pages are shared and freed.
    for number in 1..=200 {
        fixture.users().insert(&new_user(number)).await.unwrap();
    }
    let id = live_as_canary(&fixture).await;
    assert!(
        is_anywhere(fixture.folder.path()),
        "the test looks at nothing"
    );
    let purged = fixture.users().purge(id, None, later(9)).await;
    assert!(purged.unwrap().is_some());
    assert!(!is_anywhere(fixture.folder.path()));
    fixture.store.close().await;
    assert!(!is_anywhere(fixture.folder.path()));
}

/// A user with everything that a store keeps, under names that are looked for.
async fn live_as_canary(fixture: &Fixture) -> roster_domain::UserId {
    let new = NewUser {
        email: email("Canary@example.com"),
        name: name("Canary Bird"),
        avatar_url: Some("https://img.example/canary.png".parse().unwrap()),
        metadata: r#"{"nick":"canary"}"#.parse().unwrap(),
        ..new_user(1_000)
    };
    let id = new.id;
    let once = |slot| Once {
        slot: KeySlot::new([slot; 32]),
        request: Fingerprint::new([1; 32]),
        keep: |_, outcome| match outcome {
            Outcome::User(user) => user.name.as_str().as_bytes().to_vec(),
            _ => b"canary".to_vec(),
        },
    };
    let mut told = notification(1);
    told.title = "A canary sings".parse().unwrap();
    let mut sung = activity(1);
    sung.data = r#"{"song":"canary"}"#.parse().unwrap();
    let writes = [
        Write::Insert(new),
        Write::Notify {
            user: id,
            notification: told,
        },
        Write::Append {
            user: id,
            activities: vec![sung],
        },
    ];
    for (slot, write) in (1..).zip(&writes) {
        let writes = fixture.writes();
        let performed = writes.perform(write, later(1), Some(once(slot))).await;
        performed.unwrap();
    }
    // Rows that grow leave their old places behind.
    let grown = rename(&format!("Canary {}", "bird ".repeat(30)));
    let patched = fixture.users().patch(id, &grown, None, later(2)).await;
    assert!(patched.unwrap().is_some());
    id
}

fn is_anywhere(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let octets = fs::read(entry.unwrap().path()).unwrap();
        let octets = octets.to_ascii_lowercase();
        octets
            .windows(CANARY.len())
            .any(|found| found == CANARY.as_bytes())
    })
}

#[tokio::test]
async fn rows_of_a_release_without_keys_get_theirs_when_the_file_is_opened() {
    let fixture = fixture().await.unwrap();
    for number in 1..=3 {
        fixture.users().insert(&new_user(number)).await.unwrap();
    }
    fixture.store.close().await;
    let mut raw = fixture.raw().await;
    sqlx::query("UPDATE users SET search_name = NULL, search_email = NULL, search_shared = NULL")
        .execute(&mut raw)
        .await
        .unwrap();
    let store = open(&fixture.path(), &patient()).await.unwrap();
    let stored: Vec<(Vec<u8>, String, String, i64, i64)> = sqlx::query_as(
        "SELECT id, search_name, search_email, search_shared, version FROM users ORDER BY id",
    )
    .fetch_all(&mut raw)
    .await
    .unwrap();
    assert_eq!(stored.len(), 3);
    let first = (
        user_id(1).get().as_bytes().to_vec(),
        "user 1".to_owned(),
        "user-1@example.com".to_owned(),
        4,
        1,
    );
    assert_eq!(stored[0], first);
    store.close().await;
}
