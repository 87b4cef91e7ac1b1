use async_trait::async_trait;
use roster_domain::pagination::{ActiveFilter, Counting, Order, Slice};
use roster_domain::ports::{StoreError, UserSearch};
use roster_domain::search::{FoundUser, SearchFilter, SearchKeys, SearchRequest, SearchStart};

use crate::MemoryStore;
use crate::store::{Row, State, count};
use crate::users::summary;

/// [`UserSearch`] in memory: keys are made when they are asked for.
#[derive(Clone, Debug)]
pub struct MemoryUserSearch {
    store: MemoryStore,
}

impl MemoryUserSearch {
    /// The users of a store.
    pub fn new(store: MemoryStore) -> Self {
        Self { store }
    }
}

#[async_trait]
impl UserSearch for MemoryUserSearch {
    async fn search(
        &self,
        filter: &SearchFilter,
        request: &SearchRequest,
    ) -> Result<Slice<FoundUser>, StoreError> {
        Ok(self
            .store
            .with(|state| slice(all(state, filter).collect(), request)))
    }

    async fn count_found(&self, filter: &SearchFilter, _: Counting) -> Result<u64, StoreError> {
        Ok(self.store.with(|state| count(all(state, filter))))
    }

    async fn index_missing(&self, _: u32) -> Result<u64, StoreError> {
        Ok(0)
    }
}

fn all(state: &State, filter: &SearchFilter) -> impl Iterator<Item = FoundUser> {
    let filter = *filter;
    state
        .rows
        .values()
        .filter_map(move |row| found(row, &filter))
}

fn found(row: &Row, filter: &SearchFilter) -> Option<FoundUser> {
    let shown = match filter.active {
        ActiveFilter::Active => row.user.is_active,
        ActiveFilter::Inactive => !row.user.is_active,
        ActiveFilter::Any => true,
    };
    let keys = SearchKeys::of(row.user.name.as_str(), row.user.email.as_str());
    let key = [keys.name, keys.email]
        .into_iter()
        .find(|key| filter.prefix.begins(key))?;
    (shown && !row.deleted).then(|| FoundUser {
        summary: summary(row),
        key,
    })
}

fn slice(mut rows: Vec<FoundUser>, request: &SearchRequest) -> Slice<FoundUser> {
    let place = |found: &FoundUser| (found.key, found.summary.id.get());
    rows.sort_by_key(place);
    if request.order == Order::Descending {
        rows.reverse();
    }
    // In the order of the search, is the user beyond this place?
    let beyond = |found: &FoundUser, from| match request.order {
        Order::Ascending => place(found) > from,
        Order::Descending => place(found) < from,
    };
    let size = usize::from(request.size.get());
    match request.start {
        SearchStart::First => {}
        SearchStart::Before(key, id) => {
            rows.retain(|found| place(found) != (key, id) && !beyond(found, (key, id)));
            let skipped = rows.len().saturating_sub(size);
            return Slice {
                items: rows.split_off(skipped),
                more: skipped > 0,
            };
        }
        SearchStart::After(key, id) => rows.retain(|found| beyond(found, (key, id))),
        SearchStart::Offset(offset) => {
            let skipped = usize::try_from(offset.get()).unwrap_or(usize::MAX);
            rows.drain(..skipped.min(rows.len()));
        }
    }
    let more = rows.len() > size;
    rows.truncate(size);
    Slice { items: rows, more }
}
