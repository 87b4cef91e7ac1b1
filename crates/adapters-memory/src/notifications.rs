use std::cmp::Reverse;

use async_trait::async_trait;
use roster_domain::pagination::{PageRequest, Positioned as _, Slice};
use roster_domain::ports::{CreatedNotification, NewestOf, NotificationRepository, StoreError};
use roster_domain::{
    MarkRead, Marked, NewNotification, Notification, NotificationId, NotificationPatch,
    NotificationState, Timestamp, UnreadNotifications, UserId,
};

use crate::MemoryStore;
use crate::page::slice;
use crate::store::State;

/// [`NotificationRepository`] in memory.
#[derive(Clone, Debug)]
pub struct MemoryNotifications {
    store: MemoryStore,
}

impl MemoryNotifications {
    /// The notifications of a store.
    pub fn new(store: MemoryStore) -> Self {
        Self { store }
    }
}

#[async_trait]
impl NotificationRepository for MemoryNotifications {
    async fn list(
        &self,
        user: UserId,
        state: NotificationState,
        page: &PageRequest,
    ) -> Result<Option<Slice<Notification>>, StoreError> {
        Ok(self.store.with(|all| {
            let rows = all.live(user)?.notifications.values();
            let shown = rows.filter(|row| shows(state, row)).cloned();
            Some(slice(shown.collect(), page))
        }))
    }

    async fn unread(&self, user: UserId) -> Result<Option<u64>, StoreError> {
        Ok(self
            .store
            .with(|all| all.live(user).map(crate::store::Row::unread)))
    }

    async fn newest_unread_many(
        &self,
        asked: &[NewestOf],
    ) -> Result<Vec<Option<UnreadNotifications>>, StoreError> {
        Ok(self.store.with(|all| {
            let newest = |asked: &NewestOf| {
                let row = all.live(asked.user)?;
                let unread = row.notifications.values().filter(|n| n.is_unread());
                let mut items: Vec<_> = unread.cloned().collect();
                items.sort_by_key(|n| Reverse(n.position()));
                items.truncate(usize::from(asked.limit));
                Some(UnreadNotifications {
                    unread: row.unread(),
                    items,
                })
            };
            asked.iter().map(newest).collect()
        }))
    }

    async fn create(
        &self,
        user: UserId,
        notification: &NewNotification,
    ) -> Result<Option<CreatedNotification>, StoreError> {
        Ok(self.store.with(|all| create(all, user, notification)))
    }

    async fn patch(
        &self,
        user: UserId,
        id: NotificationId,
        patch: NotificationPatch,
        at: Timestamp,
    ) -> Result<Option<(Notification, Marked)>, StoreError> {
        Ok(self.store.with(|all| patch_one(all, user, id, patch, at)))
    }

    async fn mark_read(
        &self,
        user: UserId,
        which: &MarkRead,
        at: Timestamp,
    ) -> Result<Option<Marked>, StoreError> {
        Ok(self.store.with(|all| mark_read(all, user, which, at)))
    }
}

pub(crate) fn create(
    all: &mut State,
    user: UserId,
    notification: &NewNotification,
) -> Option<CreatedNotification> {
    let row = all.live_mut(user)?;
    let created = !row.notifications.contains_key(&notification.id);
    let kept = row
        .notifications
        .entry(notification.id)
        .or_insert_with(|| stored(notification))
        .clone();
    Some(CreatedNotification {
        notification: kept,
        created,
        unread: row.unread(),
    })
}

pub(crate) fn patch_one(
    all: &mut State,
    user: UserId,
    id: NotificationId,
    patch: NotificationPatch,
    at: Timestamp,
) -> Option<(Notification, Marked)> {
    let row = all.live_mut(user)?;
    let notification = row.notifications.get_mut(&id)?;
    let before = notification.clone();
    mark(&mut notification.read_at, patch.read, at);
    mark(&mut notification.archived_at, patch.archived, at);
    let after = notification.clone();
    let marked = Marked {
        changed: u64::from(after != before),
        unread: row.unread(),
    };
    Some((after, marked))
}

pub(crate) fn mark_read(
    all: &mut State,
    user: UserId,
    which: &MarkRead,
    at: Timestamp,
) -> Option<Marked> {
    let row = all.live_mut(user)?;
    let mut changed = 0;
    for notification in row.notifications.values_mut() {
        let meant = match which {
            MarkRead::Ids(ids) => ids.contains(&notification.id),
            MarkRead::UpTo(last) => notification.created_at <= *last,
            MarkRead::All => true,
        };
        if meant && notification.is_unread() {
            notification.read_at = Some(at);
            changed += 1;
        }
    }
    Some(Marked {
        changed,
        unread: row.unread(),
    })
}

/// A new notification as it is stored: neither read nor archived.
pub(crate) fn stored(new: &NewNotification) -> Notification {
    Notification {
        id: new.id,
        kind: new.kind.clone(),
        title: new.title.clone(),
        body: new.body.clone(),
        data: new.data.clone(),
        created_at: new.created_at,
        read_at: None,
        archived_at: None,
    }
}

/// Sets or takes back a mark; one that is set keeps its first time.
fn mark(stored: &mut Option<Timestamp>, wanted: Option<bool>, at: Timestamp) {
    match wanted {
        Some(true) => *stored = stored.or(Some(at)),
        Some(false) => *stored = None,
        None => {}
    }
}

fn shows(state: NotificationState, row: &Notification) -> bool {
    match state {
        NotificationState::Unread => row.is_unread(),
        NotificationState::Read => row.read_at.is_some() && row.archived_at.is_none(),
        NotificationState::Archived => row.archived_at.is_some(),
        NotificationState::All => true,
    }
}
