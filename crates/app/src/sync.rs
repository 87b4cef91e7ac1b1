//! The locks and atomics of the near cache and of lines: the standard library's, or, where interleavings
//! are explored, those of the explorer.

#[cfg(feature = "explored")]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic::AtomicU64};
#[cfg(not(feature = "explored"))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic::AtomicU64};
pub(crate) use std::sync::{PoisonError, atomic::Ordering};
