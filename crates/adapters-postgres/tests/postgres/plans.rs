//! The plans of the statements that must stay cheap at any depth, taken from the offline data
//! of the compiler: what is explained here is what runs. Each is asked for with the values
//! known and without: the pool has every statement planned without them, a pooler or a database
//! may overrule it.

use std::time::Duration;

use roster_domain::ports::{
    ChangeLog as _, SeedBatch, SeedUser, UserTransfer as _, UserWrites as _,
};
use roster_domain::{NewActivity, NewUser, Timestamp};
use roster_port_contracts::samples::{
    activity, full_user, moment, new_user, notification, user_id,
};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::{Store, store};

const USERS: u64 = 24_000;
/// The kinds of activities: of one in six hundred, and of all others.
const RARE: &str = "signed-up";
const USUAL: &str = "signed-in";
/// Buffers that a page of a list may touch.
const PAGE: u64 = 8;
/// A minute of looks at what other sessions may hold up.
const LOOKS: usize = 600;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Users of whom one in twenty is inactive, and three with long feeds: one with notifications in
/// every state, one who has read none, and one who has archived all.
async fn filled() -> Option<Store> {
    let store = store().await?;
    let transfer = store.transfer();
    for first in (0..USERS).step_by(4_000) {
        let users = (first..first + 4_000).map(|number| SeedUser {
            user: NewUser {
                is_active: number % 20 != 0,
                name: full_user(number).name,
                ..new_user(number)
            },
            notifications: Vec::new(),
            activities: Vec::new(),
        });
        transfer
            .seed(&SeedBatch {
                users: users.collect(),
            })
            .await
            .unwrap();
    }
    let read = Some(Timestamp::UNIX_EPOCH);
    let busy = |user, is_read: fn(u64) -> bool| SeedUser {
        user: new_user(user),
        notifications: (0..6_000)
            .map(|number| (notification(number), read.filter(|_| is_read(number))))
            .collect(),
        activities: (0..6_000)
            .map(|number| NewActivity {
                kind: if number % 600 == 0 { RARE } else { USUAL }
                    .parse()
                    .unwrap(),
                ..activity(number)
            })
            .collect(),
    };
    let users = vec![
        busy(USERS, |number| number % 5 != 0),
        busy(USERS + 1, |_| false),
        busy(USERS + 2, |_| true),
    ];
    transfer.seed(&SeedBatch { users }).await.unwrap();
    let archive = format!(
        "UPDATE notifications SET archived_at = created_at
         WHERE user_id = '{}' AND extract(epoch FROM created_at)::bigint % 5 = 1
            OR user_id = '{}'",
        user_id(USERS),
        user_id(USERS + 2)
    );
    run(&mut store.sql().await, &archive).await;
    // A snapshot of another session, one that is just connecting will do, keeps rows from being
    // marked as visible to all.
    loop {
        transfer.analyze().await.unwrap();
        if all_visible(&store).await {
            break;
        }
    }
    Some(store)
}

pub(crate) async fn all_visible(store: &Store) -> bool {
    sqlx::query_scalar(
        "SELECT bool_and(relallvisible = relpages) FROM pg_class
         WHERE relname IN ('users', 'notifications', 'activities')",
    )
    .fetch_one(&mut store.sql().await)
    .await
    .unwrap()
}

/// Every statement of the adapter, white space apart, and what the compiler knows of it.
pub(crate) fn offline_data() -> Vec<(String, serde_json::Value)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            let query = json["query"].as_str().unwrap();
            let query = query.split_whitespace().collect::<Vec<_>>().join(" ");
            (query, json)
        })
        .collect()
}

/// The one statement of the offline data that contains all of `parts`.
pub(crate) fn statement(parts: &[&str]) -> String {
    let mut found: Vec<String> = offline_data().into_iter().map(|(query, _)| query).collect();
    found.retain(|query| parts.iter().all(|part| query.contains(part)));
    assert_eq!(found.len(), 1, "{parts:?} means {found:#?}");
    found.remove(0)
}

pub(crate) struct Plan {
    pub(crate) text: String,
    /// Pages of 8 KiB that the statement touched.
    pub(crate) buffers: u64,
}

impl Plan {
    /// Pages of a list are ranges of its index, which has all that they show.
    fn assert_walks(&self, index: &str, most_buffers: u64) {
        let Self { text, buffers } = self;
        assert!(text.contains("Index Only Scan"), "{text}");
        assert!(text.contains(&format!("using {index} ")), "{text}");
        assert!(text.contains("Index Cond: (ROW("), "{text}");
        assert!(text.contains("Heap Fetches: 0"), "{text}");
        assert!(!text.contains("Sort"), "{text}");
        assert!(!text.contains("Filter"), "{text}");
        assert!(*buffers <= most_buffers, "{buffers} buffers: {text}");
    }
}

pub(crate) async fn explain(sql: &mut PgConnection, query: &str, arguments: &str) -> [Plan; 2] {
    [
        plan(sql, query, arguments, "force_custom_plan").await,
        plan(sql, query, arguments, "force_generic_plan").await,
    ]
}

/// Runs a statement by the plan that is made in this mode, and takes back what it did: the next
/// run would step over what this one deletes for as long as another session might still see it.
async fn plan(sql: &mut PgConnection, query: &str, arguments: &str, mode: &str) -> Plan {
    run(sql, "BEGIN").await;
    run(sql, &format!("PREPARE explained AS {query}")).await;
    run(sql, &format!("SET plan_cache_mode = {mode}")).await;
    let explain = format!(
        "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF)
         EXECUTE explained ({arguments})"
    );
    // Of no parameters there are no parentheses either.
    let explain = explain.replace("explained ()", "explained");
    let lines: Vec<String> = sqlx::query_scalar(AssertSqlSafe(explain))
        .fetch_all(&mut *sql)
        .await
        .unwrap_or_else(|refused| panic!("{refused}: {query} ({arguments})"));
    run(sql, "DEALLOCATE explained").await;
    run(sql, "ROLLBACK").await;
    let buffers = lines.iter().find(|line| line.contains("Buffers:"));
    let buffers = buffers.map_or("", String::as_str);
    Plan {
        buffers: ["hit=", "read="]
            .iter()
            .map(|word| number_after(buffers, word))
            .sum(),
        text: lines.join("\n"),
    }
}

pub(crate) async fn run(sql: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(sql)
        .await
        .unwrap();
}

fn number_after(line: &str, word: &str) -> u64 {
    let Some((_, rest)) = line.split_once(word) else {
        return 0;
    };
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// `arguments` with the place of the row with this number.
fn place(number: u64) -> String {
    format!("'{}', '{}'", moment(number), user_id(number))
}

#[tokio::test]
async fn a_page_of_users_costs_the_same_at_any_depth() {
    let Some(store) = filled().await else { return };
    let mut sql = store.sql().await;
    for (index, filter) in [
        ("users_active", "WHERE is_active AND deleted_at IS NULL AND"),
        (
            "users_inactive",
            "WHERE NOT is_active AND deleted_at IS NULL AND",
        ),
        ("users_any", "WHERE deleted_at IS NULL AND"),
    ] {
        for (beyond, order) in [("<", "DESC"), (">", "ASC")] {
            let order = format!("{beyond} ($1, $2) ORDER BY created_at {order}");
            let query = statement(&["SELECT id, name, email, created_at", filter, &order]);
            for depth in [USERS / 10, USERS / 2, USERS / 10 * 9] {
                let arguments = format!("{}, 51", place(depth));
                for plan in explain(&mut sql, &query, &arguments).await {
                    plan.assert_walks(index, PAGE);
                }
            }
        }
    }
}

/// As many buffers as that many pages one by one, also of those at the end of the list.
#[tokio::test]
async fn pages_that_are_read_together_cost_what_they_cost_alone() {
    const PAGES: u64 = 16;

    let Some(store) = filled().await else { return };
    let mut sql = store.sql().await;
    let places: Vec<_> = (1..PAGES).map(|number| number * USERS / PAGES).collect();
    let moments = places.iter().map(|place| moment(*place).to_string());
    let moments: Vec<_> = moments.chain(["NULL".to_owned()]).collect();
    let ids = places.iter().map(|place| user_id(*place).to_string());
    let ids: Vec<_> = ids.chain([user_id(0).to_string()]).collect();
    let numbers: Vec<_> = (0..PAGES).map(|number| number.to_string()).collect();
    let limits = places.iter().map(|_| "51").chain(["51"]);
    let limits: Vec<_> = limits.collect();
    let arguments = format!(
        "'{{{}}}', '{{{}}}', '{{{}}}', '{{{}}}'",
        numbers.join(","),
        moments.join(","),
        ids.join(","),
        limits.join(",")
    );
    for (index, filter) in [
        ("users_active", "WHERE is_active AND deleted_at"),
        ("users_inactive", "WHERE NOT is_active AND deleted_at"),
        ("users_any", "WHERE deleted_at"),
    ] {
        for beyond in ["<", ">"] {
            let beyond = format!("(created_at, id) {beyond} (coalesce(");
            let query = statement(&["AS q (number, at, id, most)", filter, &beyond]);
            for plan in explain(&mut sql, &query, &arguments).await {
                plan.assert_walks(index, PAGES * PAGE);
            }
        }
    }
}

/// Also of those who have nothing to show in a state.
#[tokio::test]
async fn a_page_of_a_feed_costs_the_same_at_any_depth() {
    let Some(store) = filled().await else { return };
    let mut sql = store.sql().await;
    let mut check = async |index: &str, query: &str, arguments: &str| {
        for Plan { text, buffers } in explain(&mut sql, query, arguments).await {
            assert!(text.contains(&format!("using {index}")), "{text}");
            assert!(!text.contains("Sort"), "{text}");
            assert!(buffers <= 24, "{buffers} buffers: {text}");
        }
    };
    let users = [USERS, USERS + 1, USERS + 2].map(user_id);
    for (beyond, order) in [("<", "DESC"), (">", "ASC")] {
        for (index, filter) in [
            ("notifications_by_time", "true"),
            (
                "notifications_unread",
                "read_at IS NULL AND archived_at IS NULL",
            ),
            (
                "notifications_read",
                "read_at IS NOT NULL AND archived_at IS NULL",
            ),
            ("notifications_archived", "archived_at IS NOT NULL"),
        ] {
            let feed = format!("FROM notifications WHERE user_id = $1 AND {filter}");
            let first = statement(&[&format!("{feed} ORDER BY created_at {order}"), "OFFSET $2"]);
            let deep = statement(&[&format!("{feed} AND (created_at, id) {beyond} ($2, $3)")]);
            for user in users {
                check(index, &first, &format!("'{user}', 0, 11")).await;
                for depth in [600, 3_000, 5_400] {
                    let arguments = format!("'{user}', {}, 11", place(depth));
                    check(index, &deep, &arguments).await;
                }
            }
        }
        let bounds = format!("'{}', '{}'", moment(300), moment(5_700));
        for (index, filter, kind) in [
            ("activities_by_time", "AND occurred_at >=", String::new()),
            ("activities_by_kind", "AND kind =", format!(", '{RARE}'")),
            (
                "activities_by_kind",
                "AND kind =",
                ", 'never-seen'".to_owned(),
            ),
            // Nearly all are of this kind: who knows it finds them by either as fast.
            ("activities_by_", "AND kind =", format!(", '{USUAL}'")),
        ] {
            let feed = format!("WHERE user_id = $1 {filter}");
            let first = statement(&[&feed, &format!("ORDER BY occurred_at {order}"), "OFFSET $4"]);
            let deep = statement(&[&feed, &format!("(occurred_at, id) {beyond} ($4, $5)")]);
            for bounds in ["NULL, NULL", &bounds] {
                let arguments = format!("'{}', {bounds}, 0, 11{kind}", users[0]);
                check(index, &first, &arguments).await;
                for depth in [600, 3_000, 5_400] {
                    let at = place(depth);
                    let arguments = format!("'{}', {bounds}, {at}, 11{kind}", users[0]);
                    check(index, &deep, &arguments).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_read_by_key_touches_a_few_pages() {
    let Some(store) = filled().await else { return };
    let mut sql = store.sql().await;
    let user = user_id(7);
    let ids: Vec<_> = (0..16)
        .map(|number| user_id(number * 1_000).to_string())
        .collect();
    // Sixteen with empty feeds, and one with long ones.
    let many = format!("'{{{},{}}}'", ids.join(","), user_id(USERS));
    let limits = format!("'{{{}}}'", ["10"; 17].join(","));
    let cases = [
        (
            statement(&["WHERE id = ANY($1) AND deleted_at"]),
            format!("'{{{}}}'", ids.join(",")),
            64,
        ),
        (
            statement(&["(SELECT user_id FROM user_emails WHERE email = $1)"]),
            "'user-7@example.com'".to_owned(),
            10,
        ),
        (
            statement(&["last_activity_at FROM users u JOIN user_stats", "u.id = $1"]),
            format!("'{user}'"),
            8,
        ),
        (
            statement(&[
                "last_activity_at FROM users u JOIN user_stats",
                "u.id = ANY($1)",
            ]),
            format!("'{{{}}}'", ids.join(",")),
            16 * 8,
        ),
        (
            statement(&["SELECT s.unread FROM users u JOIN"]),
            format!("'{user}'"),
            8,
        ),
        (
            statement(&["LIMIT $2 ) a ON true"]),
            format!("'{}', 10", user_id(USERS)),
            20,
        ),
        (
            statement(&["LIMIT $2 ) n ON true"]),
            format!("'{}', 10", user_id(USERS)),
            24,
        ),
        (
            statement(&["LIMIT q.most ) a ON true"]),
            format!("{many}, {limits}"),
            16 * 8 + 20,
        ),
        (
            statement(&["LIMIT a.most ) n ON true"]),
            format!("{many}, {limits}"),
            16 * 12 + 24,
        ),
    ];
    for (query, arguments, ceiling) in cases {
        for Plan { text, buffers } in explain(&mut sql, &query, &arguments).await {
            assert!(!text.contains("Seq Scan"), "{text}");
            assert!(buffers <= ceiling, "{buffers} buffers: {text}");
        }
    }
}

/// A log of which the newest 20,000 rows are younger than a minute and the others than two,
/// all acknowledged by `m:1` but a few.
async fn filled_log() -> Option<Store> {
    let store = store().await?;
    let mut sql = store.sql().await;
    // What the server knows of the table is what a test says it knows.
    run(
        &mut sql,
        "ALTER TABLE user_changes SET (autovacuum_enabled = off)",
    )
    .await;
    run(
        &mut sql,
        "INSERT INTO user_changes (user_id, version, changed_at, applied_to)
         SELECT lpad(to_hex(n), 32, '0')::uuid, 1, now() - n * interval '1 ms',
                CASE n WHEN 50000 THEN NULL WHEN 50001 THEN 'a:1' WHEN 50002 THEN 'z:1'
                       ELSE 'm:1' END
         FROM generate_series(1, 100000) AS n",
    )
    .await;
    run(&mut sql, "VACUUM (ANALYZE) user_changes").await;
    Some(store)
}

#[tokio::test]
async fn what_is_pending_is_found_without_what_is_not() {
    let Some(store) = filled_log().await else {
        return;
    };
    let mut sql = store.sql().await;
    let query = statement(&["FROM cache_namespace n LEFT JOIN"]);
    let check = async |sql: &mut PgConnection, arguments: &str, rows: usize, ceiling: u64| {
        for Plan { text, buffers } in explain(sql, &query, arguments).await {
            let arms = text.matches("Index Scan using user_changes_by_applied_to ");
            assert_eq!(arms.count(), 3, "{text}");
            assert!(!text.contains("Sort"), "{text}");
            assert!(!text.contains("Seq Scan"), "{text}");
            assert!(!text.contains("Bitmap"), "{text}");
            assert!(text.contains(&format!("(actual rows={rows} ")), "{text}");
            assert!(buffers <= ceiling, "{buffers} buffers: {text}");
        }
    };
    check(&mut sql, "'m:1', 1000", 3, 12).await;
    // After a failover all is pending, and the server has not looked at the table since.
    check(&mut sql, "'n:1', 1000", 1_000, 30).await;
    // As after the round that acknowledged it all: what was pending leaves its dead entries.
    run(&mut sql, "UPDATE user_changes SET applied_to = 'n:1'").await;
    let dead = explain(&mut sql, &query, "'n:1', 1000").await;
    assert!(dead[0].text.contains("(actual rows=0 "), "{}", dead[0].text);
    // A snapshot of another session keeps dead entries from being passed over, and from being
    // removed.
    let touches_at_most = async |sql: &mut PgConnection, ceiling: u64| {
        let plans = explain(sql, &query, "'n:1', 1000").await;
        plans.iter().all(|plan| plan.buffers <= ceiling)
    };
    for _ in 0..LOOKS {
        if touches_at_most(&mut sql, 200).await {
            break;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    check(&mut sql, "'n:1', 1000", 1, 200).await;
    for _ in 0..LOOKS {
        run(&mut sql, "VACUUM user_changes").await;
        if touches_at_most(&mut sql, 12).await {
            break;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    check(&mut sql, "'n:1', 1000", 1, 12).await;
}

#[tokio::test]
async fn an_acknowledgement_reads_the_rows_that_it_names() {
    let Some(store) = filled_log().await else {
        return;
    };
    let mut sql = store.sql().await;
    let query = statement(&["UPDATE user_changes c SET applied_to = $3 FROM named"]);
    let ids: Vec<_> = (1..=500).map(|n| format!("{:032x}", n * 200)).collect();
    let versions = vec!["1"; 500].join(",");
    let arguments = format!("'{{{}}}', '{{{versions}}}', 'm:1'", ids.join(","));
    for Plan { text, buffers } in explain(&mut sql, &query, &arguments).await {
        assert!(text.contains("using user_changes_pkey "), "{text}");
        assert!(!text.contains("Seq Scan"), "{text}");
        // Acknowledged before: looked at, and not written again.
        assert!(text.contains("Rows Removed by Filter: 1"), "{text}");
        assert!(buffers <= 500 * 5, "{buffers} buffers: {text}");
    }
}

/// A log and answers whose rows lie in no order of age, all older than the purges below.
async fn filled_with_old_rows() -> Option<Store> {
    let store = store().await?;
    let mut sql = store.sql().await;
    for statement in [
        "INSERT INTO user_changes (user_id, version, changed_at, applied_to)
         SELECT lpad(to_hex(n), 32, '0')::uuid, 1,
                '1970-01-02'::timestamptz - n * 7919 % 100000 * interval '1 ms', 'm:1'
         FROM generate_series(1, 100000) AS n",
        "INSERT INTO kept_answers (slot, request, user_id, version, answer, kept_at)
         SELECT sha256(n::text::bytea), '\\x00', lpad(to_hex(n), 32, '0')::uuid, 1, '\\x00',
                '1970-01-02'::timestamptz - n * 7919 % 100000 * interval '1 ms'
         FROM generate_series(1, 100000) AS n",
        "VACUUM (ANALYZE)",
    ] {
        run(&mut sql, statement).await;
    }
    Some(store)
}

#[tokio::test]
async fn a_purge_reads_only_what_it_deletes() {
    let Some(store) = filled_with_old_rows().await else {
        return;
    };
    let mut sql = store.sql().await;
    for (part, arguments, indexes) in [
        (
            "DELETE FROM user_changes c USING old o",
            "'1 hour', 10",
            ["user_changes_by_age", "user_changes_pkey"],
        ),
        (
            "DELETE FROM kept_answers k USING old o",
            "now(), 10",
            ["kept_answers_by_age", "kept_answers_pkey"],
        ),
    ] {
        let query = statement(&[part]);
        for Plan { text, buffers } in explain(&mut sql, &query, arguments).await {
            for index in indexes {
                assert!(text.contains(&format!("using {index} ")), "{text}");
            }
            assert!(!text.contains("Seq Scan"), "{text}");
            assert!(!text.contains("Sort"), "{text}");
            assert!(buffers <= 10 * 8, "{buffers} buffers: {text}");
        }
    }
}

/// By the plans of the service's own connections, also of as many rows as it deletes at a time.
#[tokio::test]
async fn a_purge_of_the_service_scans_no_table() {
    let Some(store) = filled_with_old_rows().await else {
        return;
    };
    let mut sql = store.sql().await;
    // Vacuuming and analyzing scan no table in this sense, but filling might have.
    let scans = "SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables
                 WHERE relname IN ('user_changes', 'kept_answers')";
    let before: i64 = sqlx::query_scalar(scans).fetch_one(&mut sql).await.unwrap();
    let (log, writes) = (store.change_log(), store.writes());
    for _ in 0..3 {
        let purged = log.purge_older_than(Duration::from_hours(1), 1_000).await;
        assert_eq!(purged.unwrap(), 1_000);
        let purged = writes.forget_answers(moment(0), 1_000).await;
        assert_eq!(purged.unwrap(), 1_000);
    }
    // A connection reports what it did at the latest when it ends.
    store.pool.close().await;
    let open = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'roster'";
    let mut still_open = 1_i64;
    while still_open > 0 {
        still_open = sqlx::query_scalar(open).fetch_one(&mut sql).await.unwrap();
    }
    let after: i64 = sqlx::query_scalar(scans).fetch_one(&mut sql).await.unwrap();
    assert_eq!(after, before);
}
