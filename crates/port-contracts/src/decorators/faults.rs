use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use roster_domain::ports::{BoxError, CacheError, StoreError, WriteError, WriteRefusal};
use tokio::sync::watch;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails as unavailable, and nothing was done.
    Fail,
    /// It is done, but its answer is lost: the caller sees a failure.
    LoseAnswer,
    /// It is done after so long, on tokio's clock.
    Delay(Duration),
    /// It stands still until [`Faults::mend`], and is done then.
    Hang,
}

/// The faults that the calls of some [`super::Faulty`] meet.
#[derive(Debug)]
pub struct Faults {
    plan: Mutex<Plan>,
    /// One more with every mending: what the calls that hang wait for.
    mended: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Plan {
    calls: u64,
    always: Option<Fault>,
    /// The call that meets it, counted from the first.
    once: Option<(u64, Fault)>,
}

impl Faults {
    /// No faults, until one is armed.
    pub fn none() -> Self {
        Self {
            plan: Mutex::default(),
            mended: watch::Sender::new(0),
        }
    }

    /// Lets every call from now on meet a fault.
    pub fn arm(&self, fault: Fault) {
        self.with(|plan| plan.always = Some(fault));
    }

    /// Lets the `nth` call from now on meet a fault; the next one is the first.
    pub fn arm_once(&self, nth: u64, fault: Fault) {
        self.with(|plan| plan.once = Some((plan.calls + nth, fault)));
    }

    /// Takes every fault back; calls that hang go on.
    pub fn mend(&self) {
        self.with(|plan| {
            plan.always = None;
            plan.once = None;
        });
        self.mended.send_modify(|times| *times += 1);
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.with(|plan| plan.calls)
    }

    /// Does `call`, or what the armed fault says.
    pub(super) async fn around<T, E, C>(&self, call: C) -> Result<T, E>
    where
        T: Send,
        E: Unavailable + Send,
        C: Future<Output = Result<T, E>> + Send,
    {
        // Before the plan is asked, so that no mending in between is missed.
        let mut mended = self.mended.subscribe();
        match self.next() {
            None => call.await,
            Some(Fault::Fail) => Err(E::unavailable()),
            Some(Fault::LoseAnswer) => {
                let _ = call.await;
                Err(E::unavailable())
            }
            Some(Fault::Delay(duration)) => {
                tokio::time::sleep(duration).await;
                call.await
            }
            Some(Fault::Hang) => {
                // The sender is this struct's, so that this ends with a mending.
                let _ = mended.changed().await;
                call.await
            }
        }
    }

    fn next(&self) -> Option<Fault> {
        self.with(|plan| {
            plan.calls += 1;
            match plan.once {
                Some((nth, fault)) if nth == plan.calls => Some(fault),
                _ => plan.always,
            }
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Plan) -> T) -> T {
        work(&mut self.plan.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The source of every error that a fault makes.
#[derive(Clone, Copy, Debug)]
pub struct Injected;

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a test injected this fault")
    }
}

impl std::error::Error for Injected {}

/// An error that says that the dependency is not available.
pub(super) trait Unavailable {
    fn unavailable() -> Self;
}

impl Unavailable for StoreError {
    fn unavailable() -> Self {
        Self::Unavailable(Injected.into())
    }
}

impl Unavailable for WriteError {
    fn unavailable() -> Self {
        Self::Store(StoreError::unavailable())
    }
}

impl Unavailable for WriteRefusal {
    fn unavailable() -> Self {
        Self::Write(WriteError::unavailable())
    }
}

impl Unavailable for CacheError {
    fn unavailable() -> Self {
        Self::Unavailable(Injected.into())
    }
}

impl Unavailable for BoxError {
    fn unavailable() -> Self {
        Injected.into()
    }
}
