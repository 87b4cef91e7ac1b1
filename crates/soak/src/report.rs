use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::{History, Outcome, ReadOutcome, Tier, WriteOutcome};

/// What a run came to, in lines for people.
pub fn table(outcome: &Outcome) -> String {
    let Outcome { history, verdict } = outcome;
    let faults = outcome.faults();
    let mut text = String::new();
    let mut line = |what: &str, figure: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{what:<44} {figure:>16}");
    };
    let spent = spent(history);
    line("operations", grouped(history.len()));
    line("  reads", grouped(history.reads.len()));
    line("  writes", grouped(history.writes.len()));
    line("seconds", format!("{:.1}", spent.as_secs_f64()));
    line(
        "operations per second",
        format!(
            "{:.0}",
            history.len() as f64 / spent.as_secs_f64().max(0.001)
        ),
    );
    line("faults", grouped(faults.values().sum()));
    for (kind, times) in &faults {
        line(&format!("  {kind}"), grouped(*times));
    }
    line("quiet moments", grouped(history.quiets.len()));
    let reads = Reads::of(history);
    for (tier, times) in [
        ("  reads answered in the process", reads.by_tier[0]),
        ("  reads answered by Redis", reads.by_tier[1]),
        ("  reads answered by PostgreSQL", reads.by_tier[2]),
    ] {
        line(tier, grouped(times));
    }
    for (status, times) in &reads.others {
        line(&format!("  reads: {status}"), grouped(*times));
    }
    for (status, times) in &writes_refused(history) {
        line(&format!("  writes: {status}"), grouped(*times));
    }
    let share = reads.unproven as f64 / (reads.unproven + reads.bounds.len()).max(1) as f64;
    line(
        "share of answers unproven",
        format!("{:.3} %", share * 100.0),
    );
    for (name, bound) in percentiles(&reads.bounds) {
        line(
            &format!("bound, {name}"),
            format!("{:.3} s", bound.as_secs_f64()),
        );
    }
    for (name, time) in percentiles(&reads.times) {
        line(
            &format!("time of a read, {name}"),
            format!("{:.1} ms", time.as_secs_f64() * 1e3),
        );
    }
    line("violations", grouped(verdict.violations.len()));
    for (kind, times) in verdict.counts() {
        line(&format!("  {kind}"), grouped(times));
    }
    text
}

#[derive(Default)]
struct Reads {
    by_tier: [usize; 3],
    others: BTreeMap<String, usize>,
    unproven: usize,
    bounds: Vec<Duration>,
    times: Vec<Duration>,
}

impl Reads {
    fn of(history: &History) -> Self {
        let mut reads = Self::default();
        for read in &history.reads {
            match &read.outcome {
                ReadOutcome::Found { bound, tier, .. } => {
                    reads.by_tier[match tier {
                        Tier::L1 => 0,
                        Tier::L2 => 1,
                        Tier::Database => 2,
                    }] += 1;
                    match bound {
                        Some(bound) => reads.bounds.push(*bound),
                        None => reads.unproven += 1,
                    }
                    reads.times.push(read.answered.saturating_sub(read.sent));
                }
                ReadOutcome::Refused(status) => {
                    *reads.others.entry(format!("status {status}")).or_default() += 1;
                }
                other => {
                    *reads
                        .others
                        .entry(format!("{other:?}").to_lowercase())
                        .or_default() += 1;
                }
            }
        }
        reads.bounds.sort_unstable();
        reads.times.sort_unstable();
        reads
    }
}

fn writes_refused(history: &History) -> BTreeMap<String, usize> {
    let mut others = BTreeMap::new();
    for write in &history.writes {
        let name = match write.outcome {
            WriteOutcome::Done(_) => continue,
            WriteOutcome::Refused(status) => format!("status {status}"),
            WriteOutcome::Lost => "lost".to_owned(),
        };
        *others.entry(name).or_default() += 1;
    }
    others
}

fn spent(history: &History) -> Duration {
    let reads = history.reads.iter().map(|read| (read.sent, read.answered));
    let writes = history
        .writes
        .iter()
        .map(|write| (write.sent, write.answered));
    let (mut first, mut last) = (Duration::MAX, Duration::ZERO);
    for (sent, answered) in reads.chain(writes) {
        (first, last) = (first.min(sent), last.max(answered));
    }
    last.saturating_sub(first)
}

fn percentiles(sorted: &[Duration]) -> Vec<(&'static str, Duration)> {
    if sorted.is_empty() {
        return Vec::new();
    }
    [
        ("half", 500),
        ("99 %", 990),
        ("99.9 %", 999),
        ("the longest", 1_000),
    ]
    .map(|(name, share)| (name, sorted[(sorted.len() - 1) * share / 1_000]))
    .to_vec()
}

fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
