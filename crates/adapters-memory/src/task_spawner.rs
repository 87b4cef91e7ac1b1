use roster_domain::ports::{Task, TaskSpawner};

/// A [`TaskSpawner`] on the runtime of the caller.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioSpawner;

impl TaskSpawner for TokioSpawner {
    fn spawn(&self, task: Task) {
        tokio::spawn(task);
    }
}
