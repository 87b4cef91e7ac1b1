//! The schema as others depend on it, and the ways to it and back.

use roster_adapters_postgres::{
    MigrateError, PostgresSettings, connect, migrate, migration_status, revert,
};
use sqlx::{Connection as _, PgConnection};

use crate::support::{database, empty_database, patient};

const LATEST: i64 = 29;

/// The versions of this store; the other one has the numbers between.
fn versions() -> Vec<i64> {
    (1..=23).chain(26..=LATEST).collect()
}

async fn texts(url: &str, query: &'static str) -> Vec<String> {
    let mut sql = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar(query).fetch_all(&mut sql).await.unwrap()
}

const COLUMNS: &str = "
    SELECT format('%s.%s %s%s', table_name, column_name, udt_name,
                  CASE is_nullable WHEN 'YES' THEN ' null' ELSE '' END)
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'
    ORDER BY table_name, ordinal_position";

const INDEXES: &str = "
    SELECT regexp_replace(indexdef, '^CREATE (UNIQUE )?INDEX (\\w+) ON public\\.', '\\1\\2: ')
    FROM pg_indexes
    WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations'
    ORDER BY tablename, indexname";

#[tokio::test]
async fn the_tables_are_those_of_the_last_release() {
    let Some(database) = database().await else {
        return;
    };
    let expected = "\
activities.user_id uuid
activities.id uuid
activities.kind text
activities.occurred_at timestamptz
activities.data text
cache_namespace.singleton bool
cache_namespace.database uuid
cache_namespace.epoch uuid
kept_answers.slot bytea
kept_answers.request bytea
kept_answers.user_id uuid
kept_answers.version int8 null
kept_answers.answer bytea null
kept_answers.kept_at timestamptz
notifications.user_id uuid
notifications.id uuid
notifications.kind text
notifications.title text
notifications.body text null
notifications.data text
notifications.created_at timestamptz
notifications.read_at timestamptz null
notifications.archived_at timestamptz null
purged_users.id uuid
purged_users.version int8
user_changes.user_id uuid
user_changes.version int8
user_changes.changed_at timestamptz
user_changes.applied_to text null
user_emails.email text
user_emails.user_id uuid
user_stats.user_id uuid
user_stats.notifications int8
user_stats.unread int8
user_stats.activities int8
user_stats.last_activity_at timestamptz null
users.id uuid
users.email text
users.name text
users.is_active bool
users.locale text null
users.avatar_url text null
users.metadata text
users.version int8
users.created_at timestamptz
users.updated_at timestamptz
users.deleted_at timestamptz null
users.search_name text null
users.search_email text null
users.search_shared int2 null";
    assert_eq!(texts(database.url(), COLUMNS).await.join("\n"), expected);
    let expected = "\
activities_by_kind: activities USING btree (user_id, kind, occurred_at, id)
activities_by_time: activities USING btree (user_id, occurred_at, id)
UNIQUE activities_pkey: activities USING btree (user_id, id)
UNIQUE cache_namespace_pkey: cache_namespace USING btree (singleton)
kept_answers_by_age: kept_answers USING btree (kept_at)
kept_answers_by_user: kept_answers USING btree (user_id)
UNIQUE kept_answers_pkey: kept_answers USING btree (slot)
notifications_archived: notifications USING btree (user_id, created_at, id) WHERE (archived_at IS NOT NULL)
notifications_by_time: notifications USING btree (user_id, created_at, id)
UNIQUE notifications_pkey: notifications USING btree (user_id, id)
notifications_read: notifications USING btree (user_id, created_at, id) WHERE ((read_at IS NOT NULL) AND (archived_at IS NULL))
notifications_unread: notifications USING btree (user_id, created_at, id) WHERE ((read_at IS NULL) AND (archived_at IS NULL))
UNIQUE purged_users_pkey: purged_users USING btree (id)
user_changes_by_age: user_changes USING btree (changed_at)
user_changes_by_applied_to: user_changes USING btree (applied_to)
UNIQUE user_changes_pkey: user_changes USING btree (user_id, version)
UNIQUE user_emails_pkey: user_emails USING btree (email)
UNIQUE user_stats_pkey: user_stats USING btree (user_id)
users_active: users USING btree (created_at, id) INCLUDE (name, email) WHERE (is_active AND (deleted_at IS NULL))
users_any: users USING btree (created_at, id) INCLUDE (name, email) WHERE (deleted_at IS NULL)
users_by_address: users USING btree (is_active, search_shared, search_email, id) INCLUDE (name, email, created_at, search_name) WHERE (deleted_at IS NULL)
users_by_name: users USING btree (is_active, search_name, id) INCLUDE (name, email, created_at) WHERE (deleted_at IS NULL)
users_inactive: users USING btree (created_at, id) INCLUDE (name, email) WHERE ((NOT is_active) AND (deleted_at IS NULL))
UNIQUE users_pkey: users USING btree (id)
users_without_keys: users USING btree (id) WHERE (search_name IS NULL)";
    assert_eq!(texts(database.url(), INDEXES).await.join("\n"), expected);
}

/// What a distributed engine would do differently, or not at all, is not there.
#[tokio::test]
async fn nothing_in_the_schema_acts_by_itself() {
    let Some(database) = database().await else {
        return;
    };
    let acting = texts(
        database.url(),
        "SELECT 'default of ' || table_name || '.' || column_name
         FROM information_schema.columns
         WHERE table_schema = 'public' AND column_default IS NOT NULL
           AND table_name <> '_sqlx_migrations'
         UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal
         UNION ALL SELECT 'sequence ' || sequencename FROM pg_sequences
         UNION ALL SELECT 'routine ' || routine_name FROM information_schema.routines
                   WHERE routine_schema = 'public'
         UNION ALL SELECT 'foreign key ' || conname FROM pg_constraint WHERE contype = 'f'",
    )
    .await;
    assert_eq!(acting, Vec::<String>::new());
}

#[tokio::test]
async fn migrations_go_up_down_and_up_again() {
    let Some(database) = empty_database().await else {
        return;
    };
    let url = database.url();
    let all = versions();
    let up = migrate(url).await.unwrap();
    assert_eq!((&up.versions, up.current), (&all, LATEST));
    let (columns, indexes) = (texts(url, COLUMNS).await, texts(url, INDEXES).await);
    assert_eq!(migrate(url).await.unwrap().versions, Vec::<i64>::new());

    let down = revert(url, 23).await.unwrap();
    assert_eq!((down.versions, down.current), (vec![29, 28, 27, 26], 23));
    assert_eq!(revert(url, 0).await.unwrap().current, 0);
    assert_eq!(texts(url, COLUMNS).await, Vec::<String>::new());

    assert_eq!(migrate(url).await.unwrap().versions, all);
    assert_eq!(texts(url, COLUMNS).await, columns);
    assert_eq!(texts(url, INDEXES).await, indexes);
}

#[tokio::test]
async fn migrators_that_come_together_apply_each_version_once() {
    let Some(database) = empty_database().await else {
        return;
    };
    let migrators = (0..4).map(|_| {
        let url = database.url().to_owned();
        tokio::spawn(async move { migrate(&url).await })
    });
    let mut applied = Vec::new();
    for report in futures::future::join_all(migrators).await {
        let report = report.unwrap().unwrap();
        assert_eq!(report.current, LATEST);
        applied.extend(report.versions);
    }
    assert_eq!(applied, versions());
}

/// A concurrent build that was killed leaves an index that is never used.
#[tokio::test]
async fn an_index_whose_build_was_interrupted_is_built_again() {
    let Some(database) = empty_database().await else {
        return;
    };
    let url = database.url();
    migrate(url).await.unwrap();
    let mut sql = PgConnection::connect(url).await.unwrap();
    for statement in [
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_any'::regclass",
        "DELETE FROM _sqlx_migrations WHERE version = 17",
    ] {
        sqlx::query(statement).execute(&mut sql).await.unwrap();
    }
    assert_eq!(migrate(url).await.unwrap().versions, [17]);
    let valid = "SELECT indisvalid::text FROM pg_index WHERE indexrelid = 'users_any'::regclass";
    assert_eq!(texts(url, valid).await, ["true"]);
}

#[tokio::test]
async fn a_migration_waits_for_a_table_in_use() {
    let Some(database) = empty_database().await else {
        return;
    };
    let url = database.url().to_owned();
    migrate(&url).await.unwrap();
    let mut sql = PgConnection::connect(&url).await.unwrap();
    let mut user = sql.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM activities")
        .execute(&mut *user)
        .await
        .unwrap();
    let reverting = tokio::spawn({
        let url = url.clone();
        async move { revert(&url, 6).await }
    });
    let waiting = "SELECT pid::text FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while texts(&url, waiting).await.is_empty() {
        tokio::task::yield_now().await;
    }
    user.commit().await.unwrap();
    assert_eq!(reverting.await.unwrap().unwrap().current, 6);
}

#[tokio::test]
async fn the_status_tells_a_schema_that_is_not_this_release_s() {
    let Some(database) = empty_database().await else {
        return;
    };
    let url = database.url();
    let pool = connect(&patient(url)).unwrap();
    let empty = migration_status(&pool).await.unwrap();
    assert!(!empty.is_current());
    assert_eq!((empty.pending, empty.latest), (versions(), LATEST));

    migrate(url).await.unwrap();
    assert!(migration_status(&pool).await.unwrap().is_current());

    let mut sql = PgConnection::connect(url).await.unwrap();
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'of a newer release', true, '', 0)";
    sqlx::query(newer).execute(&mut sql).await.unwrap();
    let status = migration_status(&pool).await.unwrap();
    assert!(status.is_current());
    assert_eq!(status.newer, [9999]);
    let refused = revert(url, 0).await;
    assert!(
        matches!(refused, Err(MigrateError::Unknown { version: 9999 })),
        "{refused:?}"
    );

    let changed = "UPDATE _sqlx_migrations SET checksum = 'other' WHERE version = 3";
    sqlx::query(changed).execute(&mut sql).await.unwrap();
    let status = migration_status(&pool).await.unwrap();
    assert!(!status.is_current());
    assert_eq!(status.changed, [3]);
    let refused = migrate(url).await;
    assert!(
        matches!(refused, Err(MigrateError::Changed { version: 3 })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn each_database_has_a_namespace_of_its_own() {
    let (Some(one), Some(other)) = (empty_database().await, empty_database().await) else {
        return;
    };
    let mut seen = std::collections::HashSet::new();
    for url in [one.url(), other.url()] {
        migrate(url).await.unwrap();
        let numbers = "SELECT database::text FROM cache_namespace
                       UNION ALL SELECT epoch::text FROM cache_namespace";
        seen.extend(texts(url, numbers).await);
    }
    assert_eq!(seen.len(), 4);
}

#[tokio::test]
async fn a_url_that_cannot_be_read_is_refused_without_showing_it() {
    let wrong = "postgres://ann:secret@[::1";
    let error = migrate(wrong).await.unwrap_err();
    assert!(matches!(error, MigrateError::InvalidUrl(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("secret"));
    let error = connect(&PostgresSettings::new(wrong)).unwrap_err();
    assert!(!format!("{error:?}").contains("secret"));
    assert!(!format!("{:?}", PostgresSettings::new(wrong)).contains("secret"));
}
