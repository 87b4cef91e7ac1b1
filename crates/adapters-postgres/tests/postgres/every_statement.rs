//! Each statement of the adapter is planned and run, on tables that are large enough that the
//! planner means what it says: none reads a whole table or more than a few pages, unless it
//! stands in [`EXCEPTIONS`]. What is found here is the compiler's offline data, so that a new
//! statement is under the rule without being named; pages deep in a list are in `plans`.

use std::fmt::Write as _;

use serde_json::Value;

use crate::plans::{Plan, explain, offline_data, run};
use crate::support::{Store, store};

/// What grows with the users.
const TABLES: [&str; 7] = [
    "users",
    "user_emails",
    "user_stats",
    "user_changes",
    "notifications",
    "activities",
    "kept_answers",
];

/// Pages of 8 KiB that a statement touches: a few levels of each index that it reads or writes.
const MOST: u64 = 80;

/// Statements that may read more.
struct Exception {
    /// In the statement's text.
    part: &'static str,
    /// How many statements these are.
    statements: usize,
    why: Why,
}

enum Why {
    /// It counts what is there.
    Counts,
    /// The first row that there is will do.
    TakesAnyRow,
    /// It looks after what a release before left behind, of which there is next to nothing.
    LooksBehind,
}

const EXCEPTIONS: [Exception; 3] = [
    Exception {
        part: "SELECT count(*) AS \"count!\" FROM users WHERE",
        statements: 3,
        why: Why::Counts,
    },
    Exception {
        part: "SELECT NOT EXISTS (SELECT 1 FROM users)",
        statements: 1,
        why: Why::TakesAnyRow,
    },
    Exception {
        part: "DELETE FROM user_emails WHERE user_id = $1",
        statements: 1,
        why: Why::LooksBehind,
    },
];

/// Statements that have no plan, or none that reads a table.
const UTILITY: [&str; 3] = ["SET LOCAL ", "VACUUM ", "SELECT set_config("];

#[tokio::test]
async fn every_statement_reads_a_few_pages_by_an_index() {
    let Some(store) = filled().await else { return };
    let mut sql = store.sql().await;
    let mut used = [0; EXCEPTIONS.len()];
    let mut planned = 0;
    let mut refused = String::new();
    for (query, parameters) in statements() {
        if UTILITY.iter().any(|utility| query.starts_with(utility)) {
            continue;
        }
        let exception = EXCEPTIONS
            .iter()
            .position(|exception| query.contains(exception.part));
        if let Some(exception) = exception {
            used[exception] += 1;
        }
        let why = exception.map(|exception| &EXCEPTIONS[exception].why);
        let arguments = arguments(&query, &parameters);
        for Plan { text, buffers } in explain(&mut sql, &query, &arguments).await {
            let whole = TABLES
                .iter()
                .any(|table| text.contains(&format!("Seq Scan on {table} ")));
            let refuses = match why {
                Some(Why::Counts | Why::LooksBehind) => false,
                Some(Why::TakesAnyRow) => buffers > 2,
                None => whole || buffers > MOST,
            };
            if refuses {
                let _ = writeln!(refused, "{buffers} pages: {query}\n{text}\n");
            }
        }
        planned += 1;
    }
    assert!(refused.is_empty(), "{refused}");
    assert!(planned >= 90, "{planned} statements");
    for (exception, used) in EXCEPTIONS.iter().zip(used) {
        assert_eq!(used, exception.statements, "{}", exception.part);
    }
}

/// Every statement and the types of its parameters.
fn statements() -> Vec<(String, Vec<String>)> {
    let types = |json: &Value| {
        let types = json["describe"]["parameters"]["Left"].as_array();
        let names = types
            .into_iter()
            .flatten()
            .map(|name| name.as_str().unwrap().to_owned());
        names.collect()
    };
    offline_data()
        .into_iter()
        .map(|(query, json)| (query, types(&json)))
        .collect()
}

/// One value for each parameter: somebody who is there, unless the statement makes somebody.
fn arguments(query: &str, parameters: &[String]) -> String {
    let makes_a_user = query.contains("INSERT INTO users ");
    let arguments = parameters.iter().enumerate().map(|(place, name)| {
        let value = match name.as_str() {
            "Uuid" if makes_a_user => "'0190aaaa-0000-0000-0000-000000000001'",
            "Uuid" => "'00000000-0000-0000-0000-000000000007'",
            "UuidArray" if makes_a_user => {
                "'{0190aaaa-0000-0000-0000-000000000001,0190aaaa-0000-0000-0000-000000000002,
                   0190aaaa-0000-0000-0000-000000000003}'"
            }
            "UuidArray" => {
                "'{00000000-0000-0000-0000-000000000007,00000000-0000-0000-0000-000000000008,
                   00000000-0000-0000-0000-000000000009}'"
            }
            "Text" if query.contains("to_regclass") => "'users_active'",
            // The second text of a range is its end.
            "Text" if place % 2 == 0 => "'user 00007'",
            "Text" => "'user 00008'",
            "TextArray" => "'{a@example.com,b@example.com,c@example.com}'",
            "Bool" => "true",
            "BoolArray" => "'{true,false,true}'",
            "Int2" | "Int4" => "1",
            "Int8" => "10",
            "Int2Array" | "Int4Array" | "Int8Array" => "'{1,2,3}'",
            "Timestamptz" => "now() - interval '1 hour'",
            "TimestamptzArray" => "ARRAY[now(), now(), now()]",
            "Interval" => "'1 hour'",
            "Bytea" => "'\\x07'",
            other => panic!("no value of type {other}: {query}"),
        };
        value.to_owned()
    });
    arguments.collect::<Vec<_>>().join(", ")
}

/// 20,000 users with three rows in each feed, and as many rows in every other table.
async fn filled() -> Option<Store> {
    let store = store().await?;
    let mut sql = store.sql().await;
    for statement in [
        "CREATE FUNCTION uuid_of(n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql
         AS $$ SELECT lpad(to_hex(n), 32, '0')::uuid $$",
        "INSERT INTO users (id, email, name, is_active, metadata, version, created_at, updated_at,
                            search_name, search_email, search_shared)
         SELECT uuid_of(n), 'user-' || n || '@example.com', 'User ' || n, n % 20 <> 0, '{}', 10,
                now() - n * interval '1 s', now(), 'user ' || lpad(n::text, 5, '0'),
                'user-' || lpad(n::text, 5, '0'), 4
         FROM generate_series(1, 20000) AS n",
        "INSERT INTO user_emails SELECT email, id FROM users",
        "INSERT INTO user_stats SELECT id, 3, 3, 3, now() FROM users",
        "INSERT INTO notifications (user_id, id, kind, title, body, data, created_at, read_at,
                                    archived_at)
         SELECT uuid_of(n % 20000 + 1), uuid_of(n), 'kind', 'title', NULL, '{}',
                now() - n * interval '1 s', NULL, NULL
         FROM generate_series(1, 60000) AS n",
        "INSERT INTO activities (user_id, id, kind, occurred_at, data)
         SELECT uuid_of(n % 20000 + 1), uuid_of(n), 'kind', now() - n * interval '1 s', '{}'
         FROM generate_series(1, 60000) AS n",
        "INSERT INTO user_changes (user_id, version, changed_at, applied_to)
         SELECT uuid_of(n), 100, now() - n * interval '1 s', 'user 00007'
         FROM generate_series(1, 20000) AS n",
        "INSERT INTO kept_answers (slot, request, user_id, version, answer, kept_at)
         SELECT sha256(n::text::bytea), '\\x00', uuid_of(n), 1, '\\x00',
                now() - n * interval '1 s'
         FROM generate_series(1, 20000) AS n",
        // Some of one user, so that those beyond the bound are deleted.
        "INSERT INTO kept_answers (slot, request, user_id, version, answer, kept_at)
         SELECT sha256(n::text::bytea), '\\x00', uuid_of(7), 1, '\\x00',
                now() - n * interval '1 s'
         FROM generate_series(20001, 20015) AS n",
        "INSERT INTO purged_users (id, version)
         SELECT uuid_of(n), 1 FROM generate_series(100001, 120000) AS n",
        "VACUUM (ANALYZE)",
    ] {
        run(&mut sql, statement).await;
    }
    Some(store)
}
