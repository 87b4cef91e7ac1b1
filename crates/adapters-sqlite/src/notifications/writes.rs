use roster_domain::ports::{CreatedNotification, StoreError};
use roster_domain::{
    MarkRead, Marked, NewNotification, Notification, NotificationId, NotificationPatch, Timestamp,
    UserId,
};
use sqlx::SqliteConnection;

use crate::stats;

mod statements;

/// Stores a notification that the user does not have yet, and counts it.
pub(crate) async fn create(
    tx: &mut SqliteConnection,
    user: UserId,
    new: NewNotification,
) -> Result<Option<CreatedNotification>, StoreError> {
    let Some(unread) = stats::unread(tx, user).await? else {
        return Ok(None);
    };
    if let Some(notification) = statements::find(tx, user, new.id).await? {
        return Ok(Some(CreatedNotification {
            notification,
            created: false,
            unread,
        }));
    }
    let notification = Notification {
        id: new.id,
        kind: new.kind,
        title: new.title,
        body: new.body,
        data: new.data,
        created_at: new.created_at,
        read_at: None,
        archived_at: None,
    };
    statements::insert(tx, user, &notification).await?;
    Ok(Some(CreatedNotification {
        notification,
        created: true,
        unread: stats::count_notifications(tx, user, 1, 1).await?,
    }))
}

/// Sets and takes back the marks of one notification.
pub(crate) async fn patch(
    tx: &mut SqliteConnection,
    user: UserId,
    id: NotificationId,
    patch: NotificationPatch,
    at: Timestamp,
) -> Result<Option<(Notification, Marked)>, StoreError> {
    let Some(unread) = stats::unread(tx, user).await? else {
        return Ok(None);
    };
    let Some(before) = statements::find(tx, user, id).await? else {
        return Ok(None);
    };
    let after = Notification {
        read_at: marked(before.read_at, patch.read, at),
        archived_at: marked(before.archived_at, patch.archived, at),
        ..before.clone()
    };
    if after == before {
        return Ok(Some((before, Marked { changed: 0, unread })));
    }
    statements::update_marks(tx, user, &after).await?;
    let change = i64::from(after.is_unread()) - i64::from(before.is_unread());
    let unread = stats::count_notifications(tx, user, 0, change).await?;
    Ok(Some((after, Marked { changed: 1, unread })))
}

/// Marks unread notifications as read.
pub(crate) async fn mark_read(
    tx: &mut SqliteConnection,
    user: UserId,
    which: MarkRead,
    at: Timestamp,
) -> Result<Option<Marked>, StoreError> {
    let Some(unread) = stats::unread(tx, user).await? else {
        return Ok(None);
    };
    let changed = match which {
        MarkRead::Ids(ids) => statements::read_these(tx, user, &ids, at).await?,
        MarkRead::UpTo(last) => statements::read_up_to(tx, user, last, at).await?,
        MarkRead::All => statements::read_all(tx, user, at).await?,
    };
    if changed == 0 {
        return Ok(Some(Marked { changed, unread }));
    }
    let unread = stats::count_notifications(tx, user, 0, -changed.cast_signed()).await?;
    Ok(Some(Marked { changed, unread }))
}

/// A mark after a patch; one that is set keeps its first time.
fn marked(stored: Option<Timestamp>, wanted: Option<bool>, at: Timestamp) -> Option<Timestamp> {
    match wanted {
        Some(true) => stored.or(Some(at)),
        Some(false) => None,
        None => stored,
    }
}
