use std::sync::Arc;

use async_trait::async_trait;
use roster_domain::ports::{BoxError, StoreError};

use super::lanes::{Batch, Lanes};
use super::line::Line;
use super::merged::Merged;
use crate::Runtime;

/// A read of the store that answers many questions at once, each by itself.
#[async_trait]
pub(crate) trait Read: Send + Sync + 'static {
    type Question: Clone + Send + Sync + 'static;
    type Answer: Send + 'static;

    /// An answer to each question, in their order.
    async fn read(&self, questions: &[Self::Question]) -> Result<Vec<Self::Answer>, StoreError>;
}

/// A read whose callers share batches: each asks for itself, and need not know of the others.
pub(crate) struct Batched<R: Read>(Arc<Lanes<R>>);

#[derive(Debug, thiserror::Error)]
#[error("{asked} questions have {answered} answers")]
struct Miscounted {
    asked: usize,
    answered: usize,
}

impl<R: Read> Batched<R> {
    /// At most so many batches are under way at once, with at most so many questions in each.
    pub(crate) fn new(read: R, lanes: usize, most: usize, runtime: Runtime) -> Self {
        Self(Lanes::new(read, Line::new(lanes, most), runtime))
    }

    /// An answer to each question, in their order.
    pub(crate) async fn ask_many(
        &self,
        questions: &[R::Question],
    ) -> Result<Vec<R::Answer>, StoreError> {
        let alone = counted(self.0.batch(), questions);
        self.0
            .call(questions.len(), alone, || questions.to_vec())
            .await
    }

    /// The answer to one.
    pub(crate) async fn ask(&self, question: R::Question) -> Result<R::Answer, StoreError> {
        let mut answers = self.ask_many(&[question]).await?;
        let asked = 1;
        let answered = answers.len();
        let answer = answers.pop();
        answer.ok_or_else(|| StoreError::Corrupt(Miscounted { asked, answered }.into()))
    }
}

/// What is not an answer to each would be dealt to the wrong callers.
async fn counted<R: Read>(
    read: &R,
    questions: &[R::Question],
) -> Result<Vec<R::Answer>, StoreError> {
    let answers = read.read(questions).await?;
    let (asked, answered) = (questions.len(), answers.len());
    if asked == answered {
        Ok(answers)
    } else {
        Err(StoreError::Corrupt(Miscounted { asked, answered }.into()))
    }
}

#[async_trait]
impl<R: Read> Batch for R {
    type Call = Vec<R::Question>;
    type Answer = Vec<R::Answer>;
    type Error = StoreError;

    fn weight(questions: &Self::Call) -> usize {
        questions.len()
    }

    async fn ask(&self, calls: Vec<Self::Call>) -> Vec<Result<Self::Answer, StoreError>> {
        let merged = Merged::of(calls);
        let answered = counted(self, &merged.questions).await;
        merged.deal(answered, |answers| answers)
    }

    fn unavailable(source: BoxError) -> StoreError {
        StoreError::Unavailable(source)
    }
}
