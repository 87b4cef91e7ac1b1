use std::sync::Arc;
use std::time::Duration;

use roster_domain::pagination::Counting;
use roster_domain::ports::{StoreError, UserSearch};
use roster_domain::search::{FoundPage, SearchFilter, SearchRequest};

use crate::Runtime;

/// Finding users by the beginning of names and addresses.
pub struct SearchService {
    search: Arc<dyn UserSearch>,
}

/// One page of found users, and how many there are in all if that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundUsers {
    /// The page.
    pub page: FoundPage,
    /// How many are found.
    pub total: Option<u64>,
}

impl SearchService {
    /// A service over a store.
    pub fn new(search: Arc<dyn UserSearch>) -> Self {
        Self { search }
    }

    /// One page of a search, counted only when asked.
    pub async fn find(
        &self,
        filter: &SearchFilter,
        request: &SearchRequest,
        counting: Option<Counting>,
    ) -> Result<FoundUsers, StoreError> {
        let page = self.search.search(filter, request);
        let count = async {
            match counting {
                Some(counting) => self.search.count_found(filter, counting).await.map(Some),
                None => Ok(None),
            }
        };
        let (slice, total) = futures::try_join!(page, count)?;
        Ok(FoundUsers {
            page: FoundPage::new(filter, request, slice),
            total,
        })
    }
}

/// Gives users their search keys that a process of an earlier release stores beside this one,
/// for as long as the process runs.
pub struct SearchIndexer {
    search: Arc<dyn UserSearch>,
    runtime: Runtime,
}

impl SearchIndexer {
    const ROUND: Duration = Duration::from_mins(1);
    const BATCH: u32 = 500;

    /// An indexer of a store.
    pub fn new(search: Arc<dyn UserSearch>, runtime: Runtime) -> Self {
        Self { search, runtime }
    }

    /// Looks every minute; never ends.
    pub async fn run(self) {
        loop {
            match self.index().await {
                Ok(0) => {}
                Ok(rows) => tracing::info!(rows, "gave users their search keys"),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "could not give users their search keys"
                    );
                }
            }
            self.runtime.clock.sleep(Self::ROUND).await;
        }
    }

    /// Gives all that lack them their keys and answers how many.
    pub async fn index(&self) -> Result<u64, StoreError> {
        let mut indexed = 0;
        loop {
            let rows = self.search.index_missing(Self::BATCH).await?;
            indexed += rows;
            if rows < u64::from(Self::BATCH) {
                return Ok(indexed);
            }
        }
    }
}
