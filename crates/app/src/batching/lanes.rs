use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::channel::oneshot;
use roster_domain::ports::BoxError;

use super::line::{Line, Turn, Waits};
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
    line: Line<Waiting<B>>,
    runtime: Runtime,
}

pub(super) struct Waiting<B: Batch> {
    call: B::Call,
    answer: oneshot::Sender<Result<B::Answer, B::Error>>,
}

impl<B: Batch> Waits for Waiting<B> {
    fn weight(&self) -> usize {
        B::weight(&self.call)
    }

    fn is_wanted(&self) -> bool {
        !self.answer.is_canceled()
    }
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

    /// What goes out together does so by a line.
    pub(super) fn new(batch: B, line: Line<Waiting<B>>, runtime: Runtime) -> Arc<Self> {
        Arc::new(Self {
            batch,
            line,
            runtime,
        })
    }

    /// What is asked.
    pub(super) fn batch(&self) -> &B {
        &self.batch
    }

    /// Answers a call of a weight: by `alone`, which asks for it and no other, when a lane is
    /// free, else with a batch, for which `call` makes it a thing that can wait.
    pub(super) async fn call(
        self: &Arc<Self>,
        weight: usize,
        alone: impl Future<Output = Result<B::Answer, B::Error>> + Send,
        call: impl FnOnce() -> B::Call + Send,
    ) -> Result<B::Answer, B::Error> {
        let (answer, waiting) = oneshot::channel();
        let turn = self.line.turn(weight, || Waiting {
            call: call(),
            answer,
        });
        match turn {
            Turn::Now => {
                let _lane = Lane {
                    lanes: self,
                    gone: weight,
                };
                return alone.await;
            }
            Turn::Later(batch) => {
                if let Some(batch) = batch {
                    self.spawn(batch);
                }
            }
            Turn::Never => return Err(B::unavailable(Full.into())),
        }
        match self.runtime.within(Self::PATIENCE, waiting).await {
            Some(Ok(answer)) => answer,
            Some(Err(_)) => Err(B::unavailable(Lost.into())),
            None => Err(B::unavailable(Overdue.into())),
        }
    }

    fn spawn(self: &Arc<Self>, batch: Vec<Waiting<B>>) {
        let ask = Arc::clone(self).ask(batch);
        self.runtime.tasks.spawn(Box::pin(ask));
    }

    async fn ask(self: Arc<Self>, batch: Vec<Waiting<B>>) {
        let _lane = Lane {
            lanes: &self,
            gone: batch.iter().map(Waits::weight).sum(),
        };
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
}

/// A lane that is taken. When it ends, it goes on with what has queued, in a task of its own:
/// whoever held it is answered, has gone away, or has panicked.
struct Lane<'a, B: Batch> {
    lanes: &'a Arc<Lanes<B>>,
    gone: usize,
}

impl<B: Batch> Drop for Lane<'_, B> {
    fn drop(&mut self) {
        if let Some(batch) = self.lanes.line.next(self.gone) {
            self.lanes.spawn(batch);
        }
    }
}

#[cfg(test)]
mod tests;
