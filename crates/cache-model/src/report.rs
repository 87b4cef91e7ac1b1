//! What was found, for a reader in a terminal.

use std::time::Duration;

use crate::case::{Case, Verdict};
use crate::search::Found;

/// Prints one case: the verdict, how much was searched, and the way to a violation.
pub(crate) fn print(case: &Case, found: &Found) {
    let verdict = Verdict::of(found);
    println!(
        "{} {}: {}{} ({} states, {} steps deep, {})",
        if verdict == case.expected {
            "ok  "
        } else {
            "FAIL"
        },
        case.name,
        word(verdict),
        if verdict == case.expected {
            " as expected".to_owned()
        } else {
            format!(", expected {}", word(case.expected))
        },
        thousands(found.states),
        found.depth,
        seconds(found.took),
    );
    if let Some(violation) = &found.violation {
        for (index, step) in violation.steps.iter().enumerate() {
            println!("     {:>2}. {}{}", index + 1, step.words, step.code);
        }
    }
}

/// The table of the documentation.
pub(crate) fn print_table(rows: &[(Case, Found)]) {
    println!("\n| design | verdict | states | steps |\n|---|---|---|---|");
    for (case, found) in rows {
        let steps = found
            .violation
            .as_ref()
            .map_or(found.depth, |violation| violation.steps.len());
        println!(
            "| {} | {} | {} | {steps} |",
            case.name,
            word(Verdict::of(found)),
            thousands(found.states)
        );
    }
}

fn word(verdict: Verdict) -> String {
    match verdict {
        Verdict::Clean => "clean".to_owned(),
        Verdict::Violates(property) => format!("violates {property}"),
        Verdict::Unknown => "unknown: cut off".to_owned(),
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
