use std::future::Future;
use std::pin::Pin;

/// Work that goes on by itself.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs work whose caller may go away.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait TaskSpawner: Send + Sync {
    /// Runs the task to its end, whatever becomes of the caller.
    fn spawn(&self, task: Task);
}
