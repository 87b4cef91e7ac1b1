use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::Stage;
use crate::Result;
use crate::client::{Answer, Client};
use crate::report::Report;

/// A walk while 200 users a second are inserted, deleted and updated, there and back: each row
/// that nobody touched is seen exactly once in each direction.
pub(super) async fn run(stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let truth = stage.store.all_ids().await?;
    let rows = usize::try_from(stage.store.scaled(100_000, 10_000))?.min(truth.len());
    let truth = &truth[..rows];
    // Every fifth row is the writers' to touch.
    let prey: Vec<Uuid> = truth.iter().copied().skip(7).step_by(5).collect();
    let writer = Writer::start(stage.client.clone(), prey.clone());
    let there = walk(stage, "next_cursor", None, rows, &writer).await?;
    let back = walk(stage, "prev_cursor", there.last.clone(), rows, &writer).await?;
    let changes = writer.stop().await;
    let touched: HashSet<Uuid> = prey.into_iter().collect();
    let wrong = |seen: &HashMap<Uuid, usize>, rows: &[Uuid]| {
        rows.iter()
            .filter(|id| !touched.contains(id) && seen.get(id) != Some(&1))
            .count()
    };
    let covered = truth.len().saturating_sub(200);
    let lost = [
        wrong(&there.seen, truth),
        wrong(&back.seen, &truth[..covered]),
    ];
    let note = format!(
        "{rows} rows, {} changes at {:.0} a second, {lost:?} untouched rows lost or doubled there and back{}{}",
        changes.done,
        changes.done as f64 / changes.seconds,
        if changes.failed.is_empty() {
            ""
        } else {
            "; failed: "
        },
        changes.failed.join(", "),
    );
    let fast_enough = changes.done as f64 / changes.seconds >= 150.0;
    report.check(
        "walk under changes",
        lost == [0, 0] && fast_enough && changes.failed.is_empty(),
        note,
    );
    Ok(())
}

struct Walked {
    seen: HashMap<Uuid, usize>,
    /// The cursor of the first page beyond the rows.
    last: Option<String>,
}

/// Follows a cursor until so many seeded rows are passed, slowly enough for changes to happen.
async fn walk(
    stage: &Stage<'_>,
    follow: &str,
    from: Option<String>,
    rows: usize,
    writer: &Writer,
) -> Result<Walked> {
    const LIMIT: usize = 100;
    let wanted = rows + 2 * LIMIT;
    let pause = Duration::from_secs(5).div_f64((wanted / LIMIT) as f64);
    let mut seen = HashMap::new();
    let mut cursor = from;
    let (mut passed, mut last) = (0, None);
    loop {
        let at = cursor
            .as_ref()
            .map(|cursor| format!("&cursor={cursor}"))
            .unwrap_or_default();
        let answer = stage
            .client
            .get(&format!("/v1/users?active=any&limit={LIMIT}{at}"))
            .await?;
        if answer.status != 200 {
            return Err(format!("a page answered {}: {}", answer.status, answer.body).into());
        }
        for item in answer.body["items"].as_array().into_iter().flatten() {
            *seen
                .entry(item["id"].as_str().unwrap_or_default().parse()?)
                .or_insert(0) += 1;
            passed += 1;
        }
        if let Some(next) = answer.body["next_cursor"].as_str() {
            last = Some(next.to_owned());
        }
        cursor = answer.body[follow].as_str().map(str::to_owned);
        // The way back ends at the top, above all that was inserted meanwhile.
        let far = follow == "next_cursor" && passed >= wanted + writer.inserted();
        if cursor.is_none() || far {
            return Ok(Walked { seen, last });
        }
        tokio::time::sleep(pause).await;
    }
}

struct Writer {
    stop: Arc<AtomicBool>,
    inserted: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<Changes>,
}

struct Changes {
    done: usize,
    /// What became of the changes that did not succeed.
    failed: Vec<String>,
    seconds: f64,
}

impl Writer {
    const PER_SECOND: u32 = 200;

    fn start(client: Client, prey: Vec<Uuid>) -> Self {
        let (stop, inserted) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let task = tokio::spawn(write(
            client,
            prey,
            Arc::clone(&stop),
            Arc::clone(&inserted),
        ));
        Self {
            stop,
            inserted,
            task,
        }
    }

    fn inserted(&self) -> usize {
        self.inserted.load(Ordering::Relaxed)
    }

    async fn stop(self) -> Changes {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap_or(Changes {
            done: 0,
            failed: vec!["the writer".to_owned()],
            seconds: 1.0,
        })
    }
}

/// Starts each change on its tick, whether or not those before it have ended.
#[expect(clippy::disallowed_methods, reason = "a rate in real time")]
async fn write(
    client: Client,
    prey: Vec<Uuid>,
    stop: Arc<AtomicBool>,
    inserted: Arc<AtomicUsize>,
) -> Changes {
    let started = tokio::time::Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / Writer::PER_SECOND);
    let mut under_way = tokio::task::JoinSet::new();
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let client = client.clone();
        // Each victim is changed or deleted once, so that every change takes effect; when all
        // were, users are inserted alone.
        let place = n / 3 * 2 + n % 3 / 2;
        let turn = if place < prey.len() { n % 3 } else { INSERT };
        let victim = prey[place % prey.len()];
        under_way.spawn(async move {
            match change(&client, victim, n, turn).await {
                Ok(answer) if answer.status.is_success() => None,
                // It happened the first time, as the client could not know.
                Ok(answer) if turn == DELETE && answer.repeats > 0 && is_gone(&answer) => None,
                Ok(answer) => Some(format!("{} {}", answer.status, answer.body)),
                Err(error) => Some(error.to_string()),
            }
        });
        if turn == INSERT {
            inserted.fetch_add(1, Ordering::Relaxed);
        }
        n += 1;
    }
    let seconds = started.elapsed().as_secs_f64();
    let failed = under_way.join_all().await.into_iter().flatten().collect();
    Changes {
        done: n,
        failed,
        seconds,
    }
}

const INSERT: usize = 0;
const UPDATE: usize = 1;
const DELETE: usize = 2;

fn is_gone(answer: &Answer) -> bool {
    [404, 409].contains(&answer.status.as_u16())
}

/// In turn an insert, an update and a deletion.
async fn change(client: &Client, victim: Uuid, n: usize, turn: usize) -> Result<Answer> {
    let path = format!("/v1/users/{victim}");
    match turn {
        INSERT => {
            let email = format!("walk-{n}-{}@example.com", victim.simple());
            let user = json!({ "email": email, "name": "Inserted" });
            client.create("/v1/users", &user).await
        }
        UPDATE => {
            let name = json!({ "name": format!("Changed {n}") });
            client.patch(&path, &name).await
        }
        _ => client.delete(&path).await,
    }
}
