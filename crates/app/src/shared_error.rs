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

/// The error of a store, for one of those who waited for it.
pub(crate) fn store_error(error: &Arc<StoreError>) -> StoreError {
    let shared = Box::new(Shared(Arc::clone(error)));
    match &**error {
        StoreError::Unavailable(_) => StoreError::Unavailable(shared),
        StoreError::Corrupt(_) => StoreError::Corrupt(shared),
    }
}

/// The error of a cache, for one of those who waited for it.
pub(crate) fn cache_error(error: &Arc<CacheError>) -> CacheError {
    match &**error {
        CacheError::TimedOut => CacheError::TimedOut,
        CacheError::Unavailable(_) => CacheError::Unavailable(Box::new(Shared(Arc::clone(error)))),
    }
}
