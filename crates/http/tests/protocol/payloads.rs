//! What is stored and is not ours to read: a miss with a counter, never an answer.

use std::sync::atomic::Ordering;

use roster_adapters_redis::PayloadFault;
use roster_app::{Freshness, StalenessBound, TierStatus, UserError};
use roster_domain::UserId;
use roster_domain::ports::FillOutcome;
use sqlx::Connection as _;

use crate::support::{Node, World, at_least, draft, is_soak};

/// Where the bytes of a value have their schema number, their checksum and their payload.
const SCHEMA: std::ops::Range<usize> = 17..19;
const CRC: std::ops::Range<usize> = 79..83;

fn crc32(parts: [&[u8]; 2]) -> u32 {
    let mut crc = u32::MAX;
    for octet in parts.concat() {
        crc ^= u32::from(octet);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
        }
    }
    !crc
}

/// The same value as another release would have stored it.
fn of_schema(value: &[u8], schema: u16) -> Vec<u8> {
    let mut value = value.to_vec();
    value[SCHEMA].copy_from_slice(&schema.to_be_bytes());
    let crc = crc32([&value[..CRC.start], &value[CRC.end..]]);
    value[CRC].copy_from_slice(&crc.to_be_bytes());
    value
}

/// The stored bytes of a user at version 1.
async fn stored_value(world: &World, node: &Node, id: UserId) -> Vec<u8> {
    node.warm(id).await;
    let value = world.stored(id).await.unwrap();
    assert_eq!(value[0], b'V');
    let crc = crc32([&value[..CRC.start], &value[CRC.end..]]);
    assert_eq!(value[CRC], crc.to_be_bytes());
    value
}

/// A read over these bytes is answered by the database, and they are counted.
async fn is_a_miss(world: &World, node: &Node, id: UserId, bytes: &[u8], fault: PayloadFault) {
    let before = node.events.refused(fault);
    let queries = node.users.queries();
    world.put(id, bytes).await;
    node.settle().await;
    let answer = node.read(id).await;
    assert_eq!(answer.user.name.as_str(), "first");
    assert_eq!(answer.user.version.get(), 1);
    let l2 = answer.trace.l2;
    assert!(matches!(l2, Some(TierStatus::Forwarded { .. })), "{l2:?}");
    assert!(
        node.events.refused(fault) > before,
        "not counted: {bytes:?}"
    );
    assert_eq!(node.users.queries(), queries + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn t14_torn_and_truncated_values_are_misses() {
    let world = world!();
    let node = world.quiet_node().await;
    let id = node.create().await.id;
    let value = stored_value(&world, &node, id).await;
    let step = if is_soak() { 1 } else { 7 };
    // Without its first octet it is not told from what others store.
    for length in (1..value.len()).step_by(step) {
        is_a_miss(&world, &node, id, &value[..length], PayloadFault::Torn).await;
    }
    let longer = [&value[..], b"\0"].concat();
    is_a_miss(&world, &node, id, &longer, PayloadFault::Torn).await;
    for place in (1..value.len()).step_by(step) {
        let mut damaged = value.clone();
        damaged[place] ^= 1 << (place % 8);
        is_a_miss(&world, &node, id, &damaged, PayloadFault::Torn).await;
        // Not even a damaged number keeps the row out of the cache.
        assert_eq!(world.stored(id).await.unwrap()[..17], value[..17]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t14_foreign_bytes_are_misses_and_are_replaced() {
    let world = world!();
    let node = world.quiet_node().await;
    let id = node.create().await.id;
    for bytes in [
        b"".as_slice(),
        b"hello",
        br#"{"id":1}"#,
        b"\xff\xfe\0\0",
        b"X0000000000000001",
    ] {
        is_a_miss(&world, &node, id, bytes, PayloadFault::Foreign).await;
        assert_eq!(world.tag(id).await, Some('V'));
    }
    let before = node.events.refused(PayloadFault::Foreign);
    let key = world.key(id);
    let _: i64 = world.redis(&["DEL", &key]).await;
    let _: i64 = world.redis(&["RPUSH", &key, "a list"]).await;
    node.settle().await;
    assert_eq!(node.version(id).await, Some(1));
    assert!(node.events.refused(PayloadFault::Foreign) > before);
    assert_eq!(world.tag(id).await, Some('V'));
}

/// Databases of tests are copies of one, so they have its identity too.
async fn is_another_database(world: &World) {
    let mut sql = sqlx::PgConnection::connect(world.database.url())
        .await
        .unwrap();
    let changed = sqlx::query("UPDATE cache_namespace SET database = gen_random_uuid()")
        .execute(&mut sql)
        .await;
    assert_eq!(changed.unwrap().rows_affected(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn t14_values_of_another_owner_are_misses_and_are_replaced() {
    let world = world!();
    let node = world.quiet_node().await;
    let id = node.create().await.id;

    // The same user in a database of its own, by another name.
    let elsewhere = world!();
    is_another_database(&elsewhere).await;
    let stranger = elsewhere.quiet_node().await;
    stranger.service.create(draft(id)).await.unwrap();
    stranger.rename(id, "stranger").await;
    stranger.warm(id).await;
    let theirs = elsewhere.stored(id).await.unwrap();
    is_a_miss(&world, &node, id, &theirs, PayloadFault::OtherDatabase).await;

    let other = node.create().await.id;
    node.rename(other, "other").await;
    node.warm(other).await;
    let others = world.stored(other).await.unwrap();
    is_a_miss(&world, &node, id, &others, PayloadFault::OtherEntity).await;

    let cleared = stored_value(&world, &node, id).await;
    node.service.clear_caches().await.unwrap();
    is_a_miss(&world, &node, id, &cleared, PayloadFault::OtherEpoch).await;
    assert_ne!(stored_value(&world, &node, id).await, cleared);
}

#[tokio::test(flavor = "multi_thread")]
async fn t14_another_schema_is_a_miss_and_a_newer_one_stays() {
    let world = world!();
    let node = world.quiet_node().await;
    let id = node.create().await.id;
    let value = stored_value(&world, &node, id).await;
    let ours = u16::from_be_bytes(value[SCHEMA].try_into().unwrap());

    is_a_miss(
        &world,
        &node,
        id,
        &of_schema(&value, 0),
        PayloadFault::OlderSchema,
    )
    .await;
    let replaced = stored_value(&world, &node, id).await;
    assert_eq!(replaced[SCHEMA], ours.to_be_bytes());

    let newer = of_schema(&value, ours + 1);
    for _ in 0..3 {
        is_a_miss(&world, &node, id, &newer, PayloadFault::NewerSchema).await;
        assert_eq!(world.stored(id).await.unwrap(), newer);
    }
    // And an invalidation ends it as any other.
    node.rename(id, "second").await;
    assert_eq!(node.version(id).await, Some(2));
    assert_eq!(world.tag(id).await, Some('V'));
}

#[tokio::test(flavor = "multi_thread")]
async fn t14_a_row_of_a_lagging_source_is_counted_and_not_stored() {
    let world = world!();
    let (node, writer) = (world.quiet_node().await, world.quiet_node().await);
    let old = writer.create().await;
    let id = old.id;
    writer.rename(id, "second").await;
    node.users.lagging.lock().unwrap().insert(id, old);

    for round in 1..=3 {
        assert_eq!(node.read(id).await.bound, StalenessBound::Unproven);
        let stale = |event: &_| matches!(event, roster_app::CacheEvent::StaleSource);
        assert_eq!(node.events.count(stale), round);
        assert_eq!(node.cache.fills(), vec![FillOutcome::StaleSource; round]);
        assert_eq!(world.stored(id).await.unwrap(), b"T0000000000000002");
        assert_eq!(node.near_version(id).await, None);
    }
    let ahead = node.service.get(id, at_least(2)).await;
    let is_ahead = |current: u64| matches!(&ahead, Err(UserError::VersionAhead { current: found }) if found.get() == current);
    assert!(is_ahead(1), "{ahead:?}");
    // The other node reads the primary, and what it fills serves both.
    assert_eq!(writer.version(id).await, Some(2));
    node.settle().await;
    assert_eq!(node.version(id).await, Some(2));

    node.users.lagging.lock().unwrap().clear();
    let strong = node.service.get(id, Freshness::STRONG).await.unwrap();
    assert_eq!(strong.user.version.get(), 2);
    assert!(node.users.queries.load(Ordering::SeqCst) >= 4);
}
