use std::sync::Arc;
use std::time::Duration;

use roster_domain::ports::{StoreError, UserWrites};

use crate::Runtime;

/// Forgets the answers of keyed writes by age, for as long as the process runs.
pub struct AnswerKeeper {
    writes: Arc<dyn UserWrites>,
    retention: Duration,
    runtime: Runtime,
}

impl AnswerKeeper {
    const ROUND: Duration = Duration::from_mins(1);
    const BATCH: u32 = 1_000;

    /// A keeper that keeps answers for `retention`.
    pub fn new(writes: Arc<dyn UserWrites>, retention: Duration, runtime: Runtime) -> Self {
        Self {
            writes,
            retention,
            runtime,
        }
    }

    /// Forgets every minute; never ends.
    pub async fn run(self) {
        loop {
            self.runtime.clock.sleep(Self::ROUND).await;
            match self.forget().await {
                Ok(0) => {}
                Ok(rows) => tracing::debug!(rows, "forgot answers of keyed writes"),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "could not forget the answers of keyed writes"
                    );
                }
            }
        }
    }

    /// Forgets all that are older than the retention and answers how many.
    pub async fn forget(&self) -> Result<u64, StoreError> {
        let moment = self.runtime.clock.now().minus(self.retention);
        let mut forgotten = 0;
        loop {
            let rows = self.writes.forget_answers(moment, Self::BATCH).await?;
            forgotten += rows;
            if rows < u64::from(Self::BATCH) {
                return Ok(forgotten);
            }
        }
    }
}
