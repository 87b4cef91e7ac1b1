use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rand::seq::IndexedRandom as _;
use roster_test_services::RedisServer;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Stage;
use crate::Result;
use crate::client::Client;
use crate::report::Report;

const SECOND: Duration = Duration::from_secs(1);

/// Redis killed, restarted, hung and woken under 500 requests a second: none fails, it is used
/// again soon, and the metrics and the log say what happened.
///
/// Soon is a time, and the machine may stand still for a part of it: up to three tries, of which
/// one has to be in time. No request fails in any.
pub(super) async fn run(stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    const TRIES: usize = 3;
    let redis = stage.store.redis.as_ref().ok_or("there is no Redis")?;
    // Asked anew: other checks have deleted some since.
    let ids: Vec<_> = stage
        .store
        .active_ids()
        .await?
        .into_iter()
        .take(500)
        .collect();
    let logged = stage.roster.lines().len();
    let (mut sent, mut failed) = (0, 0);
    let mut tries = Vec::new();
    while tries.len() < TRIES && !tries.last().is_some_and(Seen::is_used_again) {
        let seen = Seen::of(stage, redis, &ids).await?;
        sent += seen.requests.len();
        failed += seen.requests.iter().filter(|request| !request.ok).count();
        tries.push(seen);
    }
    report.check(
        "Redis killed, hung, restarted: none fails",
        failed == 0,
        format!("{sent} requests, {failed} failed"),
    );
    let last = tries.last().ok_or("nothing was tried")?;
    report.check(
        "Redis used again within 2 s",
        last.is_used_again(),
        format!("try {}, {}", tries.len(), last.described()),
    );
    report.note("p99 in ms by second", last.p99_by_second());
    are_visible(stage, logged, tries.len(), report).await
}

/// What was seen while Redis was broken and mended once.
struct Seen {
    requests: Vec<Request>,
    faults: Faults,
}

impl Seen {
    #[expect(clippy::disallowed_methods, reason = "a rate in real time")]
    async fn of(stage: &Stage<'_>, redis: &RedisServer, ids: &[Uuid]) -> Result<Self> {
        const PER_SECOND: u32 = 500;
        let started = Instant::now();
        let mut ticks = tokio::time::interval(SECOND / PER_SECOND);
        let mut requests = JoinSet::new();
        let broken = break_it(redis, started);
        tokio::pin!(broken);
        let faults = loop {
            tokio::select! {
                faults = &mut broken => break faults?,
                _ = ticks.tick() => {}
            }
            let id = ids.choose(&mut rand::rng()).copied().unwrap_or_default();
            requests.spawn(one(stage.client.clone(), id, started));
        };
        Ok(Self {
            requests: requests.join_all().await,
            faults,
        })
    }

    fn is_used_again(&self) -> bool {
        let (again, hits) = self.asked_again();
        hits as f64 > again as f64 * 0.9 && self.hits(self.faults.woken + SECOND * 2) > 0.9
    }

    fn described(&self) -> String {
        let Faults {
            killed,
            restarted,
            hung,
            woken,
        } = self.faults;
        let (again, hits) = self.asked_again();
        format!(
            "share of hits: before {:.2}, killed {:.2}, 2 s after the restart {:.2} and of the {again} asked again {hits}, hung {:.2}, 2 s after waking {:.2}",
            self.hits(killed.saturating_sub(SECOND)),
            self.hits(killed + SECOND),
            self.hits(restarted + SECOND * 2),
            self.hits(hung + SECOND),
            self.hits(woken + SECOND * 2),
        )
    }

    /// The share of hits of what was sent within a second from then on.
    fn hits(&self, from: Duration) -> f64 {
        let (mut all, mut hits) = (0_usize, 0_usize);
        for request in &self.requests {
            if (from..from + SECOND).contains(&request.sent) {
                all += 1;
                hits += usize::from(request.hit);
            }
        }
        hits as f64 / all.max(1) as f64
    }

    /// Of the third second after the restart: how many requests were for a user whom an earlier
    /// one of it had answered, and how many of these were hits. The earlier one fills a cache that
    /// came back empty.
    fn asked_again(&self) -> (usize, usize) {
        let from = self.faults.restarted + SECOND * 2;
        let mut answered: HashMap<Uuid, Duration> = HashMap::new();
        for request in &self.requests {
            if request.ok && request.sent >= from {
                let at = request.sent + request.took;
                let first = answered.entry(request.id).or_insert(at);
                *first = at.min(*first);
            }
        }
        let (mut again, mut hits) = (0, 0);
        for request in &self.requests {
            let is_known = answered
                .get(&request.id)
                .is_some_and(|at| *at <= request.sent);
            if is_known && request.sent < from + SECOND {
                again += 1;
                hits += usize::from(request.hit);
            }
        }
        (again, hits)
    }

    fn p99_by_second(&self) -> String {
        let mut by_second: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for request in &self.requests {
            by_second
                .entry(request.sent.as_secs())
                .or_default()
                .push(request.took.as_secs_f64() * 1_000.0);
        }
        by_second
            .into_values()
            .map(|times| format!("{:.1}", percentile_99(times)))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// The log and the metrics say what happened, and the log not for each request.
async fn are_visible(
    stage: &Stage<'_>,
    logged: usize,
    tries: usize,
    report: &mut Report,
) -> Result<()> {
    let log = stage.roster.lines()[logged..]
        .iter()
        .filter(|line| line.to_lowercase().contains("redis"))
        .count();
    let metrics = reqwest::get(&stage.roster.metrics).await?.text().await?;
    let failures: f64 = metrics
        .lines()
        .filter(|line| {
            line.starts_with("roster_") && line.contains("cache") && line.contains("fail")
        })
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum();
    let note = format!("{log} lines of the log name Redis, {failures} failures counted");
    report.check(
        "Redis faults are visible",
        log > 0 && log < 50 * tries && failures > 0.0,
        note,
    );
    Ok(())
}

/// When each fault had come, since the requests began.
#[derive(Clone, Copy)]
struct Faults {
    killed: Duration,
    restarted: Duration,
    hung: Duration,
    woken: Duration,
}

/// Breaks Redis and mends it, with time before each step and after the last to see what it did.
async fn break_it(redis: &RedisServer, started: Instant) -> Result<Faults> {
    sleep(SECOND * 2).await;
    redis.kill();
    let killed = started.elapsed();
    sleep(SECOND * 3).await;
    redis.restart().await?;
    let restarted = started.elapsed();
    sleep(SECOND * 3).await;
    redis.pause();
    let hung = started.elapsed();
    sleep(SECOND * 2).await;
    redis.resume();
    let woken = started.elapsed();
    sleep(SECOND * 4).await;
    Ok(Faults {
        killed,
        restarted,
        hung,
        woken,
    })
}

/// What became of a request.
struct Request {
    id: Uuid,
    /// Since the requests began.
    sent: Duration,
    took: Duration,
    ok: bool,
    hit: bool,
}

#[expect(clippy::disallowed_methods, reason = "a measurement of real time")]
async fn one(client: Client, id: Uuid, started: Instant) -> Request {
    let path = format!("/v1/users/{id}");
    let sent = Instant::now();
    let answer = client.get_once(&path).await;
    let took = sent.elapsed();
    let (ok, hit) = answer.map_or((false, false), |answer| {
        (answer.status == 200, answer.is_hit())
    });
    Request {
        id,
        sent: sent - started,
        took,
        ok,
        hit,
    }
}

fn percentile_99(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[(times.len() * 99 / 100).min(times.len() - 1)]
}
