//! The documentation builds, and what it points to exists.

use clap::CommandFactory;

use crate::command::{cargo, run as run_command};
use crate::failure::{Failure, Outcome};
use crate::workspace::{self, TextFile};

pub(crate) fn run() -> Outcome {
    let tasks: Vec<String> = crate::Cli::command()
        .get_subcommands()
        .map(|task| task.get_name().to_owned())
        .collect();
    let mut violations = Vec::new();
    let files = workspace::files()?;
    for file in files.iter().filter(|file| file.is("md")) {
        violations.extend(dead_links(file));
        violations.extend(unknown_tasks(file, &tasks));
    }
    let promises = ["docs/security.md", "docs/reliability.md"];
    for file in files.iter().filter(|file| promises.contains(&&*file.path)) {
        violations.extend(unknown_tests(file, &files));
    }
    Failure::of_rules("docs", &violations)?;
    // The tools have no library to document, and without them the build has the features of what ships.
    let tools = ["--exclude", "roster-acceptance", "--exclude", "xtask"];
    let mut doc = cargo(
        ["doc", "--workspace", "--no-deps", "--quiet"]
            .into_iter()
            .chain(tools),
    );
    run_command(doc.env("RUSTDOCFLAGS", "--deny warnings"))
}

/// Links to files of this repository that are not there.
fn dead_links(file: &TextFile) -> Vec<String> {
    let folder = workspace::root().join(&file.path);
    let Some(folder) = folder.parent() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (number, target) in links(&file.text) {
        let path = target.split(['#', '?']).next().unwrap_or_default();
        if !path.is_empty() && !path.contains(':') && !folder.join(path).exists() {
            found.push(format!("{}:{number}: {target} does not exist", file.path));
        }
    }
    found
}

/// The targets of all `[text](target)` and `[name]: target` outside code blocks, with their lines.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_block = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        }
        if in_block {
            continue;
        }
        let inline = line
            .match_indices("](")
            .filter_map(|(at, _)| line[at + 2..].split([')', ' ']).next());
        let reference = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "))
            .map(|(_, target)| target.trim());
        found.extend(inline.chain(reference).map(|target| (number + 1, target)));
    }
    found
}

/// A `cargo xtask …` that would fail if one typed it.
fn unknown_tasks(file: &TextFile, tasks: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for (at, called) in line.match_indices("cargo xtask ") {
            let rest = &line[at + called.len()..];
            let word: String = rest
                .chars()
                .take_while(|letter| letter.is_ascii_lowercase() || *letter == '-')
                .collect();
            if !word.is_empty() && word != "help" && !tasks.contains(&word) {
                found.push(format!(
                    "{}:{}: `cargo xtask {word}` is no command",
                    file.path,
                    number + 1
                ));
            }
        }
    }
    found
}

/// A test such as `races::t01_…` or `user_repository::purging` whose name is neither that of a
/// function nor of a module: what a promise says of itself must not outlive its test.
fn unknown_tests(file: &TextFile, files: &[TextFile]) -> Vec<String> {
    let sources: Vec<_> = files.iter().filter(|file| file.is("rs")).collect();
    let is_there = |name: &str| {
        let (function, module) = match name.strip_suffix('…') {
            Some(beginning) => (format!("fn {beginning}"), None),
            None => (format!("fn {name}("), Some(format!("/{name}.rs"))),
        };
        sources.iter().any(|source| {
            source.text.contains(&function)
                || module
                    .as_ref()
                    .is_some_and(|path| source.path.ends_with(path))
        })
    };
    let mut found = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let quoted = line.split('`').skip(1).step_by(2);
        for path in quoted.filter(|text| text.contains("::") && !text.contains([' ', '('])) {
            if let Some(missing) = path.split("::").find(|name| !is_there(name)) {
                let number = number + 1;
                found.push(format!(
                    "{}:{number}: there is no test or module {missing}",
                    file.path
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readme(text: &str) -> TextFile {
        TextFile {
            path: "README.md".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_link_to_nothing_is_found() {
        let text = "[a](Cargo.toml) [b](docs/none.md#part)\n\n[c]: none.txt\n[d](https://example.com/none) [e](#here)";
        assert_eq!(
            dead_links(&readme(text)),
            [
                "README.md:1: docs/none.md#part does not exist",
                "README.md:3: none.txt does not exist"
            ]
        );
        assert!(dead_links(&readme("```\n[a](none.md)\n```")).is_empty());
    }

    #[test]
    fn a_test_that_does_not_exist_is_found() {
        let source = |path: &str, text: &str| TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let files = [source(
            "crates/a/tests/races.rs",
            "async fn t01_a_reader_stops() {}",
        )];
        let good = "`races` `races::t01_…` `races::t01_a_reader_stops` `Option::<u8>::None ()`";
        assert!(unknown_tests(&readme(good), &files).is_empty());
        for gone in ["`races::t02_…`", "`race::t01_…`", "`races::t01_a_reader`"] {
            assert_eq!(unknown_tests(&readme(gone), &files).len(), 1, "{gone}");
        }
    }

    #[test]
    fn a_command_that_does_not_exist_is_found() {
        let tasks = ["test".to_owned(), "docs-check".to_owned()];
        let text =
            "`cargo xtask test`, cargo xtask docs-check, `cargo xtask …`, `cargo xtask help`";
        assert!(unknown_tasks(&readme(text), &tasks).is_empty());
        assert_eq!(
            unknown_tasks(&readme("run `cargo xtask tset -- x`"), &tasks).len(),
            1
        );
    }
}
