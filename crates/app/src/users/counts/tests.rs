use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use roster_adapters_memory::{ManualClock, SequentialIds, TokioSpawner};
use roster_domain::pagination::ActiveFilter;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, yield_now};

use super::*;

/// A store that ends a count when it is told to, and answers which one it was.
struct Store {
    ends: Semaphore,
    begun: AtomicUsize,
    under_way: AtomicUsize,
    most: AtomicUsize,
}

fn counts() -> (Arc<Store>, Arc<Counts>) {
    let store = Arc::new(Store {
        ends: Semaphore::new(0),
        begun: AtomicUsize::new(0),
        under_way: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
    });
    let counted = Arc::clone(&store);
    let count = move |filter: UserFilter| {
        let store = Arc::clone(&counted);
        async move {
            let number = store.begun.fetch_add(1, Ordering::SeqCst) + 1;
            let now = store.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            store.most.fetch_max(now, Ordering::SeqCst);
            store.ends.acquire().await.unwrap().forget();
            store.under_way.fetch_sub(1, Ordering::SeqCst);
            if filter.active == ActiveFilter::Inactive {
                return Err(StoreError::Unavailable("away".into()));
            }
            Ok(number as u64)
        }
        .boxed()
    };
    let runtime = Runtime {
        clock: Arc::new(ManualClock::default()),
        ids: Arc::new(SequentialIds::default()),
        tasks: Arc::new(TokioSpawner),
    };
    (store, Arc::new(Counts::by(Arc::new(count), runtime)))
}

fn of(active: ActiveFilter) -> UserFilter {
    UserFilter { active }
}

fn asking(counts: &Arc<Counts>, active: ActiveFilter) -> JoinHandle<Result<u64, StoreError>> {
    let counts = Arc::clone(counts);
    tokio::spawn(async move { counts.of(of(active)).await })
}

async fn settle() {
    for _ in 0..8 {
        yield_now().await;
    }
}

#[tokio::test]
async fn who_asks_during_a_count_shares_the_next() {
    let (store, counts) = counts();
    let first = asking(&counts, ActiveFilter::Active);
    settle().await;
    let others: Vec<_> = (0..100)
        .map(|_| asking(&counts, ActiveFilter::Active))
        .collect();
    settle().await;
    store.ends.add_permits(2);
    assert_eq!(first.await.unwrap().unwrap(), 1);
    for told in join_all(others).await {
        assert_eq!(told.unwrap().unwrap(), 2);
    }
    let [begun, most] = [&store.begun, &store.most].map(|number| number.load(Ordering::SeqCst));
    assert_eq!((begun, most), (2, 1));
}

#[tokio::test]
async fn callers_who_go_away_begin_no_count_beside_the_one_that_they_left() {
    let (store, counts) = counts();
    for _ in 0..50 {
        let caller = asking(&counts, ActiveFilter::Any);
        settle().await;
        caller.abort();
        settle().await;
    }
    assert_eq!(store.begun.load(Ordering::SeqCst), 1);
    store.ends.add_permits(2);
    assert_eq!(counts.of(of(ActiveFilter::Any)).await.unwrap(), 2);
    assert_eq!(store.most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn one_filter_neither_waits_for_another_nor_fails_with_it() {
    let (store, counts) = counts();
    let failing = asking(&counts, ActiveFilter::Inactive);
    let counting = asking(&counts, ActiveFilter::Active);
    settle().await;
    assert_eq!(store.begun.load(Ordering::SeqCst), 2);
    store.ends.add_permits(2);
    assert!(failing.await.unwrap().is_err());
    assert!(counting.await.unwrap().is_ok());
}
