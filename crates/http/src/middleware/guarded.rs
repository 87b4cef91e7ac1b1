use std::any::Any;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt as _;
use roster_domain::ports::Clock;

use crate::problem::{Problem, ProblemType};

/// Runs a route to its end, its deadline if it has one, or its panic, whichever comes first.
pub(super) async fn run<T>(
    route: impl Future<Output = T>,
    clock: &dyn Clock,
    deadline: Option<Duration>,
) -> Result<T, Problem> {
    // The state behind a handler is shared through locks that recover, or not at all.
    let mut route = pin!(AssertUnwindSafe(route).catch_unwind());
    let mut timer = None;
    let outcome = poll_fn(|context| {
        if let Poll::Ready(outcome) = route.as_mut().poll(context) {
            return Poll::Ready(Some(outcome));
        }
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        // What is answered from memory is ready at once, and never needs a timer.
        let timer = timer.get_or_insert_with(|| clock.sleep(deadline));
        timer.as_mut().poll(context).map(|()| None)
    });
    let Some(outcome) = outcome.await else {
        let millis = deadline.unwrap_or_default().as_millis();
        let detail = format!("The request took longer than {millis} ms.");
        return Err(Problem::new(ProblemType::DeadlineExceeded, detail));
    };
    outcome.map_err(|panic| Problem::internal(Panicked(message(&*panic))))
}

/// A handler that panicked, and with which words.
#[derive(Debug, thiserror::Error)]
#[error("the handler panicked: {0}")]
struct Panicked(&'static str);

/// Only words that stand in the source: a formatted message may quote what a client sent.
fn message(panic: &(dyn Any + Send)) -> &'static str {
    panic
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("in words that are not logged")
}
