//! The counters are exact, whatever happens at the same time.

use roster_domain::ports::{
    ActivityRepository as _, NotificationRepository as _, UserRepository as _,
};
use roster_domain::{MarkRead, NotificationPatch, UserId};
use roster_port_contracts::samples::{activity, later, new_user, notification};

use crate::support::{Store, store};

/// Notifications, unread ones, activities and the latest activity, counted one by one.
async fn counted(store: &Store, id: UserId) -> (u64, u64, u64, Option<time::OffsetDateTime>) {
    let row: (i64, i64, i64, Option<time::OffsetDateTime>) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM notifications WHERE user_id = $1),
                (SELECT count(*) FROM notifications
                 WHERE user_id = $1 AND read_at IS NULL AND archived_at IS NULL),
                (SELECT count(*) FROM activities WHERE user_id = $1),
                (SELECT max(occurred_at) FROM activities WHERE user_id = $1)",
    )
    .bind(id.get())
    .fetch_one(&mut store.sql().await)
    .await
    .unwrap();
    let count = |rows: i64| u64::try_from(rows).unwrap();
    (count(row.0), count(row.1), count(row.2), row.3)
}

/// What one of 64 clients does: some of it to rows of its own, some to rows that all share.
async fn client(store: &Store, user: UserId, number: u64) {
    let (notifications, activities) = (store.notifications(), store.activities());
    for round in 0..6 {
        let own = notification(1_000 + number * 10 + round);
        notifications.create(user, &own).await.unwrap().unwrap();
        let shared = notification(round);
        notifications.create(user, &shared).await.unwrap().unwrap();
        let patch = NotificationPatch {
            read: [None, Some(true), Some(false)][usize::try_from((number + round) % 3).unwrap()],
            archived: [Some(true), None, Some(false)][usize::try_from(number % 3).unwrap()],
        };
        let at = later(number);
        notifications
            .patch(user, shared.id, patch, at)
            .await
            .unwrap();
        let which = match (number + round) % 8 {
            0 => MarkRead::All,
            1 => MarkRead::UpTo(own.created_at),
            2 => MarkRead::Ids(vec![own.id, shared.id]),
            _ => continue,
        };
        notifications
            .mark_read(user, &which, at)
            .await
            .unwrap()
            .unwrap();
        let appended = [activity(round), activity(1_000 + number), activity(round)];
        activities.append(user, &appended).await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_equal_the_rows_after_64_clients() {
    let Some(store) = store().await else { return };
    let user = store.users().insert(&new_user(1)).await.unwrap().id;
    let store = std::sync::Arc::new(store);
    let clients = (0..64).map(|number| {
        let store = std::sync::Arc::clone(&store);
        tokio::spawn(async move { client(&store, user, number).await })
    });
    for finished in futures::future::join_all(clients).await {
        finished.unwrap();
    }
    let stats = store.stats().find(user).await.unwrap().unwrap();
    let (notifications, unread, activities, latest) = counted(&store, user).await;
    assert_eq!(notifications, 64 * 6 + 6);
    assert_eq!(stats.notifications, notifications);
    assert_eq!(stats.unread_notifications, unread);
    assert_eq!(stats.activities, activities);
    assert_eq!(stats.last_activity_at.map(Into::into), latest);
    let answered = store.notifications().unread(user).await.unwrap();
    assert_eq!(answered, Some(unread));
}

#[tokio::test]
async fn of_32_deliveries_of_one_event_one_is_new_and_all_answer_it() {
    let Some(store) = store().await else { return };
    let user = store.users().insert(&new_user(1)).await.unwrap().id;
    let event = notification(1);
    let deliveries = (0..32).map(|_| {
        let (notifications, event) = (store.notifications(), event.clone());
        tokio::spawn(async move { notifications.create(user, &event).await })
    });
    let mut new = 0;
    for delivery in futures::future::join_all(deliveries).await {
        let created = delivery.unwrap().unwrap().unwrap();
        new += u32::from(created.created);
        assert_eq!(created.notification.id, event.id);
        assert_eq!(created.unread, 1);
    }
    assert_eq!(new, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_among_feed_writes_leaves_no_orphan() {
    let Some(store) = store().await else { return };
    for round in 0..4 {
        let user = store.users().insert(&new_user(round)).await.unwrap().id;
        let writers = (0..24).map(|number| {
            let (notifications, activities) = (store.notifications(), store.activities());
            tokio::spawn(async move {
                let mut stored = 0;
                while notifications
                    .create(user, &notification(number * 1_000 + stored))
                    .await
                    .unwrap()
                    .is_some()
                {
                    stored += 1;
                    activities
                        .append(user, &[activity(number * 1_000 + stored)])
                        .await
                        .unwrap();
                }
                stored
            })
        });
        let writers: Vec<_> = writers.collect();
        while counted(&store, user).await.0 < 10 {
            tokio::task::yield_now().await;
        }
        store
            .users()
            .purge(user, None, later(1))
            .await
            .unwrap()
            .unwrap();
        for writer in futures::future::join_all(writers).await {
            writer.unwrap();
        }
        let (notifications, _, activities, _) = counted(&store, user).await;
        assert_eq!((notifications, activities), (0, 0), "round {round}");
        assert_eq!(store.stats().find(user).await.unwrap(), None);
    }
}
