//! Versions that a double cannot tell apart, and the last ones that there are.

use std::sync::Arc;

use roster_app::{CacheEvent, Freshness, UserError};
use roster_domain::ports::{
    AcquireRequest, Acquired, CacheLookup, FillOutcome, FillRequest, Filling, Invalidation, Lease,
    LeaseToken, UserCache as _,
};
use roster_domain::{User, UserId, UserVersion};
use sqlx::Connection as _;

use crate::support::{Node, PATIENCE, World, at_least};

const DOUBLE: u64 = 1 << 53;
/// Where the column of the version ends.
const LAST_ROW: u64 = i64::MAX as u64;

/// Sets the version of a row as no service would.
async fn set_version(world: &World, id: UserId, version: u64) {
    let mut sql = sqlx::PgConnection::connect(world.database.url())
        .await
        .unwrap();
    let set = sqlx::query("UPDATE users SET version = $2 WHERE id = $1");
    let version = i64::try_from(version).unwrap();
    let set = set.bind(id.get()).bind(version).execute(&mut sql).await;
    assert_eq!(set.unwrap().rows_affected(), 1);
    sql.close().await.unwrap();
    let _: i64 = world.redis(&["DEL", &world.key(id)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t14_versions_that_a_double_confuses_are_told_apart() {
    let world = world!();
    let (node, other) = (world.node().await, world.node().await);
    for version in [DOUBLE - 1, DOUBLE, DOUBLE + 1, LAST_ROW - 2, LAST_ROW - 1] {
        let id = node.create().await.id;
        set_version(&world, id, version).await;
        for node in [&node, &other] {
            node.settle().await;
            assert_eq!(node.warm(id).await, version);
        }
        let written = node.rename(id, "second").await;
        assert_eq!(written.version.get(), version + 1);
        assert_eq!(node.version(id).await, Some(version + 1));
        let answer = other.service.get(id, at_least(version + 1)).await.unwrap();
        assert_eq!(answer.user.version.get(), version + 1);
        other.settle().await;
        assert_eq!(other.warm(id).await, version + 1);
        let ahead = other.service.get(id, at_least(version + 2)).await;
        let is_ahead = matches!(&ahead, Err(UserError::VersionAhead { current }) if current.get() == version + 1);
        assert!(is_ahead, "{ahead:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t14_a_row_at_the_end_of_its_column_is_still_read() {
    let world = world!();
    let node = world.quiet_node().await;
    let id = node.create().await.id;
    set_version(&world, id, LAST_ROW).await;
    assert_eq!(node.warm(id).await, LAST_ROW);
    let refused = node
        .service
        .update(id, crate::support::patch("second"), None)
        .await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(node.version(id).await, Some(LAST_ROW));
    let strong = node.service.get(id, Freshness::STRONG).await.unwrap();
    assert_eq!(strong.user.version.get(), LAST_ROW);
    assert_eq!(
        node.events.count(|event| *event == CacheEvent::StaleSource),
        0
    );
}

/// Fills a version into a key that holds this floor; answers what became of it.
async fn fill(node: &Node, user: &User, version: UserVersion) -> FillOutcome {
    let namespace = node.namespace().await;
    let lease = Lease {
        id: user.id,
        token: LeaseToken(node.runtime.ids.random_token()),
    };
    let request = AcquireRequest {
        lease,
        hold_for: PATIENCE,
        unusable: None,
        likely_absent: false,
    };
    let acquired = node
        .cache
        .acquire_many(namespace, &[request])
        .await
        .unwrap();
    assert!(matches!(acquired.reply[..], [Acquired::Granted { .. }]));
    let user = User {
        version,
        ..user.clone()
    };
    let expires_at = node.runtime.clock.now().plus(PATIENCE);
    let fill = FillRequest {
        lease,
        filling: Filling::User(Arc::new(user), expires_at),
        ttl: PATIENCE,
    };
    node.cache.fill_many(namespace, &[fill]).await.unwrap()[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn t14_every_pair_of_versions_around_the_limits_is_compared_rightly() {
    let world = world!();
    let node = world.quiet_node().await;
    let user = node.create().await;
    let namespace = node.namespace().await;
    let around = [1, DOUBLE, LAST_ROW, u64::MAX];
    let versions: Vec<u64> = around
        .iter()
        .flat_map(|limit| [limit - 1, *limit, limit.saturating_add(1)])
        .filter(|version| *version > 0)
        .collect();
    for stored in &versions {
        for floor in &versions {
            let _: i64 = world.redis(&["DEL", &world.key(user.id)]).await;
            let (stored, floor) = (UserVersion::new(*stored), UserVersion::new(*floor));
            assert_eq!(fill(&node, &user, stored).await, FillOutcome::Stored);
            let invalidation = Invalidation { id: user.id, floor };
            let changed = node.cache.invalidate_many(&[invalidation]).await.unwrap();
            assert_eq!(changed, [floor > stored], "{stored} under {floor}");
            let found = node.cache.get_many(namespace, &[user.id]).await.unwrap();
            match &found.reply[0] {
                CacheLookup::Value { user, .. } => {
                    assert_eq!(user.version, stored);
                    assert!(stored >= floor);
                }
                CacheLookup::Floor { floor: found, .. } => {
                    assert_eq!(*found, floor);
                    assert!(floor > stored);
                    // A lagging source is told from a current one.
                    assert_eq!(fill(&node, &user, stored).await, FillOutcome::StaleSource);
                    assert_eq!(fill(&node, &user, floor).await, FillOutcome::Stored);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
