use std::io::Read;
use std::sync::Arc;

use roster_app::{Action, Runtime, UserService};
use roster_domain::ports::UserTransfer;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::body;
use crate::capacity::Place;
use crate::extract::Caller;
use crate::middleware::Guards;
use crate::problem::{Problem, ProblemType};
use crate::services::Draining;
use crate::transfer::{Decided, ImportOptions, ImportStop, Importer, Outcome, RowEnd, Summary};

/// An import that is asked for.
pub(super) struct Import {
    pub(super) caller: Caller,
    pub(super) users: Arc<UserService>,
    /// `None` in a trial.
    pub(super) transfer: Option<Arc<dyn UserTransfer>>,
    pub(super) runtime: Runtime,
    pub(super) draining: Draining,
    pub(super) guards: Arc<Guards>,
    pub(super) place: Place,
}

/// What an import tells, in this order: batches, and then its end.
pub(super) enum Told {
    Batch(Vec<Outcome>, OwnedSemaphorePermit),
    End(End),
}

/// How an import ended.
pub(super) struct End {
    pub(super) summary: Summary,
    /// The last line that is done for good.
    pub(super) committed_line: u64,
    /// Why it ended before the end of the file.
    pub(super) problem: Option<Problem>,
}

/// How many octets of outcomes wait for a client that sends its whole file before it reads the
/// first line of the answer, as many do. Beyond that it is not read on.
const WAITING: usize = 16 << 20;

impl Import {
    /// Begins, in a task of its own.
    pub(super) fn start(
        self,
        input: impl Read + Send + 'static,
        options: ImportOptions,
    ) -> mpsc::UnboundedReceiver<Told> {
        // Its length is bounded by what the outcomes in it weigh.
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let end = self.run(input, options, &sender).await;
            // The client may have gone away.
            let _ = sender.send(Told::End(end));
        });
        receiver
    }

    async fn run(
        self,
        input: impl Read + Send + 'static,
        options: ImportOptions,
        client: &mpsc::UnboundedSender<Told>,
    ) -> End {
        let room = Arc::new(Semaphore::new(WAITING));
        let mut end = End {
            summary: Summary::default(),
            committed_line: options.from_line.saturating_sub(1),
            problem: None,
        };
        let Self {
            caller,
            users,
            transfer,
            runtime,
            draining,
            guards,
            place: _place,
        } = self;
        let surroundings = (&*runtime.clock, &*runtime.ids);
        let mut importer = match Importer::start(transfer.as_deref(), surroundings, input, options)
        {
            Ok(importer) => importer,
            Err(error) => {
                end.problem = Some(Problem::internal(error));
                return end;
            }
        };
        loop {
            guards.capacity().make_way().await;
            if draining.has_begun() {
                let detail = "The process is stopping.";
                end.problem = Some(Problem::new(ProblemType::TemporaryReducedCapacity, detail));
                return end;
            }
            let batch = match importer.read().await {
                Ok(Some(batch)) => batch,
                Ok(None) => return end,
                Err(stop) => {
                    end.problem = Some(problem_of(stop));
                    return end;
                }
            };
            // It may have been on its way for long.
            if let Err(problem) = caller.may_still(Action::ImportUsers, &users).await {
                end.problem = Some(problem);
                return end;
            }
            let decided = match importer.decide(batch).await {
                Ok(decided) => decided,
                Err(stop) => {
                    end.problem = Some(problem_of(stop));
                    return end;
                }
            };
            if decided.is_undone {
                end.problem = Some(problem_of(ImportStop::Conflict));
            } else {
                end.summary.add(&decided.summary);
                end.committed_line = decided.last_line;
            }
            let is_heard = tell(decided, &room, client).await;
            if !is_heard || end.problem.is_some() {
                return end;
            }
        }
    }
}

/// Hands a batch on; false when nobody listens any more.
async fn tell(
    decided: Decided,
    room: &Arc<Semaphore>,
    client: &mpsc::UnboundedSender<Told>,
) -> bool {
    let mut outcomes = decided.outcomes;
    if decided.is_undone {
        outcomes.retain(|outcome| matches!(outcome.end, RowEnd::Undoing(_)));
    }
    let weight = outcomes.iter().map(weight).sum::<usize>().clamp(1, WAITING);
    let weight = u32::try_from(weight).unwrap_or(u32::MAX);
    let permit = tokio::select! {
        permit = Arc::clone(room).acquire_many_owned(weight) => permit,
        () = client.closed() => return false,
    };
    permit.is_ok_and(|permit| client.send(Told::Batch(outcomes, permit)).is_ok())
}

/// About how many octets an outcome has in memory.
fn weight(outcome: &Outcome) -> usize {
    /// A pointer into the row and the sentence that goes with it.
    const ERROR: usize = 160;
    let errors = match &outcome.end {
        RowEnd::Rejected(errors) | RowEnd::Undoing(errors) => errors.len(),
        _ => 0,
    };
    size_of::<Outcome>() + errors * ERROR
}

fn problem_of(stop: ImportStop) -> Problem {
    match stop {
        ImportStop::Conflict => Problem::new(
            ProblemType::Conflict,
            "A user of the file is there already; nothing of the row's batch is stored.",
        ),
        ImportStop::Store(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an import stopped"
            );
            error.into()
        }
        ImportStop::Header(detail) => Problem::malformed(detail),
        ImportStop::Input(error) => body::problem_of(&error),
        stop @ (ImportStop::Rejects(_) | ImportStop::Interrupted) => Problem::internal(stop),
    }
}
