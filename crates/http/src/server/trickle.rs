use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use roster_domain::ports::Clock;

use super::patience::Patience;
use super::traffic::Timeouts;

/// What comes from a peer, or goes to it, while it is waited for: less than enough in the time that
/// it has is as good as nothing. What is not waited for does not count.
pub(super) struct Trickle {
    limit: Duration,
    least: u64,
    patience: Patience,
    /// What moved since it last was enough, and how long that was waited for.
    moved: u64,
    waited: Duration,
    /// Since when nothing moved.
    stalled: Option<Duration>,
}

impl Trickle {
    pub(super) fn new(timeouts: Timeouts, clock: &Arc<dyn Clock>) -> Self {
        Self {
            limit: timeouts.stall,
            least: timeouts.stall_octets,
            patience: Patience::new(Arc::clone(clock)),
            moved: 0,
            waited: Duration::ZERO,
            stalled: None,
        }
    }

    /// How long a peer is waited for, and how many octets in that time are enough.
    pub(super) fn terms(&self) -> (Duration, u64) {
        (self.limit, self.least)
    }

    /// Counts octets that moved. As soon as they are enough, waiting begins anew.
    pub(super) fn has_moved(&mut self, octets: usize) {
        if let Some(since) = self.stalled.take() {
            self.waited += self.patience.now().saturating_sub(since);
        }
        self.moved += octets as u64;
        if self.moved >= self.least {
            self.begin_anew();
        }
    }

    /// Forgets how long was waited.
    pub(super) fn begin_anew(&mut self) {
        (self.moved, self.waited, self.stalled) = (0, Duration::ZERO, None);
    }

    /// Nothing moves just now: whether that was so for too long. If not, the task is woken when it
    /// may have been.
    pub(super) fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        let since = *self.stalled.get_or_insert_with(|| self.patience.now());
        let left = self.limit.saturating_sub(self.waited);
        self.patience.is_over(since + left, context)
    }
}
