use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use crate::{Client, Query, Result, now};

/// How everybody reads and writes one user.
#[derive(Clone, Copy, Debug)]
pub struct Hot {
    /// Connections that read, spread over the processes.
    pub readers: usize,
    /// Reads that a reader sends before the first is answered.
    pub at_once: usize,
    /// How many reads a second are sent at the most, by all readers.
    pub reads_per_second: u32,
    /// Connections that write, spread over the processes.
    pub writers: usize,
    /// How many writes a second are sent at the most, by all writers.
    pub writes_per_second: u32,
}

/// What all of them saw.
#[derive(Clone, Debug)]
pub struct HotSeen {
    /// From the first request on.
    pub elapsed: Duration,
    /// Writes that were answered.
    pub writes: usize,
    /// Reads that were answered.
    pub reads: usize,
    /// Of the reader with the fewest.
    pub fewest: usize,
    /// From the sending of what one reader sends at once to the last answer, at the most.
    pub longest_wait: Duration,
    /// How often a reader that presents what it saw got an older version.
    pub went_back: usize,
    /// The same for a reader that presents nothing, which may happen.
    pub went_back_unpresented: usize,
    /// The last version that was acknowledged; 0 when nothing was written.
    pub last_version: u64,
}

impl Hot {
    /// What the protocol is built for: 1,000 writes and 50,000 reads a second on one key.
    pub const FULL: Self = Self {
        readers: 64,
        at_once: 8,
        reads_per_second: 50_000,
        writers: 8,
        writes_per_second: 1_000,
    };

    /// Reads and writes until `ended` is over.
    ///
    /// # Errors
    ///
    /// The first request that had no answer, or another status than 200.
    pub async fn run(
        &self,
        addresses: &[SocketAddr],
        user: Uuid,
        ended: impl Future<Output = ()>,
    ) -> Result<HotSeen> {
        let stop = Arc::new(AtomicBool::default());
        let written = Arc::new(AtomicU64::default());
        let start = now();
        let (mut writers, mut readers) = (JoinSet::new(), JoinSet::new());
        for writer in 0..self.writers {
            let client = Client::new(addresses[writer % addresses.len()]);
            let (stop, written) = (Arc::clone(&stop), Arc::clone(&written));
            writers.spawn(self.write(client, user, stop, written));
        }
        for reader in 0..self.readers {
            let client = Client::new(addresses[reader % addresses.len()]);
            // One half presents what it saw.
            let presents = (reader / addresses.len()).is_multiple_of(2);
            readers.spawn(self.read(client, user, presents, Arc::clone(&stop)));
        }
        ended.await;
        stop.store(true, Ordering::Relaxed);
        let elapsed = now().saturating_sub(start);
        let mut seen = HotSeen {
            elapsed,
            writes: 0,
            reads: 0,
            fewest: usize::MAX,
            longest_wait: Duration::ZERO,
            went_back: 0,
            went_back_unpresented: 0,
            last_version: 0,
        };
        while let Some(writes) = writers.join_next().await {
            seen.writes += writes??;
        }
        while let Some(reader) = readers.join_next().await {
            let (presents, reader) = reader??;
            seen.reads += reader.reads;
            seen.fewest = seen.fewest.min(reader.reads);
            seen.longest_wait = seen.longest_wait.max(reader.longest_wait);
            if presents {
                seen.went_back += reader.went_back;
            } else {
                seen.went_back_unpresented += reader.went_back;
            }
        }
        seen.last_version = written.load(Ordering::Relaxed);
        Ok(seen)
    }

    /// What of the promise did not hold: as many answers as were asked for, but for one in twenty; no version that
    /// goes back for who presents it; nobody who gets less than half of what the others get, or waits for a second.
    pub fn broken(&self, seen: &HotSeen) -> Vec<&'static str> {
        let enough = |rate: f64, asked: u32| rate >= 0.95 * f64::from(asked);
        let promises = [
            (
                enough(seen.write_rate(), self.writes_per_second),
                "writes a second",
            ),
            (
                enough(seen.read_rate(), self.reads_per_second),
                "reads a second",
            ),
            (seen.went_back == 0, "a version went back"),
            (
                2 * seen.fewest * self.readers >= seen.reads,
                "one got less than the others",
            ),
            (
                seen.longest_wait <= Duration::from_secs(1),
                "one waited for long",
            ),
        ];
        let broken = promises.into_iter().filter(|(holds, _)| !holds);
        broken.map(|(_, promise)| promise).collect()
    }

    fn write(
        &self,
        mut client: Client,
        user: Uuid,
        stop: Arc<AtomicBool>,
        written: Arc<AtomicU64>,
    ) -> impl Future<Output = Result<usize>> + use<> {
        let mut pace = pace(self.writes_per_second, self.writers);
        async move {
            let mut writes = 0;
            while !stop.load(Ordering::Relaxed) {
                pace.tick().await;
                let value = u64::from(rand::random::<u32>());
                let answer = client.write(user, value).await?;
                let (200, Some(version)) = (answer.status, answer.version) else {
                    return Err(format!("a write: {} {}", answer.status, answer.body).into());
                };
                written.fetch_max(version, Ordering::Relaxed);
                writes += 1;
            }
            Ok(writes)
        }
    }

    fn read(
        &self,
        mut client: Client,
        user: Uuid,
        presents: bool,
        stop: Arc<AtomicBool>,
    ) -> impl Future<Output = Result<(bool, Reader)>> + use<> {
        let at_once = self.at_once;
        let mut pace = pace(self.reads_per_second, self.readers * at_once);
        async move {
            let (mut reader, mut newest) = (Reader::default(), 0);
            while !stop.load(Ordering::Relaxed) {
                pace.tick().await;
                let query = Query {
                    min_version: if presents { newest } else { 0 },
                    strong: false,
                };
                let sent = now();
                let answers = client.read_many(user, query, at_once).await?;
                reader.longest_wait = reader.longest_wait.max(now().saturating_sub(sent));
                for answer in answers {
                    let (200, Some(version)) = (answer.status, answer.version) else {
                        return Err(format!("a read: {} {}", answer.status, answer.body).into());
                    };
                    // All of one go were sent before the first was answered, and present the same.
                    let least = if presents { query.min_version } else { newest };
                    reader.went_back += usize::from(version < least);
                    newest = if presents {
                        newest.max(version)
                    } else {
                        version
                    };
                    reader.reads += 1;
                }
            }
            Ok((presents, reader))
        }
    }
}

impl HotSeen {
    /// Answered writes a second.
    pub fn write_rate(&self) -> f64 {
        self.writes as f64 / self.elapsed.as_secs_f64()
    }

    /// Answered reads a second.
    pub fn read_rate(&self) -> f64 {
        self.reads as f64 / self.elapsed.as_secs_f64()
    }
}

/// What one reader saw.
#[derive(Default)]
struct Reader {
    reads: usize,
    longest_wait: Duration,
    went_back: usize,
}

/// The ticks of one of so many who together do something so many times a second; one that is late makes up for it.
fn pace(per_second: u32, among: usize) -> tokio::time::Interval {
    let share = among as f64 / f64::from(per_second.max(1));
    let mut pace = interval(Duration::from_secs_f64(share.max(1e-6)));
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    pace
}
