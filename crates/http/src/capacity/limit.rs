use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many requests may be under way: additive increase, multiplicative decrease.
///
/// Looked at in windows. When many requests of a window were late, the limit is lowered;
/// when it was reached and they were not, it is raised. What had begun before it was lowered
/// last does not count, because it would lower it again for the same reason.
pub(super) struct Limit {
    current: AtomicUsize,
    most: usize,
    target: Duration,
    reached: AtomicBool,
    window: Mutex<Window>,
}

/// A request that has ended; times on the monotonic clock.
#[derive(Clone, Copy)]
pub(super) struct Finished {
    pub(super) began: Duration,
    pub(super) ended: Duration,
    /// How long such requests take while there is room.
    pub(super) usual: Duration,
    /// Whether it failed because something that it needs could not bear it.
    pub(super) overloaded: bool,
}

#[derive(Default)]
struct Window {
    ends: Duration,
    finished: u32,
    late: u32,
    /// How late all of them were together, in parts of what they had.
    excess: f64,
    most_taken: usize,
    slowest: Duration,
    lowered: Duration,
}

impl Limit {
    /// Below this a store of many connections would never show what it bears.
    const LEAST: usize = 16;
    /// Up to here a limit is not lowered for being far above what is under way.
    const FELT: usize = 64;
    const WINDOW: Duration = Duration::from_millis(50);
    /// A window of fewer says nothing, unless it is long over.
    const ENOUGH: u32 = 10;
    const LONG_OVER: Duration = Duration::from_secs(1);
    /// From this multiple of what is usual a request is late, if it is above the target.
    const UNUSUAL: u32 = 2;

    pub(super) fn new(most: usize, target: Duration) -> Self {
        Self {
            current: AtomicUsize::new(most.max(1)),
            most: most.max(1),
            target,
            reached: AtomicBool::new(false),
            window: Mutex::default(),
        }
    }

    /// The limit just now.
    pub(super) fn current(&self) -> usize {
        self.current.load(Ordering::Relaxed)
    }

    /// A request found no place.
    pub(super) fn was_reached(&self) {
        self.reached.store(true, Ordering::Relaxed);
    }

    /// Counts a request that has ended, while so many were under way.
    pub(super) fn finished(&self, request: Finished, taken: usize) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if request.began < window.lowered {
            return;
        }
        let allowed = self.target.max(request.usual * Self::UNUSUAL);
        let took = request.ended.saturating_sub(request.began);
        window.finished += 1;
        window.most_taken = window.most_taken.max(taken);
        window.slowest = window.slowest.max(took);
        if took > allowed || request.overloaded {
            window.late += 1;
            window.excess += (took.as_secs_f64() / allowed.as_secs_f64().max(1e-6)).max(1.5);
        }
        let is_whole = window.finished >= Self::ENOUGH;
        let is_over = request.ended >= window.ends;
        let is_long_over = request.ended >= window.ends + Self::LONG_OVER;
        if (is_over && is_whole) || is_long_over {
            self.decide(&window);
            let lowered = if window.is_late() {
                request.ended
            } else {
                window.lowered
            };
            *window = Window {
                // What a change of the limit does shows only after as long as a request takes.
                ends: request.ended + window.slowest.clamp(Self::WINDOW, Self::LONG_OVER),
                lowered,
                ..Window::default()
            };
        }
    }

    fn decide(&self, window: &Window) {
        let current = self.current();
        let was_reached = self.reached.swap(false, Ordering::Relaxed)
            || window.most_taken.saturating_mul(5) >= current.saturating_mul(4);
        let next = if window.is_late() {
            let least = Self::LEAST.min(self.most);
            // A limit far above what is under way would take many windows to be felt.
            let felt = window.most_taken.max(Self::FELT);
            scaled(current.min(felt), window.remedy()).max(least)
        } else if was_reached {
            (current + (current / 8).max(1)).min(self.most)
        } else {
            return;
        };
        self.current.store(next, Ordering::Relaxed);
    }
}

impl Window {
    /// Whether half of its requests or more were late.
    fn is_late(&self) -> bool {
        self.late > 0 && self.late * 2 >= self.finished
    }

    /// By what the limit is multiplied: the later they were the more, but at most to a half.
    fn remedy(&self) -> f64 {
        (f64::from(self.late) / self.excess).clamp(0.5, 0.9)
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a limit is far below 2^52, and stays above zero"
)]
fn scaled(limit: usize, factor: f64) -> usize {
    (limit as f64 * factor) as usize
}
