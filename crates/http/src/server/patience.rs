use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use roster_domain::ports::Clock;

/// Waits until a deadline that moves.
///
/// A connection moves its deadline with every request, and hardly ever reaches it. So the timer
/// stays as it is while the deadline only moves on: when it rings, it is set again to where the
/// deadline is by then. A request costs no timer that way.
pub(super) struct Patience {
    clock: Arc<dyn Clock>,
    timer: Option<Timer>,
}

struct Timer {
    /// On the monotonic clock.
    rings: Duration,
    sleep: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Patience {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, timer: None }
    }

    /// On the monotonic clock, perhaps a tick behind: what begins here ends as much early.
    pub(super) fn now(&self) -> Duration {
        self.clock.coarse()
    }

    /// Whether the deadline has passed; if not, the task is woken when it may have.
    pub(super) fn is_over(&mut self, deadline: Duration, context: &mut Context<'_>) -> bool {
        loop {
            let timer = match &mut self.timer {
                Some(timer) if timer.rings <= deadline => timer,
                _ => {
                    let left = deadline.saturating_sub(self.clock.monotonic());
                    if left.is_zero() {
                        return true;
                    }
                    let clock = Arc::clone(&self.clock);
                    self.timer.insert(Timer {
                        rings: deadline,
                        sleep: Box::pin(async move { clock.sleep(left).await }),
                    })
                }
            };
            match timer.sleep.as_mut().poll(context) {
                Poll::Pending => return false,
                Poll::Ready(()) => self.timer = None,
            }
        }
    }
}
