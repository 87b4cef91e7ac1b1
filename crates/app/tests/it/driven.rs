//! Loads that their callers run: what they cost, and what becomes of a panic in one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use roster_adapters_memory::{MemoryUserCache, TokioSpawner};
use roster_app::{CachePolicy, Freshness, Runtime, UserError, UserService};
use roster_domain::ports::{MockUserRepository, Task, TaskSpawner};

use crate::support::{
    CountedUsers, PausedClock, cache_mock, id, no_writes, runtime, settle, settled, shared,
    shared_on, user,
};

/// Counts the tasks that it runs.
#[derive(Default)]
struct CountedTasks(AtomicUsize);

impl CountedTasks {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl TaskSpawner for CountedTasks {
    fn spawn(&self, task: Task) {
        self.0.fetch_add(1, Ordering::SeqCst);
        TokioSpawner.spawn(task);
    }
}

fn counted(users: &Arc<CountedUsers>) -> (Arc<UserService>, Arc<CountedTasks>) {
    let tasks = Arc::new(CountedTasks::default());
    let runtime = Runtime {
        tasks: Arc::clone(&tasks) as _,
        ..runtime()
    };
    let cache = Arc::new(MemoryUserCache::new(PausedClock::new()));
    let users = Arc::clone(users) as _;
    let (service, _) = shared_on(runtime, users, no_writes(), cache, CachePolicy::default());
    (Arc::new(service), tasks)
}

#[tokio::test(start_paused = true)]
async fn a_lone_load_has_a_task_for_its_fill_and_for_nothing_else() {
    let users = CountedUsers::new();
    let (service, tasks) = counted(&users);
    for (reads, hit) in [(1, false), (1, true)] {
        let refusal = settled(service.get(id(1), Freshness::CACHED)).await;
        assert!(matches!(refusal, Err(UserError::NotFound)), "{refusal:?}");
        assert_eq!((users.reads(), tasks.count()), (reads, 1), "a hit: {hit}");
    }
}

#[tokio::test(start_paused = true)]
async fn among_many_a_load_has_a_task() {
    let users = CountedUsers::new();
    let (service, tasks) = counted(&users);
    users.hold();
    let mut readers = Vec::new();
    for (number, running) in [(1, 0), (2, 0), (3, 1)] {
        let service = Arc::clone(&service);
        let read = async move { service.get(id(number), Freshness::CACHED).await };
        readers.push(tokio::spawn(read));
        settle().await;
        assert_eq!(tasks.count(), running, "{number} loads are under way");
    }
    users.let_go();
    for reader in readers {
        let refusal = reader.await.unwrap();
        assert!(matches!(refusal, Err(UserError::NotFound)), "{refusal:?}");
    }
}

#[tokio::test]
async fn a_panic_in_the_cache_is_none_of_its_caller() {
    let (mut cache, mut users) = (cache_mock(), MockUserRepository::new());
    cache
        .expect_get_many()
        .returning(|_, _| panic!("a bug in an adapter"));
    users
        .expect_find_many()
        .once()
        .returning(|_| Ok(vec![user(1, 1)]));
    let (service, _) = shared(Arc::new(users), Arc::new(cache));

    let answer = settled(service.get(id(1), Freshness::CACHED)).await;

    assert_eq!(answer.unwrap().user.version.get(), 1);
}
