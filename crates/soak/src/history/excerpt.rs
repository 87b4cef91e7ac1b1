use std::time::Duration;

use super::{Broken, History, Read, ReadOutcome, Tier, Violation, Write, WriteOutcome};

/// Lines of each process at the most.
const LINES: usize = 14;
/// What happened shortly before the overlooked write may be what went wrong.
const BEFORE: Duration = Duration::from_millis(30);

pub(super) fn lines(history: &History, violation: &Violation) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", violation.kind, violation.text)];
    let Some(index) = violation.read else {
        return lines;
    };
    let read = &history.reads[index];
    let from = violation
        .write
        .map_or(read.sent, |write| history.writes[write].sent)
        .saturating_sub(BEFORE);
    let mut around: Vec<(Duration, bool, String)> = history
        .writes
        .iter()
        .enumerate()
        .filter(|(_, write)| write.key == violation.key)
        .filter(|(_, write)| write.answered >= from && write.sent <= read.answered)
        .map(|(index, write)| {
            (
                write.sent,
                Some(index) == violation.write,
                write_line(write),
            )
        })
        .collect();
    around.extend(
        history
            .reads
            .iter()
            .enumerate()
            .filter(|(_, other)| other.key == read.key && other.node == read.node)
            .filter(|(_, other)| other.answered >= from && other.sent <= read.answered)
            .map(|(other, line)| (line.sent, other == index, read_line(line))),
    );
    around.extend(
        history
            .faults
            .iter()
            .filter(|broken| broken.until >= from && broken.from <= read.answered)
            .map(|broken| (broken.from, false, fault_line(broken))),
    );
    around.sort();
    // The two that contradict each other are always shown, and those nearest to them.
    let marked: Vec<usize> = (0..around.len()).filter(|at| around[*at].1).collect();
    let near = |at: usize| {
        marked
            .iter()
            .map(|mark| mark.abs_diff(at))
            .min()
            .unwrap_or(0)
    };
    let mut order: Vec<usize> = (0..around.len()).collect();
    order.sort_by_key(|at| (near(*at), *at));
    order.truncate(LINES);
    order.sort_unstable();
    let mut last = None;
    for at in order {
        if last.is_some_and(|last| last + 1 < at) {
            lines.push("  …".to_owned());
        }
        last = Some(at);
        let (_, marked, line) = &around[at];
        lines.push(format!("{} {line}", if *marked { ">" } else { " " }));
    }
    lines
}

/// The answer of a cache with the longest bound, and what was broken within it.
pub(super) fn longest_bound(history: &History) -> Vec<String> {
    let bound = |read: &Read| match read.outcome {
        ReadOutcome::Found {
            bound: Some(bound),
            tier: Tier::L1 | Tier::L2,
            ..
        } => Some(bound),
        _ => None,
    };
    let bounds = history
        .reads
        .iter()
        .filter_map(|read| Some((bound(read)?, read)));
    let Some((bound, read)) = bounds.max_by_key(|(bound, _)| *bound) else {
        return Vec::new();
    };
    let since = read.sent.saturating_sub(bound);
    let faults = history
        .faults
        .iter()
        .filter(|broken| broken.until >= since && broken.from <= read.answered);
    let mut lines: Vec<String> = faults.map(fault_line).collect();
    lines.push(read_line(read));
    lines
}

fn span(sent: Duration, answered: Duration) -> String {
    format!(
        "{:>11.6} … {:>11.6} s",
        sent.as_secs_f64(),
        answered.as_secs_f64()
    )
}

fn fault_line(broken: &Broken) -> String {
    let which = broken
        .node
        .map_or_else(String::new, |node| format!(", process {node}"));
    let span = span(broken.from, broken.until);
    format!("{span}  {}{which}", broken.kind)
}

fn write_line(write: &Write) -> String {
    let outcome = match write.outcome {
        WriteOutcome::Done(version) => format!("acknowledged at version {version}"),
        WriteOutcome::Refused(status) => format!("status {status}"),
        WriteOutcome::Lost => "no answer".to_owned(),
    };
    let span = span(write.sent, write.answered);
    format!(
        "{span}  process {} write of user {}: {outcome}",
        write.node, write.key
    )
}

fn read_line(read: &Read) -> String {
    let outcome = match &read.outcome {
        ReadOutcome::Found {
            version,
            bound,
            tier,
            ..
        } => {
            let bound = bound.map_or_else(
                || "unproven".to_owned(),
                |bound| format!("bound {:.3} s", bound.as_secs_f64()),
            );
            format!("version {version} from {tier:?}, {bound}")
        }
        other => format!("{other:?}"),
    };
    let presented = match read.min_version {
        0 => String::new(),
        version => format!(" (presents {version})"),
    };
    let span = span(read.sent, read.answered);
    format!(
        "{span}  process {} read of user {}{presented}: {outcome}",
        read.node, read.key
    )
}
