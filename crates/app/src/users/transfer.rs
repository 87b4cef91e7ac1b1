use std::sync::Arc;

use async_trait::async_trait;
use roster_domain::ports::{
    ImportRow, Invalidation, OnConflict, RowResult, SeedBatch, StoreError, UserTransfer,
};
use roster_domain::{Timestamp, User, UserId, UserVersion};

use super::UserService;
use crate::Runtime;
use crate::caching::Invalidator;

/// A store as a whole beside a running service: an import takes what it changed out of the
/// caches before it answers.
struct InvalidatingTransfer {
    transfer: Arc<dyn UserTransfer>,
    invalidator: Arc<Invalidator>,
    runtime: Runtime,
}

impl UserService {
    /// The store as a whole, so that the caches of this service learn what an import changed.
    /// Like any write, a batch runs to its end also when its caller goes away.
    pub fn transfer(&self, transfer: Arc<dyn UserTransfer>) -> Arc<dyn UserTransfer> {
        Arc::new(InvalidatingTransfer {
            transfer,
            invalidator: Arc::clone(&self.cached.invalidator),
            runtime: self.runtime.clone(),
        })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl UserTransfer for InvalidatingTransfer {
    async fn export(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        self.transfer.export(after, limit).await
    }

    async fn import(
        &self,
        rows: &[ImportRow],
        on_conflict: OnConflict,
        at: Timestamp,
    ) -> Result<Vec<RowResult>, StoreError> {
        let (transfer, invalidator) = (Arc::clone(&self.transfer), Arc::clone(&self.invalidator));
        let rows = rows.to_vec();
        let imported = self.runtime.outliving(async move {
            let outcome = transfer.import(&rows, on_conflict, at).await;
            match &outcome {
                Ok(results) => invalidator.invalidate_many(&changes(results)).await,
                // It may have happened, to users whose ids nobody has told.
                Err(_) => invalidator.forget_all(),
            }
            outcome
        });
        imported.await?
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        self.transfer.is_empty().await
    }

    async fn seed(&self, batch: &SeedBatch) -> Result<(), StoreError> {
        self.transfer.seed(batch).await
    }

    async fn analyze(&self) -> Result<(), StoreError> {
        self.transfer.analyze().await
    }
}

/// What has to be invalidated after an import.
fn changes(results: &[RowResult]) -> Vec<Invalidation> {
    let change = |result: &RowResult| match *result {
        // The floor ends a cached "no such user".
        RowResult::Created(id) => Some((id, UserVersion::FIRST)),
        RowResult::Updated(id, version) => Some((id, version)),
        RowResult::Skipped(_)
        | RowResult::EmailTaken
        | RowResult::IdTaken
        | RowResult::Exists(_)
        | RowResult::NotStored => None,
    };
    results
        .iter()
        .filter_map(change)
        .map(|(id, floor)| Invalidation { id, floor })
        .collect()
}
