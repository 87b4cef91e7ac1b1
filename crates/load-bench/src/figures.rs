//! What is measured beside cells of load: a name, a unit and a number for each round.

use std::fmt::Write as _;

use serde::Serialize;

use crate::measured::median;
use crate::report::distinct;

/// One number of one round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) users: u64,
    /// As `--only` names it.
    pub(crate) experiment: &'static str,
    /// What was done, or to what.
    pub(crate) case: String,
    pub(crate) round: u64,
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
}

impl Figure {
    /// What one row of a table stands for.
    pub(crate) fn key(&self) -> (u64, &str, &str, &str) {
        (self.users, self.experiment, &self.case, self.name)
    }
}

/// One case of one experiment in one round, to which figures are added.
pub(crate) struct Case<'a> {
    pub(crate) users: u64,
    pub(crate) experiment: &'static str,
    pub(crate) name: &'a str,
    pub(crate) round: u64,
}

impl Case<'_> {
    /// One of its figures.
    pub(crate) fn figure(&self, name: &'static str, unit: &'static str, value: f64) -> Figure {
        Figure {
            users: self.users,
            experiment: self.experiment,
            case: self.name.to_owned(),
            round: self.round,
            name,
            unit,
            value,
        }
    }
}

/// A row for each figure, with its median, its least and its most.
pub(crate) fn table(figures: &[Figure], users: u64) -> String {
    let mut text =
        "| | case | figure | median | least to most | |\n|---|---|---|---|---|---|\n".to_owned();
    let of_size = || figures.iter().filter(|figure| figure.users == users);
    let keys = distinct(of_size().map(|figure| {
        (
            figure.experiment,
            figure.case.as_str(),
            figure.name,
            figure.unit,
        )
    }));
    for (experiment, case, name, unit) in keys {
        let values: Vec<f64> = of_size()
            .filter(|figure| (figure.experiment, figure.name) == (experiment, name))
            .filter(|figure| figure.case == case)
            .map(|figure| figure.value)
            .collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (middle, least, most) = (shown(median(values)), shown(least), shown(most));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {experiment} | {case} | {name} | {middle} | {least} to {most} | {unit} |"
        );
    }
    text
}

/// Three digits that say something; counts as they are.
pub(crate) fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_median_of_its_rounds_alone() {
        let of = |users, round, value| {
            let case = Case {
                users,
                experiment: "start",
                name: "embedded",
                round,
            };
            case.figure("first answer", "ms", value)
        };
        let figures = [
            of(7, 1, 30.0),
            of(7, 2, 10.5),
            of(7, 3, 20.25),
            of(8, 1, 99.0),
        ];
        let text = table(&figures, 7);
        assert!(
            text.ends_with("| start | embedded | first answer | 20.2 | 10.5 to 30 | ms |\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn small_and_large_numbers_keep_what_they_say() {
        let all = [1_234.5, 12.34, 1.234, 0.012_34, 0.0, -3.0].map(shown);
        assert_eq!(all, ["1234", "12.3", "1.23", "0.012", "0", "-3"]);
    }
}
