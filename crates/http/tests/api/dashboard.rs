use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use insta::assert_snapshot;
use roster_adapters_memory::{MemoryActivities, MemoryNotifications};
use roster_domain::ports::{
    ActivityRepository as _, MockActivityRepository, MockNotificationRepository,
    MockStatsRepository, NotificationRepository as _, StatsRepository, StoreError,
};
use roster_domain::{
    ActivityId, JsonObject, NewActivity, NewNotification, NotificationId, Timestamp, UserId,
    UserStats,
};
use uuid::Uuid;

use crate::support::{NOBODY, Parts, api, get};

/// A user with two unread notifications, one read, and two activities.
async fn furnished(parts: Parts) -> (crate::support::Api, String) {
    let notifications = MemoryNotifications::new(parts.store.clone());
    let activities = MemoryActivities::new(parts.store.clone());
    let api = parts.build();
    let id = api.create(1).await["id"].as_str().unwrap().to_owned();
    let user: UserId = id.parse().unwrap();
    let at =
        |seconds| Timestamp::from_unix_micros(1_767_225_600_000_000 + seconds * 1_000_000).unwrap();
    for number in 1..=3u8 {
        let notification = NewNotification {
            id: NotificationId::new(Uuid::from_u128(u128::from(number))),
            kind: "invoice.paid".parse().unwrap(),
            title: format!("Invoice {number}").parse().unwrap(),
            body: (number == 1).then(|| "Two\nlines".parse().unwrap()),
            data: r#"{"invoice":7}"#.parse().unwrap(),
            created_at: at(i64::from(number)),
        };
        notifications
            .create(user, &notification)
            .await
            .unwrap()
            .unwrap();
    }
    let read = roster_domain::MarkRead::Ids(vec![NotificationId::new(Uuid::from_u128(3))]);
    notifications
        .mark_read(user, &read, at(9))
        .await
        .unwrap()
        .unwrap();
    let new: Vec<_> = (1..=2u8)
        .map(|number| NewActivity {
            id: ActivityId::new(Uuid::from_u128(u128::from(number))),
            kind: "login".parse().unwrap(),
            occurred_at: at(i64::from(number)),
            data: JsonObject::empty(),
        })
        .collect();
    activities.append(user, &new).await.unwrap().unwrap();
    (api, format!("/v1/users/{id}/dashboard"))
}

fn unavailable<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("down".into()))
}

#[tokio::test]
async fn a_dashboard_has_the_user_and_every_section() {
    let (api, path) = furnished(Parts::new()).await;
    assert_snapshot!("dashboard", api.send(get(&path)).await.shown());
    let stats = path.replace("dashboard", "stats");
    assert_snapshot!("stats", api.send(get(&stats)).await.shown());
}

#[tokio::test]
async fn sections_are_left_out_and_cut_short_as_asked() {
    let (api, path) = furnished(Parts::new()).await;
    let some = api
        .send(get(&format!(
            "{path}?sections=activity,notifications&notifications_limit=1&activity_limit=1"
        )))
        .await;
    let body = some.json();
    assert_eq!(body.get("stats"), None);
    assert_eq!(body["notifications"]["unread"], 2);
    assert_eq!(body["notifications"]["items"].as_array().unwrap().len(), 1);
    assert_eq!(body["activity"]["items"].as_array().unwrap().len(), 1);
    let timing = some.header("server-timing").unwrap();
    assert_eq!(
        timing,
        "notifications;dur=0.000, activity;dur=0.000, total;dur=0.000"
    );
    assert_eq!(
        api.send(get(&format!("{path}?notifications_limit=51")))
            .await
            .status,
        200,
        "lowered to 50"
    );
    for wrong in [
        "sections=",
        "sections=stats,",
        "sections=stats,stats",
        "sections=user",
        "strict=1",
        "strict=",
    ] {
        assert_eq!(
            api.send(get(&format!("{path}?{wrong}"))).await.problem(),
            "malformed-request",
            "{wrong}"
        );
    }
    for wrong in ["notifications_limit=0", "activity_limit=x"] {
        assert_eq!(
            api.send(get(&format!("{path}?{wrong}"))).await.problem(),
            "invalid-limit",
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_section_that_fails_leaves_the_others() {
    let mut stats = MockStatsRepository::new();
    stats.expect_find_many().returning(|_| unavailable());
    let (api, path) = furnished(Parts {
        stats: Arc::new(stats),
        ..Parts::new()
    })
    .await;
    assert_snapshot!("degraded", api.send(get(&path)).await.shown());
    assert_snapshot!(
        "strict",
        api.send(get(&format!("{path}?strict=true"))).await.shown()
    );
    assert_eq!(
        api.send(get(&format!("{path}?strict=true&sections=activity")))
            .await
            .status,
        200
    );
    assert_eq!(
        api.send(get(&format!("{path}?sections=stats")))
            .await
            .problem(),
        "dependency-unavailable"
    );
}

#[tokio::test]
async fn a_dashboard_of_which_nothing_is_left_is_no_answer() {
    let (mut stats, mut notifications, mut activities) = (
        MockStatsRepository::new(),
        MockNotificationRepository::new(),
        MockActivityRepository::new(),
    );
    stats.expect_find_many().returning(|_| unavailable());
    notifications
        .expect_newest_unread_many()
        .returning(|_| unavailable());
    activities.expect_newest_many().returning(|_| unavailable());
    let parts = Parts {
        stats: Arc::new(stats),
        notifications: Arc::new(notifications),
        activities: Arc::new(activities),
        ..Parts::new()
    };
    let (api, path) = furnished(parts).await;
    let answer = api.send(get(&path)).await;
    assert_eq!(answer.problem(), "dependency-unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

/// Counters that never come.
struct Hung;

#[async_trait]
impl StatsRepository for Hung {
    async fn find_many(&self, _: &[UserId]) -> Result<Vec<Option<UserStats>>, StoreError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_section_that_hangs_is_cut_off_and_the_rest_is_answered() {
    let (api, path) = furnished(Parts {
        stats: Arc::new(Hung),
        ..Parts::new()
    })
    .await;
    let (answer, ()) = futures::join!(
        api.send(get(&path)),
        api.advance_when(2, Duration::from_millis(800))
    );
    assert_eq!(
        answer.json()["stats"],
        serde_json::json!({ "status": "failed" })
    );
    assert_eq!(answer.json()["activity"]["status"], "ready");
    assert_eq!(
        answer.header("server-timing"),
        Some("stats;dur=800.000, notifications;dur=0.000, activity;dur=0.000, total;dur=800.000")
    );
}

#[tokio::test]
async fn nobody_has_no_dashboard_and_no_counters() {
    let api = api();
    for path in [
        format!("/v1/users/{NOBODY}/dashboard"),
        format!("/v1/users/{NOBODY}/stats"),
    ] {
        assert_eq!(api.send(get(&path)).await.problem(), "user-not-found");
    }
    let id = api.create(1).await["id"].as_str().unwrap().to_owned();
    let ahead = api
        .send(get(&format!("/v1/users/{id}/dashboard?min_version=2")))
        .await;
    assert_eq!(ahead.problem(), "version-ahead");
}
