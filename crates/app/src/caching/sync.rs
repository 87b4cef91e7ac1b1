//! The locks and atomics of the near cache: the standard library's, or, where interleavings
//! are explored, those of the explorer.

#[cfg(feature = "explored")]
pub(super) use shuttle::sync::{Mutex, MutexGuard, atomic::AtomicU64};
#[cfg(not(feature = "explored"))]
pub(super) use std::sync::{Mutex, MutexGuard, atomic::AtomicU64};
pub(super) use std::sync::{PoisonError, atomic::Ordering};
