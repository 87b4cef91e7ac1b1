//! The cache protocol as a model: every interleaving within small bounds, searched breadth first.
//!
//! `cargo xtask model` runs it. With `--full` it searches the larger configurations, too, with `--table` it ends with
//! the table of the documentation, and any other word picks the cases whose name contains it.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

mod bound;
mod case;
mod code;
mod fill;
mod protocol;
mod report;
mod search;

use std::process::ExitCode;

use crate::case::{Case, Verdict};

fn main() -> ExitCode {
    let mut full = false;
    let mut table = false;
    let mut words = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--full" => full = true,
            "--table" => table = true,
            _ => words.push(argument),
        }
    }
    let mut rows = Vec::new();
    let picked =
        |case: &Case| words.is_empty() || words.iter().any(|word| case.name.contains(word));
    for case in cases()
        .into_iter()
        .filter(|case| full || !case.full)
        .filter(picked)
    {
        let found = case.run();
        report::print(&case, &found);
        rows.push((case, found));
    }
    if table {
        report::print_table(&rows);
    }
    let failed = rows
        .iter()
        .filter(|(case, found)| Verdict::of(found) != case.expected)
        .count();
    println!(
        "\nmodel: {} cases, {failed} with another verdict than expected",
        rows.len()
    );
    if failed == 0 && !rows.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn cases() -> Vec<Case> {
    let mut cases = fill::cases();
    cases.extend(bound::cases());
    cases
}
