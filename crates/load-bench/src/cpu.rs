//! What processes have used of the processors, from `/proc`.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use crate::Result;

/// A process with all that it started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree(pub(crate) u32);

struct Stat {
    parent: u32,
    /// Of the process, and of its children that have ended and were waited for.
    ticks: u64,
}

impl Tree {
    /// Processor time used so far, in user and kernel mode, by everything that lives in the tree
    /// or was waited for by a part of it.
    pub(crate) fn used(self) -> Result<Duration> {
        let ticks = || -> Result<u64> { Ok(self.walk()?.iter().map(|(_, ticks)| ticks).sum()) };
        // A process that ends while it is looked for is missed once, and its parent's afterwards.
        Ok(of_ticks(ticks()?.max(ticks()?)))
    }

    /// The processes that live in the tree.
    pub(crate) fn pids(self) -> Result<Vec<u32>> {
        Ok(self.walk()?.into_iter().map(|(pid, _)| pid).collect())
    }

    fn walk(self) -> Result<Vec<(u32, u64)>> {
        let processes = processes()?;
        let mut found = Vec::new();
        let mut open = vec![self.0];
        while let Some(pid) = open.pop() {
            let stat = processes
                .get(&pid)
                .ok_or_else(|| format!("process {pid} has ended"))?;
            found.push((pid, stat.ticks));
            open.extend(
                processes
                    .iter()
                    .filter(|(_, child)| child.parent == pid)
                    .map(|(pid, _)| *pid),
            );
        }
        Ok(found)
    }

    /// Memory that the tree holds, in octets; what several processes share is shared out.
    pub(crate) fn held(self) -> Result<u64> {
        let mut octets = 0;
        for pid in self.pids()? {
            octets += of_line(&format!("/proc/{pid}/smaps_rollup"), "Pss:")?;
        }
        Ok(octets)
    }

    /// Memory that the root of the tree holds, in octets.
    pub(crate) fn resident(self) -> Result<u64> {
        of_line(&format!("/proc/{}/status", self.0), "VmRSS:")
    }
}

/// Octets that a file tells after a name.
fn of_line(path: &str, name: &str) -> Result<u64> {
    let text = fs::read_to_string(path)?;
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .ok_or_else(|| format!("{path} has no {name}"))?;
    Ok(kib.trim().parse::<u64>()? * 1_024)
}

/// What the children of this process used that it has waited for.
pub(crate) fn of_ended_children() -> Result<Duration> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let fields = fields(&text).ok_or("unreadable /proc/self/stat")?;
    Ok(of_ticks(number(&fields, 13)? + number(&fields, 14)?))
}

fn processes() -> Result<HashMap<u32, Stat>> {
    let mut found = HashMap::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // It may have ended between the listing and this.
        let Ok(text) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let Some(fields) = fields(&text) else {
            continue;
        };
        let ticks = (11..15)
            .map(|field| number(&fields, field))
            .sum::<Result<u64>>()?;
        let parent = u32::try_from(number(&fields, 1)?)?;
        found.insert(pid, Stat { parent, ticks });
    }
    Ok(found)
}

/// The fields behind the name, which is in brackets and may hold spaces and brackets.
fn fields(stat: &str) -> Option<Vec<&str>> {
    Some(stat.rsplit_once(')')?.1.split_whitespace().collect())
}

fn number(fields: &[&str], field: usize) -> Result<u64> {
    Ok(fields
        .get(field)
        .ok_or("a short line in /proc")?
        .parse::<u64>()?)
}

fn of_ticks(ticks: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / per_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tree_uses_is_counted_and_grows() {
        let tree = Tree(std::process::id());
        let before = tree.used().unwrap();
        let mut sum = 0_u64;
        while tree.used().unwrap() < before + Duration::from_millis(30) {
            sum = (0..1_000_000_u64).fold(sum, u64::wrapping_add);
        }
        assert!(std::hint::black_box(sum) > 0);
        assert!(tree.resident().unwrap() > 100_000);
        assert!(tree.held().unwrap() > 100_000);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(Tree(u32::MAX).used().is_err());
    }

    #[test]
    fn a_name_may_hold_brackets() {
        assert_eq!(fields("7 (a) b) S 1 2").unwrap(), ["S", "1", "2"]);
    }
}
