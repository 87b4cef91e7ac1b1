//! What the service wants to reach, as ratios within one run, and what was reached.

mod table;

use crate::burst;
use crate::figures;
use crate::measured::{Measured, median};
use table::TARGETS;

/// One system under one workload: its name, its variant, the system. Of what is measured beside
/// load: the experiment, the case, the name of the figure.
#[derive(Clone, Copy)]
struct Place(&'static str, &'static str, &'static str);

#[derive(Clone, Copy)]
enum Figure {
    ServiceCpu,
    TotalCpu,
    PostgresCpu,
    PerSecond,
    P50,
    Last,
    /// Of the database.
    QueriesPerBurst,
    /// Of the service.
    PerCpuSecond,
    /// Of the service and its stores.
    PerTotalCpuSecond,
    /// A number measured beside load, as it is.
    Named,
}

#[derive(Clone, Copy)]
enum Wanted {
    AtMost(f64),
    AtLeast(f64),
}

struct Target {
    name: &'static str,
    text: &'static str,
    figure: Figure,
    of: Place,
    over: Option<Place>,
    wanted: Wanted,
}

/// A target and what a run reached.
pub(crate) struct Reached {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) wanted: String,
    /// Nothing where a part of the ratio was not measured.
    pub(crate) value: Option<Value>,
    pub(crate) met: bool,
}

/// The median over the rounds, and the least and the most.
#[derive(Clone, Copy)]
pub(crate) struct Value {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Figure {
    fn of(self, cell: &Measured) -> f64 {
        match self {
            Self::ServiceCpu => cell.service_us,
            Self::TotalCpu => cell.total_us,
            Self::PostgresCpu => cell.postgres_us,
            Self::PerSecond => cell.requests_per_second,
            Self::P50 => cell.p50_us as f64,
            Self::Last => cell.max_us as f64,
            Self::QueriesPerBurst => cell
                .queries
                .map_or(f64::NAN, |queries| queries as f64 / burst::BURSTS as f64),
            Self::Named => f64::NAN,
            Self::PerCpuSecond => 1e6 / cell.service_us.max(f64::MIN_POSITIVE),
            Self::PerTotalCpuSecond => 1e6 / cell.total_us.max(f64::MIN_POSITIVE),
        }
    }
}

/// What was reached with so many users.
pub(crate) fn reached(cells: &[Measured], figures: &[figures::Figure], users: u64) -> Vec<Reached> {
    TARGETS
        .iter()
        .map(|target| {
            let value = value(cells, figures, users, target);
            let met = value.is_some_and(|value| match target.wanted {
                Wanted::AtMost(limit) => value.median <= limit,
                Wanted::AtLeast(limit) => value.median >= limit,
            });
            let wanted = match target.wanted {
                Wanted::AtMost(limit) => format!("≤ {limit}"),
                Wanted::AtLeast(limit) => format!("≥ {limit}"),
            };
            Reached {
                name: target.name,
                text: target.text,
                wanted,
                value,
                met,
            }
        })
        .collect()
}

fn value(
    cells: &[Measured],
    figures: &[figures::Figure],
    users: u64,
    target: &Target,
) -> Option<Value> {
    let at = |place: Place, round: u64| match target.figure {
        Figure::Named => figures
            .iter()
            .find(|figure| {
                figure.round == round && figure.key() == (users, place.0, place.1, place.2)
            })
            .map(|figure| figure.value),
        of_load => cells
            .iter()
            .find(|cell| cell.round == round && cell.key() == (users, place.0, place.1, place.2))
            .map(|cell| of_load.of(cell)),
    };
    let rounds = cells.iter().map(|cell| cell.round);
    let rounds = rounds
        .chain(figures.iter().map(|figure| figure.round))
        .max()?;
    let values: Vec<f64> = (1..=rounds)
        .filter_map(|round| {
            let of = at(target.of, round)?;
            match target.over {
                None => Some(of),
                Some(over) => Some(of / at(over, round)?),
            }
        })
        .collect();
    let spread = |pick: fn(f64, f64) -> f64| values.iter().copied().reduce(pick);
    Some(Value {
        median: median(values.clone()),
        least: spread(f64::min)?,
        most: spread(f64::max)?,
    })
}

#[cfg(test)]
mod tests {
    use super::table::{BARE, HOT, SERVICE};
    use super::*;

    fn cell(system: &str, round: u64, service_us: f64) -> Measured {
        Measured {
            users: 7,
            workload: "W1".to_owned(),
            variant: HOT.to_owned(),
            system: system.to_owned(),
            round,
            service_us,
            ..Measured::default()
        }
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        let cells = [
            cell(SERVICE, 1, 6.0),
            cell(BARE, 1, 5.0),
            cell(SERVICE, 2, 12.0),
            cell(BARE, 2, 8.0),
            cell(SERVICE, 3, 9.0),
            cell(BARE, 3, 9.0),
        ];
        let reached = reached(&cells, &[], 7);
        let first = reached.first().unwrap();
        let value = first.value.unwrap();
        assert!((value.median - 1.2).abs() < 1e-9 && first.met);
        assert!((value.least - 1.0).abs() < 1e-9 && (value.most - 1.5).abs() < 1e-9);
        assert!(reached[2].value.is_none() && !reached[2].met);
    }

    #[test]
    fn queries_are_counted_by_burst() {
        let burst = Measured {
            workload: "W7".to_owned(),
            variant: "500 at once".to_owned(),
            queries: Some(10),
            ..cell(SERVICE, 1, 0.0)
        };
        let reached = reached(&[burst], &[], 7);
        let found = reached
            .iter()
            .find(|target| target.text.starts_with("queries"));
        let found = found.unwrap();
        assert!((found.value.unwrap().median - 2.0).abs() < 1e-9 && !found.met);
    }
}
