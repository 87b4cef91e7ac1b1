use std::sync::Arc;
use std::time::Duration;

use roster_domain::ports::{ChangeLog, StoreError};

use crate::Runtime;

/// Purges the change log by age, for as long as the process runs.
pub struct ChangeLogKeeper {
    change_log: Arc<dyn ChangeLog>,
    retention: Duration,
    runtime: Runtime,
}

impl ChangeLogKeeper {
    const ROUND: Duration = Duration::from_secs(10);
    const BATCH: u32 = 1_000;

    /// A keeper that lets rows live for `retention`.
    pub fn new(change_log: Arc<dyn ChangeLog>, retention: Duration, runtime: Runtime) -> Self {
        Self {
            change_log,
            retention,
            runtime,
        }
    }

    /// Purges every ten seconds; never ends.
    pub async fn run(self) {
        loop {
            self.runtime.clock.sleep(Self::ROUND).await;
            match self.purge().await {
                Ok(0) => {}
                Ok(rows) => tracing::debug!(rows, "purged the change log"),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "could not purge the change log"
                    );
                }
            }
        }
    }

    /// Deletes all rows older than the retention and answers how many.
    pub async fn purge(&self) -> Result<u64, StoreError> {
        let mut purged = 0;
        loop {
            let rows = self
                .change_log
                .purge_older_than(self.retention, Self::BATCH)
                .await?;
            purged += rows;
            if rows < u64::from(Self::BATCH) {
                return Ok(purged);
            }
        }
    }
}
