use std::sync::Arc;

use roster_domain::UserSummary;
use roster_domain::pagination::{Counting, Page, PageRequest, UserFilter};

use super::{UserError, UserService};

/// One page of users, and how many match in all if that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedUsers {
    /// The page; whoever asked for it at the same time has the same one.
    pub page: Arc<Page<UserSummary>>,
    /// How many users match.
    pub total: Option<u64>,
}

impl UserService {
    /// One page of users as the projection that lists show, counted only when asked.
    pub async fn list(
        &self,
        filter: &UserFilter,
        request: &PageRequest,
        counting: Option<Counting>,
    ) -> Result<ListedUsers, UserError> {
        let page = self.pages.ask((*filter, *request));
        let count = async {
            match counting {
                Some(Counting::Exact) => self.counts.of(*filter).await.map(Some),
                Some(estimate) => self.users.count(filter, estimate).await.map(Some),
                None => Ok(None),
            }
        };
        let (page, total) = futures::try_join!(page, count)?;
        Ok(ListedUsers { page, total })
    }
}
