mod key_set;
mod source;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use roster_domain::ports::Clock;
use tokio::sync::{Notify, watch};

pub use key_set::KeyError;
pub(super) use key_set::{Jwk, KeySet, PublicKey};
pub use source::{CertificatesError, JwksAddress, KeySource};

/// The keys of one issuer, and how they are read anew.
///
/// One task reads them: every so often, and when a token names a key that is not there, but not
/// more often than every ten seconds, so that made-up names cannot make it hammer the issuer.
/// What was read last stays when a reading fails.
pub struct Keys {
    source: KeySource,
    clock: Arc<dyn Clock>,
    set: RwLock<Option<Arc<KeySet>>>,
    /// Counts the sets; 0 before the first.
    generation: AtomicU64,
    /// Whether a task reads them; without one there is nothing to wait for.
    kept: AtomicBool,
    /// Somebody needs a key that is not there.
    wanted: Notify,
    /// How many readings have ended, and when the last one began.
    readings: watch::Sender<Readings>,
}

#[derive(Clone, Copy, Default)]
struct Readings {
    ended: u64,
    last: Option<Duration>,
}

/// A set of keys and its number.
pub(super) struct KeysState {
    pub(super) set: Arc<KeySet>,
    pub(super) generation: u64,
}

impl Keys {
    /// Between two readings that tokens ask for.
    const PAUSE: Duration = Duration::from_secs(10);
    /// How long a token waits for its issuer's keys.
    const PATIENCE: Duration = Duration::from_millis(1_500);

    /// The keys of a source. A file is read at once, and must be there; an address is read by
    /// [`Issuers::keep_keys_fresh`](super::Issuers::keep_keys_fresh), and tokens are answered with 503 until then.
    pub fn open(source: KeySource, clock: Arc<dyn Clock>) -> Result<Self, KeyError> {
        let keys = Self {
            source,
            clock,
            set: RwLock::default(),
            generation: AtomicU64::new(0),
            kept: AtomicBool::new(false),
            wanted: Notify::new(),
            readings: watch::Sender::default(),
        };
        if let Some(set) = keys.source.read_now() {
            keys.take(set?);
        }
        Ok(keys)
    }

    /// Reads them again and again.
    pub(super) async fn keep_fresh(&self) {
        let interval = self.source.interval();
        self.kept.store(true, Ordering::Release);
        loop {
            let began = self.clock.monotonic();
            match self.source.read().await {
                Ok(set) => self.take(set),
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    source = %self.source,
                    "the keys of an issuer cannot be read; those read before stay"
                ),
            }
            self.readings.send_modify(|readings| {
                readings.ended += 1;
                readings.last = Some(began);
            });
            let pause = self.pause();
            self.clock.sleep(pause).await;
            if self.generation() == 0 {
                continue;
            }
            let wanted = std::pin::pin!(self.wanted.notified());
            let rest = self.clock.sleep(interval.saturating_sub(pause));
            futures::future::select(wanted, rest).await;
        }
    }

    /// Has them read anew unless that was done just now, and waits for it a little.
    pub(super) async fn refresh(&self) {
        let mut readings = self.readings.subscribe();
        let before = *readings.borrow_and_update();
        let now = self.clock.monotonic();
        let is_recent = before
            .last
            .is_some_and(|last| now.saturating_sub(last) < self.pause());
        if is_recent || !self.kept.load(Ordering::Acquire) {
            return;
        }
        self.wanted.notify_one();
        let read = std::pin::pin!(readings.wait_for(|readings| readings.ended > before.ended));
        futures::future::select(read, self.clock.sleep(Self::PATIENCE)).await;
    }

    /// The set that was read last.
    pub(super) fn current(&self) -> Option<KeysState> {
        let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
        Some(KeysState {
            set: Arc::clone(set.as_ref()?),
            generation: self.generation(),
        })
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// How long a reading is recent. Without any keys nobody is let in: then it is worth more.
    fn pause(&self) -> Duration {
        if self.generation() == 0 {
            Duration::from_secs(1)
        } else {
            Self::PAUSE
        }
    }

    /// A set that is no other than the last changes nothing: remembered tokens stay.
    fn take(&self, set: KeySet) {
        let mut held = self.set.write().unwrap_or_else(PoisonError::into_inner);
        if held.as_deref() != Some(&set) {
            *held = Some(Arc::new(set));
            self.generation.fetch_add(1, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests;
