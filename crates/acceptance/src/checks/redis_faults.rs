use std::collections::BTreeMap;
use std::time::Duration;

use rand::seq::IndexedRandom as _;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Stage;
use crate::Result;
use crate::client::Client;
use crate::report::Report;

/// Redis killed, restarted, hung and woken under 500 requests a second: none fails, it is used
/// again soon, and the metrics and the log say what happened.
#[expect(clippy::disallowed_methods, reason = "a rate in real time")]
pub(super) async fn run(stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    const PER_SECOND: u32 = 500;
    const SECONDS: u64 = 14;
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
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / PER_SECOND);
    let mut requests = JoinSet::new();
    let mut faults = [(2, "killed"), (5, "restarted"), (8, "hung"), (10, "woken")]
        .into_iter()
        .peekable();
    while started.elapsed() < Duration::from_secs(SECONDS) {
        ticks.tick().await;
        if let Some((_, fault)) =
            faults.next_if(|(at, _)| started.elapsed() >= Duration::from_secs(*at))
        {
            match fault {
                "killed" => redis.kill(),
                "restarted" => redis.restart().await?,
                "hung" => redis.pause(),
                _ => redis.resume(),
            }
        }
        let id = ids.choose(&mut rand::rng()).copied().unwrap_or_default();
        requests.spawn(one(
            stage.client.clone(),
            format!("/v1/users/{id}"),
            started,
        ));
    }
    let mut failed = 0;
    let mut slowest: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    let mut hits: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
    let sent = requests.len();
    for (second, ok, hit, ms) in requests.join_all().await {
        failed += usize::from(!ok);
        slowest.entry(second).or_default().push(ms);
        let (all, hit_count) = hits.entry(second).or_default();
        *all += 1;
        *hit_count += usize::from(hit);
    }
    report.check(
        "Redis killed, hung, restarted: none fails",
        failed == 0,
        format!("{sent} requests, {failed} failed"),
    );
    let share = |second: u64| {
        hits.get(&second)
            .map_or(0.0, |(all, hit)| *hit as f64 / *all as f64)
    };
    let note = format!(
        "share of hits: before {:.2}, killed {:.2}, 2 s after the restart {:.2}, hung {:.2}, 2 s after waking {:.2}",
        share(1),
        share(3),
        share(7),
        share(9),
        share(12),
    );
    report.check(
        "Redis used again within 2 s",
        share(7) > 0.5 && share(12) > 0.9,
        note,
    );
    let p99 = |second: u64| slowest.get(&second).cloned().map_or(0.0, percentile_99);
    report.note(
        "p99 in ms by second",
        (0..SECONDS)
            .map(|second| format!("{:.1}", p99(second)))
            .collect::<Vec<_>>()
            .join(" "),
    );
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

#[expect(clippy::disallowed_methods, reason = "a measurement of real time")]
async fn one(client: Client, path: String, started: Instant) -> (u64, bool, bool, f64) {
    let sent = Instant::now();
    let answer = client.get(&path).await;
    let ms = sent.elapsed().as_secs_f64() * 1_000.0;
    let (ok, hit) = answer.map_or((false, false), |answer| {
        (answer.status == 200, answer.is_hit())
    });
    ((sent - started).as_secs(), ok, hit, ms)
}

fn percentile_99(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[(times.len() * 99 / 100).min(times.len() - 1)]
}
