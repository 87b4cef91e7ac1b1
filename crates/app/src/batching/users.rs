use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use roster_domain::ports::{StoreError, UserRepository};
use roster_domain::{User, UserId};

use super::Read;

/// Whole users. A row that two callers ask for is one, shared.
pub(crate) struct Users(pub(crate) Arc<dyn UserRepository>);

#[async_trait]
impl Read for Users {
    type Question = UserId;
    type Answer = Option<Arc<User>>;

    async fn read(&self, ids: &[UserId]) -> Result<Vec<Self::Answer>, StoreError> {
        let users = self.0.find_many(ids).await?.into_iter();
        let users: HashMap<UserId, Arc<User>> =
            users.map(|user| (user.id, Arc::new(user))).collect();
        Ok(ids.iter().map(|id| users.get(id).map(Arc::clone)).collect())
    }
}
