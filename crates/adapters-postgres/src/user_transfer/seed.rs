//! Seeding: a batch as five streams of rows in one transaction.

use roster_domain::ports::{SeedBatch, SeedUser};
use roster_domain::{AvatarUrl, Locale, NotificationBody, UserVersion};
use sqlx::types::Uuid;
use sqlx::{Connection as _, PgConnection};

use super::copy::CopyRows;
use super::import_statements::{purged, take_time};
use crate::user_row::version_parameter;

/// A batch in the form that is sent.
#[derive(Debug)]
pub(super) struct Tables {
    ids: Vec<Uuid>,
    users: CopyRows,
    user_emails: CopyRows,
    user_stats: CopyRows,
    notifications: CopyRows,
    activities: CopyRows,
}

impl Tables {
    pub(super) fn of(batch: &SeedBatch) -> Self {
        let mut tables = Self {
            ids: batch.users.iter().map(|seed| seed.user.id.get()).collect(),
            users: CopyRows::with_columns(14),
            user_emails: CopyRows::with_columns(2),
            user_stats: CopyRows::with_columns(5),
            notifications: CopyRows::with_columns(9),
            activities: CopyRows::with_columns(5),
        };
        for seed in &batch.users {
            tables.add_user(seed);
            tables.add_feeds(seed);
        }
        tables
    }

    fn add_user(&mut self, seed: &SeedUser) {
        let user = &seed.user;
        let (id, keys) = (user.id.get(), user.search_keys());
        self.users
            .row()
            .uuid(id)
            .text(user.email.as_str())
            .text(user.name.as_str())
            .boolean(user.is_active)
            .optional_text(user.locale.as_ref().map(Locale::as_str))
            .optional_text(user.avatar_url.as_ref().map(AvatarUrl::as_str))
            .text(user.metadata.as_str())
            .bigint(version_parameter(UserVersion::FIRST))
            .moment(user.created_at)
            .moment(user.created_at)
            .null()
            .text(keys.name.as_str())
            .text(keys.email.as_str())
            .smallint(i16::from(keys.shared));
        self.user_emails
            .row()
            .text(user.email.normalized())
            .uuid(id);
        let unread = seed.notifications.iter().filter(|(_, read)| read.is_none());
        let latest = seed.activities.iter().map(|activity| activity.occurred_at);
        self.user_stats
            .row()
            .uuid(id)
            .bigint(count(seed.notifications.len()))
            .bigint(count(unread.count()))
            .bigint(count(seed.activities.len()))
            .optional_moment(latest.max());
    }

    fn add_feeds(&mut self, seed: &SeedUser) {
        let id = seed.user.id.get();
        for (notification, read_at) in &seed.notifications {
            self.notifications
                .row()
                .uuid(id)
                .uuid(notification.id.get())
                .text(notification.kind.as_str())
                .text(notification.title.as_str())
                .optional_text(notification.body.as_ref().map(NotificationBody::as_str))
                .text(notification.data.as_str())
                .moment(notification.created_at)
                .optional_moment(*read_at)
                .null();
        }
        for activity in &seed.activities {
            self.activities
                .row()
                .uuid(id)
                .uuid(activity.id.get())
                .text(activity.kind.as_str())
                .moment(activity.occurred_at)
                .text(activity.data.as_str());
        }
    }
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// Stores the batch, whole or not at all.
pub(super) async fn store(connection: &mut PgConnection, tables: &Tables) -> sqlx::Result<()> {
    let mut transaction = connection.begin().await?;
    take_time(&mut transaction).await?;
    if !purged(&mut transaction, &tables.ids).await?.is_empty() {
        return Err(sqlx::Error::Decode(
            "an id of the batch belonged to a purged user".into(),
        ));
    }
    let copies = [
        (
            &tables.users,
            "COPY users (id, email, name, is_active, locale, avatar_url, metadata, version, \
             created_at, updated_at, deleted_at, search_name, search_email, search_shared) \
             FROM STDIN WITH (FORMAT binary)",
        ),
        (
            &tables.user_emails,
            "COPY user_emails (email, user_id) FROM STDIN WITH (FORMAT binary)",
        ),
        (
            &tables.user_stats,
            "COPY user_stats (user_id, notifications, unread, activities, last_activity_at) \
             FROM STDIN WITH (FORMAT binary)",
        ),
        (
            &tables.notifications,
            "COPY notifications (user_id, id, kind, title, body, data, created_at, read_at, \
             archived_at) FROM STDIN WITH (FORMAT binary)",
        ),
        (
            &tables.activities,
            "COPY activities (user_id, id, kind, occurred_at, data) \
             FROM STDIN WITH (FORMAT binary)",
        ),
    ];
    for (rows, statement) in copies {
        rows.send(&mut transaction, statement).await?;
    }
    transaction.commit().await
}
