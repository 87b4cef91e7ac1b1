//! Messages to users, and how many of them are unread.

mod pages;
mod writes;

use crate::moment::Moment;
use async_trait::async_trait;
use roster_domain::pagination::{PageRequest, Slice};
use roster_domain::ports::{
    BoxError, CreatedNotification, NewestOf, NotificationRepository, StoreError,
};
use roster_domain::{
    MarkRead, Marked, NewNotification, Notification, NotificationId, NotificationPatch,
    NotificationState, Timestamp, UnreadNotifications, UserId,
};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::error::{corrupt, store_error, undecodable};
use crate::page::{Asked, by_place, slice};
use crate::pool::PostgresPool;
use crate::retry::run;
use pages::CountedRow;

/// Notifications in PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresNotifications {
    pool: PostgresPool,
}

impl PostgresNotifications {
    /// The notifications of a database.
    pub fn new(pool: PostgresPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl NotificationRepository for PostgresNotifications {
    async fn list(
        &self,
        user: UserId,
        state: NotificationState,
        page: &PageRequest,
    ) -> Result<Option<Slice<Notification>>, StoreError> {
        let rows = run!(self.pool, Read, connection => pages::page(connection, user, state, page))
            .map_err(store_error)?;
        present(rows).map(|rows| slice(rows, page)).transpose()
    }

    async fn unread(&self, user: UserId) -> Result<Option<u64>, StoreError> {
        run!(self.pool, Read, connection => pages::unread(connection, user))
            .map_err(store_error)?
            .map(|unread| unread.try_into().map_err(corrupt))
            .transpose()
    }

    async fn newest_unread_many(
        &self,
        asked: &[NewestOf],
    ) -> Result<Vec<Option<UnreadNotifications>>, StoreError> {
        let rows = match asked {
            [] => return Ok(Vec::new()),
            [NewestOf { user, limit }] => run!(self.pool, Read, connection => {
                pages::newest_unread(connection, *user, *limit)
            }),
            asked => {
                let asked = Asked::of(asked);
                run!(self.pool, Read, connection => pages::newest_unread_many(connection, &asked))
            }
        }
        .map_err(store_error)?;
        by_place(rows, asked.len(), |row| row.place)
            .into_iter()
            .map(|rows| rows.map(unread_notifications).transpose())
            .collect()
    }

    async fn create(
        &self,
        user: UserId,
        notification: &NewNotification,
    ) -> Result<Option<CreatedNotification>, StoreError> {
        run!(self.pool, Write, connection => create(connection, user, notification))
            .map_err(store_error)
    }

    async fn patch(
        &self,
        user: UserId,
        id: NotificationId,
        patch: NotificationPatch,
        at: Timestamp,
    ) -> Result<Option<(Notification, Marked)>, StoreError> {
        run!(self.pool, Write, connection => patch_one(connection, user, id, patch, at))
            .map_err(store_error)
    }

    async fn mark_read(
        &self,
        user: UserId,
        which: &MarkRead,
        at: Timestamp,
    ) -> Result<Option<Marked>, StoreError> {
        run!(self.pool, Write, connection => mark_read(connection, user, which, at))
            .map_err(store_error)
    }
}

/// The rows of one user, each with the counter, as what they say.
fn unread_notifications(rows: Vec<CountedRow>) -> Result<UnreadNotifications, StoreError> {
    let unread = rows.first().map_or(0, |row| row.unread);
    let items = rows
        .into_iter()
        .filter(|row| row.row.id.is_some())
        .map(|row| row.row.try_into())
        .collect::<Result<_, _>>()?;
    let unread = unread.try_into().map_err(corrupt)?;
    Ok(UnreadNotifications { unread, items })
}

/// What [`NotificationRepository::create`] does, on a connection or in a transaction.
pub(crate) async fn create(
    connection: &mut PgConnection,
    user: UserId,
    new: &NewNotification,
) -> sqlx::Result<Option<CreatedNotification>> {
    let Some(made) = writes::create(&mut *connection, user, new).await? else {
        return Ok(None);
    };
    let notification = if made.created {
        unread_copy(new)
    } else {
        match writes::find(connection, user, new.id).await? {
            Some(row) => row.try_into().map_err(undecodable)?,
            // The user was purged between the two statements.
            None => return Ok(None),
        }
    };
    Ok(Some(CreatedNotification {
        notification,
        created: made.created,
        unread: made.unread.try_into().map_err(undecodable)?,
    }))
}

/// What [`NotificationRepository::patch`] does.
pub(crate) async fn patch_one(
    connection: &mut PgConnection,
    user: UserId,
    id: NotificationId,
    patch: NotificationPatch,
    at: Timestamp,
) -> sqlx::Result<Option<(Notification, Marked)>> {
    let Some(patched) = writes::patch(connection, user, id, patch, at).await? else {
        return Ok(None);
    };
    let marked = Marked {
        changed: u64::from(patched.changed),
        unread: patched.unread.try_into().map_err(undecodable)?,
    };
    Ok(Some((patched.row.try_into().map_err(undecodable)?, marked)))
}

/// What [`NotificationRepository::mark_read`] does.
pub(crate) async fn mark_read(
    connection: &mut PgConnection,
    user: UserId,
    which: &MarkRead,
    at: Timestamp,
) -> sqlx::Result<Option<Marked>> {
    let row = match which {
        MarkRead::Ids(ids) => {
            let ids: Vec<_> = ids.iter().map(|id| id.get()).collect();
            writes::mark_these(connection, user, &ids, at).await?
        }
        MarkRead::UpTo(last) => writes::mark_up_to(connection, user, *last, at).await?,
        MarkRead::All => writes::mark_all(connection, user, at).await?,
    };
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(Marked {
        changed: row.changed.try_into().map_err(undecodable)?,
        unread: row.unread.try_into().map_err(undecodable)?,
    }))
}

/// One notification; nothing in any column for a user who has none.
#[derive(Debug)]
struct NotificationRow {
    id: Option<Uuid>,
    kind: Option<String>,
    title: Option<String>,
    body: Option<String>,
    data: Option<String>,
    created_at: Option<Moment>,
    read_at: Option<Moment>,
    archived_at: Option<Moment>,
}

/// The rows of a user; `None` without a user. A user without rows is one row of nothing.
fn present(mut rows: Vec<NotificationRow>) -> Option<Vec<NotificationRow>> {
    if rows.is_empty() {
        return None;
    }
    rows.retain(|row| row.id.is_some());
    Some(rows)
}

fn unread_copy(new: &NewNotification) -> Notification {
    let new = new.clone();
    Notification {
        id: new.id,
        kind: new.kind,
        title: new.title,
        body: new.body,
        data: new.data,
        created_at: new.created_at,
        read_at: None,
        archived_at: None,
    }
}

impl TryFrom<NotificationRow> for Notification {
    type Error = StoreError;

    fn try_from(row: NotificationRow) -> Result<Self, StoreError> {
        let parse = || -> Result<Self, BoxError> {
            let missing = "a row of notifications lacks a column";
            Ok(Self {
                id: NotificationId::new(row.id.ok_or(missing)?),
                kind: row.kind.ok_or(missing)?.parse()?,
                title: row.title.ok_or(missing)?.parse()?,
                body: row.body.map(|text| text.parse()).transpose()?,
                data: row.data.ok_or(missing)?.parse()?,
                created_at: row.created_at.ok_or(missing)?.0,
                read_at: row.read_at.map(|at| at.0),
                archived_at: row.archived_at.map(|at| at.0),
            })
        };
        parse().map_err(corrupt)
    }
}
