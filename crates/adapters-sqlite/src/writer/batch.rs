use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use roster_domain::ports::StoreError;
use sqlx::SqliteConnection;
use tokio::sync::oneshot;

use super::Job;

/// A job whose types are forgotten, so that one queue holds them all.
pub(super) trait Pending: Send {
    /// Whether its caller is still there.
    fn is_wanted(&self) -> bool;

    /// From now on its caller waits however long it takes; false when nobody waits any more.
    fn begin(&self) -> bool;

    /// Runs it; true when what it did is to be kept.
    fn run<'t>(&'t mut self, transaction: &'t mut SqliteConnection) -> BoxFuture<'t, bool>;

    /// Tells the caller: what the job answered, or that its transaction failed.
    fn answer(self: Box<Self>, fate: Result<(), BatchFailed>);
}

/// Where a job stands between its caller, who may stop waiting, and the writer.
#[derive(Clone, Debug, Default)]
pub(super) struct Stage(Arc<AtomicU8>);

impl Stage {
    const QUEUED: u8 = 0;
    const BEGUN: u8 = 1;
    const ABANDONED: u8 = 2;

    /// The caller stops waiting; false when the job has begun, so that its fate is open.
    pub(super) fn abandon(&self) -> bool {
        self.move_on(Self::ABANDONED)
    }

    /// The writer begins the job; false when its caller stopped waiting.
    fn begin(&self) -> bool {
        self.move_on(Self::BEGUN)
    }

    fn move_on(&self, to: u8) -> bool {
        let moved = self
            .0
            .compare_exchange(Self::QUEUED, to, Ordering::AcqRel, Ordering::Acquire);
        moved.is_ok()
    }
}

/// What every member of a transaction that could not be committed is told.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the transaction could not be committed")]
pub(super) struct BatchFailed(#[source] Arc<sqlx::Error>);

/// Forgets a job's types.
pub(super) fn pending<T, E>(
    job: impl Job<T, E>,
    caller: oneshot::Sender<Result<T, E>>,
    stage: Stage,
) -> Box<dyn Pending>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    Box::new(Typed {
        job: Some(job),
        answer: None,
        caller,
        stage,
    })
}

struct Typed<T, E, J> {
    job: Option<J>,
    answer: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
    stage: Stage,
}

impl<T, E, J> Pending for Typed<T, E, J>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    J: Job<T, E>,
{
    fn is_wanted(&self) -> bool {
        !self.caller.is_closed()
    }

    fn begin(&self) -> bool {
        self.is_wanted() && self.stage.begin()
    }

    fn run<'t>(&'t mut self, transaction: &'t mut SqliteConnection) -> BoxFuture<'t, bool> {
        Box::pin(async move {
            let Some(job) = self.job.take() else {
                return false;
            };
            // A panic must not end the one task that writes; its caller sees a lost answer.
            let answer = AssertUnwindSafe(async { job(transaction).await })
                .catch_unwind()
                .await
                .ok();
            self.answer = answer;
            matches!(self.answer, Some(Ok(_)))
        })
    }

    fn answer(self: Box<Self>, fate: Result<(), BatchFailed>) {
        let answer = match fate {
            Ok(()) => self.answer,
            Err(failed) => Some(Err(StoreError::Unavailable(failed.into()).into())),
        };
        if let Some(answer) = answer {
            // A caller that went away needs no answer.
            let _ = self.caller.send(answer);
        }
    }
}

/// Runs jobs in one transaction and answers each of them after the commit.
pub(super) async fn run(connection: &mut SqliteConnection, jobs: &mut Vec<Box<dyn Pending>>) {
    jobs.retain(|job| job.is_wanted());
    if jobs.is_empty() {
        return;
    }
    let mut done = Vec::with_capacity(jobs.len());
    let fate = transaction(connection, jobs, &mut done).await;
    if fate.is_err() {
        // Fails when SQLite ended the transaction itself, and then there is nothing to undo.
        let _ = execute(connection, "ROLLBACK").await;
    }
    let fate = fate.map_err(|error| BatchFailed(Arc::new(error)));
    for job in done.drain(..).chain(jobs.drain(..)) {
        job.answer(fate.clone());
    }
}

async fn transaction(
    connection: &mut SqliteConnection,
    jobs: &mut Vec<Box<dyn Pending>>,
    done: &mut Vec<Box<dyn Pending>>,
) -> Result<(), sqlx::Error> {
    execute(connection, "BEGIN IMMEDIATE").await?;
    for mut job in jobs.drain(..) {
        // Looked at again: the transaction may have waited for its beginning.
        if !job.begin() {
            continue;
        }
        execute(connection, "SAVEPOINT job").await?;
        if !job.run(connection).await
            && let Err(error) = execute(connection, "ROLLBACK TO job").await
        {
            // After a full disk and its like SQLite has undone the whole transaction. This job
            // knows why; going on would store the next ones without one.
            job.answer(Ok(()));
            return Err(error);
        }
        execute(connection, "RELEASE job").await?;
        done.push(job);
    }
    execute(connection, "COMMIT").await
}

async fn execute(
    connection: &mut SqliteConnection,
    statement: &'static str,
) -> Result<(), sqlx::Error> {
    sqlx::query(statement).execute(connection).await.map(drop)
}
