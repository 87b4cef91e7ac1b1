//! Processor time of a change, by how many other processes there are and how many of them hold the
//! user in memory.

use std::time::Duration;

use roster_soak::now;
use uuid::Uuid;

use super::{Fleet, Used};
use crate::Result;
use crate::crowd;
use crate::extent::Extent;
use crate::figures::{Case, Figure};
use crate::redis_info::RedisInfo;
use crate::stand::Stand;

pub(crate) const TOTAL: &str = "all processes and stores";

/// Changed users of one cell: enough to see a microsecond of each.
const CHANGES: usize = 5_000;
const CHANGES_QUICK: usize = 1_000;
/// How long the fleet is watched while nobody asks for anything.
const IDLE: Duration = Duration::from_secs(2);

/// How its figures are listed.
pub(crate) const fn case(processes: usize, holders: usize) -> &'static str {
    match (processes, holders) {
        (1, _) => "a change, 1 process",
        (2, 0) => "a change, 2 processes, the other does not hold it",
        (2, _) => "a change, 2 processes, the other holds it",
        (_, 0) => "a change, 3 processes, no other holds it",
        (_, 1) => "a change, 3 processes, one other holds it",
        _ => "a change, 3 processes, both others hold it",
    }
}

pub(super) async fn measure(
    fleet: &Fleet,
    stand: &Stand,
    extent: &Extent,
    case_of: &Case<'_>,
) -> Result<Vec<Figure>> {
    let processes = fleet.nodes.len();
    let count = if extent.quick { CHANGES_QUICK } else { CHANGES };
    // Connections, statements and branches are warm then.
    let last: Vec<_> = stand.ids.iter().rev().take(500).copied().collect();
    crowd::change(fleet.nodes[0].address, &last).await?;
    // A new Redis is told of every change of the last two minutes.
    let mut relayed = fleet.quiet().await?;
    let idle = rest(fleet, stand).await?;
    let mut figures = Vec::new();
    for holders in 0..processes {
        let ids = changed(stand, count, holders);
        fleet.warm(&fleet.nodes[1..=holders], &ids).await?;
        let redis = RedisInfo::of(&fleet.redis).await?;
        let (before, begun) = (fleet.used(stand)?, now());
        crowd::change(fleet.nodes[0].address, &ids).await?;
        let changing = now().saturating_sub(begun);
        // Whatever a change set off elsewhere belongs to it.
        let so_far = fleet.quiet().await?;
        let (after, lasted) = (fleet.used(stand)?, now().saturating_sub(begun));
        let commands = RedisInfo::of(&fleet.redis).await?;
        let case = Case {
            name: case(processes, holders),
            ..*case_of
        };
        let each = Each::of(before, after, idle, lasted, count);
        figures.extend(each.figures(&case));
        figures.push(case.figure("changes", "a second", count as f64 / changing.as_secs_f64()));
        let again = (so_far - relayed) as f64 / count as f64;
        relayed = so_far;
        figures.push(case.figure("relayed once more", "times", again));
        let scripts = commands
            .calls("evalsha")
            .saturating_sub(redis.calls("evalsha"));
        figures.push(case.figure("EVALSHA a change", "", scripts as f64 / count as f64));
    }
    if let Some(octets) = stand.octets_a_change().await? {
        let name = case(processes, 0);
        figures.push(Case { name, ..*case_of }.figure("change log", "octets a row", octets));
    }
    Ok(figures)
}

/// Microseconds of processors for one change, without what goes on in any case.
#[derive(Clone, Copy, Debug)]
struct Each {
    first: f64,
    others: f64,
    redis: f64,
    postgres: f64,
    /// Milliseconds a second of the fleet and its stores while nothing is asked.
    idle: f64,
}

impl Each {
    fn of(before: Used, after: Used, idle: Used, lasted: Duration, changes: usize) -> Self {
        let each = |of: fn(&Used) -> Duration| {
            let used = of(&after).saturating_sub(of(&before)).as_secs_f64();
            let anyway = of(&idle).as_secs_f64() * lasted.as_secs_f64();
            (used - anyway).max(0.0) * 1e6 / changes.max(1) as f64
        };
        Self {
            first: each(|used| used.first),
            others: each(|used| used.others),
            redis: each(|used| used.redis),
            postgres: each(|used| used.postgres),
            idle: (idle.first + idle.others + idle.redis + idle.postgres).as_secs_f64() * 1e3,
        }
    }

    fn figures(self, case: &Case<'_>) -> Vec<Figure> {
        let all = self.first + self.others + self.redis + self.postgres;
        vec![
            case.figure("the process that is asked", "µs", self.first),
            case.figure("the others", "µs", self.others),
            case.figure("Redis", "µs", self.redis),
            case.figure("PostgreSQL", "µs", self.postgres),
            case.figure(TOTAL, "µs", all),
            case.figure("at rest, all", "ms a second", self.idle),
        ]
    }
}

/// What the fleet uses in a second in which nobody asks.
async fn rest(fleet: &Fleet, stand: &Stand) -> Result<Used> {
    let (before, begun) = (fleet.used(stand)?, now());
    tokio::time::sleep(IDLE).await;
    let (after, lasted) = (fleet.used(stand)?, now().saturating_sub(begun));
    let a_second = |of: fn(&Used) -> Duration| {
        of(&after)
            .saturating_sub(of(&before))
            .div_f64(lasted.as_secs_f64())
    };
    Ok(Used {
        first: a_second(|used| used.first),
        others: a_second(|used| used.others),
        redis: a_second(|used| used.redis),
        postgres: a_second(|used| used.postgres),
    })
}

/// Users for one cell that the others have nothing to do with.
fn changed(stand: &Stand, count: usize, holders: usize) -> Vec<Uuid> {
    let ids = stand.ids.iter().skip(holders).step_by(super::MOST);
    ids.take(count).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_in_any_case_is_no_cost_of_a_change() {
        let used = |micros| Used {
            first: Duration::from_micros(micros),
            ..Used::default()
        };
        let lasted = Duration::from_secs(2);
        let each = Each::of(used(1_000), used(9_000), used(500), lasted, 100);
        assert!((each.first - 70.0).abs() < 1e-6, "{each:?}");
        assert!((each.idle - 0.5).abs() < 1e-9);
        let quiet = Each::of(used(1_000), used(1_500), used(500), lasted, 100);
        assert!(quiet.first.abs() < 1e-9);
    }
}
