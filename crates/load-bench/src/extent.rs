use std::time::Duration;

/// How much is run.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    pub(crate) rounds: u64,
    pub(crate) lasting: Duration,
    pub(crate) connections: u32,
    /// By name, as in [`Extent::NAMES`]; all if there are none.
    pub(crate) only: Vec<String>,
    /// What the cache in the service's memory may hold, in octets.
    pub(crate) memory: u64,
    /// To see that all works, rather than for figures.
    pub(crate) quick: bool,
    /// Whether each workload is done once more under `perf`.
    pub(crate) profile: bool,
}

impl Extent {
    /// Whatever can be asked for: load, and what stands for itself.
    pub(crate) const NAMES: [&str; 12] = [
        "W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "open", "start", "memory", "fleet",
    ];
    /// Those that put systems beside each other under load.
    const LOAD: [&str; 9] = ["W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "open"];

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only.eq_ignore_ascii_case(name))
    }

    /// Whether floors and peers are needed at all.
    pub(crate) fn wants_load(&self) -> bool {
        Self::LOAD.iter().any(|name| self.wants(name))
    }
}

/// Octets, from a number with a unit as `--cache-memory` takes it: `512MiB`.
pub(crate) fn octets(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_with_its_unit() {
        assert_eq!(octets("512MiB"), Some(512 << 20));
        assert_eq!(octets("2GiB"), Some(2 << 30));
        assert_eq!(octets("4096"), Some(4_096));
        assert_eq!(octets("2 parsecs"), None);
        assert_eq!(octets("99999999999GiB"), None);
    }

    #[test]
    fn what_is_not_asked_for_is_not_run() {
        let asked = |only: &[&str]| Extent {
            rounds: 1,
            lasting: Duration::from_secs(1),
            connections: 1,
            only: only.iter().map(|name| (*name).to_owned()).collect(),
            memory: 0,
            quick: false,
            profile: false,
        };
        assert!(Extent::NAMES.iter().all(|name| asked(&[]).wants(name)));
        assert!(asked(&["w3"]).wants("W3") && !asked(&["w3"]).wants("W4"));
        assert!(asked(&["start", "open"]).wants_load());
        assert!(!asked(&["start"]).wants_load());
    }
}
