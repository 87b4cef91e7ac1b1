use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use roster_adapters_memory::{SequentialIds, TokioSpawner};
use roster_domain::Timestamp;
use roster_domain::ports::{BoxError, Clock};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::*;

/// Doubles numbers once its gate is open, and remembers what went out.
#[derive(Clone)]
struct Doubling {
    gate: watch::Sender<bool>,
    asked: Arc<Mutex<Vec<Vec<u32>>>>,
    panics: Arc<AtomicBool>,
}

impl Doubling {
    fn new() -> Self {
        Self {
            gate: watch::Sender::new(false),
            asked: Arc::default(),
            panics: Arc::default(),
        }
    }

    async fn one(&self, number: u32) -> Result<u32, String> {
        self.ask(vec![number]).await.remove(0)
    }

    fn open(&self) {
        self.gate.send_replace(true);
    }

    fn asked(&self) -> Vec<Vec<u32>> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Batch for Doubling {
    type Call = u32;
    type Answer = u32;
    type Error = String;

    fn weight(_: &u32) -> usize {
        1
    }

    async fn ask(&self, calls: Vec<u32>) -> Vec<Result<u32, String>> {
        self.asked.lock().unwrap().push(calls.clone());
        let mut gate = self.gate.subscribe();
        gate.wait_for(|open| *open).await.unwrap();
        assert!(
            !self.panics.load(Ordering::SeqCst) || calls.len() == 1,
            "a test asked for this panic"
        );
        calls.into_iter().map(|number| Ok(number * 2)).collect()
    }

    fn unavailable(source: BoxError) -> String {
        source.to_string()
    }
}

/// Tokio's clock, which moves when everybody waits.
struct PausedClock(tokio::time::Instant);

#[async_trait]
impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH.plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "this is a clock")]
fn lanes(most: usize, most_weight: usize) -> (Doubling, Arc<Lanes<Doubling>>) {
    let runtime = Runtime {
        clock: Arc::new(PausedClock(tokio::time::Instant::now())),
        ids: Arc::new(SequentialIds::default()),
        tasks: Arc::new(TokioSpawner),
    };
    let doubling = Doubling::new();
    let lanes = Lanes::new(doubling.clone(), Line::new(most, most_weight), runtime);
    (doubling, lanes)
}

/// One caller for each number, in this order and each as far as it gets.
async fn callers(
    (doubling, lanes): &(Doubling, Arc<Lanes<Doubling>>),
    numbers: impl IntoIterator<Item = u32>,
) -> Vec<JoinHandle<Result<u32, String>>> {
    let mut callers = Vec::new();
    for number in numbers {
        let (doubling, lanes) = (doubling.clone(), Arc::clone(lanes));
        callers.push(tokio::spawn(async move {
            lanes.call(1, doubling.one(number), || number).await
        }));
    }
    settle().await;
    callers
}

/// Lets every task go on until it waits.
async fn settle() {
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
}

async fn answers(callers: Vec<JoinHandle<Result<u32, String>>>) -> Vec<Result<u32, String>> {
    let answers = join_all(callers).await;
    answers.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(start_paused = true)]
async fn while_a_lane_is_free_a_call_goes_out_alone() {
    let given = lanes(2, 256);
    given.0.open();
    for number in 1..=3 {
        let answered = answers(callers(&given, [number]).await).await;
        assert_eq!(answered, [Ok(number * 2)]);
    }
    assert_eq!(given.0.asked(), [[1], [2], [3]]);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_while_all_lanes_are_busy_goes_out_together() {
    let given = lanes(2, 256);
    let waiting = callers(&given, 1..=20).await;
    assert_eq!(given.0.asked(), [[1], [2]]);
    given.0.open();
    let doubled: Vec<_> = (1..=20).map(|number| Ok(number * 2)).collect();
    assert_eq!(answers(waiting).await, doubled);
    let rest: Vec<u32> = (3..=20).collect();
    assert_eq!(given.0.asked(), [vec![1], vec![2], rest]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_bounded() {
    let given = lanes(1, 3);
    let waiting = callers(&given, 1..=6).await;
    given.0.open();
    let answered = answers(waiting).await;
    assert_eq!(answered, [2, 4, 6, 8, 10, 12].map(Ok::<u32, String>));
    let asked = given.0.asked();
    assert_eq!(
        asked,
        [[1].as_slice(), &[2, 3, 4], &[5, 6]].map(<[u32]>::to_vec)
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_holds_nobody_up() {
    let given = lanes(1, 256);
    let mut waiting = callers(&given, 1..=4).await;
    // The one that holds the lane, and one that waits for it.
    for index in [2, 0] {
        let caller = waiting.remove(index);
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
    }
    settle().await;
    given.0.open();
    assert_eq!(answers(waiting).await, [Ok(4), Ok(8)]);
    assert_eq!(given.0.asked(), [vec![1], vec![2, 4]]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_panics_fails_its_callers_and_gives_its_lane_back() {
    let given = lanes(1, 256);
    let waiting = callers(&given, 1..=3).await;
    given.0.panics.store(true, Ordering::SeqCst);
    given.0.open();
    let lost = || Err(Lost.to_string());
    assert_eq!(answers(waiting).await, [Ok(2), lost(), lost()]);
    assert_eq!(answers(callers(&given, [9]).await).await, [Ok(18)]);
}

#[tokio::test(start_paused = true)]
async fn what_hangs_is_waited_for_a_second_and_not_by_all() {
    let given = lanes(1, 256);
    let holding = callers(&given, [0]).await;
    let most = u32::try_from(Line::<Waiting<Doubling>>::MOST_WAITING).unwrap();
    let mut waiting = answers(callers(&given, 1..=most + 1).await).await;
    assert_eq!(waiting.pop(), Some(Err(Full.to_string())));
    waiting.dedup();
    assert_eq!(waiting, [Err(Overdue.to_string())]);
    given.0.open();
    assert_eq!(answers(holding).await, [Ok(0)]);
    settle().await;
    assert_eq!(given.0.asked(), [[0]], "nobody waits for the others");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_hangs_gives_its_lane_back() {
    let given = lanes(1, 256);
    let mut waiting = callers(&given, 1..=3).await;
    // The one that holds the lane goes away, and the batch goes out that is never answered.
    waiting.remove(0).abort();
    let overdue = || Err(Overdue.to_string());
    assert_eq!(answers(waiting).await, [overdue(), overdue()]);
    settle().await;
    assert_eq!(given.0.asked(), [vec![1], vec![2, 3]]);
    let next = callers(&given, [9]).await;
    assert_eq!(given.0.asked().pop(), Some(vec![9]), "the lane is free");
    given.0.open();
    assert_eq!(answers(next).await, [Ok(18)]);
}
