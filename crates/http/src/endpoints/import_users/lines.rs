use bytes::Bytes;
use futures::Stream;
use futures::stream::unfold;
use roster_domain::UserId;
use serde::{Serialize, Serializer};
use tokio::sync::mpsc;

use super::run::{End, Told};
use crate::problem::{FieldError, Problem, ProblemLine};
use crate::transfer::{Outcome, RowEnd, Summary};

/// The answer, a line at a time.
pub(super) struct Lines {
    first: Option<Told>,
    rest: mpsc::UnboundedReceiver<Told>,
}

impl Lines {
    /// Waits until the import has something to tell, or has failed before it had.
    pub(super) async fn begun(mut rest: mpsc::UnboundedReceiver<Told>) -> Result<Self, Problem> {
        match rest.recv().await {
            None => Err(Problem::internal("the import ended without a word")),
            Some(Told::End(End {
                problem: Some(problem),
                ..
            })) => Err(problem),
            first => Ok(Self { first, rest }),
        }
    }

    /// The lines, those of a batch together.
    pub(super) fn into_stream(self) -> impl Stream<Item = Bytes> + Send {
        unfold(self, |mut lines| async move {
            let told = match lines.first.take() {
                Some(told) => told,
                None => lines.rest.recv().await?,
            };
            let mut text = Vec::new();
            match told {
                Told::Batch(outcomes, _room) => {
                    text.reserve(outcomes.len() * 80);
                    for outcome in &outcomes {
                        write(&mut text, &RowLine::of(outcome));
                    }
                }
                Told::End(end) => write(&mut text, &LastLine::of(&end)),
            }
            Some((Bytes::from(text), lines))
        })
    }
}

fn write(text: &mut Vec<u8>, line: &impl Serialize) {
    // Strings and numbers always serialise, and a vector always takes them.
    let _ = serde_json::to_writer(&mut *text, line);
    text.push(b'\n');
}

/// What became of one row, or at the end of all of them.
#[derive(utoipa::ToSchema)]
#[schema(as = ImportLine)]
#[expect(
    dead_code,
    reason = "it is the documented form; lines are written from borrowed parts"
)]
pub(super) struct LineSchema {
    /// The line that the row begins on, counted from 1.
    #[schema(required = false)]
    line: Option<u64>,
    /// `created`, `updated`, `skipped`, `rejected`, or `conflict`: the row because of which nothing of its batch is stored. In a trial a row is `accepted` or `rejected`.
    #[schema(required = false)]
    result: Option<String>,
    /// The user's id.
    #[schema(format = "uuid", required = false)]
    id: Option<String>,
    /// Everything that is wrong with a row that was not taken.
    #[schema(required = false)]
    errors: Option<Vec<FieldError>>,
    /// On the last line: `read`, `created`, `updated`, `skipped`, `rejected`.
    #[schema(value_type = Option<Object>, required = false)]
    summary: Option<()>,
    /// On the last line: everything up to this line is done for good.
    #[schema(required = false)]
    committed_line: Option<u64>,
    /// On the last line, when the file was not read to its end: why, as in the body of a failed request.
    #[schema(value_type = Option<Object>, required = false)]
    problem: Option<()>,
}

#[derive(Serialize)]
struct RowLine<'a> {
    line: u64,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "id_text")]
    id: Option<UserId>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

#[derive(Serialize)]
struct LastLine<'a> {
    summary: &'a Summary,
    committed_line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemLine<'a>>,
}

impl<'a> RowLine<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        let (result, id, errors): (_, _, &[FieldError]) = match &outcome.end {
            RowEnd::Created(id) => ("created", Some(*id), &[]),
            RowEnd::Updated(id) => ("updated", Some(*id), &[]),
            RowEnd::Skipped(id) => ("skipped", Some(*id), &[]),
            RowEnd::Rejected(errors) => ("rejected", None, errors),
            RowEnd::Undoing(errors) => ("conflict", None, errors),
            RowEnd::Accepted => ("accepted", None, &[]),
            RowEnd::NotStored => ("not_stored", None, &[]),
        };
        Self {
            line: outcome.line,
            result,
            id,
            errors,
        }
    }
}

impl<'a> LastLine<'a> {
    fn of(end: &'a End) -> Self {
        Self {
            summary: &end.summary,
            committed_line: end.committed_line,
            problem: end.problem.as_ref().map(Problem::line),
        }
    }
}

#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn id_text<S: Serializer>(id: &Option<UserId>, serializer: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}
