use std::collections::BTreeMap;
use std::time::Duration;

use rand::seq::IndexedRandom as _;
use roster_test_services::RedisServer;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::Stage;
use crate::Result;
use crate::client::Client;
use crate::report::Report;

const SECOND: Duration = Duration::from_secs(1);

/// Redis killed, restarted, hung and woken under 500 requests a second: none fails, it is used
/// again soon, and the metrics and the log say what happened.
#[expect(clippy::disallowed_methods, reason = "a rate in real time")]
pub(super) async fn run(stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    const PER_SECOND: u32 = 500;
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
        let path = format!("/v1/users/{id}");
        requests.spawn(one(stage.client.clone(), path, started));
    };
    let requests = requests.join_all().await;
    let failed = requests.iter().filter(|request| !request.ok).count();
    report.check(
        "Redis killed, hung, restarted: none fails",
        failed == 0,
        format!("{} requests, {failed} failed", requests.len()),
    );
    // Of what was sent within a second from then on.
    let share = |from: Duration| {
        let (mut all, mut hits) = (0_usize, 0_usize);
        for request in &requests {
            if (from..from + SECOND).contains(&request.sent) {
                all += 1;
                hits += usize::from(request.hit);
            }
        }
        hits as f64 / all.max(1) as f64
    };
    let restarted = share(faults.restarted + SECOND * 2);
    let woken = share(faults.woken + SECOND * 2);
    let note = format!(
        "share of hits: before {:.2}, killed {:.2}, 2 s after the restart {restarted:.2}, hung {:.2}, 2 s after waking {woken:.2}",
        share(faults.killed.saturating_sub(SECOND)),
        share(faults.killed + SECOND),
        share(faults.hung + SECOND),
    );
    report.check(
        "Redis used again within 2 s",
        restarted > 0.5 && woken > 0.9,
        note,
    );
    let mut by_second: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for request in &requests {
        by_second
            .entry(request.sent.as_secs())
            .or_default()
            .push(request.ms);
    }
    report.note(
        "p99 in ms by second",
        by_second
            .into_values()
            .map(|times| format!("{:.1}", percentile_99(times)))
            .collect::<Vec<_>>()
            .join(" "),
    );
    are_visible(stage, logged, report).await
}

/// The log and the metrics say what happened, and the log not for each request.
async fn are_visible(stage: &Stage<'_>, logged: usize, report: &mut Report) -> Result<()> {
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
        log > 0 && log < 50 && failures > 0.0,
        note,
    );
    Ok(())
}

/// When each fault had come, since the requests began.
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
    /// Since the requests began.
    sent: Duration,
    ok: bool,
    hit: bool,
    ms: f64,
}

#[expect(clippy::disallowed_methods, reason = "a measurement of real time")]
async fn one(client: Client, path: String, started: Instant) -> Request {
    let sent = Instant::now();
    let answer = client.get(&path).await;
    let ms = sent.elapsed().as_secs_f64() * 1_000.0;
    let (ok, hit) = answer.map_or((false, false), |answer| {
        (answer.status == 200, answer.is_hit())
    });
    Request {
        sent: sent - started,
        ok,
        hit,
        ms,
    }
}

fn percentile_99(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[(times.len() * 99 / 100).min(times.len() - 1)]
}
