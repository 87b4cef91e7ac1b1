use std::cmp::Reverse;
use std::collections::btree_map::Entry;

use async_trait::async_trait;
use roster_domain::pagination::{PageRequest, Positioned as _, Slice};
use roster_domain::ports::{ActivityRepository, NewestOf, StoreError};
use roster_domain::{Activity, ActivityFilter, NewActivity, UserId};

use crate::MemoryStore;
use crate::page::slice;
use crate::store::State;

/// [`ActivityRepository`] in memory.
#[derive(Clone, Debug)]
pub struct MemoryActivities {
    store: MemoryStore,
}

impl MemoryActivities {
    /// The activities of a store.
    pub fn new(store: MemoryStore) -> Self {
        Self { store }
    }
}

#[async_trait]
impl ActivityRepository for MemoryActivities {
    async fn list(
        &self,
        user: UserId,
        filter: &ActivityFilter,
        page: &PageRequest,
    ) -> Result<Option<Slice<Activity>>, StoreError> {
        Ok(self.store.with(|state| {
            let rows = state.live(user)?.activities.values();
            let shown = rows.filter(|row| shows(filter, row)).cloned();
            Some(slice(shown.collect(), page))
        }))
    }

    async fn newest_many(
        &self,
        asked: &[NewestOf],
    ) -> Result<Vec<Option<Vec<Activity>>>, StoreError> {
        Ok(self.store.with(|state| {
            let newest = |asked: &NewestOf| {
                let rows = state.live(asked.user)?.activities.values();
                let mut rows: Vec<_> = rows.cloned().collect();
                rows.sort_by_key(|row| Reverse(row.position()));
                rows.truncate(usize::from(asked.limit));
                Some(rows)
            };
            asked.iter().map(newest).collect()
        }))
    }

    async fn append(
        &self,
        user: UserId,
        activities: &[NewActivity],
    ) -> Result<Option<Vec<bool>>, StoreError> {
        Ok(self.store.with(|state| append(state, user, activities)))
    }
}

pub(crate) fn append(
    state: &mut State,
    user: UserId,
    activities: &[NewActivity],
) -> Option<Vec<bool>> {
    let row = state.live_mut(user)?;
    let append = |new: &NewActivity| match row.activities.entry(new.id) {
        Entry::Occupied(_) => false,
        Entry::Vacant(free) => {
            free.insert(stored(new));
            true
        }
    };
    Some(activities.iter().map(append).collect())
}

/// A new activity as it is stored.
pub(crate) fn stored(new: &NewActivity) -> Activity {
    Activity {
        id: new.id,
        kind: new.kind.clone(),
        occurred_at: new.occurred_at,
        data: new.data.clone(),
    }
}

fn shows(filter: &ActivityFilter, row: &Activity) -> bool {
    filter.kind.as_ref().is_none_or(|kind| row.kind == *kind)
        && filter.since.is_none_or(|since| row.occurred_at >= since)
        && filter.until.is_none_or(|until| row.occurred_at < until)
}
