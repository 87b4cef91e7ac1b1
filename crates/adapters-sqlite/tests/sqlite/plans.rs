use std::fs;
use std::path::Path;

use roster_port_contracts::StoreFixture as _;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use crate::seeding::batch;
use crate::support::fixture;

/// A statement of the adapter, from the data that its build is checked with, and its plan in a
/// file with statistics.
struct Plan {
    statement: String,
    steps: Vec<String>,
}

/// Of a file without statistics, as it is at first, and of one with them.
async fn plans() -> Vec<Plan> {
    let fixture = fixture().await.unwrap();
    let mut plans = read_plans(&mut fixture.raw().await).await;
    fixture.transfer().seed(&batch(0, 1_000)).await.unwrap();
    fixture.transfer().analyze().await.unwrap();
    plans.extend(read_plans(&mut fixture.raw().await).await);
    plans
}

async fn read_plans(connection: &mut SqliteConnection) -> Vec<Plan> {
    let mut plans = Vec::new();
    for statement in statements() {
        let steps = explain(connection, &statement).await;
        plans.push(Plan { statement, steps });
    }
    plans
}

fn statements() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            let query: serde_json::Value = serde_json::from_str(&text).unwrap();
            query["query"].as_str().unwrap().to_owned()
        })
        .collect()
}

async fn explain(connection: &mut SqliteConnection, statement: &str) -> Vec<String> {
    let explain = format!("EXPLAIN QUERY PLAN {statement}");
    sqlx::query(AssertSqlSafe(explain))
        .fetch_all(connection)
        .await
        .unwrap()
        .iter()
        .map(|row| row.get("detail"))
        .collect()
}

#[tokio::test]
async fn every_list_is_one_bounded_range_of_its_covering_index() {
    let plans = plans().await;
    for (filter, index) in [
        ("AND is_active = 1 ", "users_active"),
        ("AND is_active = 0 ", "users_inactive"),
        ("IS NULL AND (created_at", "users_any"),
    ] {
        let lists: Vec<_> = plans
            .iter()
            .filter(|plan| plan.statement.contains("ORDER BY created_at"))
            .filter(|plan| plan.statement.contains("FROM users WHERE"))
            .filter(|plan| plan.statement.contains(filter))
            .collect();
        assert_eq!(lists.len(), 4, "one a direction and file: {filter}");
        for list in lists {
            let range = "((created_at,id)>(?,?) AND (created_at,id)<(?,?))";
            let expected = format!("SEARCH users USING COVERING INDEX {index} {range}");
            assert_eq!(list.steps, [expected], "{}", list.statement);
        }
    }
}

#[tokio::test]
async fn every_feed_is_one_bounded_range_of_its_index() {
    let plans = plans().await;
    let feeds: Vec<_> = plans
        .iter()
        .filter(|plan| plan.statement.contains("LIMIT ?6") || plan.statement.contains("LIMIT ?7"))
        .filter(|plan| plan.statement.contains("LEFT JOIN"))
        .collect();
    assert_eq!(
        feeds.len(),
        24,
        "four states, the activities and those of a kind, in each direction and file"
    );
    for feed in feeds {
        let of_a_kind = feed.statement.contains("kind = ?7");
        let bounded = feed.steps.iter().any(|step| {
            step.starts_with("SEARCH notifications USING INDEX notifications_")
                && step.ends_with("(user_id=? AND (created_at,id)>(?,?) AND (created_at,id)<(?,?))")
                || !of_a_kind
                    && step
                        == "SEARCH activities USING INDEX activities_by_time \
                            (user_id=? AND (occurred_at,id)>(?,?) AND (occurred_at,id)<(?,?))"
                || step
                    == "SEARCH activities USING INDEX activities_by_kind \
                        (user_id=? AND kind=? AND (occurred_at,id)>(?,?) AND (occurred_at,id)<(?,?))"
        });
        assert!(bounded, "{}\n{:#?}", feed.statement, feed.steps);
    }
}

/// Each of the users is looked up, his newest rows are picked by the index of his feed, and only
/// these are read.
#[tokio::test]
async fn the_newest_rows_of_many_users_are_read_by_the_indexes_of_their_feeds() {
    let plans = plans().await;
    for (feed, index, statement) in [
        (
            "activities",
            "activities_by_time",
            "LEFT JOIN activities AS a",
        ),
        (
            "notifications",
            "notifications_unread",
            "LEFT JOIN notifications AS n",
        ),
    ] {
        let found: Vec<_> = plans
            .iter()
            .filter(|plan| plan.statement.contains("json_each"))
            .filter(|plan| plan.statement.contains(statement))
            .collect();
        assert_eq!(found.len(), 2, "one a file: {statement}");
        for Plan { statement, steps } in found {
            assert!(steps[0].starts_with("SCAN q VIRTUAL TABLE"), "{steps:#?}");
            let user = "SEARCH u USING INDEX sqlite_autoindex_users_1 (id=?)";
            assert!(
                steps.iter().any(|step| step == user),
                "{statement}\n{steps:#?}"
            );
            let picked = [" COVERING", ""].iter().any(|covering| {
                steps.contains(&format!(
                    "SEARCH {feed} USING{covering} INDEX {index} (user_id=?)"
                ))
            });
            assert!(picked, "{statement}\n{steps:#?}");
            let alias = &feed[..1];
            let read = format!("SEARCH {alias} USING PRIMARY KEY (user_id=? AND id=?) LEFT-JOIN");
            assert!(steps.contains(&read), "{statement}\n{steps:#?}");
            assert!(
                !steps.iter().any(|step| step.contains("TEMP B-TREE")),
                "{steps:#?}"
            );
        }
    }
}

#[tokio::test]
async fn every_search_is_bounded_ranges_of_covering_indexes() {
    let plans = plans().await;
    for (key, index, ranges) in [
        (
            "ORDER BY search_name",
            "users_by_name",
            [
                "(<expr>=? AND (search_name,id)>(?,?) AND search_name<?)",
                "(<expr>=? AND search_name>? AND (search_name,id)<(?,?))",
            ],
        ),
        (
            "ORDER BY search_email",
            "users_by_address",
            [
                "(<expr>=? AND search_shared=? AND (search_email,id)>(?,?) AND search_email<?)",
                "(<expr>=? AND search_shared=? AND search_email>? AND (search_email,id)<(?,?))",
            ],
        ),
    ] {
        let pages: Vec<_> = plans
            .iter()
            .filter(|plan| plan.statement.contains(key))
            .collect();
        assert_eq!(pages.len(), 4, "one a direction and file: {key}");
        for page in pages {
            let bounded = ranges
                .map(|range| format!("SEARCH users USING COVERING INDEX {index} {range}"))
                .contains(&page.steps[0]);
            assert!(bounded, "{}\n{:#?}", page.statement, page.steps);
            assert_eq!(page.steps.len(), 1, "{:#?}", page.steps);
        }
    }
}

#[tokio::test]
async fn many_ids_are_looked_up_by_the_primary_key() {
    let plans = plans().await;
    let many: Vec<_> = plans
        .iter()
        .filter(|plan| plan.statement.contains("WHERE id IN (SELECT unhex"))
        .collect();
    assert_eq!(many.len(), 2);
    let lookup = "SEARCH users USING INDEX sqlite_autoindex_users_1 (id=?)";
    for Plan { steps, .. } in many {
        assert!(steps.iter().any(|step| step == lookup), "{steps:#?}");
    }
}

#[tokio::test]
async fn the_answers_beyond_the_bound_of_a_user_are_found_by_the_user() {
    let plans = plans().await;
    let bounds: Vec<_> = plans
        .iter()
        .filter(|plan| plan.statement.contains("LIMIT -1 OFFSET"))
        .collect();
    assert_eq!(bounds.len(), 2, "one a file");
    for Plan { statement, steps } in bounds {
        for step in [
            "SEARCH kept_answers USING COVERING INDEX sqlite_autoindex_kept_answers_1 (slot=?)",
            "SEARCH kept_answers USING INDEX kept_answers_by_user (user_id=?)",
        ] {
            assert!(
                steps.iter().any(|planned| planned == step),
                "{statement}\n{steps:#?}"
            );
        }
    }
}

const IS_EMPTY: &str = "SELECT NOT EXISTS (SELECT 1 FROM users) \
    AND NOT EXISTS (SELECT 1 FROM purged_users) AS \"empty!: bool\"";

const WITHOUT_KEYS: &str = "SELECT id AS \"id: Uuid\", name, email FROM users \
    WHERE search_name IS NULL ORDER BY id LIMIT ?1";

/// What may be walked from its beginning, and by which statement.
const WALKS: [(&str, &str); 7] = [
    // The first row says whether there is one.
    ("SELECT version FROM users LIMIT 1", "users"),
    (
        IS_EMPTY,
        "users USING COVERING INDEX sqlite_autoindex_users_1",
    ),
    (IS_EMPTY, "purged_users"),
    // It holds the rows that lack something, and nearly always none.
    (WITHOUT_KEYS, "users USING INDEX users_without_keys"),
    // An exact count has no other way.
    (
        "SELECT count(*) FROM users WHERE deleted_at IS NULL",
        "users USING COVERING INDEX users_any",
    ),
    (
        "SELECT count(*) FROM users WHERE deleted_at IS NULL AND is_active = 1",
        "users USING COVERING INDEX users_active",
    ),
    (
        "SELECT count(*) FROM users WHERE deleted_at IS NULL AND is_active = 0",
        "users USING COVERING INDEX users_inactive",
    ),
];

#[tokio::test]
async fn no_statement_reads_a_whole_table() {
    for plan in plans().await {
        for step in &plan.steps {
            let scanned = step.strip_prefix("SCAN ");
            let unmeant = scanned.is_some_and(|scanned| !may_scan(&plan, scanned));
            // An automatic index is filled from the whole table, each time.
            assert!(
                !unmeant && !step.contains("AUTOMATIC"),
                "{}\n{step}",
                plan.statement
            );
        }
    }
}

fn may_scan(plan: &Plan, scanned: &str) -> bool {
    // Rows that the statement has picked before. An alias does not tell them from a table.
    let name = scanned.split(' ').next().unwrap_or_default();
    let picked = ["MATERIALIZE", "CO-ROUTINE"]
        .iter()
        .any(|how| plan.steps.contains(&format!("{how} {name}")));
    let given = scanned == "CONSTANT ROW" || scanned.contains(" VIRTUAL TABLE ");
    let words: Vec<_> = plan.statement.split_whitespace().collect();
    picked || given || WALKS.contains(&(words.join(" ").as_str(), scanned))
}
