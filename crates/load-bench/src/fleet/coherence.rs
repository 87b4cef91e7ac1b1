//! From the acknowledgement of a change to the first answer of each process that has it, while all
//! of them answer reads; and whether any of those was older than it said.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use roster_soak::{Answer, Bound, Client, Query, now};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use super::{Fleet, NAME};
use crate::Result;
use crate::crowd;
use crate::extent::Extent;
use crate::figures::{Case, Figure};
use crate::requests::zipf;
use crate::stand::Stand;
use crate::workload::Workload;

pub(crate) const BEYOND_BOUND: &str = "answers beyond their Staleness-Bound";

/// Users that are read and changed.
const HOT: usize = 1_000;
/// Reads a second, over all processes together.
const READS: u32 = 1_000;
/// Clients of each process that read.
const READERS: u32 = 4;
/// Between two changes, unless the one before is still on its way.
const CHANGE: Duration = Duration::from_millis(20);
/// A process that has not answered a new version by then never will.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was acknowledged of each user, and when.
#[derive(Clone, Default)]
struct Acknowledged(Arc<Mutex<HashMap<Uuid, Versions>>>);

/// Each with the moment at which its acknowledgement had arrived.
type Versions = Vec<(u64, Duration)>;

impl Acknowledged {
    fn note(&self, id: Uuid, version: u64, at: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(id).or_default().push((version, at));
    }

    /// Whether a newer version had been acknowledged longer before the read was sent than it says.
    fn is_broken(&self, id: Uuid, version: u64, bound: Duration, sent: Duration) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&id).is_some_and(|versions| {
            versions
                .iter()
                .any(|(newer, at)| *newer > version && sent.saturating_sub(*at) > bound)
        })
    }
}

/// What the readers saw.
#[derive(Clone, Debug, Default)]
struct Answers {
    all: u64,
    in_memory: u64,
    unproven: u64,
    failed: u64,
    wrong: Vec<String>,
}

impl Answers {
    fn count(&mut self, known: &Acknowledged, id: Uuid, sent: Duration, answer: &Answer) {
        self.all += 1;
        self.in_memory += u64::from(answer.is_l1_hit());
        match (answer.status, answer.version, answer.bound) {
            (200, Some(version), Bound::Proven(bound)) => {
                if known.is_broken(id, version, bound, sent) {
                    let text = format!("user {id}: version {version}, bound {bound:?}");
                    self.wrong.push(text);
                }
            }
            (200, Some(_), Bound::Unproven) => self.unproven += 1,
            _ => self.failed += 1,
        }
    }

    fn add(&mut self, other: Self) {
        self.all += other.all;
        self.in_memory += other.in_memory;
        self.unproven += other.unproven;
        self.failed += other.failed;
        self.wrong.extend(other.wrong);
    }
}

/// How its figures are listed.
pub(crate) const fn case(processes: usize) -> &'static str {
    match processes {
        1 => "coherence, 1 process",
        2 => "coherence, 2 processes",
        _ => "coherence, 3 processes",
    }
}

pub(super) async fn measure(
    fleet: &Fleet,
    stand: &Stand,
    extent: &Extent,
    case_of: &Case<'_>,
) -> Result<(Vec<Figure>, Vec<String>)> {
    let ids = Workload::hot(stand, HOT);
    fleet.warm(&fleet.nodes, &ids).await?;
    let known = Acknowledged::default();
    let (stop, stopped) = watch::channel(false);
    let mut readers = JoinSet::new();
    let count = u32::try_from(fleet.nodes.len())? * READERS;
    for (number, node) in (0..READERS).flat_map(|_| &fleet.nodes).enumerate() {
        let drawn = zipf(&ids, 20_000, case_of.round * 100 + number as u64)?;
        let pause = Duration::from_secs(1) * count / READS;
        let client = Client::new(node.address);
        readers.spawn(read(client, drawn, known.clone(), pause, stopped.clone()));
    }
    let begun = now();
    let mut own = Histogram::<u64>::new(3)?;
    let mut others = Histogram::<u64>::new(3)?;
    let mut writer = Client::new(fleet.nodes[0].address);
    let mut watchers: Vec<Client> = fleet
        .nodes
        .iter()
        .map(|node| Client::new(node.address))
        .collect();
    let mut due = interval(CHANGE);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answers = Answers::default();
    let (mut changes, mut refused) = (0, 0_u64);
    while now().saturating_sub(begun) < extent.lasting {
        due.tick().await;
        let id = ids[changes % ids.len()];
        changes += 1;
        let answer = writer.write(id, crowd::new_value()).await?;
        let Some(version) = answer.version.filter(|_| answer.status == 200) else {
            refused += 1;
            continue;
        };
        let acknowledged = now();
        known.note(id, version, acknowledged);
        let mut seen = JoinSet::new();
        for (number, client) in watchers.drain(..).enumerate() {
            let known = known.clone();
            seen.spawn(async move {
                let polled = poll(client, id, version, acknowledged, &known).await;
                polled.map(|(client, after, answers)| (number, client, after, answers))
            });
        }
        let mut back = Vec::new();
        while let Some(polled) = seen.join_next().await {
            let (number, client, after, polled) = polled??;
            let histogram = if number == 0 { &mut own } else { &mut others };
            histogram.record(u64::try_from(after.as_micros())?)?;
            answers.add(polled);
            back.push((number, client));
        }
        back.sort_by_key(|(number, _)| *number);
        watchers.extend(back.into_iter().map(|(_, client)| client));
    }
    let lasted = now().saturating_sub(begun).as_secs_f64();
    stop.send_replace(true);
    while let Some(read) = readers.join_next().await {
        answers.add(read??);
    }
    let name = case(fleet.nodes.len());
    let case = Case { name, ..*case_of };
    let mut figures = vec![
        case.figure("changes", "a second", changes as f64 / lasted),
        case.figure("answers", "a second", answers.all as f64 / lasted),
        case.figure(
            "answers from memory",
            "%",
            100.0 * answers.in_memory as f64 / answers.all.max(1) as f64,
        ),
        case.figure(BEYOND_BOUND, "", answers.wrong.len() as f64),
        case.figure("answers unproven", "", answers.unproven as f64),
        case.figure("changes refused", "", refused as f64),
        case.figure("answers that failed", "", answers.failed as f64),
    ];
    let millis =
        |histogram: &Histogram<u64>, quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
    figures.push(case.figure("seen in its own process, p99", "ms", millis(&own, 0.99)));
    if !others.is_empty() {
        for (name, quantile) in [
            ("seen in the others, p50", 0.5),
            ("seen in the others, p99", 0.99),
            ("seen in the others, at last", 1.0),
        ] {
            figures.push(case.figure(name, "ms", millis(&others, quantile)));
        }
    }
    let wrong = answers
        .wrong
        .iter()
        .map(|wrong| format!("{NAME} {name}: {wrong}"));
    let failed =
        (answers.failed > 0).then(|| format!("{NAME} {name}: {} reads failed", answers.failed));
    Ok((figures, wrong.chain(failed).collect()))
}

/// Reads these users in turn at a steady pace.
async fn read(
    mut client: Client,
    drawn: Vec<Uuid>,
    known: Acknowledged,
    pause: Duration,
    stopped: watch::Receiver<bool>,
) -> Result<Answers> {
    let mut answers = Answers::default();
    let mut due = interval(pause);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for id in drawn.into_iter().cycle() {
        due.tick().await;
        if *stopped.borrow() {
            break;
        }
        let sent = now();
        let answer = client.read(id, Query::default()).await?;
        answers.count(&known, id, sent, &answer);
    }
    Ok(answers)
}

/// Reads a user again and again until the version is there; says how long that took since it was
/// acknowledged.
async fn poll(
    mut client: Client,
    id: Uuid,
    version: u64,
    acknowledged: Duration,
    known: &Acknowledged,
) -> Result<(Client, Duration, Answers)> {
    let mut answers = Answers::default();
    loop {
        let sent = now();
        let answer = client.read(id, Query::default()).await?;
        let after = now().saturating_sub(acknowledged);
        answers.count(known, id, sent, &answer);
        if answer.version.is_some_and(|found| found >= version) {
            return Ok((client, after, answers));
        }
        if after > PATIENCE {
            return Err(format!(
                "{} never answered version {version} of {id}",
                client.address()
            )
            .into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    fn answer(version: u64, bound: Bound) -> Answer {
        Answer {
            status: 200,
            version: Some(version),
            bound,
            cache: "roster-l1; hit; ttl=12".to_owned(),
            retry_after: false,
            value: None,
            body: String::new(),
        }
    }

    #[test]
    fn an_answer_older_than_it_says_is_found() {
        let known = Acknowledged::default();
        known.note(ID, 3, Duration::from_secs(1));
        known.note(ID, 4, Duration::from_secs(2));
        let broken = |version, bound, sent| {
            let (bound, sent) = (Duration::from_millis(bound), Duration::from_millis(sent));
            known.is_broken(ID, version, bound, sent)
        };
        assert!(broken(3, 100, 2_101));
        assert!(!broken(3, 100, 2_100));
        assert!(!broken(4, 0, 9_000));
        assert!(broken(2, 500, 1_600));
        assert!(!known.is_broken(Uuid::nil(), 1, Duration::ZERO, Duration::MAX));
    }

    #[test]
    fn what_proves_nothing_is_counted_apart() {
        let (known, mut answers) = (Acknowledged::default(), Answers::default());
        known.note(ID, 5, Duration::ZERO);
        let sent = Duration::from_secs(1);
        for bound in [
            Bound::Unproven,
            Bound::Missing,
            Bound::Proven(Duration::ZERO),
        ] {
            answers.count(&known, ID, sent, &answer(4, bound));
        }
        assert_eq!((answers.all, answers.in_memory), (3, 3));
        assert_eq!(
            (answers.unproven, answers.failed, answers.wrong.len()),
            (1, 1, 1)
        );
    }
}
