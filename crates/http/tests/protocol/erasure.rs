//! What is left of a user who was erased: nothing that is personal, in no store.

use std::sync::Arc;

use roster_adapters_postgres::{
    PostgresActivities, PostgresNotifications, PostgresUserSearch, PostgresUserWrites,
};
use roster_app::{
    ActivityDraft, ActivityService, Answered, NotificationDraft, NotificationService,
};
use roster_domain::ports::{Once, Outcome, UserSearch as _, UserWrites};
use roster_domain::{Fingerprint, JsonObject, KeySlot, UserId};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::support::{Node, World, draft, patch};

const CANARY: &str = "canary";

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_leaves_nothing_personal_in_the_database_and_in_redis() {
    let world = world!();
    let (one, other) = (world.node().await, world.node().await);
    let id = UserId::new(one.runtime.ids.next_id());
    live_as_canary(&one, id).await;
    other.warm(id).await;
    let before = (dump(&world).await, world.dump_all().await);
    assert!(
        is_in(&before.0) && is_in(&before.1),
        "the test looks at nothing"
    );

    one.service.purge(id, None).await.unwrap();

    let left = dump(&world).await;
    assert!(!is_in(&left), "{}", lines_of(&left));
    assert!(
        left.windows(36)
            .any(|text| text == id.to_string().as_bytes())
    );
    assert!(!is_in(&world.dump_all().await));
    other.settle().await;
    assert_eq!(other.version(id).await, None);
    let unkeyed = PostgresUserSearch::new(one.pool.clone())
        .index_missing(10)
        .await;
    assert_eq!(unkeyed.unwrap(), 0);
}

/// A user with everything that the service keeps of one, under names that are looked for.
async fn live_as_canary(node: &Node, id: UserId) {
    let writes: Arc<dyn UserWrites> = Arc::new(PostgresUserWrites::new(node.pool.clone()));
    let mut new = draft(id);
    new.email = "Canary@example.com".parse().unwrap();
    new.name = "Canary Bird".parse().unwrap();
    new.avatar_url = Some("https://img.example/canary.png".parse().unwrap());
    new.metadata = r#"{"nick":"canary"}"#.parse().unwrap();
    let created = node.service.create_once(new, once(1)).await.unwrap();
    assert!(matches!(created, Answered::Now(_)));
    let update = patch("Canary Renamed");
    node.service
        .update_once(id, update, None, once(2))
        .await
        .unwrap();
    let notifications = NotificationService::new(
        Arc::new(PostgresNotifications::new(node.pool.clone())),
        Arc::clone(&writes),
        node.runtime.clone(),
    );
    let told = NotificationDraft {
        kind: "song".parse().unwrap(),
        title: "A canary sings".parse().unwrap(),
        body: None,
        data: JsonObject::empty(),
        dedupe_key: None,
    };
    notifications.create_once(id, told, once(3)).await.unwrap();
    let activities = ActivityService::new(
        Arc::new(PostgresActivities::new(node.pool.clone())),
        writes,
        node.runtime.clone(),
    );
    let sung = ActivityDraft {
        kind: "song".parse().unwrap(),
        occurred_at: None,
        data: r#"{"song":"canary"}"#.parse().unwrap(),
        dedupe_key: None,
    };
    activities
        .append_once(id, vec![sung], once(4))
        .await
        .unwrap();
}

fn once(slot: u8) -> Once {
    Once {
        slot: KeySlot::new([slot; 32]),
        request: Fingerprint::new([slot; 32]),
        keep: |_, outcome| match outcome {
            Outcome::User(user) => user.name.as_str().as_bytes().to_vec(),
            _ => b"canary".to_vec(),
        },
    }
}

/// Every row of every table as text, as `pg_dump --data-only` has them.
async fn dump(world: &World) -> Vec<u8> {
    let mut sql = PgConnection::connect(world.database.url()).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    assert!(tables.len() > 5, "{tables:?}");
    let mut dump = Vec::new();
    for table in tables {
        let rows = format!("SELECT t::text FROM {table} t");
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(rows))
            .fetch_all(&mut sql)
            .await
            .unwrap();
        for row in rows {
            dump.extend_from_slice(format!("{table}: {row}\n").as_bytes());
        }
    }
    dump
}

/// Whether the name stands there as text, or in the hexadecimal of a `bytea`.
fn is_in(octets: &[u8]) -> bool {
    const HEXADECIMAL: [&str; 2] = ["63616e617279", "43616e617279"];
    let octets = octets.to_ascii_lowercase();
    HEXADECIMAL.iter().chain([&CANARY]).any(|name| {
        let mut places = octets.windows(name.len());
        places.any(|found| found == name.as_bytes())
    })
}

fn lines_of(dump: &[u8]) -> String {
    let text = String::from_utf8_lossy(dump);
    let lines = text.lines().filter(|line| is_in(line.as_bytes()));
    lines.collect::<Vec<_>>().join("\n")
}
