use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::connection::Phase;

/// As many connections as there may be, and whether one more waits for one of them to end.
pub(super) struct Crowd {
    room: Arc<Semaphore>,
    is_wanted: AtomicBool,
}

impl Crowd {
    pub(super) fn new(most: usize) -> Self {
        Self {
            room: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            is_wanted: AtomicBool::new(false),
        }
    }

    /// Room for one connection more. While there is none, one that nobody uses has to go, or the
    /// first that has been answered.
    pub(super) async fn enter(&self, phase: &watch::Sender<Phase>) -> Option<OwnedSemaphorePermit> {
        /// Who gave way may take its time to end.
        const PATIENCE: Duration = Duration::from_secs(1);
        let enter = || Arc::clone(&self.room).acquire_owned();
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            if self.room.available_permits() > 0 {
                turn(phase, Phase::Full, Phase::Serving);
            }
            return Some(permit);
        }
        turn(phase, Phase::Serving, Phase::Full);
        loop {
            self.is_wanted.store(true, Ordering::Relaxed);
            if let Ok(permit) = tokio::time::timeout(PATIENCE, enter()).await {
                self.is_wanted.store(false, Ordering::Relaxed);
                return permit.ok();
            }
        }
    }

    /// Whether a connection that asks has to end: one for each that waits.
    pub(super) fn gives_way(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed) && self.is_wanted.swap(false, Ordering::Relaxed)
    }
}

fn turn(phase: &watch::Sender<Phase>, from: Phase, to: Phase) {
    phase.send_if_modified(|phase| {
        let is_turned = *phase == from;
        if is_turned {
            *phase = to;
        }
        is_turned
    });
}
