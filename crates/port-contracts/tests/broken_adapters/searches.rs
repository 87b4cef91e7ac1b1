//! Searches, broken in one rule.

use std::sync::Arc;

use async_trait::async_trait;
use roster_domain::pagination::{ActiveFilter, Counting, Slice};
use roster_domain::ports::{StoreError, UserSearch};
use roster_domain::search::{FoundUser, SearchFilter, SearchKey, SearchRequest, SearchStart};
use uuid::Uuid;

use super::Store;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SearchRule {
    PageIncludesPlace,
    AddressFirst,
    FilterIgnored,
    GuessesFew,
    KeysForLater,
}

pub(crate) fn broken(rule: SearchRule) -> Store {
    let sound = Store::sound();
    let search = Search {
        inner: Arc::clone(&sound.search),
        rule,
    };
    Store {
        search: Arc::new(search),
        ..sound
    }
}

struct Search {
    inner: Arc<dyn UserSearch>,
    rule: SearchRule,
}

#[async_trait]
impl UserSearch for Search {
    async fn search(
        &self,
        filter: &SearchFilter,
        request: &SearchRequest,
    ) -> Result<Slice<FoundUser>, StoreError> {
        let (mut filter, mut request) = (*filter, *request);
        if let SearchStart::After(key, id) = request.start
            && self.rule == SearchRule::PageIncludesPlace
        {
            // What `>=` in place of `>` reads.
            let beside = match request.order {
                roster_domain::pagination::Order::Ascending => id.as_u128() - 1,
                roster_domain::pagination::Order::Descending => id.as_u128() + 1,
            };
            request.start = SearchStart::After(key, Uuid::from_u128(beside));
        }
        if self.rule == SearchRule::FilterIgnored {
            filter.active = ActiveFilter::Any;
        }
        let mut slice = self.inner.search(&filter, &request).await?;
        if self.rule == SearchRule::AddressFirst && slice.items.len() < 3 {
            for found in &mut slice.items {
                let address = SearchKey::of(found.summary.email.as_str());
                if filter.prefix.begins(&address) {
                    found.key = address;
                }
            }
        }
        Ok(slice)
    }

    async fn count_found(
        &self,
        filter: &SearchFilter,
        counting: Counting,
    ) -> Result<u64, StoreError> {
        let counted = self.inner.count_found(filter, counting).await?;
        let guesses = self.rule == SearchRule::GuessesFew && counting == Counting::Estimate;
        Ok(if guesses { counted + 1 } else { counted })
    }

    async fn index_missing(&self, limit: u32) -> Result<u64, StoreError> {
        let missing = self.inner.index_missing(limit).await?;
        Ok(if self.rule == SearchRule::KeysForLater {
            missing + 1
        } else {
            missing
        })
    }
}
