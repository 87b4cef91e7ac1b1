//! Cost against the number of users, where a run had several.

use std::fmt::Write as _;

use crate::measured::{Measured, median};
use crate::report::distinct;

/// What is compared: workload and variant, of the service.
const COMPARED: [(&str, &str); 5] = [
    ("W1", "hot"),
    ("W3", "miss"),
    ("W5", "first page"),
    ("W5", "page at 90 %"),
    ("W6", "dashboard"),
];
/// The most that the largest size may cost, against the smallest.
const FLAT: f64 = 1.1;

/// Microseconds of processors a request by number of users.
pub(crate) struct BySize {
    pub(crate) workload: &'static str,
    pub(crate) variant: &'static str,
    /// In the order of size.
    pub(crate) costs: Vec<(u64, f64)>,
}

impl BySize {
    /// The largest size against the smallest.
    fn ratio(&self) -> Option<f64> {
        let ((_, first), (_, last)) = (self.costs.first()?, self.costs.last()?);
        (self.costs.len() > 1).then(|| last / first)
    }
}

/// Nothing where a run had one size.
pub(crate) fn by_size(cells: &[Measured]) -> Vec<BySize> {
    let mut sizes = distinct(cells.iter().map(|cell| cell.users));
    sizes.sort_unstable();
    if sizes.len() < 2 {
        return Vec::new();
    }
    let of = |users: u64, workload, variant| {
        let figures: Vec<_> = cells
            .iter()
            .filter(|cell| cell.key() == (users, workload, variant, "roster"))
            .map(|cell| cell.total_us)
            .collect();
        (!figures.is_empty()).then(|| (users, median(figures)))
    };
    COMPARED
        .into_iter()
        .map(|(workload, variant)| BySize {
            workload,
            variant,
            costs: sizes
                .iter()
                .filter_map(|users| of(*users, workload, variant))
                .collect(),
        })
        .filter(|row| !row.costs.is_empty())
        .collect()
}

/// A row for each workload, a column for each size.
pub(crate) fn table(rows: &[BySize]) -> String {
    let sizes = distinct(
        rows.iter()
            .flat_map(|row| row.costs.iter().map(|(users, _)| *users)),
    );
    let mut text =
        "\n## Cost against the number of users, µs of processors a request\n\n| |".to_owned();
    // Writing to a String cannot fail.
    for users in &sizes {
        let _ = write!(text, " {users} |");
    }
    let _ = writeln!(text, " largest against smallest, wanted ≤ {FLAT} | |");
    text += &"|---".repeat(sizes.len() + 3);
    text += "|\n";
    for row in rows {
        let _ = write!(text, "| {} {} |", row.workload, row.variant);
        for users in &sizes {
            let cost = row.costs.iter().find(|(size, _)| size == users);
            let _ = match cost {
                Some((_, cost)) => write!(text, " {cost:.1} |"),
                None => write!(text, " |"),
            };
        }
        let _ = match row.ratio() {
            Some(ratio) => {
                let mark = if ratio <= FLAT { "met" } else { "missed" };
                writeln!(text, " {ratio:.2} | {mark} |")
            }
            None => writeln!(text, " | |"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(users: u64, round: u64, total_us: f64) -> Measured {
        Measured {
            users,
            workload: "W3".to_owned(),
            variant: "miss".to_owned(),
            system: "roster".to_owned(),
            round,
            total_us,
            ..Measured::default()
        }
    }

    #[test]
    fn the_largest_is_held_against_the_smallest() {
        let cells = [cell(1_000, 1, 55.0), cell(100, 1, 50.0), cell(100, 2, 40.0)];
        let rows = by_size(&cells);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].costs, [(100, 45.0), (1_000, 55.0)]);
        let text = table(&rows);
        assert!(
            text.ends_with("| W3 miss | 45.0 | 55.0 | 1.22 | missed |\n"),
            "{text}"
        );
        assert!(by_size(&cells[1..]).is_empty());
    }
}
