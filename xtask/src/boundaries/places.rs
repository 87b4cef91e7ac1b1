use crate::source::{Kind, Piece, pieces, shipped};
use crate::workspace::TextFile;

/// Something that is named in one place only, and so can change there alone.
struct Place {
    what: &'static str,
    /// Where the rule looks.
    under: &'static [&'static str],
    /// Where it may be.
    home: &'static [&'static str],
    found: fn(&Piece<'_>) -> bool,
}

const SHIPPED: &[&str] = &[
    "crates/domain/src/",
    "crates/app/src/",
    "crates/http/src/",
    "crates/adapters-",
];

const PLACES: [Place; 4] = [
    Place {
        what: "an adapter is named outside the wiring",
        under: &["crates/domain/src/", "crates/app/src/", "crates/http/src/"],
        home: &["crates/http/src/wiring.rs", "crates/http/src/wiring/"],
        found: |piece| piece.kind == Kind::Code && piece.text.contains("roster_adapters_"),
    },
    Place {
        what: "an HTTP status is chosen outside problem.rs and the endpoints",
        under: SHIPPED,
        home: &[
            "crates/http/src/problem.rs",
            "crates/http/src/problem/",
            "crates/http/src/endpoints/",
        ],
        found: chooses_status,
    },
    Place {
        what: "a Redis key is spelled outside key.rs",
        under: SHIPPED,
        home: &["crates/adapters-redis/src/key.rs"],
        found: spells_redis_key,
    },
    Place {
        what: "SQL stands outside the SQL adapters",
        under: SHIPPED,
        home: &[
            "crates/adapters-postgres/src/",
            "crates/adapters-sqlite/src/",
        ],
        found: is_sql,
    },
];

/// Everything that is named where it must not be. Unit tests may name what they like.
pub(crate) fn misplaced(files: &[TextFile]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.is("rs") && !is_test(&file.path))
    {
        for place in &PLACES {
            if is_in(&file.path, place.under)
                && file.path.contains("/src/")
                && !is_in(&file.path, place.home)
            {
                let pieces = pieces(shipped(&file.text));
                let lines = pieces
                    .iter()
                    .filter(|piece| (place.found)(piece))
                    .map(|piece| piece.line);
                found.extend(lines.map(|line| format!("{}:{line}: {}", file.path, place.what)));
            }
        }
    }
    found
}

fn is_in(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path.starts_with(place))
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// `StatusCode::NOT_FOUND` and the like; to carry a status that another chose is free.
fn chooses_status(piece: &Piece<'_>) -> bool {
    let behind = |name: &str| {
        piece
            .text
            .match_indices(name)
            .map(|(at, found)| &piece.text[at + found.len()..])
            .collect::<Vec<_>>()
    };
    piece.kind == Kind::Code
        && behind("StatusCode::").iter().any(|rest| {
            rest.starts_with(|letter: char| letter.is_ascii_uppercase())
                || rest.starts_with("from_u16")
        })
}

fn spells_redis_key(piece: &Piece<'_>) -> bool {
    piece.kind == Kind::Literal
        && (piece.text.contains(":u:{")
            || piece.text.contains("roster:u")
            || piece.text.starts_with("u:{"))
}

fn is_sql(piece: &Piece<'_>) -> bool {
    match piece.kind {
        Kind::Comment => false,
        Kind::Code => piece
            .text
            .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .any(|word| word == "sqlx"),
        Kind::Literal => {
            let plain = piece.text.to_lowercase();
            let words: Vec<&str> = plain.split_whitespace().take(40).collect();
            match words.as_slice() {
                ["select", ..] => {
                    words.contains(&"from")
                        && (words.contains(&"where") || piece.text.contains("SELECT"))
                }
                ["insert", "into", ..]
                | ["delete", "from", ..]
                | ["update", _, "set", ..]
                | ["copy", _, "from", ..]
                | ["create", "table" | "index" | "unique", ..]
                | ["alter" | "truncate", "table", ..] => true,
                _ => false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        misplaced(&[TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        }])
        .len()
    }

    #[test]
    fn adapters_are_named_in_the_wiring_only() {
        let code = "use roster_adapters_postgres::Pool;";
        assert_eq!(found("crates/http/src/router.rs", code), 1);
        assert_eq!(found("crates/app/src/users.rs", code), 1);
        assert_eq!(found("crates/http/src/wiring.rs", code), 0);
        assert_eq!(found("crates/http/src/wiring/embedded.rs", code), 0);
        assert_eq!(
            found(
                "crates/http/src/router.rs",
                "fn a() {}\n#[cfg(test)]\nmod tests {\nuse roster_adapters_memory::Users;\n}"
            ),
            0
        );
    }

    #[test]
    fn statuses_are_chosen_in_problems_and_endpoints_only() {
        assert_eq!(
            found(
                "crates/http/src/middleware/limits.rs",
                "x(StatusCode::GATEWAY_TIMEOUT)"
            ),
            1
        );
        assert_eq!(
            found("crates/app/src/users.rs", "http::StatusCode::from_u16(404)"),
            1
        );
        assert_eq!(
            found(
                "crates/http/src/metrics.rs",
                "fn count(status: StatusCode) {}"
            ),
            0
        );
        assert_eq!(
            found("crates/http/src/problem.rs", "StatusCode::NOT_FOUND"),
            0
        );
        assert_eq!(
            found(
                "crates/http/src/endpoints/create_user.rs",
                "StatusCode::CREATED"
            ),
            0
        );
    }

    #[test]
    fn redis_keys_are_spelled_in_one_file_only() {
        let code = "format!(\"{prefix}:u:{{{id}}}\")";
        assert_eq!(found("crates/adapters-redis/src/user_cache.rs", code), 1);
        assert_eq!(found("crates/http/src/wiring.rs", "\"roster:u:1\""), 1);
        assert_eq!(found("crates/adapters-redis/src/key.rs", code), 0);
    }

    #[test]
    fn sql_stands_in_the_sql_adapters_only() {
        for code in [
            "\"SELECT id FROM users\"",
            "\"select id from users where id = 1\"",
            "r\"\n  INSERT INTO users (id) VALUES (1)\"",
            "\"UPDATE users SET name = ''\"",
            "sqlx::query",
        ] {
            assert_eq!(
                found("crates/http/src/endpoints/readyz.rs", code),
                1,
                "{code}"
            );
            assert_eq!(
                found("crates/adapters-memory/src/users.rs", code),
                1,
                "{code}"
            );
            assert_eq!(
                found("crates/adapters-sqlite/src/users.rs", code),
                0,
                "{code}"
            );
        }
        for prose in [
            "\"Select a user from the list\"",
            "\"update the user\"",
            "// SELECT id FROM users",
            "let sqlx_like = 1;",
        ] {
            assert_eq!(found("crates/http/src/openapi.rs", prose), 0, "{prose}");
        }
    }
}
