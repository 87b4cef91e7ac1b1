use futures::future::join_all;
use roster_domain::pagination::{Counting, UserFilter};
use roster_domain::ports::WriteError;
use roster_domain::{MarkRead, NewUser, NotificationPatch};
use roster_port_contracts::StoreFixture as _;
use roster_port_contracts::samples::{
    activity, email, later, new_user, notification, notification_id, user_id,
};

use crate::support::fixture;

#[tokio::test(flavor = "multi_thread")]
async fn one_of_64_creates_wins_an_address() {
    let fixture = fixture().await.unwrap();
    let creates = (1..=64).map(|number| {
        let users = fixture.users();
        let user = NewUser {
            email: email("one@example.com"),
            ..new_user(number)
        };
        async move { users.insert(&user).await }
    });
    let results = join_all(creates).await;
    let refused = |result: &&Result<_, _>| matches!(result, Err(WriteError::EmailTaken));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(results.iter().filter(refused).count(), 63);
    let users = fixture.users();
    let stored = users.count(&UserFilter::default(), Counting::Exact).await;
    assert_eq!(stored.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_writers_at_once_all_finish() {
    let fixture = fixture().await.unwrap();
    let users = fixture.users();
    let inserts = (1..=1_000).map(|number| {
        let users = fixture.users();
        tokio::spawn(async move { users.insert(&new_user(number)).await })
    });
    for inserted in join_all(inserts).await {
        inserted.unwrap().unwrap();
    }
    let count = users.count(&UserFilter::default(), Counting::Exact).await;
    assert_eq!(count.unwrap(), 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_are_exact_after_writes_of_every_kind_at_once() {
    let fixture = fixture().await.unwrap();
    let user = fixture.users().insert(&new_user(1)).await.unwrap().id;
    let work = (0..200_u64).map(|number| {
        let (feed, activities) = (fixture.notifications(), fixture.activities());
        tokio::spawn(async move {
            // Every notification is created twice, some are read one by one, some archived,
            // and some by whoever marks all.
            let id = notification_id(number / 2);
            feed.create(user, &notification(number / 2)).await.unwrap();
            let patch = NotificationPatch {
                read: Some(number % 3 == 0),
                archived: (number % 5 == 0).then_some(true),
            };
            feed.patch(user, id, patch, later(1)).await.unwrap();
            match number % 40 {
                0 => feed.mark_read(user, &MarkRead::All, later(2)).await,
                _ => {
                    feed.mark_read(user, &MarkRead::Ids(vec![id]), later(3))
                        .await
                }
            }
            .unwrap();
            let both = [activity(number), activity(number / 2)];
            activities.append(user, &both).await.unwrap();
        })
    });
    for done in join_all(work).await {
        done.unwrap();
    }
    let stats = fixture.stats().find(user_id(1)).await.unwrap().unwrap();
    let mut raw = fixture.raw().await;
    let counted: (i64, i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM notifications),
            (SELECT count(*) FROM notifications WHERE read_at IS NULL AND archived_at IS NULL),
            (SELECT count(*) FROM activities), (SELECT max(occurred_at) FROM activities)",
    )
    .fetch_one(&mut raw)
    .await
    .unwrap();
    let kept = (
        stats.notifications.cast_signed(),
        stats.unread_notifications.cast_signed(),
        stats.activities.cast_signed(),
        stats.last_activity_at.unwrap().unix_micros(),
    );
    assert_eq!(kept, counted);
    assert_eq!((kept.0, kept.2), (100, 200));
}
