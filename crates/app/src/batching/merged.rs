use std::sync::Arc;

use crate::shared_error::Share;

/// What several callers ask, as one list of questions.
pub(super) struct Merged<Q> {
    pub(super) questions: Vec<Q>,
    /// How many are each caller's, in their order.
    shares: Vec<usize>,
}

impl<Q> Merged<Q> {
    pub(super) fn of(calls: Vec<Vec<Q>>) -> Self {
        let shares = calls.iter().map(Vec::len).collect();
        let questions = calls.into_iter().flatten().collect();
        Self { questions, shares }
    }

    /// Deals what came back, in the order asked, to the callers; an error is everybody's.
    pub(super) fn deal<T, R, E: Share>(
        &self,
        answered: Result<Vec<T>, E>,
        mut each: impl FnMut(Vec<T>) -> R,
    ) -> Vec<Result<R, E>> {
        let shares = self.shares.iter();
        match answered {
            Ok(answers) => {
                let mut answers = answers.into_iter();
                shares
                    .map(|share| Ok(each(answers.by_ref().take(*share).collect())))
                    .collect()
            }
            Err(error) => {
                let error = Arc::new(error);
                shares.map(|_| Err(E::share(&error))).collect()
            }
        }
    }
}
