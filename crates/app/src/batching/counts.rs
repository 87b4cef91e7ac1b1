use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use roster_domain::pagination::{Counting, UserFilter};
use roster_domain::ports::{StoreError, UserRepository};

use super::Read;

/// How many users match, counted one by one: work that grows with the table. One count is under
/// way at once, and whoever asks meanwhile shares the next.
pub(crate) struct Counts(pub(crate) Arc<dyn UserRepository>);

impl Counts {
    /// How many counts are under way at once.
    pub(crate) const AT_ONCE: usize = 1;
}

#[async_trait]
impl Read for Counts {
    type Question = UserFilter;
    type Answer = u64;

    async fn read(&self, asked: &[UserFilter]) -> Result<Vec<u64>, StoreError> {
        let mut counted = HashMap::new();
        let mut answers = Vec::with_capacity(asked.len());
        for filter in asked {
            let count = match counted.get(filter) {
                Some(count) => *count,
                None => self.0.count(filter, Counting::Exact).await?,
            };
            counted.insert(*filter, count);
            answers.push(count);
        }
        Ok(answers)
    }
}
