//! One process over its own store: the near cache is never stale.

use std::sync::Arc;
use std::time::Duration;

use roster_app::{
    CacheEvent, ForwardReason, Freshness, StalenessBound, Tier, TierStatus, UserError, UserService,
};

use roster_domain::pagination::{PageRequest, UserFilter};

use crate::support::{CountedUsers, draft, embedded, id, renamed, settle};

const CURRENT: StalenessBound = StalenessBound::Proven(Duration::ZERO);

#[tokio::test(start_paused = true)]
async fn the_second_read_touches_no_repository() {
    let users = CountedUsers::new();
    let (service, events) = embedded(Arc::clone(&users) as _);
    service.create(draft(1)).await.unwrap();

    let first = service.get(id(1), Freshness::CACHED).await.unwrap();
    let second = service.get(id(1), Freshness::CACHED).await.unwrap();

    let loaded = TierStatus::Forwarded {
        reason: ForwardReason::Miss,
        stored: true,
        collapsed: false,
    };
    assert_eq!(
        (first.trace.l1, first.trace.l2, first.bound),
        (Some(loaded), None, CURRENT)
    );
    assert!(
        matches!(second.trace.l1, Some(TierStatus::Hit { ttl }) if ttl <= Duration::from_hours(1))
    );
    assert_eq!((users.reads(), second.bound), (1, CURRENT));
    assert_eq!(
        events.count(|event| *event == CacheEvent::Answered(Tier::L1)),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn an_entry_ends_after_its_time() {
    let users = CountedUsers::new();
    let (service, _) = embedded(Arc::clone(&users) as _);
    service.create(draft(1)).await.unwrap();
    service.get(id(1), Freshness::CACHED).await.unwrap();

    tokio::time::sleep(Duration::from_secs(3_601)).await;
    service.get(id(1), Freshness::CACHED).await.unwrap();

    assert_eq!(users.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn every_write_is_in_the_next_read() {
    let users = CountedUsers::new();
    let (service, _) = embedded(users as _);
    let absent = |result: Result<_, UserError>| assert!(matches!(result, Err(UserError::NotFound)));
    absent(service.get(id(1), Freshness::CACHED).await.map(drop));
    service.create(draft(1)).await.unwrap();
    for round in 0..20 {
        let name = format!("Round {round}");
        assert!(service.get(id(1), Freshness::CACHED).await.is_ok());
        service.update(id(1), renamed(&name), None).await.unwrap();
        assert_eq!(
            service
                .get(id(1), Freshness::CACHED)
                .await
                .unwrap()
                .user
                .name
                .as_str(),
            name
        );
        service.delete(id(1), None).await.unwrap();
        absent(service.get(id(1), Freshness::CACHED).await.map(drop));
        service.restore(id(1), None).await.unwrap();
    }
    service.purge(id(1), None).await.unwrap();
    absent(service.get(id(1), Freshness::CACHED).await.map(drop));
}

#[tokio::test(start_paused = true)]
async fn a_load_that_a_write_overtook_is_not_kept_and_says_its_age() {
    let users = CountedUsers::new();
    let (service, events) = embedded(Arc::clone(&users) as _);
    let service = Arc::new(service);
    service.create(draft(1)).await.unwrap();
    users.hold();
    let early = {
        let service: Arc<UserService> = Arc::clone(&service);
        tokio::spawn(async move { service.get(id(1), Freshness::CACHED).await.unwrap() })
    };
    settle().await;
    service.update(id(1), renamed("New"), None).await.unwrap();
    tokio::time::sleep(Duration::from_millis(7)).await;
    users.let_go();

    let early = early.await.unwrap();

    assert_eq!(early.user.name.as_str(), "User 1");
    assert!(
        matches!(early.bound, StalenessBound::Proven(age) if age >= Duration::from_millis(7)),
        "{:?}",
        early.bound
    );
    assert_eq!(
        service
            .get(id(1), Freshness::CACHED)
            .await
            .unwrap()
            .user
            .name
            .as_str(),
        "New"
    );
    assert_eq!(events.count(|event| *event == CacheEvent::TicketRefused), 1);
}

#[tokio::test(start_paused = true)]
async fn the_list_of_users_is_never_cached() {
    let users = CountedUsers::new();
    let (service, _) = embedded(users as _);
    for n in 1..=3 {
        service.create(draft(n)).await.unwrap();
    }
    let (filter, page) = (UserFilter::default(), PageRequest::default());
    let list = || service.list(&filter, &page, None);
    assert_eq!(list().await.unwrap().page.items.len(), 3);
    service.delete(id(2), None).await.unwrap();
    assert_eq!(list().await.unwrap().page.items.len(), 2);
}
