use std::collections::BTreeSet;

use crate::source::{Kind, pieces};
use crate::workspace::TextFile;

const SOURCE_LINES: usize = 400;
const TEST_LINES: usize = 600;

/// Folders of single machines. Spelled in two parts, so that this file passes itself.
const MACHINE_FOLDERS: [&str; 5] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
    concat!("C:\\", "Users"),
];
/// The same on every machine that has it.
const HOMEBREW: &str = concat!("/ho", "me/linuxbrew/");

/// What is wrong with one file: a line for each, as `path:line: what`.
pub(crate) fn all_of(file: &TextFile) -> Vec<String> {
    let mut found = machine_folders(file);
    if file.is("rs") {
        found.extend(length(file));
        found.extend(module_file(file));
        found.extend(unfinished(file));
        found.extend(open_columns(file));
    }
    found
}

fn length(file: &TextFile) -> Option<String> {
    let limit = if file.path.contains("/tests/") {
        TEST_LINES
    } else {
        SOURCE_LINES
    };
    let lines = file.text.lines().count();
    (lines > limit).then(|| {
        format!(
            "{}: {lines} lines, more than {limit}: split it by topic",
            file.path
        )
    })
}

fn module_file(file: &TextFile) -> Option<String> {
    let name = file.path.rsplit('/').next();
    (name == Some("mod.rs")).then(|| {
        format!(
            "{}: call it after its folder, `thing.rs` beside `thing/`",
            file.path
        )
    })
}

fn unfinished(file: &TextFile) -> Vec<String> {
    let rules = [
        ("todo!", "unfinished"),
        ("unimplemented!", "unfinished"),
        ("dbg!", "left from debugging"),
        ("#[ignore", "a test that does not run proves nothing"),
    ];
    in_code(file, &rules)
}

fn in_code(file: &TextFile, rules: &[(&str, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    for piece in pieces(&file.text)
        .iter()
        .filter(|piece| piece.kind == Kind::Code)
    {
        for (number, line) in piece.text.lines().enumerate() {
            for (word, why) in rules.iter().filter(|(word, _)| line.contains(word)) {
                found.push(format!(
                    "{}:{}: `{word}`: {why}",
                    file.path,
                    piece.line + number
                ));
            }
        }
    }
    found
}

/// A column added by the next release would change what such a statement returns, under prepared statements too.
fn open_columns(file: &TextFile) -> Vec<String> {
    let mut found = Vec::new();
    if file.path.starts_with("xtask/") {
        // It reads no rows, and has to spell what it looks for.
        return found;
    }
    for piece in pieces(&file.text)
        .iter()
        .filter(|piece| piece.kind == Kind::Literal)
    {
        let plain = piece.text.to_lowercase().replace(['\n', '\\'], " ");
        let words: Vec<&str> = plain.split_whitespace().collect();
        let open = words.windows(2).any(|pair| {
            matches!(pair[0], "select" | "returning" | "distinct" | "all") && is_star(pair[1])
                || pair[0].ends_with(".*,") && words.contains(&"select")
                || pair[0].ends_with(".*") && pair[1] == "from"
        });
        if open {
            found.push(format!(
                "{}:{}: name the columns instead of `*`",
                file.path, piece.line
            ));
        }
    }
    found
}

fn is_star(word: &str) -> bool {
    matches!(word.trim_end_matches([',', ';', ')']), "*")
        || word.trim_end_matches([',', ';', ')']).ends_with(".*")
}

fn machine_folders(file: &TextFile) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let line = line.replace(HOMEBREW, "");
        for folder in MACHINE_FOLDERS {
            let absolute = line.match_indices(folder).any(|(at, _)| {
                // Behind a letter it is the middle of a relative path or of a URL.
                !line[..at].ends_with(|before: char| {
                    before.is_alphanumeric() || matches!(before, '.' | '_' | '-' | '}' | '*')
                })
            });
            if absolute {
                found.push(format!(
                    "{}:{}: `{folder}` is a folder of one machine",
                    file.path,
                    number + 1
                ));
            }
        }
    }
    found
}

/// Each step of a schema goes both ways.
pub(crate) fn migrations(files: &[TextFile]) -> Vec<String> {
    let sql = files
        .iter()
        .filter(|file| file.path.starts_with("migrations/") && file.is("sql"));
    let paths: BTreeSet<&str> = sql.map(|file| file.path.as_str()).collect();
    let mut found = Vec::new();
    for path in &paths {
        let other = if let Some(step) = path.strip_suffix(".up.sql") {
            format!("{step}.down.sql")
        } else if let Some(step) = path.strip_suffix(".down.sql") {
            format!("{step}.up.sql")
        } else {
            found.push(format!("{path}: ends neither in .up.sql nor in .down.sql"));
            continue;
        };
        if !paths.contains(other.as_str()) {
            found.push(format!("{path}: {other} is missing"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: impl Into<String>) -> TextFile {
        TextFile {
            path: path.to_owned(),
            text: text.into(),
        }
    }

    fn count(path: &str, text: impl Into<String>) -> usize {
        all_of(&file(path, text)).len()
    }

    #[test]
    fn a_long_file_fails_and_tests_may_be_longer() {
        assert_eq!(count("crates/a/src/x.rs", "\n".repeat(400)), 0);
        assert_eq!(count("crates/a/src/x.rs", "\n".repeat(401)), 1);
        assert_eq!(count("crates/a/tests/x.rs", "\n".repeat(600)), 0);
        assert_eq!(count("crates/a/tests/it/x.rs", "\n".repeat(601)), 1);
    }

    #[test]
    fn a_file_called_mod_fails() {
        assert_eq!(count("crates/a/src/users/mod.rs", ""), 1);
        assert_eq!(count("crates/a/src/users/model.rs", ""), 0);
    }

    #[test]
    fn unfinished_code_fails_and_words_about_it_do_not() {
        for code in [
            "fn f() { todo!() }",
            "dbg!(x);",
            "#[test]\n#[ignore]\nfn f() {}",
            "unimplemented!()",
        ] {
            assert_eq!(count("crates/a/src/x.rs", code), 1, "{code}");
        }
        assert_eq!(
            count(
                "crates/a/src/x.rs",
                "// no todo!() here\nlet word = \"dbg!\";"
            ),
            0
        );
        assert!(all_of(&file("x.rs", "\n\ntodo!()"))[0].starts_with("x.rs:3:"));
    }

    #[test]
    fn a_statement_without_its_columns_fails() {
        let open = [
            "\"SELECT * FROM users\"",
            "\"select\n  * from users\"",
            "r#\"INSERT INTO users (id) VALUES ($1) RETURNING *\"#",
            "\"SELECT u.* FROM users u\"",
            "\"SELECT u.*, n.id FROM users u, notes n\"",
            "\"WITH a AS (SELECT DISTINCT * FROM b) SELECT id FROM a\"",
        ];
        for literal in open {
            assert_eq!(
                count("crates/a/src/x.rs", format!("query!({literal})")),
                1,
                "{literal}"
            );
        }
        let named = [
            "\"SELECT id, count(*) FROM users\"",
            "\"SELECT 2 * 3\"",
            "\"a * b\"",
            "\"crates/*\"",
        ];
        for literal in named {
            assert_eq!(
                count("crates/a/src/x.rs", format!("query!({literal})")),
                0,
                "{literal}"
            );
        }
        assert_eq!(count("crates/a/src/x.rs", "// SELECT * is banned"), 0);
    }

    #[test]
    fn a_folder_of_one_machine_fails_in_any_file() {
        for folder in MACHINE_FOLDERS {
            assert_eq!(
                count("docs/x.md", format!("see `{folder}me`")),
                1,
                "{folder}"
            );
        }
        assert_eq!(
            count(
                "docs/x.md",
                format!(
                    "https://example.com{}me and {HOMEBREW}bin",
                    MACHINE_FOLDERS[1]
                )
            ),
            0
        );
    }

    #[test]
    fn a_migration_without_its_way_back_fails() {
        let both = [
            file("migrations/a/1_x.up.sql", ""),
            file("migrations/a/1_x.down.sql", ""),
        ];
        assert!(migrations(&both).is_empty());
        assert_eq!(migrations(&both[..1]).len(), 1);
        assert_eq!(migrations(&both[1..]).len(), 1);
        assert_eq!(migrations(&[file("migrations/a/1_x.sql", "")]).len(), 1);
    }
}
