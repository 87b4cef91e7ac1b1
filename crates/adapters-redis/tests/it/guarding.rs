//! The race that a cache in the process loses without a guard: a value is on its way when the
//! push that voids it overtakes its insertion. Pushes and replies come in the server's order,
//! so a ticket that was taken before the question tells.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use roster_adapters_redis::RedisUserCache;
use roster_domain::UserId;
use roster_domain::ports::{CachePush, ConnectionEpoch, InvalidationSink, UserCache};
use tokio::task::JoinSet;

use crate::fake_server::FakeServer;
use crate::support::{ID, OURS, cache, key, numbered, patient, unusable};

/// The smallest cache that can be kept right.
#[derive(Default)]
struct Map(Mutex<State>);

#[derive(Default)]
struct State {
    serving: Option<ConnectionEpoch>,
    pushes: HashMap<UserId, u64>,
    entries: HashMap<UserId, Vec<u8>>,
}

impl InvalidationSink for Map {
    fn push(&self, push: CachePush) {
        let mut state = self.0.lock().unwrap();
        match push {
            CachePush::Connected(life) => state.serving = Some(life),
            CachePush::Disconnected => state.serving = None,
            CachePush::AllChanged => {}
            CachePush::Changed(ids) => {
                for id in ids {
                    *state.pushes.entry(id).or_default() += 1;
                    state.entries.remove(&id);
                }
                return;
            }
        }
        state.entries.clear();
    }
}

impl Map {
    fn of(cache: &RedisUserCache) -> Arc<Self> {
        let map = Arc::new(Self::default());
        cache.subscribe(Arc::<Self>::clone(&map));
        map
    }

    fn ticket(&self, id: UserId) -> (Option<ConnectionEpoch>, u64) {
        let state = self.0.lock().unwrap();
        (state.serving, state.pushes.get(&id).copied().unwrap_or(0))
    }

    /// Reads one key and keeps it, where the guard is on only by its ticket.
    async fn read(&self, cache: &RedisUserCache, id: UserId, is_guarded: bool) {
        let (serving, pushes) = self.ticket(id);
        let reply = cache.get_many(OURS, &[id]).await.unwrap();
        let Some(seen) = unusable(&reply.reply[0]) else {
            return;
        };
        let mut state = self.0.lock().unwrap();
        let unchanged = state.serving == serving
            && serving == Some(reply.connection)
            && state.pushes.get(&id).copied().unwrap_or(0) == pushes;
        if unchanged || !is_guarded {
            state.entries.insert(id, seen.0.to_vec());
        }
    }

    fn entry(&self, id: UserId) -> Option<Vec<u8>> {
        self.0.lock().unwrap().entries.get(&id).cloned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_twenty_thousand_races_leave_nothing_stale() {
    let bench = bench!();
    let map = Map::of(&bench.cache);
    let ids: Vec<_> = (1..=1_000).map(numbered).collect();
    let mut kept = 0;
    for round in 0..20 {
        let mut races = JoinSet::new();
        for id in ids.clone() {
            let (cache, map) = (Arc::clone(&bench.cache), Arc::clone(&map));
            let mut raw = bench.raw.clone();
            races.spawn(async move {
                let mut set = redis::cmd("SET");
                set.arg(key(id)).arg(round);
                let (set, ()) = tokio::join!(set.exec_async(&mut raw), map.read(&cache, id, true));
                set.unwrap();
            });
            // A few at a time: otherwise all are written before the first is read.
            if races.len() >= 32 {
                races.join_next().await.unwrap().unwrap();
            }
        }
        while let Some(race) = races.join_next().await {
            race.unwrap();
        }
        // Every push was sent before the reply to this.
        bench.cache.get_many(OURS, &[ID]).await.unwrap();
        let stored = round.to_string().into_bytes();
        for entry in ids.iter().filter_map(|id| map.entry(*id)) {
            assert_eq!(entry, stored);
            kept += 1;
        }
    }
    assert!(kept > 0, "nothing was ever kept, so nothing was shown");
}

/// How often each race with the fake server is run.
const ROUNDS: usize = 500;

#[tokio::test]
async fn p02_a_reply_and_its_push_in_one_segment_leave_nothing_stale() {
    let map = races_with_a_fake_server(true).await;
    assert_eq!(map.entry(ID), None);
}

#[tokio::test]
async fn p02_without_the_guard_the_same_segment_leaves_it_stale() {
    let map = races_with_a_fake_server(false).await;
    assert_eq!(map.entry(ID), Some(b"stale".to_vec()));
}

/// Reads a key from a server that voids each reply with the next octet.
async fn races_with_a_fake_server(is_guarded: bool) -> Arc<Map> {
    let server = FakeServer::start("7.0.15").await;
    let (cache, _) = cache(patient(&server.url())).await;
    let map = Map::of(&cache);
    for _ in 0..ROUNDS {
        map.read(&cache, ID, is_guarded).await;
    }
    // The reader has passed on whatever it holds.
    tokio::time::sleep(Duration::from_millis(20)).await;
    map
}
