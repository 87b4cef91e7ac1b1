//! Implementations that wrap others and fail, wait or hang when a test says so.
//!
//! ```
//! use std::sync::Arc;
//!
//! use roster_adapters_memory::{MemoryStore, MemoryUsers};
//! use roster_domain::ports::UserRepository;
//! use roster_port_contracts::decorators::{Fault, Faults, Faulty};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let faults = Arc::new(Faults::none());
//! let users: Arc<dyn UserRepository> = Arc::new(MemoryUsers::new(MemoryStore::new()));
//! let users: Arc<dyn UserRepository> = Arc::new(Faulty::new(users, Arc::clone(&faults)));
//!
//! faults.arm_once(2, Fault::Fail);
//! assert!(users.find_many(&[]).await.is_ok());
//! assert!(users.find_many(&[]).await.is_err());
//! assert!(users.find_many(&[]).await.is_ok());
//! assert_eq!(faults.calls(), 3);
//! # });
//! ```

use std::sync::Arc;

mod cache;
mod faults;
mod stores;

pub use faults::{Fault, Faults, Injected};

/// An implementation of a port whose calls meet [`Faults`]: `Faulty<dyn UserRepository>`, and
/// so on. With none armed it is what it wraps.
pub struct Faulty<P: ?Sized> {
    inner: Arc<P>,
    faults: Arc<Faults>,
}

impl<P: ?Sized> Faulty<P> {
    /// Wraps `inner`. Several may share their faults, which count the calls of all.
    pub fn new(inner: Arc<P>, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }
}
