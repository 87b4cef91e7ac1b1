//! Reads with batches around them: answers in the right hands.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use roster_adapters_memory::{
    ManualClock, MemoryActivities, MemoryNotifications, MemoryStats, MemoryStore, MemoryUsers,
    SequentialIds, TokioSpawner,
};
use roster_domain::pagination::{ActiveFilter, Order, Start, UserFilter};
use roster_domain::ports::{
    ActivityRepository, NewestOf, NotificationRepository, StatsRepository, StoreError,
    UserRepository,
};
use roster_domain::{NewUser, UserId};
use roster_port_contracts::decorators::{Fault, Faults, Faulty};
use roster_port_contracts::samples;

use super::{Batched, MOST_IN_A_BATCH, NewestActivities, NewestUnread, Pages, Read, Stats, Users};
use crate::Runtime;
use crate::caching::test_users::{id, user};

fn runtime() -> Runtime {
    Runtime {
        clock: Arc::new(ManualClock::default()),
        ids: Arc::new(SequentialIds::default()),
        tasks: Arc::new(TokioSpawner),
    }
}

fn new(n: u128) -> NewUser {
    let user = Arc::unwrap_or_clone(user(n, 1));
    NewUser {
        id: user.id,
        email: user.email,
        name: user.name,
        locale: None,
        avatar_url: None,
        metadata: user.metadata,
        is_active: true,
        created_at: user.created_at,
    }
}

/// Lets every task go on until it waits.
async fn settle() {
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn everybody_gets_the_users_that_they_asked_for() {
    let users = MemoryUsers::new(MemoryStore::new());
    for n in 1..=4 {
        users.insert(&new(n)).await.unwrap();
    }
    let faults = Arc::new(Faults::none());
    faults.arm(Fault::Hang);
    let inner = Faulty::<dyn UserRepository>::new(Arc::new(users), Arc::clone(&faults));
    let batched = Arc::new(Batched::new(
        Users(Arc::new(inner)),
        1,
        MOST_IN_A_BATCH,
        runtime(),
    ));
    let asked: [&[u128]; 5] = [&[1], &[2, 2, 9], &[], &[4, 3], &[3]];
    let callers: Vec<_> = asked
        .iter()
        .map(|numbers| {
            let ids: Vec<UserId> = numbers.iter().map(|n| id(*n)).collect();
            let batched = Arc::clone(&batched);
            tokio::spawn(async move { batched.ask_many(&ids).await.unwrap() })
        })
        .collect();
    settle().await;
    faults.mend();
    for (answer, numbers) in join_all(callers).await.into_iter().zip(asked) {
        let found = answer.unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|user| user.as_ref().map(|user| user.id))
            .collect();
        let there = numbers.iter().map(|n| (*n <= 4).then_some(id(*n)));
        assert_eq!(found, there.collect::<Vec<_>>());
    }
    assert_eq!(faults.calls(), 2, "the first alone, the others together");
}

/// One page for all who ask for it, and one question for each filter.
#[tokio::test]
async fn everybody_gets_the_page_that_they_asked_for() {
    let users = MemoryUsers::new(MemoryStore::new());
    for n in 1..=4 {
        let may_act = n != 4;
        let user = NewUser {
            is_active: may_act,
            ..new(n)
        };
        users.insert(&user).await.unwrap();
    }
    let faults = Arc::new(Faults::none());
    faults.arm(Fault::Hang);
    let inner = Faulty::<dyn UserRepository>::new(Arc::new(users), Arc::clone(&faults));
    let batched = Arc::new(Batched::new(
        Pages(Arc::new(inner)),
        1,
        MOST_IN_A_BATCH,
        runtime(),
    ));
    let (active, any) = (ActiveFilter::Active, ActiveFilter::Any);
    let asked: [(_, _, &[u128]); 6] = [
        (active, 9, &[3, 2, 1]),
        (any, 2, &[4, 3]),
        (active, 1, &[3]),
        (any, 2, &[4, 3]),
        (any, 3, &[4, 3, 2]),
        (active, 1, &[3]),
    ];
    let callers: Vec<_> = asked
        .iter()
        .map(|(active, size, _)| {
            let filter = UserFilter { active: *active };
            let request = samples::page(Start::First, Order::Descending, *size);
            let batched = Arc::clone(&batched);
            tokio::spawn(async move { batched.ask((filter, request)).await.unwrap() })
        })
        .collect();
    settle().await;
    faults.mend();
    let pages = join_all(callers).await.into_iter().map(Result::unwrap);
    let pages: Vec<_> = pages.collect();
    for (page, (_, _, expected)) in pages.iter().zip(asked) {
        let ids: Vec<UserId> = page.items.iter().map(|user| user.id).collect();
        assert_eq!(ids, expected.iter().copied().map(id).collect::<Vec<_>>());
    }
    assert!(Arc::ptr_eq(&pages[1], &pages[3]), "the same page");
    assert!(Arc::ptr_eq(&pages[2], &pages[5]), "the same page");
    assert_eq!(
        faults.calls(),
        3,
        "the first alone, then a question a filter"
    );
}

/// Each section: the first question alone, those meanwhile as one, whatever their limits.
#[tokio::test]
async fn everybody_gets_the_section_that_they_asked_for() {
    let store = MemoryStore::new();
    let users = MemoryUsers::new(store.clone());
    let activities = MemoryActivities::new(store.clone());
    for n in 1..=4_u8 {
        let user = users.insert(&new(n.into())).await.unwrap().id;
        let new: Vec<_> = (0..u64::from(n)).map(samples::activity).collect();
        activities.append(user, &new).await.unwrap().unwrap();
    }
    let faults = Arc::new(Faults::none());
    let stats = Faulty::<dyn StatsRepository>::new(
        Arc::new(MemoryStats::new(store.clone())),
        Arc::clone(&faults),
    );
    let newest = Faulty::<dyn ActivityRepository>::new(Arc::new(activities), Arc::clone(&faults));
    let unread = Faulty::<dyn NotificationRepository>::new(
        Arc::new(MemoryNotifications::new(store)),
        Arc::clone(&faults),
    );
    let stats = Arc::new(Batched::new(
        Stats(Arc::new(stats)),
        1,
        MOST_IN_A_BATCH,
        runtime(),
    ));
    let newest = Arc::new(Batched::new(
        NewestActivities(Arc::new(newest)),
        1,
        MOST_IN_A_BATCH,
        runtime(),
    ));
    let unread = Arc::new(Batched::new(
        NewestUnread(Arc::new(unread)),
        1,
        MOST_IN_A_BATCH,
        runtime(),
    ));
    faults.arm(Fault::Hang);
    let callers: Vec<_> = [(4_u8, 2_u16), (3, 9), (9, 9), (2, 1), (3, 1)]
        .into_iter()
        .map(|(n, limit)| {
            let (stats, newest, unread) =
                (Arc::clone(&stats), Arc::clone(&newest), Arc::clone(&unread));
            tokio::spawn(async move {
                let user = id(n.into());
                let asked = NewestOf { user, limit };
                let (stats, newest, unread) =
                    futures::join!(stats.ask(user), newest.ask(asked), unread.ask(asked));
                let (stats, unread) = (stats.unwrap(), unread.unwrap());
                assert_eq!(unread.is_some(), n <= 4);
                assert_eq!(
                    stats.map(|stats| stats.activities),
                    (n <= 4).then_some(n.into())
                );
                newest.unwrap().map(|newest| newest.len())
            })
        })
        .collect();
    settle().await;
    faults.mend();
    let shown: Vec<_> = join_all(callers)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(shown, [Some(2), Some(3), None, Some(1), Some(1)]);
    assert_eq!(faults.calls(), 3 * 2);
}

/// Answers one question too few.
struct Forgetful;

#[async_trait]
impl Read for Forgetful {
    type Question = u64;
    type Answer = u64;

    async fn read(&self, questions: &[u64]) -> Result<Vec<u64>, StoreError> {
        Ok(questions.iter().skip(1).copied().collect())
    }
}

#[tokio::test]
async fn what_is_not_an_answer_to_each_is_nobodys() {
    let batched = Batched::new(Forgetful, 1, MOST_IN_A_BATCH, runtime());
    for asked in [&[1][..], &[1, 2]] {
        let refused = batched.ask_many(asked).await;
        assert!(
            matches!(refused, Err(StoreError::Corrupt(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn an_error_is_everybodys() {
    let faults = Arc::new(Faults::none());
    faults.arm(Fault::Hang);
    let users = Arc::new(MemoryUsers::new(MemoryStore::new()));
    let inner = Faulty::<dyn UserRepository>::new(users, Arc::clone(&faults));
    let batched = Arc::new(Batched::new(
        Users(Arc::new(inner)),
        1,
        MOST_IN_A_BATCH,
        runtime(),
    ));
    let callers: Vec<_> = (1..=3)
        .map(|n| {
            let batched = Arc::clone(&batched);
            tokio::spawn(async move { batched.ask(id(n)).await })
        })
        .collect();
    settle().await;
    // Who hangs goes on, and what is asked from now on fails.
    faults.mend();
    faults.arm(Fault::Fail);
    let answers = join_all(callers).await;
    assert!(answers[0].as_ref().unwrap().is_ok());
    for answer in &answers[1..] {
        let error = answer.as_ref().unwrap().as_ref().unwrap_err();
        let source = std::error::Error::source(error).unwrap();
        assert_eq!(source.to_string(), "a test injected this fault");
    }
    assert_eq!(faults.calls(), 2);
}
