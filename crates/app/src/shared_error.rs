//! One error for several callers: the ports' errors own their sources, and cannot be cloned.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use roster_domain::ports::{BoxError, CacheError, StoreError};

/// What the driver said to all of them.
#[derive(Debug)]
struct Shared<E>(Arc<E>);

/// An error with a driver's error inside.
trait FromDriver: fmt::Debug + Send + Sync + 'static {
    fn driver(&self) -> Option<&BoxError>;
}

impl FromDriver for StoreError {
    fn driver(&self) -> Option<&BoxError> {
        let (Self::Unavailable(source) | Self::Corrupt(source)) = self;
        Some(source)
    }
}

impl FromDriver for CacheError {
    fn driver(&self) -> Option<&BoxError> {
        match self {
            Self::Unavailable(source) => Some(source),
            Self::TimedOut => None,
        }
    }
}

impl<E: FromDriver> fmt::Display for Shared<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.driver().map_or(Ok(()), |driver| driver.fmt(f))
    }
}

impl<E: FromDriver> Error for Shared<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.driver()?.source()
    }
}

/// An error of which each of those who waited for the same thing gets one.
pub(crate) trait Share: Sized {
    /// One more of it.
    fn share(error: &Arc<Self>) -> Self;
}

impl Share for StoreError {
    fn share(error: &Arc<Self>) -> Self {
        let shared = Box::new(Shared(Arc::clone(error)));
        match &**error {
            Self::Unavailable(_) => Self::Unavailable(shared),
            Self::Corrupt(_) => Self::Corrupt(shared),
        }
    }
}

impl Share for CacheError {
    fn share(error: &Arc<Self>) -> Self {
        match &**error {
            Self::TimedOut => Self::TimedOut,
            Self::Unavailable(_) => Self::Unavailable(Box::new(Shared(Arc::clone(error)))),
        }
    }
}
