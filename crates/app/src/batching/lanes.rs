use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::channel::oneshot;
use roster_domain::ports::BoxError;

use crate::Runtime;

/// Something that can be asked for many callers at once.
#[async_trait]
pub(super) trait Batch: Send + Sync + 'static {
    /// What one caller asks.
    type Call: Send + 'static;
    /// What it is answered, and why it may not be.
    type Answer: Send + 'static;
    type Error: Send + 'static;

    /// How much of a batch a call takes.
    fn weight(call: &Self::Call) -> usize;

    /// Asks for all, and answers each in the order given.
    async fn ask(&self, calls: Vec<Self::Call>) -> Vec<Result<Self::Answer, Self::Error>>;

    /// For a caller who was not answered.
    fn unavailable(source: BoxError) -> Self::Error;
}

/// A bounded number of batches under way, and the calls that wait for the next one.
pub(super) struct Lanes<B: Batch> {
    batch: B,
    most: usize,
    most_weight: usize,
    state: Mutex<State<B>>,
    runtime: Runtime,
}

struct State<B: Batch> {
    busy: usize,
    queue: VecDeque<Waiting<B>>,
}

struct Waiting<B: Batch> {
    call: B::Call,
    answer: oneshot::Sender<Result<B::Answer, B::Error>>,
}

#[derive(Debug, thiserror::Error)]
#[error("too many calls wait for an answer")]
struct Full;

#[derive(Debug, thiserror::Error)]
#[error("those that were asked before did not answer in time")]
struct Overdue;

#[derive(Debug, thiserror::Error)]
#[error("the call ended without an answer")]
struct Lost;

impl<B: Batch> Lanes<B> {
    /// How long a call waits for the batch before it and its own.
    const PATIENCE: Duration = Duration::from_secs(1);
    /// More would only wait for their deadlines.
    const MOST_QUEUED: usize = 4_096;

    /// `most` batches at once, each of at most `most_weight` unless a single call weighs more.
    pub(super) fn new(batch: B, most: usize, most_weight: usize, runtime: Runtime) -> Arc<Self> {
        Arc::new(Self {
            batch,
            most: most.max(1),
            most_weight,
            state: Mutex::new(State {
                busy: 0,
                queue: VecDeque::new(),
            }),
            runtime,
        })
    }

    /// What is asked.
    pub(super) fn batch(&self) -> &B {
        &self.batch
    }

    /// Answers a call: by `alone`, which asks for it and no other, when a lane is free, else
    /// with the next batch, for which `call` makes it a thing that can wait.
    pub(super) async fn call(
        self: &Arc<Self>,
        alone: impl Future<Output = Result<B::Answer, B::Error>> + Send,
        call: impl FnOnce() -> B::Call + Send,
    ) -> Result<B::Answer, B::Error> {
        let waiting = {
            let mut state = self.lock();
            if state.busy < self.most {
                state.busy += 1;
                None
            } else if state.queue.len() < Self::MOST_QUEUED {
                let (answer, waiting) = oneshot::channel();
                let call = call();
                state.queue.push_back(Waiting { call, answer });
                Some(waiting)
            } else {
                return Err(B::unavailable(Full.into()));
            }
        };
        let Some(waiting) = waiting else {
            let _lane = Lane(self);
            return alone.await;
        };
        match self.runtime.within(Self::PATIENCE, waiting).await {
            Some(Ok(answer)) => answer,
            Some(Err(_)) => Err(B::unavailable(Lost.into())),
            None => Err(B::unavailable(Overdue.into())),
        }
    }

    async fn ask(self: Arc<Self>, batch: Vec<Waiting<B>>) {
        let _lane = Lane(&self);
        let (calls, callers): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|waiting| (waiting.call, waiting.answer))
            .unzip();
        // Nobody waits longer, and no lane is held by what is never answered.
        let asking = self.batch.ask(calls);
        let Some(answers) = self.runtime.within(Self::PATIENCE, asking).await else {
            for caller in callers {
                let _ = caller.send(Err(B::unavailable(Overdue.into())));
            }
            return;
        };
        for (caller, answer) in callers.into_iter().zip(answers) {
            // The caller may have gone away.
            let _ = caller.send(answer);
        }
    }

    /// Takes what goes out together, from the front of the queue.
    fn next(&self, state: &mut State<B>) -> Vec<Waiting<B>> {
        let mut batch: Vec<Waiting<B>> = Vec::new();
        let mut weight = 0;
        while let Some(waiting) = state.queue.pop_front() {
            if waiting.answer.is_canceled() {
                continue;
            }
            weight += B::weight(&waiting.call);
            if weight > self.most_weight && !batch.is_empty() {
                state.queue.push_front(waiting);
                break;
            }
            batch.push(waiting);
        }
        batch
    }

    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lane that is taken. When it ends, it goes on with what has queued, in a task of its own:
/// whoever held it is answered, has gone away, or has panicked.
struct Lane<'a, B: Batch>(&'a Arc<Lanes<B>>);

impl<B: Batch> Drop for Lane<'_, B> {
    fn drop(&mut self) {
        let lanes = self.0;
        let batch = {
            let mut state = lanes.lock();
            let batch = lanes.next(&mut state);
            if batch.is_empty() {
                state.busy -= 1;
                return;
            }
            batch
        };
        let ask = Arc::clone(lanes).ask(batch);
        lanes.runtime.tasks.spawn(Box::pin(ask));
    }
}

#[cfg(test)]
mod tests;
