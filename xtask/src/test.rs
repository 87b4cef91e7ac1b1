//! Every test of the workspace, on real servers.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use roster_test_services::SERVER_URL_VARIABLE;

use crate::command::{cargo, is_there, run as run_command};
use crate::failure::{Failure, Outcome};
use crate::services::{self, Services};

/// The tests that `ROSTER_SOAK=1` makes longer, by the beginnings of their names.
const LONG: [&str; 9] = [
    "fill_safety_",
    "bounded_staleness_",
    "read_your_writes_",
    "convergence_",
    "t02_after_quiet",
    "t09_one_key",
    "t11_random_ids",
    "t14_torn_and_truncated",
    "f06_without_its_database",
];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Handed to cargo-nextest, or to `cargo test` where that is not installed and need not be
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    forwarded: Vec<String>,
}

impl Args {
    /// Everything, unless packages are named.
    fn scope(&self) -> Option<&'static str> {
        let named = |word: &String| word.starts_with("-p") || word.starts_with("--package");
        (!self.forwarded.iter().any(named)).then_some("--workspace")
    }
}

pub(crate) fn run(args: &Args) -> Outcome {
    let has_nextest = is_there("cargo-nextest", &["--version"]);
    if !has_nextest && env::var_os("REQUIRE_SERVICES").is_some_and(|value| value == "1") {
        return Err(Failure::new(
            "REQUIRE_SERVICES=1, and cargo-nextest is not installed: with `cargo test`, tests that \
             measure times would run beside others; `cargo install --locked cargo-nextest` helps",
        ));
    }
    let services = services::for_tests()?;
    let forwarded = args
        .scope()
        .into_iter()
        .chain(args.forwarded.iter().map(String::as_str));
    if !has_nextest {
        let tests = cargo(["test", "--no-fail-fast"].into_iter().chain(forwarded));
        counted(with(&services, tests))?;
        return if args.forwarded.is_empty() {
            explore()
        } else {
            Ok(())
        };
    }
    run_command(&mut with(
        &services,
        cargo(["nextest", "run"].into_iter().chain(forwarded)),
    ))?;
    if args.forwarded.is_empty() {
        explore()?;
        run_command(&mut with(
            &services,
            cargo(["test", "--quiet", "--workspace", "--doc"]),
        ))?;
    }
    Ok(())
}

/// The tests that have a longer form in that form, one after the other, and what they print.
pub(crate) fn run_long() -> Outcome {
    let services = services::for_tests()?;
    let places = [
        "--package",
        "roster-http",
        "--test",
        "protocol",
        "--test",
        "nodes",
    ];
    let tests = if is_there("cargo-nextest", &["--version"]) {
        let chosen = LONG.map(|name| format!("test({name})")).join(" | ");
        let how = ["nextest", "run", "--profile", "soak", "--no-capture"];
        cargo(how.into_iter().chain(places).chain(["-E", &chosen]))
    } else {
        let how = ["--", "--nocapture", "--test-threads=1"];
        let words = ["test", "--no-fail-fast"].into_iter().chain(places);
        cargo(words.chain(how).chain(LONG))
    };
    run_command(with(&services, tests).env("ROSTER_SOAK", "1"))
}

/// Interleavings of the guard and of the service; built apart, because there the locks and
/// atomics of the near cache are the explorer's.
fn explore() -> Outcome {
    let explored = ["test", "--quiet", "--package", "roster-app"];
    let only = ["--features", "explored", "--lib", "explored_"];
    run_command(&mut cargo(explored.into_iter().chain(only)))
}

fn with(services: &Services, mut command: Command) -> Command {
    if let Some(url) = services.postgres_url() {
        command.env(SERVER_URL_VARIABLE, url);
    }
    if services.complete {
        // All servers can be had, so a test that skips itself has a fault.
        command.env("REQUIRE_SERVICES", "1");
    }
    command
}

/// `cargo test` counts for each executable; this adds up.
fn counted(mut command: Command) -> Outcome {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let (mut passed, mut failed) = (0, 0);
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            println!("{line}");
            if let Some((more_passed, more_failed)) = counts(&line) {
                passed += more_passed;
                failed += more_failed;
            }
        }
    }
    let status = child.wait()?;
    println!("{passed} passed, {failed} failed");
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new("not all tests passed"))
    }
}

/// Of a line like `test result: ok. 4 passed; 0 failed; 0 ignored; …`.
fn counts(line: &str) -> Option<(u64, u64)> {
    let result = line.strip_prefix("test result: ")?;
    let before = |word: &str| {
        let words: Vec<&str> = result
            .split([' ', ';', '.'])
            .filter(|part| !part.is_empty())
            .collect();
        let at = words.iter().position(|part| *part == word)?;
        words.get(at.checked_sub(1)?)?.parse().ok()
    };
    Some((before("passed")?, before("failed")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn all_packages_are_tested_unless_some_are_named() {
        let scope = |words: &[&str]| {
            Args {
                forwarded: words.iter().map(ToString::to_string).collect(),
            }
            .scope()
        };
        assert_eq!(scope(&[]), Some("--workspace"));
        assert_eq!(scope(&["-E", "test(x)"]), Some("--workspace"));
        assert_eq!(scope(&["-p", "roster-app"]), None);
        assert_eq!(scope(&["--package=roster-app"]), None);
    }

    /// None is forgotten, and none is named that is not there. The overload of F11 is not longer but
    /// stricter then, and wants a machine of its own.
    #[test]
    fn every_test_that_has_a_longer_form_is_named() {
        let folder = workspace::root().join("crates/http/tests");
        let mut named = Vec::new();
        for target in ["protocol", "nodes"] {
            for file in std::fs::read_dir(folder.join(target)).unwrap() {
                let path = file.unwrap().path();
                let text = std::fs::read_to_string(&path).unwrap();
                let names: Vec<_> = LONG
                    .into_iter()
                    .filter(|name| text.contains(&format!("fn {name}")))
                    .collect();
                let file = path.file_name().unwrap().to_str().unwrap();
                let asks = text.contains("if is_soak()") && file != "overload.rs";
                assert_eq!(asks, !names.is_empty(), "{file}: {names:?}");
                named.extend(names);
            }
        }
        named.sort_unstable();
        let mut all = LONG;
        all.sort_unstable();
        assert_eq!(named, all);
    }

    #[test]
    fn the_counts_of_a_result_line_are_read() {
        let line =
            "test result: FAILED. 40 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(counts(line), Some((40, 2)));
        assert_eq!(counts("test passed ... ok"), None);
    }
}
