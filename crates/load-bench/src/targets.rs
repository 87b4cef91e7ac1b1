//! What the service wants to reach, as ratios within one run, and what was reached.

use crate::measured::{Measured, median};

/// One system under one workload.
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
    PerCpuSecond,
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

const HOT: &str = "hot";
const SERVICE: &str = "roster";
const BARE: &str = "bare axum";
const REDIS_GET: &str = "axum + Redis GET";
const ACTIX: &str = "actix-tuned";
const TEXTBOOK: &str = "axum-textbook";
const PYTHON: &str = "fastapi";

const fn ratio(
    name: &'static str,
    text: &'static str,
    figure: Figure,
    of: Place,
    over: Place,
    wanted: Wanted,
) -> Target {
    Target {
        name,
        text,
        figure,
        of,
        over: Some(over),
        wanted,
    }
}

const fn figure(
    name: &'static str,
    text: &'static str,
    figure: Figure,
    of: Place,
    wanted: Wanted,
) -> Target {
    Target {
        name,
        text,
        figure,
        of,
        over: None,
        wanted,
    }
}

const W1: Place = Place("W1", HOT, SERVICE);
const W2: Place = Place("W2", "uniform", SERVICE);
const W3: Place = Place("W3", "miss", SERVICE);
const W4: Place = Place("W4", "5 % updates", SERVICE);
const DEEP: Place = Place("W5", "page at 90 %", SERVICE);
const W6: Place = Place("W6", "dashboard", SERVICE);
const W7: Place = Place("W7", "500 at once", SERVICE);
const W8: Place = Place("W8", "not modified", SERVICE);

const fn by(place: Place, system: &'static str) -> Place {
    Place(place.0, place.1, system)
}

use Figure::{Last, P50, PerCpuSecond, PerSecond, PostgresCpu, ServiceCpu, TotalCpu};
use Wanted::{AtLeast, AtMost};

const TARGETS: &[Target] = &[
    ratio(
        "W1",
        "service CPU against bare axum",
        ServiceCpu,
        W1,
        by(W1, BARE),
        AtMost(1.25),
    ),
    ratio(
        "W1",
        "requests/s against bare axum",
        PerSecond,
        W1,
        by(W1, BARE),
        AtLeast(0.9),
    ),
    ratio(
        "W1",
        "total CPU against tuned actix",
        TotalCpu,
        W1,
        by(W1, ACTIX),
        AtMost(0.6),
    ),
    ratio(
        "W1",
        "requests/s against FastAPI",
        PerSecond,
        W1,
        by(W1, PYTHON),
        AtLeast(17.0),
    ),
    ratio(
        "W2",
        "service CPU against bare axum",
        ServiceCpu,
        W2,
        by(W1, BARE),
        AtMost(1.25),
    ),
    ratio(
        "W2",
        "service CPU against axum + Redis GET",
        ServiceCpu,
        W2,
        by(W2, REDIS_GET),
        AtMost(1.15),
    ),
    ratio(
        "W3",
        "total CPU against tuned actix",
        TotalCpu,
        W3,
        by(W3, ACTIX),
        AtMost(0.75),
    ),
    ratio(
        "W3",
        "total CPU against textbook axum",
        TotalCpu,
        W3,
        by(W3, TEXTBOOK),
        AtMost(0.35),
    ),
    figure("W3", "PostgreSQL, µs a miss", PostgresCpu, W3, AtMost(10.0)),
    ratio(
        "W3",
        "requests/s against pgbench, single rows (a stretch)",
        PerSecond,
        W3,
        Place("W3", "single row", "pgbench"),
        AtLeast(1.0),
    ),
    ratio(
        "W4",
        "requests/s against tuned actix",
        PerSecond,
        W4,
        by(W4, ACTIX),
        AtLeast(1.3),
    ),
    ratio(
        "W4",
        "total CPU against tuned actix",
        TotalCpu,
        W4,
        by(W4, ACTIX),
        AtMost(0.75),
    ),
    ratio(
        "W5",
        "requests/s at 90 % against tuned actix",
        PerSecond,
        DEEP,
        by(DEEP, ACTIX),
        AtLeast(1.0),
    ),
    ratio(
        "W5",
        "page at 90 % against the first, total CPU",
        TotalCpu,
        DEEP,
        Place("W5", "first page", SERVICE),
        AtMost(1.05),
    ),
    ratio(
        "W6",
        "total CPU against tuned actix",
        TotalCpu,
        W6,
        by(W6, ACTIX),
        AtMost(0.6),
    ),
    ratio(
        "W6",
        "p50 at one connection against the notifications alone",
        P50,
        Place("W6", "dashboard, 1 connection", SERVICE),
        Place("W6", "notifications alone", SERVICE),
        AtMost(1.1),
    ),
    ratio(
        "W7",
        "last answer against tuned actix",
        Last,
        W7,
        by(W7, ACTIX),
        AtMost(1.0),
    ),
    ratio(
        "W8",
        "answers per CPU second against W1",
        PerCpuSecond,
        W8,
        W1,
        AtLeast(1.5),
    ),
];

impl Figure {
    fn of(self, cell: &Measured) -> f64 {
        match self {
            Self::ServiceCpu => cell.service_us,
            Self::TotalCpu => cell.total_us,
            Self::PostgresCpu => cell.postgres_us,
            Self::PerSecond => cell.requests_per_second,
            Self::P50 => cell.p50_us as f64,
            Self::Last => cell.max_us as f64,
            Self::PerCpuSecond => 1e6 / cell.service_us.max(f64::MIN_POSITIVE),
        }
    }
}

/// What was reached with so many users.
pub(crate) fn reached(cells: &[Measured], users: u64) -> Vec<Reached> {
    TARGETS
        .iter()
        .map(|target| {
            let value = value(cells, users, target);
            let met = value.is_some_and(|value| match target.wanted {
                AtMost(limit) => value.median <= limit,
                AtLeast(limit) => value.median >= limit,
            });
            let wanted = match target.wanted {
                AtMost(limit) => format!("≤ {limit}"),
                AtLeast(limit) => format!("≥ {limit}"),
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

fn value(cells: &[Measured], users: u64, target: &Target) -> Option<Value> {
    let at = |place: Place, round: u64| {
        cells
            .iter()
            .find(|cell| cell.round == round && cell.key() == (users, place.0, place.1, place.2))
            .map(|cell| target.figure.of(cell))
    };
    let rounds = cells.iter().map(|cell| cell.round).max()?;
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
        let reached = reached(&cells, 7);
        let first = reached.first().unwrap();
        let value = first.value.unwrap();
        assert!((value.median - 1.2).abs() < 1e-9 && first.met);
        assert!((value.least - 1.0).abs() < 1e-9 && (value.most - 1.5).abs() < 1e-9);
        assert!(reached[2].value.is_none() && !reached[2].met);
    }
}
