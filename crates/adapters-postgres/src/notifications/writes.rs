//! Writing notifications. Each statement locks the counters' row first, if the user is there:
//! it orders the writes to a user's feeds, and purging a user waits for it. What a statement
//! changes is counted in it, on the newest version of that row and not on its snapshot's.

use crate::moment::Moment;
use roster_domain::{
    NewNotification, NotificationBody, NotificationId, NotificationPatch, Timestamp, UserId,
};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::NotificationRow;

/// What [`create`] did.
#[derive(Debug)]
pub(super) struct MadeRow {
    pub(super) created: bool,
    pub(super) unread: i64,
}

pub(super) async fn create(
    connection: &mut PgConnection,
    user: UserId,
    new: &NewNotification,
) -> sqlx::Result<Option<MadeRow>> {
    sqlx::query_as!(
        MadeRow,
        r#"WITH held AS MATERIALIZED (
               SELECT s.user_id, s.unread
               FROM user_stats s JOIN users u ON u.id = s.user_id
               WHERE s.user_id = $1 AND u.id = $1 AND u.deleted_at IS NULL
               FOR UPDATE OF s
           ), inserted AS (
               INSERT INTO notifications (user_id, id, kind, title, body, data, created_at,
                                          read_at, archived_at)
               SELECT user_id, $2::uuid, $3::text, $4::text, $5::text, $6::text,
                      $7::timestamptz, NULL, NULL
               FROM held
               ON CONFLICT (user_id, id) DO NOTHING
               RETURNING user_id
           ), counted AS (
               UPDATE user_stats s
               SET notifications = s.notifications + 1, unread = s.unread + 1
               FROM inserted i
               WHERE s.user_id = $1 AND s.user_id = i.user_id
           )
           SELECT i.user_id IS NOT NULL AS "created!",
                  CASE WHEN i.user_id IS NULL THEN h.unread ELSE h.unread + 1 END AS "unread!"
           FROM held h LEFT JOIN inserted i ON i.user_id = h.user_id"#,
        user.get(),
        new.id.get(),
        new.kind.as_str(),
        new.title.as_str(),
        new.body.as_ref().map(NotificationBody::as_str),
        new.data.as_str(),
        Moment(new.created_at),
    )
    .fetch_optional(connection)
    .await
}

/// The one that was there before. A statement of its own: one that committed while [`create`]
/// waited for the lock is not in that statement's snapshot.
pub(super) async fn find(
    connection: &mut PgConnection,
    user: UserId,
    id: NotificationId,
) -> sqlx::Result<Option<NotificationRow>> {
    sqlx::query_as!(
        NotificationRow,
        r#"SELECT id AS "id?", kind AS "kind?", title AS "title?", body, data AS "data?",
                  created_at AS "created_at?", read_at, archived_at
           FROM notifications
           WHERE user_id = $1 AND id = $2"#,
        user.get(),
        id.get()
    )
    .fetch_optional(connection)
    .await
}

/// A notification after a patch.
#[derive(Debug)]
pub(super) struct PatchedRow {
    pub(super) changed: bool,
    pub(super) unread: i64,
    pub(super) row: NotificationRow,
}

/// The notification is locked after the counters, and so read in its newest version.
pub(super) async fn patch(
    connection: &mut PgConnection,
    user: UserId,
    id: NotificationId,
    patch: NotificationPatch,
    at: Timestamp,
) -> sqlx::Result<Option<PatchedRow>> {
    sqlx::query!(
        r#"WITH held AS MATERIALIZED (
               SELECT s.user_id, s.unread
               FROM user_stats s JOIN users u ON u.id = s.user_id
               WHERE s.user_id = $1 AND u.id = $1 AND u.deleted_at IS NULL
               FOR UPDATE OF s
           ), target AS MATERIALIZED (
               SELECT n.user_id, n.id, n.kind, n.title, n.body, n.data, n.created_at, n.read_at,
                      n.archived_at
               FROM held h JOIN notifications n ON n.user_id = h.user_id
               WHERE n.user_id = $1 AND n.id = $2
               FOR UPDATE OF n
           ), wanted AS MATERIALIZED (
               SELECT user_id, id, read_at AS read_before, archived_at AS archived_before,
                      CASE $3::boolean WHEN true THEN COALESCE(read_at, $5::timestamptz)
                                       WHEN false THEN NULL
                                       ELSE read_at END AS read_at,
                      CASE $4::boolean WHEN true THEN COALESCE(archived_at, $5::timestamptz)
                                       WHEN false THEN NULL
                                       ELSE archived_at END AS archived_at
               FROM target
           ), compared AS MATERIALIZED (
               SELECT user_id, id, read_at, archived_at,
                      (read_at, archived_at) IS DISTINCT FROM (read_before, archived_before)
                          AS changed,
                      (read_at IS NULL AND archived_at IS NULL)::int
                          - (read_before IS NULL AND archived_before IS NULL)::int AS unread
               FROM wanted
           ), changed AS (
               UPDATE notifications n
               SET read_at = c.read_at, archived_at = c.archived_at
               FROM compared c
               WHERE n.user_id = $1 AND n.id = $2 AND n.user_id = c.user_id AND c.changed
           ), counted AS (
               UPDATE user_stats s
               SET unread = s.unread + c.unread
               FROM compared c
               WHERE s.user_id = $1 AND s.user_id = c.user_id AND c.unread <> 0
           )
           SELECT c.changed AS "changed!", h.unread + c.unread AS "unread!", t.id AS "id!",
                  t.kind AS "kind!", t.title AS "title!", t.body AS "body?", t.data AS "data!",
                  t.created_at AS "created_at!", c.read_at AS "read_at?",
                  c.archived_at AS "archived_at?"
           FROM held h
           JOIN target t ON t.user_id = h.user_id
           JOIN compared c ON c.id = t.id"#,
        user.get(),
        id.get(),
        patch.read,
        patch.archived,
        Moment(at),
    )
    .map(|row| PatchedRow {
        changed: row.changed,
        unread: row.unread,
        row: NotificationRow {
            id: Some(row.id),
            kind: Some(row.kind),
            title: Some(row.title),
            body: row.body,
            data: Some(row.data),
            created_at: Some(row.created_at),
            read_at: row.read_at,
            archived_at: row.archived_at,
        },
    })
    .fetch_optional(connection)
    .await
}

/// How many were marked, and how many are unread after it.
#[derive(Debug)]
pub(super) struct MarkedRow {
    pub(super) changed: i64,
    pub(super) unread: i64,
}

macro_rules! mark {
    ($(#[$doc:meta])* $name:ident, $which:literal $(, $bound:ident: $type:ty => $value:expr)?) => {
        $(#[$doc])*
        pub(super) async fn $name(
            connection: &mut PgConnection,
            user: UserId,
            $($bound: $type,)?
            at: Timestamp,
        ) -> sqlx::Result<Option<MarkedRow>> {
            sqlx::query_as!(
                MarkedRow,
                r#"WITH held AS MATERIALIZED (
                    SELECT s.user_id, s.unread
                    FROM user_stats s JOIN users u ON u.id = s.user_id
                    WHERE s.user_id = $1 AND u.id = $1 AND u.deleted_at IS NULL
                    FOR UPDATE OF s
                ), marked AS (
                    UPDATE notifications n
                    SET read_at = $2
                    FROM held h
                    WHERE n.user_id = $1 AND n.user_id = h.user_id AND n.read_at IS NULL
                      AND n.archived_at IS NULL AND "# + $which + r#"
                    RETURNING n.id
                ), total AS MATERIALIZED (
                    SELECT count(*) AS marked FROM marked
                ), counted AS (
                    UPDATE user_stats s
                    SET unread = s.unread - t.marked
                    FROM total t
                    WHERE s.user_id = $1 AND t.marked > 0
                )
                SELECT t.marked AS "changed!", h.unread - t.marked AS "unread!"
                FROM held h CROSS JOIN total t"#,
                user.get(),
                Moment(at)
                $(, $value)?
            )
            .fetch_optional(connection)
            .await
        }
    };
}

mark!(mark_all, "true");
mark!(mark_these, "n.id = ANY($3::uuid[])", ids: &[Uuid] => ids);
mark!(mark_up_to, "n.created_at <= $3::timestamptz", last: Timestamp => Moment(last));
